//! Runs that differ from the plain one by few reversals, one after the other.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::happened::Happenings;
use super::walks::OWN_STREAM;
use crate::base::{
    Candidate, Candidates, ChoiceKind, Ended, Keyed, KeyedSet, Moment, Operation, Orders, Policy,
    Question, ResourceKey, TaskKey, TaskNumber, stream_of,
};

/// So many plans wait at most, and of longer runs no further ones are made.
const PLANS_MAX: usize = 10_000;
const LENGTH_MAX: usize = 2_000;

/// Asyncio's order, where tasks give way at each await that need not wait, but for some steps that
/// met the same as a later step of another task in an earlier run: these wait for that one.
///
/// Each run is one that was made before with one more of its races reversed, those with the fewest
/// reversals first, and of these any. A run whose operations meet in the order of an earlier one
/// leads to no others.
///
/// Source: the reversed races of Flanagan and Godefroid, "Dynamic partial-order reduction" (POPL
/// 2005), in the order of Musuvathi and Qadeer, "Iterative context bounding" (PLDI 2007).
#[derive(Debug)]
pub(super) struct Reversals {
    /// By the number of reversals, in random order: which step waits for which.
    plans: BTreeMap<(usize, u64), Plan>,
    plan: Plan,
    /// The plans that there were, and the orders of runs.
    known: BTreeSet<Plan>,
    seen: KeyedSet<u64>,
    begun: bool,
    /// What happened in the run that goes on, and the steps that did.
    happenings: Happenings,
    moments: Vec<Moment>,
    done: KeyedSet<Moment>,
    orders: Orders,
    met: KeyedSet<TaskNumber>,
    current: TaskNumber,
    numbers: Keyed<TaskKey, TaskNumber>,
    random: ChaCha8Rng,
}

type Plan = BTreeMap<Moment, Moment>;

impl Reversals {
    pub(super) fn new() -> Self {
        Reversals {
            plans: BTreeMap::new(),
            plan: Plan::new(),
            known: BTreeSet::new(),
            seen: KeyedSet::default(),
            begun: false,
            happenings: Happenings::default(),
            moments: Vec::new(),
            done: KeyedSet::default(),
            orders: Orders::default(),
            met: KeyedSet::default(),
            current: 0,
            numbers: Keyed::default(),
            random: stream_of(0, OWN_STREAM),
        }
    }

    /// What a step waits for, if that has not come yet.
    fn awaited(&self, at: Moment) -> Option<Moment> {
        self.plan.get(&at).copied().filter(|after| !self.done.contains(after))
    }
}

impl Policy for Reversals {
    fn choose(&mut self, question: &Question) -> u32 {
        u32::from(question.kind == ChoiceKind::Switch)
    }

    fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        let mut next = Some(0);
        while let Some(choice) = next {
            let Some(after) = self.awaited(ready.get(choice).moment) else { return choice };
            let number = self.numbers.get(&after.task);
            if let Some(choice) = number.and_then(|number| ready.choice_of(*number))
                && self.awaited(ready.get(choice).moment).is_none()
            {
                return choice;
            }
            next = ready.after(choice);
        }
        // Each waits for another.
        0
    }

    fn watches(&self) -> bool {
        true
    }

    fn became_ready(&mut self, candidate: &Candidate) {
        let Candidate { moment, number, parent, .. } = *candidate;
        self.happenings.made_ready(moment.task);
        self.numbers.insert(moment.task, number);
        if number != 0 && self.met.insert(number) {
            self.orders.spawned(number, moment.task, parent);
        }
    }

    fn runs(&mut self, candidate: &Candidate) {
        self.happenings.begin(candidate.moment.task, None);
        self.moments.push(candidate.moment);
        self.done.insert(candidate.moment);
        self.current = candidate.number;
    }

    fn follows(&self) -> bool {
        true
    }

    fn meets(&mut self, operation: &Operation) {
        self.happenings.meet(operation, operation.resource == ResourceKey::CALLS);
        if self.met.contains(&self.current) {
            self.orders.touch(self.current, *operation);
        }
    }

    fn time_passed(&mut self) {
        self.happenings.time_passed();
        self.moments.push(Moment::default());
    }

    fn begin(&mut self, seed: u64) -> bool {
        self.happenings.clear();
        self.moments.clear();
        self.done.clear();
        self.numbers.clear();
        self.met.clear();
        self.orders.clear();
        self.current = 0;
        self.random = stream_of(seed, OWN_STREAM);
        if std::mem::replace(&mut self.begun, true) {
            let Some((_, plan)) = self.plans.pop_first() else { return false };
            self.plan = plan;
        }
        true
    }

    fn end(&mut self, _ended: &Ended<'_>) {
        if !self.seen.insert(self.orders.hash()) || self.happenings.len() > LENGTH_MAX {
            return;
        }
        for (before, after) in self.happenings.races(0).pairs {
            let (before, after) = (self.moments[before], self.moments[after]);
            let is_of_tasks = before.task != TaskKey::LOOP && after.task != TaskKey::LOOP;
            if is_of_tasks && self.plans.len() < PLANS_MAX && !self.plan.contains_key(&before) {
                let mut plan = self.plan.clone();
                plan.insert(before, after);
                if self.known.insert(plan.clone()) {
                    self.plans.insert((plan.len(), self.random.next_u64()), plan);
                }
            }
        }
    }
}
