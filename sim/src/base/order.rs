//! Which orders of steps are one and the same: a hash of who touched what after whom, equal for
//! runs that differ only in the order of operations which do not meet.
//!
//! Source: the hash of a trace's partial order, as in Musuvathi and Qadeer, "Fair stateless model
//! checking", and Mazurkiewicz's traces: two neighbours that do not conflict may change places.

use super::choice::{Access, Operation, ResourceKey, TaskKey};
use super::event::TaskNumber;
use super::keyed::Keyed;

/// For how many tasks and resources the memory is kept.
const KEPT: usize = 1024;

/// Builds the hash of one run as its operations come.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// What each task knows, by number.
    tasks: Vec<u64>,
    resources: Keyed<ResourceKey, Touched>,
    /// The same for all that has no label, which every operation may meet.
    unknown: Touched,
    /// The sum over all operations: it does not depend on their order.
    sum: u64,
}

/// The operations on a resource that later ones come after.
#[derive(Clone, Copy, Debug, Default)]
struct Touched {
    /// The last write.
    write: u64,
    /// The reads since, in any order.
    reads: u64,
}

impl Touched {
    /// Takes in an operation whose `hash` holds what it knows; returns the whole hash.
    #[inline]
    fn touch(&mut self, hash: u64, write: bool) -> u64 {
        let mut hash = mix(hash, self.write);
        match write {
            true => {
                hash = mix(hash, self.reads ^ 1);
                *self = Touched { write: hash, reads: 0 };
            }
            false => self.reads = self.reads.wrapping_add(hash),
        }
        hash
    }
}

impl Orders {
    /// Forgets all that was taken in, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.tasks.clear();
        self.resources.clear();
        (self.unknown, self.sum) = (Touched::default(), 0);
    }

    /// What is left of them for another run: their memory, unless that is much.
    pub(crate) fn emptied(mut self: Box<Self>) -> Option<Box<Self>> {
        let is_small = self.tasks.len().max(self.resources.len()) <= KEPT;
        self.clear();
        is_small.then_some(self)
    }

    /// Takes an operation in, by a task or by the loop (0).
    pub(crate) fn touch(&mut self, task: TaskNumber, operation: Operation) {
        let knows = self.knows(task);
        let write = operation.access == Access::Write;
        let mut hash = mix(knows, operation.resource.word());
        hash = mix(hash, self.unknown.write);
        if operation.resource == ResourceKey::UNKNOWN {
            hash = self.unknown.touch(hash, write);
        } else {
            hash = self.resources.entry(operation.resource).or_default().touch(hash, write);
            // What has no label may meet every operation, and comes before or after it.
            self.unknown.reads = self.unknown.reads.wrapping_add(hash);
        }
        self.sum = self.sum.wrapping_add(hash);
        self.tasks[task as usize] = hash;
    }

    /// A task was made ready by another one: what that knows, it knows.
    pub(crate) fn inform(&mut self, task: TaskNumber, by: TaskNumber) {
        if task != by {
            let known = self.knows(by);
            let hash = mix(self.knows(task), known);
            self.tasks[task as usize] = hash;
        }
    }

    /// A task was made: it knows what its parent knew.
    pub(crate) fn spawned(&mut self, task: TaskNumber, key: TaskKey, by: TaskNumber) {
        let known = self.knows(by);
        self.knows(task);
        self.tasks[task as usize] = mix(key.word(), known);
    }

    /// The hash of all that was taken in.
    pub(crate) fn hash(&self) -> u64 {
        self.sum
    }

    fn knows(&mut self, task: TaskNumber) -> u64 {
        let task = task as usize;
        if self.tasks.len() <= task {
            let first = self.tasks.len();
            self.tasks.extend((first..=task).map(|_| 0));
        }
        self.tasks[task]
    }
}

fn mix(one: u64, other: u64) -> u64 {
    let word = (one.rotate_left(23) ^ other).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word ^ (word >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(operations: &[(TaskNumber, u32, Access)]) -> u64 {
        let mut orders = Orders::default();
        for task in 1..4 {
            orders.spawned(task, TaskKey::LOOP.child(task), 0);
        }
        for (task, resource, access) in operations {
            let resource = match resource {
                0 => ResourceKey::UNKNOWN,
                index => ResourceKey::made_by(TaskKey::LOOP, *index),
            };
            orders.touch(*task, Operation { resource, access: *access });
        }
        orders.hash()
    }

    #[test]
    fn only_conflicts_have_an_order() {
        use Access::{Read, Write};
        let same = |one: &[_], other: &[_]| assert_eq!(hash_of(one), hash_of(other));
        let differ = |one: &[_], other: &[_]| assert_ne!(hash_of(one), hash_of(other));
        same(&[(1, 1, Write), (2, 2, Write)], &[(2, 2, Write), (1, 1, Write)]);
        same(&[(1, 1, Read), (2, 1, Read)], &[(2, 1, Read), (1, 1, Read)]);
        differ(&[(1, 1, Write), (2, 1, Read)], &[(2, 1, Read), (1, 1, Write)]);
        differ(&[(1, 1, Write), (2, 1, Write)], &[(2, 1, Write), (1, 1, Write)]);
        differ(&[(1, 0, Write), (2, 1, Read)], &[(2, 1, Read), (1, 0, Write)]);
        differ(&[(1, 1, Write), (1, 2, Write)], &[(1, 2, Write), (1, 1, Write)]);
        // A write after two reads, which may change places, but not with it.
        let reads_then_write =
            |one, other| hash_of(&[(one, 1, Read), (other, 1, Read), (3, 1, Write)]);
        assert_eq!(reads_then_write(1, 2), reads_then_write(2, 1));
        differ(
            &[(1, 1, Read), (2, 1, Read), (3, 1, Write)],
            &[(1, 1, Read), (3, 1, Write), (2, 1, Read)],
        );
    }
}
