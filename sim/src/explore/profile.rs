//! What earlier runs have told of a program: how many steps its tasks take, and on what.

use std::collections::BTreeMap;

use crate::base::{Access, Candidate, Operation, ResourceKey, TaskKey, TaskNumber};

/// Measures the run that goes on, and remembers the last one.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    /// Of the run that goes on, by task number.
    now: Vec<Counted>,
    /// Events of each task on each resource, in the run that goes on.
    touched: BTreeMap<(ResourceKey, TaskNumber), u32>,
    picks: u32,
    /// The steps of each task and of all that it spawns, as they were last seen.
    pub(crate) subtrees: BTreeMap<TaskKey, u32>,
    /// The same for operations on a resource.
    pub(crate) on: BTreeMap<ResourceKey, BTreeMap<TaskKey, u32>>,
    /// The most decisions that a run had.
    pub(crate) picks_max: u32,
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
        self.picks = 0;
    }

    pub(crate) fn picked(&mut self) {
        self.picks += 1;
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
        self.picks_max = self.picks_max.max(self.picks);
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
        for on in self.on.values_mut() {
            on.clear();
        }
        for ((resource, number), count) in &self.touched {
            let on = self.on.entry(*resource).or_default();
            let mut number = *number as usize;
            while number != 0 {
                *on.entry(self.now[number].key).or_default() += count;
                number = self.now[number].parent as usize;
            }
        }
        self.on.retain(|_, on| !on.is_empty());
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
