//! What earlier runs have told of a program: how many steps its tasks take, and on what.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;

use super::walks::draw;
use crate::base::{Access, Candidate, Operation, ResourceKey, TaskKey, TaskNumber};

/// Measures the run that goes on, and remembers the last one.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    /// Of the run that goes on, by task number.
    now: Vec<Counted>,
    /// Events of each task on each resource, in the run that goes on.
    touched: BTreeMap<(ResourceKey, TaskNumber), u32>,
    /// The steps of each task and of all that it spawns, as they were last seen.
    pub(crate) subtrees: BTreeMap<TaskKey, u32>,
    /// The same for operations on a resource that more than one task touches.
    pub(crate) on: BTreeMap<ResourceKey, BTreeMap<TaskKey, u32>>,
    pub(crate) picks: Picks,
}

/// How many decisions of what runs next there are.
#[derive(Debug, Default)]
pub(crate) struct Picks {
    now: u32,
    most: u32,
}

impl Picks {
    pub(crate) fn begin(&mut self) {
        self.now = 0;
    }

    /// Counts a decision, and returns its number from 0.
    pub(crate) fn count(&mut self) -> u32 {
        self.now += 1;
        self.most = self.most.max(self.now);
        self.now - 1
    }

    /// The most that a run had.
    pub(crate) fn most(&self) -> u64 {
        u64::from(self.most)
    }

    /// Draws one of them; none if no run was counted.
    pub(crate) fn draw(&self, random: &mut ChaCha8Rng) -> Option<u32> {
        (self.most > 0).then(|| draw(random, self.most()) as u32)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    key: TaskKey,
    parent: TaskNumber,
    steps: u32,
}

impl Profile {
    /// Whether a run was measured.
    pub(crate) fn is_known(&self) -> bool {
        !self.subtrees.is_empty()
    }

    pub(crate) fn begin(&mut self) {
        self.now.clear();
        self.touched.clear();
        self.picks.begin();
    }

    /// Takes a step in.
    pub(crate) fn runs(&mut self, candidate: &Candidate) {
        let number = candidate.number as usize;
        if self.now.len() <= number {
            self.now.resize(number + 1, Counted::default());
        }
        let counted = &mut self.now[number];
        counted.key = candidate.moment.task;
        counted.parent = candidate.parent;
        counted.steps += 1;
        let Operation { resource, .. } = candidate.next;
        if resource != ResourceKey::UNKNOWN {
            *self.touched.entry((resource, candidate.number)).or_default() += 1;
        }
    }

    /// Keeps what the run that has ended showed.
    pub(crate) fn end(&mut self) {
        let mut sums: Vec<u32> = self.now.iter().map(|counted| counted.steps).collect();
        // Children have higher numbers than their parents.
        for number in (1..sums.len()).rev() {
            let parent = self.now[number].parent as usize;
            if parent != 0 {
                sums[parent] += sums[number];
            }
        }
        for (counted, sum) in self.now.iter().zip(sums).skip(1) {
            self.subtrees.insert(counted.key, sum);
        }
        self.on.clear();
        let mut by_resource: BTreeMap<ResourceKey, BTreeMap<TaskNumber, u32>> = BTreeMap::new();
        // What the loop itself touches is no task's to do.
        for ((resource, number), count) in self.touched.iter().filter(|((_, n), _)| *n != 0) {
            by_resource.entry(*resource).or_default().insert(*number, *count);
        }
        for (resource, mut counts) in by_resource.into_iter().filter(|(_, on)| on.len() > 1) {
            let on = self.on.entry(resource).or_default();
            while let Some((number, count)) = counts.pop_last() {
                let Counted { key, parent, .. } = self.now[number as usize];
                on.insert(key, count);
                if parent != 0 {
                    *counts.entry(parent).or_default() += count;
                }
            }
        }
    }
}

/// Whether an operation is one on `resource` that counts.
pub(crate) fn is_on(operation: Operation, resource: ResourceKey) -> bool {
    operation.resource == resource && resource != ResourceKey::UNKNOWN
}

/// Whether an operation changes what it works on.
pub(crate) fn writes(operation: Operation) -> bool {
    operation.access == Access::Write
}
