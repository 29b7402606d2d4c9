//! Which of the operations that had begun and were not over a crash lets happen.

use super::contents::HALF;
use crate::world::fault::{Ratio, strikes, strikes_how};

/// Some of so many operations, in the order in which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happens {
    /// The first so many.
    First(usize),
    Only(usize),
    AllBut(usize),
    /// Of the first ones each on its own, and no other.
    Each,
}

const CLASS: &str = "an operation in flight takes effect";

/// How many are decided on one by one.
const EACH_MAX: usize = 8;

impl Happens {
    /// Chooses; the dull choice is that none happens.
    ///
    /// With a choice for each operation alone, that all of many happen would hardly be seen, or
    /// that all but one do.
    pub(super) fn choose(operations: usize) -> Self {
        let ways = Happens::ways(operations);
        match u32::try_from(ways.len()) {
            Ok(count) if count > 0 => {
                let way = strikes_how(CLASS, Ratio::new(count, count + 1), count) as usize;
                way.checked_sub(1).map_or(Happens::First(0), |way| ways[way])
            }
            _ => Happens::First(0),
        }
    }

    /// All ways in which some of them happen, each of them another.
    fn ways(operations: usize) -> Vec<Self> {
        let first = (1..=operations).map(Happens::First);
        let only = (1..operations).map(Happens::Only);
        // All but the last are the first ones, and of two all but the first are the last.
        let all_but = (0..operations.saturating_sub(1)).map(Happens::AllBut);
        let all_but = all_but.filter(|_| operations > 2);
        // Of three those are all.
        let each = (operations > 3).then_some(Happens::Each);
        first.chain(only).chain(all_but).chain(each).collect()
    }

    /// Tells whether the operation happens.
    pub(super) fn takes(self, index: usize) -> bool {
        match self {
            Happens::First(count) => index < count,
            Happens::Only(one) => index == one,
            Happens::AllBut(one) => index != one,
            Happens::Each => index < EACH_MAX && strikes(CLASS, HALF),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Happens;

    /// Of three or fewer each set of operations is one way, and none is two.
    #[test]
    fn the_ways_are_all_sets_and_each_once() {
        for operations in 0..=3_usize {
            let set = |way: &Happens| {
                (0..operations)
                    .filter(|index| way.takes(*index))
                    .fold(0, |set, index| set | 1 << index)
            };
            let ways = Happens::ways(operations);
            let sets: BTreeSet<u32> = ways.iter().map(set).collect();
            assert_eq!(sets, (1..1 << operations).collect(), "of {operations}");
            assert_eq!(ways.len(), sets.len(), "of {operations}");
        }
        assert_eq!(Happens::ways(9).len(), 9 + 8 + 8 + 1);
    }
}
