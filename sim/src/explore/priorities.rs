//! Strategies by priority: PCT and POS.

use std::collections::BTreeSet;
use std::mem::take;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::profile::{Profile, writes};
use super::shared::Shared;
use super::walks::OWN_STREAM;
use crate::base::{
    Candidate, Candidates, ChoiceKind, Keyed, Operation, Policy, Question, ResourceKey, TaskNumber,
    Uniform, stream_of,
};

/// Probabilistic concurrency testing: tasks have random priorities, the highest one runs, and at
/// `depth - 1` random decisions the one that runs falls below all that have not fallen: on which
/// rung it ends up among those that have was drawn beforehand.
///
/// Source: Burckhardt, Kothari, Musuvathi, Nagarakatte, "A randomized scheduler with probabilistic
/// guarantees of finding bugs" (ASPLOS 2010). The number of decisions is that of the longest run so
/// far.
#[derive(Debug)]
pub struct Pct {
    depth: u32,
    /// The priorities by task number, 0 for the loop's own calls.
    priorities: Vec<u64>,
    ready: BTreeSet<(u64, TaskNumber)>,
    /// At which decisions the priorities change, and to what.
    changes: Vec<(u32, u64)>,
    profile: Shared<Profile>,
    random: ChaCha8Rng,
    others: Uniform,
}

impl Pct {
    /// Makes the strategy for bugs that need `depth` ordered events, at least 1.
    pub fn new(depth: u32) -> Self {
        Pct::sharing(Shared::default(), depth)
    }

    pub(super) fn sharing(profile: Shared<Profile>, depth: u32) -> Self {
        Pct {
            depth: depth.max(1),
            priorities: Vec::new(),
            ready: BTreeSet::new(),
            changes: Vec::new(),
            profile,
            random: stream_of(0, OWN_STREAM),
            others: Uniform::new(0),
        }
    }

    fn priority(&mut self, number: TaskNumber) -> u64 {
        let number = number as usize;
        while self.priorities.len() <= number {
            // The upper half is for those that have not fallen.
            let drawn = self.random.next_u64() | 1 << 63;
            self.priorities.push(drawn);
        }
        self.priorities[number]
    }

    /// The one with the highest priority, the loop's own call among them.
    fn highest(&mut self, has_call: bool) -> Option<(u64, TaskNumber)> {
        let call = has_call.then(|| (self.priority(0), 0));
        self.ready.last().copied().max(call)
    }
}

impl Policy for Pct {
    fn choose(&mut self, question: &Question) -> u32 {
        match question.kind {
            ChoiceKind::Switch => 1,
            _ => self.others.choose(question),
        }
    }

    fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        let count = self.profile.borrow().picks.count();
        let has_call = ready.choice_of(0).is_some();
        for change in 0..self.changes.len() {
            let (at, low) = self.changes[change];
            if at == count
                && let Some((priority, number)) = self.highest(has_call)
            {
                self.priorities[number as usize] = low;
                if self.ready.remove(&(priority, number)) {
                    self.ready.insert((low, number));
                }
            }
        }
        let highest = self.highest(has_call);
        highest.and_then(|(_, number)| ready.choice_of(number)).unwrap_or(0)
    }

    fn watches(&self) -> bool {
        true
    }

    fn became_ready(&mut self, candidate: &Candidate) {
        let priority = self.priority(candidate.number);
        self.ready.insert((priority, candidate.number));
    }

    fn runs(&mut self, candidate: &Candidate) {
        if let Some(priority) = self.priorities.get(candidate.number as usize) {
            self.ready.remove(&(*priority, candidate.number));
        }
    }

    fn begin(&mut self, seed: u64) -> bool {
        self.random = stream_of(seed, OWN_STREAM);
        self.priorities.clear();
        self.ready.clear();
        let picks = &mut self.profile.borrow().picks;
        picks.begin();
        self.changes.clear();
        // The decisions are not sorted, so that the rungs come in any order.
        for rung in 1..self.depth {
            let at = picks.draw(&mut self.random);
            self.changes.extend(at.map(|at| (at, u64::from(rung))));
        }
        self.others.begin(seed)
    }
}

/// By how many bits keys are smaller in haste.
const HASTE: u32 = 8;

/// Partial order sampling: every operation that is to come has a random key, the lowest runs, and
/// those that conflict with it draw new ones.
///
/// Source: Yuan, Yang, Gu, "Partial order aware concurrency sampling" (CAV 2018). An operation
/// without a label draws its key when it comes and keeps it.
#[derive(Debug)]
pub struct Pos {
    /// The keys by task number, with the operations; none of what is not ready.
    keys: Vec<Option<(u64, Operation)>>,
    ready: BTreeSet<(u64, TaskNumber)>,
    /// Whose operations are to come on each resource, sorted.
    pending: Keyed<ResourceKey, Vec<TaskNumber>>,
    /// By how many bits the keys are smaller that are drawn after a conflict.
    haste: u32,
    random: ChaCha8Rng,
    others: Uniform,
}

