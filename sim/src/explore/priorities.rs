//! Strategies by priority: PCT and POS.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::profile::writes;
use super::walks::{OWN_STREAM, draw};
use crate::base::{
    Candidate, Candidates, ChoiceKind, Ended, Operation, Policy, Question, ResourceKey, TaskNumber,
    Uniform, stream_of,
};

/// Probabilistic concurrency testing: tasks have random priorities, the highest one runs, and at
/// `depth - 1` random decisions the one that runs falls below all others.
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
    /// At which decisions the priorities change.
    changes: Vec<u32>,
    picks: u32,
    picks_max: u32,
    /// Falling below all others.
    lowest: u64,
    random: ChaCha8Rng,
    others: Uniform,
}

impl Pct {
    /// Makes the strategy for bugs that need `depth` ordered events, at least 1.
    pub fn new(depth: u32) -> Self {
        Pct {
            depth: depth.max(1),
            priorities: Vec::new(),
            ready: BTreeSet::new(),
            changes: Vec::new(),
            picks: 0,
            picks_max: 0,
            lowest: 0,
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
}

impl Policy for Pct {
    fn choose(&mut self, question: &Question) -> u32 {
        match question.kind {
            ChoiceKind::Switch => 1,
            _ => self.others.choose(question),
        }
    }

    fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        let call = ready.choice_of(0).map(|_| (self.priority(0), 0));
        let highest = |ready: &BTreeSet<(u64, TaskNumber)>| ready.last().copied().max(call);
        let Some((priority, mut number)) = highest(&self.ready) else { return 0 };
        if self.changes.contains(&self.picks) {
            self.lowest = self.lowest.saturating_sub(1);
            self.priorities[number as usize] = self.lowest;
            if self.ready.remove(&(priority, number)) {
                self.ready.insert((self.lowest, number));
                number = highest(&self.ready).map_or(number, |(_, number)| number);
            }
        }
        self.picks += 1;
        ready.choice_of(number).unwrap_or(0)
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
        (self.picks, self.lowest) = (0, 1 << 63);
        let most = u64::from(self.picks_max.max(1));
        self.changes.clear();
        for _ in 1..self.depth {
            let change = draw(&mut self.random, most) as u32;
            self.changes.push(change);
        }
        self.others.begin(seed)
    }

    fn end(&mut self, _ended: &Ended<'_>) {
        self.picks_max = self.picks_max.max(self.picks);
    }
}

/// Partial order sampling: every operation that is to come has a random key, the lowest runs, and
/// those that conflict with it draw new ones.
///
/// Source: Yuan, Yang, Gu, "Partial order aware concurrency sampling" (CAV 2018). An operation
/// without a label draws its key when it comes and keeps it.
#[derive(Debug)]
pub struct Pos {
    keys: BTreeMap<TaskNumber, (u64, Operation)>,
    ready: BTreeSet<(u64, TaskNumber)>,
    /// The operations to come on each resource.
    pending: BTreeMap<ResourceKey, BTreeSet<TaskNumber>>,
    random: ChaCha8Rng,
    others: Uniform,
}

impl Pos {
    /// Makes the strategy.
    pub fn new() -> Self {
        Pos {
            keys: BTreeMap::new(),
            ready: BTreeSet::new(),
            pending: BTreeMap::new(),
            random: stream_of(0, OWN_STREAM),
            others: Uniform::new(0),
        }
    }

    fn insert(&mut self, number: TaskNumber, operation: Operation) {
        let key = self.random.next_u64();
        self.keys.insert(number, (key, operation));
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
        self.insert(candidate.number, candidate.next);
        if candidate.next.resource != ResourceKey::UNKNOWN {
            self.pending.entry(candidate.next.resource).or_default().insert(candidate.number);
        }
    }

    fn runs(&mut self, candidate: &Candidate) {
        let Some((key, operation)) = self.keys.remove(&candidate.number) else { return };
        self.ready.remove(&(key, candidate.number));
        let Some(pending) = self.pending.get_mut(&operation.resource) else { return };
        pending.remove(&candidate.number);
        let conflicting: Vec<TaskNumber> = pending.iter().copied().collect();
        for number in conflicting {
            if let Some((key, other)) = self.keys.get(&number).copied()
                && (writes(operation) || writes(other))
            {
                self.ready.remove(&(key, number));
                self.insert(number, other);
            }
        }
    }

    fn begin(&mut self, seed: u64) -> bool {
        self.random = stream_of(seed, OWN_STREAM);
        self.keys.clear();
        self.ready.clear();
        self.pending.clear();
        self.others.begin(seed)
    }
}
