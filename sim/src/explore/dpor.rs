//! Trying everything, apart from orders that make no difference.
//!
//! Source: Abdulla, Aronis, Jonsson, Sagonas, "Optimal dynamic partial order reduction" (2014), its
//! source-DPOR: a run is taken again with two steps the other way round only if they met the same
//! thing and one of them changed it (source sets), and never to find what an earlier run has shown
//! (sleep sets, after Godefroid).

use std::collections::{BTreeMap, BTreeSet};

use super::exhaustive::{is_skipped, next_value};
use super::happened::{Footprint, Happenings};
use crate::base::{
    Candidate, Candidates, Choice, ChoiceKind, Ended, Operation, Policy, Question, ResourceKey,
    TaskKey,
};

/// All runs of a program, but of those that differ only in the order of steps which have nothing to
/// do with each other, one: dynamic partial order reduction.
///
/// It assumes that all state which tasks share is [`Tracked`](crate::sync::Tracked), named by
/// [`touch!`](crate::touch), or a primitive of this library, and that no outcome depends on the
/// numbers in default names of tasks. Every await that could give way does. Where the order of the
/// queue is asyncio's, nothing is left to reduce, and it tries all other choices.
///
/// Of a choice with more than 64 alternatives that is not about what runs next, a cancel or a
/// fault, only the dullest and the last are tried. A program with a loop that ends only by what
/// another task does has endlessly many runs.
#[derive(Debug, Default)]
pub struct Dpor {
    /// The choices of the run that goes on, and what is left to try at each.
    path: Vec<Node>,
    /// How many of them the run has taken.
    depth: usize,
    /// From which happening on the run is another one than that before.
    fresh: usize,
    happenings: Happenings,
    /// What need not run next, since a run with it next was tried.
    asleep: BTreeMap<TaskKey, Footprint>,
    /// The choice by which the next one runs.
    chosen: Option<usize>,
    /// Nothing that can run is awake: the rest of the run shows nothing new.
    is_over: bool,
    skipped: bool,
    state: State,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    First,
    Next,
}

#[derive(Debug)]
enum Node {
    Pick(Pick),
    Value {
        choice: Choice,
        /// The happening in which it is taken.
        at: usize,
    },
}

/// A choice of what runs next.
#[derive(Debug)]
struct Pick {
    /// The happening that it brings.
    at: usize,
    ready: BTreeSet<TaskKey>,
    /// Whom to let run, one after the other.
    wanted: BTreeSet<TaskKey>,
    chosen: TaskKey,
    /// What the chosen one met, over all runs in which it was.
    met: Footprint,
    /// Those for whom all was tried, and those that slept from the start.
    done: BTreeMap<TaskKey, Footprint>,
}

impl Dpor {
    /// Makes the search.
    pub fn new() -> Self {
        Dpor::default()
    }

    /// The happening that went on has ended: what conflicts with it may run next after all.
    fn wake(&mut self) {
        if let Some(last) = self.happenings.last() {
            self.asleep.retain(|_, footprint| !footprint.conflicts(&last.footprint));
        }
    }

    /// Takes the choice to another alternative, or gives it up.
    fn advance(&mut self) -> bool {
        while let Some(node) = self.path.last_mut() {
            match node {
                Node::Value { choice, at } => {
                    if let Some(value) = next_value(choice, choice.value) {
                        choice.value = value;
                        self.fresh = *at;
                        return true;
                    }
                }
                Node::Pick(pick) => {
                    if pick.advance() {
                        self.fresh = pick.at;
                        return true;
                    }
                }
            }
            self.path.pop();
        }
        false
    }

    /// Wants all that was ready before what meets everything: that may have kept it from running.
    fn want_before_ends(&mut self) {
        for index in self.fresh..self.happenings.len() {
            let happening = self.happenings.get(index).filter(|one| one.footprint.is_unknown());
            let choice = happening.and_then(|happening| happening.choice);
            if let Some(Node::Pick(pick)) = choice.and_then(|choice| self.path.get_mut(choice)) {
                pick.wanted.extend(&pick.ready);
            }
        }
    }