impl Pos {
    /// Makes the strategy.
    pub fn new() -> Self {
        Pos {
            keys: Vec::new(),
            ready: BTreeSet::new(),
            pending: Keyed::default(),
            haste: 0,
            random: stream_of(0, OWN_STREAM),
            others: Uniform::new(0),
        }
    }

    /// Whether what conflicts with an operation that has run comes soon after it: tasks that work
    /// on the same thing take turns there, and are long away from it otherwise. What takes many
    /// such turns comes up several times as often.
    pub(super) fn set_hasty(&mut self, hasty: bool) {
        self.haste = if hasty { HASTE } else { 0 };
    }

    fn insert(&mut self, number: TaskNumber, operation: Operation, haste: u32) {
        let key = self.random.next_u64() >> haste;
        let index = number as usize;
        if self.keys.len() <= index {
            self.keys.resize(index + 1, None);
        }
        self.keys[index] = Some((key, operation));
        self.ready.insert((key, number));
    }
}

impl Default for Pos {
    fn default() -> Self {
        Pos::new()
    }
}

impl Policy for Pos {
    fn choose(&mut self, question: &Question) -> u32 {
        match question.kind {
            ChoiceKind::Switch => 1,
            _ => self.others.choose(question),
        }
    }

    fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        if let Some(call) = ready.choice_of(0) {
            // The loop's own calls have no place among the operations: each is drawn anew.
            let key = self.random.next_u64();
            if self.ready.first().is_none_or(|(first, _)| key < *first) {
                return call;
            }
        }
        let first = self.ready.first().and_then(|(_, number)| ready.choice_of(*number));
        first.unwrap_or(0)
    }

    fn watches(&self) -> bool {
        true
    }

    fn became_ready(&mut self, candidate: &Candidate) {
        self.insert(candidate.number, candidate.next, 0);
        if candidate.next.resource != ResourceKey::UNKNOWN {
            let pending = self.pending.entry(candidate.next.resource).or_default();
            if let Err(index) = pending.binary_search(&candidate.number) {
                pending.insert(index, candidate.number);
            }
        }
    }

    fn runs(&mut self, candidate: &Candidate) {
        let number = candidate.number;
        let Some((key, operation)) = self.keys.get_mut(number as usize).and_then(Option::take)
        else {
            return;
        };
        self.ready.remove(&(key, number));
        let Some(pending) = self.pending.get_mut(&operation.resource) else { return };
        if let Ok(index) = pending.binary_search(&number) {
            pending.remove(index);
        }
        let conflicting = take(pending);
        for number in &conflicting {
            if let Some(Some((key, other))) = self.keys.get(*number as usize).copied()
                && (writes(operation) || writes(other))
            {
                self.ready.remove(&(key, *number));
                self.insert(*number, other, self.haste);
            }
        }
        self.pending.insert(operation.resource, conflicting);
    }

    fn begin(&mut self, seed: u64) -> bool {
        self.random = stream_of(seed, OWN_STREAM);
        self.keys.clear();
        self.ready.clear();
        self.pending.clear();
        self.others.begin(seed)
    }
}

#[cfg(test)]
mod tests {
    use crate::explore::{Explorer, Strategy};
    use crate::sync::Tracked;
    use crate::task::spawn;

    /// Source: Burckhardt et al., section 2.3: the change points are not sorted, so that a task may
    /// fall below all others first, and another one onto a rung above it later. The bound is
    /// 1 / (n * k^(d-1)), here about 1 in 4 * 11^2.
    #[test]
    fn a_task_that_falls_later_may_stay_above_one_that_fell_before() {
        let explorer = Explorer::new().strategy(Strategy::Pct { depth: 3 }).runs(5_000);
        let exploration = explorer.shrink_replays(0).explore(|| async {
            let log = Tracked::new(String::new());
            let task = |name: char, times: u32| {
                let log = log.clone();
                spawn(async move {
                    for _ in 0..times {
                        log.update(|log| log.push(name)).await?;
                    }
                    Ok(())
                })
            };
            for task in [task('a', 2), task('b', 2), task('c', 1)] {
                task.await?;
            }
            assert_ne!(log.get(), "abcba");
            Ok(())
        });
        let failure = exploration.failure.expect("the order comes up");
        assert!(failure.run <= 2_000, "only in run {}", failure.run);
    }
}
