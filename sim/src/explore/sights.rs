//! What a run has shown: who met a thing after whom, and where the two of them were.
//!
//! Source: the reads-from pairs of Wolff, Shi, Duck, Mathur, Roychoudhury, "Greybox fuzzing for
//! concurrency testing" (ASPLOS 2024). They know an operation by its line. Here it is known by its
//! task, what it works on, and what that task did before: the same operation of a loop's next round
//! is the same again, and after another branch it is another one.

use crate::base::{Access, Candidate, Keyed, Operation, ResourceKey, mix};

/// A place met a thing that another place, or none, had changed last: a hash of the three.
pub(super) type Sight = u64;

/// The sights of the run that goes on.
#[derive(Debug, Default)]
pub(super) struct Sights {
    /// The last operation of each task, by its number.
    last: Vec<u64>,
    /// Where each thing was changed last.
    changed: Keyed<ResourceKey, u64>,
    /// Where the step that goes on is: its task, its operation, and the one before.
    place: u64,
}

impl Sights {
    pub(super) fn clear(&mut self) {
        self.last.clear();
        self.changed.clear();
        self.place = 0;
    }

    /// A step begins.
    pub(super) fn begin(&mut self, candidate: &Candidate) {
        let number = candidate.number as usize;
        if self.last.len() <= number {
            self.last.resize(number + 1, 0);
        }
        let Operation { resource, access } = candidate.next;
        let operation = mix(resource.word(), access as u64);
        let before = std::mem::replace(&mut self.last[number], operation);
        self.place = mix(mix(candidate.moment.task.word(), before), operation);
    }

    /// The step that goes on met something; returns what that shows, if it has a name.
    pub(super) fn meet(&mut self, operation: &Operation) -> Option<Sight> {
        let Operation { resource, access } = *operation;
        if resource == ResourceKey::UNKNOWN {
            return None;
        }
        let changed = self.changed.get(&resource).copied().unwrap_or(0);
        let sight = mix(mix(self.place, resource.word()), changed);
        if access == Access::Write {
            self.changed.insert(resource, self.place);
        }
        Some(sight)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::base::{Moment, TaskKey, TaskNumber};

    fn step(
        sights: &mut Sights,
        number: TaskNumber,
        resource: u32,
        access: Access,
    ) -> Option<Sight> {
        let moment = Moment { task: TaskKey::LOOP.child(number), step: 1 };
        let next = Operation { resource: ResourceKey::named(&resource.to_string()), access };
        sights.begin(&Candidate { moment, number, parent: 0, next });
        sights.meet(&next)
    }

    /// The sights of steps, each a task, a thing, and how it is met.
    fn sights_of(steps: &[(TaskNumber, u32, Access)]) -> Vec<Sight> {
        let mut sights = Sights::default();
        let shown = steps.iter().filter_map(|(number, resource, access)| {
            step(&mut sights, *number, *resource, *access)
        });
        shown.collect::<BTreeSet<Sight>>().into_iter().collect()
    }

    #[test]
    fn what_is_read_after_a_write_is_another_sight_than_before_it() {
        use Access::{Read, Write};
        let before = sights_of(&[(1, 1, Read), (2, 1, Write)]);
        let after = sights_of(&[(2, 1, Write), (1, 1, Read)]);
        // The write is the same: it changes what nobody had changed.
        let same = before.iter().filter(|sight| after.contains(sight)).count();
        assert_eq!((before.len(), after.len(), same), (2, 2, 1));
        // Two reads may change places, and so may what does not meet.
        let two = |one, other| sights_of(&[(one, 1, Read), (other, 1, Read)]);
        assert_eq!(two(1, 2), two(2, 1));
        assert_eq!(
            sights_of(&[(1, 1, Write), (2, 2, Write)]),
            sights_of(&[(2, 2, Write), (1, 1, Write)])
        );
    }

    #[test]
    fn another_round_of_a_loop_shows_nothing_new() {
        let round = [(1, 1, Access::Read), (1, 1, Access::Write)];
        let rounds = |count: usize| sights_of(&round.repeat(count)).len();
        assert_eq!(rounds(3), rounds(20));
        assert!(rounds(3) > rounds(1));
    }
}