    /// Wants what could have come first of each pair that could have come the other way round.
    fn want(&mut self) {
        let races = self.happenings.races(self.fresh);
        for pair in &races.pairs {
            let before = self.happenings.get(pair.0);
            let choice = before.and_then(|happening| happening.choice);
            let Some(Node::Pick(pick)) = choice.and_then(|index| self.path.get_mut(index)) else {
                continue;
            };
            let initials = races.initials(*pair);
            let is_known = |who: &TaskKey| pick.wanted.contains(who) || pick.done.contains_key(who);
            let after = self.happenings.get(pair.1).and_then(|after| pick.done.get(&after.who));
            let was_first = after.is_some_and(|footprint| races.could_begin(*pair, footprint));
            if was_first || initials.iter().any(is_known) {
                continue;
            }
            match initials.iter().find(|who| pick.ready.contains(who)) {
                Some(who) => drop(pick.wanted.insert(*who)),
                None => pick.wanted.extend(&pick.ready),
            }
        }
    }
}

impl Pick {
    fn advance(&mut self) -> bool {
        self.done.insert(self.chosen, std::mem::take(&mut self.met));
        let next = self.wanted.iter().find(|who| !self.done.contains_key(who));
        next.map(|who| self.chosen = *who).is_some()
    }
}

impl Policy for Dpor {
    fn choose(&mut self, question: &Question) -> u32 {
        let Question { kind, bound, is_cancelled, .. } = *question;
        if kind == ChoiceKind::Switch && !is_cancelled {
            // That a task goes on at once is one of the runs in which it gives way, if no cancel
            // strikes it there.
            return 1;
        }
        if let Some(node) = self.path.get(self.depth) {
            self.depth += 1;
            return match node {
                Node::Value { choice, .. } => choice.value.min(bound - 1),
                Node::Pick(_) => 0,
            };
        }
        if !self.is_over {
            let choice = Choice { kind, bound, value: 0 };
            self.skipped |= is_skipped(&choice);
            let at = self.happenings.len().saturating_sub(1);
            self.path.push(Node::Value { choice, at });
            self.depth += 1;
        }
        0
    }

    fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        self.wake();
        let candidates = 0..ready.count();
        let key = |choice: u32| ready.get(choice).moment.task;
        if let Some(node) = self.path.get_mut(self.depth) {
            self.chosen = Some(self.depth);
            self.depth += 1;
            let Node::Pick(pick) = node else { return 0 };
            let chosen = candidates.into_iter().find(|choice| key(*choice) == pick.chosen);
            self.asleep.clone_from(&pick.done);
            return chosen.unwrap_or(0);
        }
        let awake = candidates.clone().find(|choice| !self.asleep.contains_key(&key(*choice)));
        let Some(choice) = awake.filter(|_| !self.is_over) else {
            self.is_over = true;
            return 0;
        };
        let chosen = key(choice);
        let pick = Pick {
            at: self.happenings.len(),
            ready: candidates.map(key).collect(),
            wanted: BTreeSet::from([chosen]),
            chosen,
            met: Footprint::default(),
            done: self.asleep.clone(),
        };
        self.path.push(Node::Pick(pick));
        self.chosen = Some(self.depth);
        self.depth += 1;
        choice
    }

    fn watches(&self) -> bool {
        true
    }

    fn became_ready(&mut self, candidate: &Candidate) {
        self.happenings.made_ready(candidate.moment.task);
    }

    fn runs(&mut self, candidate: &Candidate) {
        let who = candidate.moment.task;
        if self.chosen.is_none() {
            self.wake();
        }
        // It may run without a choice though it sleeps.
        self.is_over |= self.asleep.remove(&who).is_some();
        self.happenings.begin(who, self.chosen.take());
    }

    fn follows(&self) -> bool {
        true
    }

    fn meets(&mut self, operation: &Operation) {
        self.happenings.meet(operation, operation.resource == ResourceKey::CALLS);
    }

    fn time_passed(&mut self) {
        self.wake();
        self.happenings.time_passed();
    }

    fn begin(&mut self, _seed: u64) -> bool {
        self.depth = 0;
        self.happenings.clear();
        self.asleep.clear();
        self.chosen = None;
        self.is_over = false;
        if self.state == State::First {
            self.state = State::Next;
            return true;
        }
        self.advance()
    }

    fn is_complete(&self) -> bool {
        !self.skipped
    }

    fn end(&mut self, _ended: &Ended<'_>) {
        for node in &mut self.path {
            if let Node::Pick(pick) = node
                && let Some(happening) = self.happenings.get(pick.at)
            {
                pick.met.extend(&happening.footprint);
            }
        }
        self.want_before_ends();
        self.want();
    }
}
