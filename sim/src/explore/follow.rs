//! Following a case: the dull run, but for what the case says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::case::{Case, Deed, Deviation};
use super::shared::Shared;
use crate::base::{
    Candidate, Candidates, ChoiceKind, Moment, Policy, Question, TaskKey, TaskNumber,
};

/// The policy of a case. What it meets of the case is left in a cell that others can look at.
#[derive(Debug)]
pub(crate) struct Follow {
    /// What runs first when a step is the next in the queue, in this order.
    picks: BTreeMap<Moment, VecDeque<(usize, TaskKey)>>,
    holds: BTreeMap<Moment, usize>,
    choices: BTreeMap<(Moment, ChoiceKind, u32), (usize, u32)>,
    /// How many choices of a kind came in a step, of those that the case knows.
    counts: BTreeMap<(Moment, ChoiceKind), u32>,
    /// The tasks that are ready, and those of them that are held.
    ready: BTreeMap<TaskKey, TaskNumber>,
    held: BTreeSet<TaskNumber>,
    met: Shared<BTreeSet<usize>>,
}

impl Follow {
    pub(crate) fn new(case: &Case) -> Self {
        Follow::of(&case.deviations)
    }

    pub(crate) fn of(deviations: &[Deviation]) -> Self {
        let mut follow = Follow {
            picks: BTreeMap::new(),
            holds: BTreeMap::new(),
            choices: BTreeMap::new(),
            counts: BTreeMap::new(),
            ready: BTreeMap::new(),
            held: BTreeSet::new(),
            met: Shared::default(),
        };
        for (index, Deviation { at, deed }) in deviations.iter().enumerate() {
            let at = Moment { task: at.path.key(), step: at.step };
            match deed {
                Deed::Pick(path) => {
                    follow.picks.entry(at).or_default().push_back((index, path.key()));
                }
                Deed::Hold => drop(follow.holds.insert(at, index)),
                Deed::Choose { kind, nth, value } => {
                    follow.choices.insert((at, *kind, *nth), (index, *value));
                    follow.counts.insert((at, *kind), 0);
                }
            }
        }
        follow
    }

    /// Which deviations were met, by their position in the case; filled as the run goes on.
    pub(crate) fn met(&self) -> Shared<BTreeSet<usize>> {
        self.met.clone()
    }

    /// What is next in the queue, apart from what is held.
    fn head(&mut self, ready: &dyn Candidates) -> u32 {
        let mut choice = 0;
        loop {
            let candidate = ready.get(choice);
            if !self.holds_back(&candidate) {
                return choice;
            }
            match ready.after(choice) {
                Some(after) => choice = after,
                // Nothing else can run.
                None => return 0,
            }
        }
    }

    fn holds_back(&mut self, candidate: &Candidate) -> bool {
        if self.held.contains(&candidate.number) {
            return true;
        }
        let Some(index) = self.holds.remove(&candidate.moment) else { return false };
        self.met.borrow().insert(index);
        self.held.insert(candidate.number)
    }
}

impl Policy for Follow {
    fn choose(&mut self, question: &Question) -> u32 {
        let Question { kind, bound, at, .. } = *question;
        let Some(count) = self.counts.get_mut(&(at, kind)) else { return 0 };
        let nth = *count;
        *count += 1;
        match self.choices.get(&(at, kind, nth)) {
            // Of fewer alternatives than the case knows, none is meant.
            Some((index, value)) if *value < bound => {
                self.met.borrow().insert(*index);
                *value
            }
            _ => 0,
        }
    }

    fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        let head = match self.holds.is_empty() && self.held.is_empty() {
            true => 0,
            false => self.head(ready),
        };
        let at = ready.get(head).moment;
        let Some(picks) = self.picks.get_mut(&at) else { return head };
        let Some((index, task)) = picks.front().copied() else { return head };
        let number = match task {
            TaskKey::LOOP => Some(0),
            _ => self.ready.get(&task).copied(),
        };
        match number.and_then(|number| ready.choice_of(number)) {
            Some(choice) => {
                picks.pop_front();
                self.met.borrow().insert(index);
                choice
            }
            None => head,
        }
    }

    fn watches(&self) -> bool {
        true
    }

    fn became_ready(&mut self, candidate: &Candidate) {
        self.ready.insert(candidate.moment.task, candidate.number);
    }

    fn runs(&mut self, candidate: &Candidate) {
        self.ready.remove(&candidate.moment.task);
        self.held.remove(&candidate.number);
    }
}
