//! Trying everything: all runs with at most so many deviations from the dull one, or all there are.

use std::collections::VecDeque;

use crate::base::{Choice, ChoiceKind, Ended, Policy, Question};

/// Delays, lateness and values have many alternatives; beyond so many only the first and the last
/// are tried.
const ALTERNATIVES_MAX: u32 = 64;

/// Every run whose choices differ from the dull ones at no more than `deviations` places, those
/// with the fewest first.
///
/// What counts is the choices of the run. A case may say the same with fewer: that a task is held
/// is one deviation there, and a choice for each step that goes before it here.
///
/// Of a choice with more than 64 alternatives that is not about what runs next, a cancel or a
/// fault, only the dullest and the last are tried.
#[derive(Debug)]
pub struct Exhaustive {
    deviations: u32,
    /// The only kind that deviates, if there is one.
    kind: Option<ChoiceKind>,
    /// What deviates in the run that goes on, by position in the log, rising.
    forced: Vec<(usize, u32)>,
    position: usize,
    /// Runs of which those with one more deviation are still to be tried.
    parents: VecDeque<Parent>,
    state: State,
    ended: bool,
    /// Every await gives way that can.
    gives_way: bool,
    skipped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The dull run is to come.
    First,
    Next,
}

/// A run that was tried, with its log.
#[derive(Debug)]
struct Parent {
    forced: Vec<(usize, u32)>,
    log: Vec<Choice>,
    /// The next deviation to add.
    position: usize,
    value: u32,
}

impl Exhaustive {
    /// Makes the search for at most `deviations`.
    pub fn new(deviations: u32) -> Self {
        Exhaustive {
            deviations,
            kind: None,
            forced: Vec::new(),
            position: 0,
            parents: VecDeque::new(),
            state: State::First,
            ended: false,
            gives_way: false,
            skipped: false,
        }
    }

    /// The same where only choices of one kind deviate.
    pub fn of_kind(kind: ChoiceKind, deviations: u32) -> Self {
        Exhaustive { kind: Some(kind), ..Exhaustive::new(deviations) }
    }

    /// The same where every await gives way that can.
    pub fn giving_way(mut self) -> Self {
        self.gives_way = true;
        self
    }

    /// Sets out for the next run: a parent with one more deviation, behind those that it has.
    fn advance(&mut self) -> bool {
        while let Some(parent) = self.parents.front_mut() {
            while let Some(choice) = parent.log.get(parent.position) {
                let deviates = self.kind.is_none_or(|kind| kind == choice.kind);
                if deviates && let Some(value) = next_value(choice, parent.value) {
                    parent.value = value;
                    self.forced.clone_from(&parent.forced);
                    self.forced.push((parent.position, value));
                    return true;
                }
                parent.position += 1;
                parent.value = 0;
            }
            self.parents.pop_front();
        }
        false
    }
}

/// Every run, one after the other: the last choice that has an alternative left takes it.
///
/// Of a choice with more than 64 alternatives that is not about what runs next, a cancel or a
/// fault, only the dullest and the last are tried. A program with a loop that ends only by what
/// another task does has endlessly many runs.
#[derive(Debug, Default)]
pub struct Full {
    path: Vec<Choice>,
    position: usize,
    begun: bool,
    skipped: bool,
}

impl Full {
    /// Makes the search.
    pub fn new() -> Self {
        Full::default()
    }
}

impl Policy for Full {
    fn choose(&mut self, question: &Question) -> u32 {
        let Question { kind, bound, .. } = *question;
        if self.position == self.path.len() {
            let choice = Choice { kind, bound, value: 0 };
            self.skipped |= is_skipped(&choice);
            self.path.push(choice);
        }
        let choice = self.path[self.position];
        self.position += 1;
        choice.value.min(bound - 1)
    }

    fn begin(&mut self, _seed: u64) -> bool {
        self.position = 0;
        if !std::mem::replace(&mut self.begun, true) {
            return true;
        }
        while let Some(choice) = self.path.last_mut() {
            if let Some(value) = next_value(choice, choice.value) {
                choice.value = value;
                return true;
            }
            self.path.pop();
        }
        false
    }

    fn is_complete(&self) -> bool {
        !self.skipped
    }
}

/// Whether only some of its alternatives are tried.
pub(super) fn is_skipped(choice: &Choice) -> bool {
    let few = matches!(
        choice.kind,
        ChoiceKind::Ready | ChoiceKind::Switch | ChoiceKind::Cancel | ChoiceKind::Fault
    );
    !few && choice.bound > ALTERNATIVES_MAX
}

/// The alternative that is tried after `value`.
pub(super) fn next_value(choice: &Choice, value: u32) -> Option<u32> {
    let next = match is_skipped(choice) && value == 0 {
        true => choice.bound - 1,
        false => value + 1,
    };
    (next < choice.bound).then_some(next)
}

impl Policy for Exhaustive {
    fn choose(&mut self, question: &Question) -> u32 {
        let position = self.position;
        self.position += 1;
        if self.gives_way && question.kind == ChoiceKind::Switch {
            return 1;
        }
        let found = self.forced.binary_search_by_key(&position, |(position, _)| *position);
        found.map_or(0, |index| self.forced[index].1)
    }

    fn begin(&mut self, _seed: u64) -> bool {
        self.position = 0;
        match self.state {
            State::First => self.state = State::Next,
            State::Next => self.ended = !self.advance(),
        }
        !self.ended
    }

    fn is_complete(&self) -> bool {
        !self.skipped
    }

    fn end(&mut self, ended: &Ended<'_>) {
        let deviates = |choice: &&Choice| self.kind.is_none_or(|kind| kind == choice.kind);
        self.skipped |= ended.choices.iter().filter(deviates).any(is_skipped);
        if (self.forced.len() as u32) < self.deviations {
            let position = self.forced.last().map_or(0, |(position, _)| position + 1);
            self.parents.push_back(Parent {
                forced: self.forced.clone(),
                log: ended.choices.to_vec(),
                position,
                value: 0,
            });
        }
    }
}
