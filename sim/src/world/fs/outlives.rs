//! Which of the changes of directories that are not synced outlive a crash.

use std::collections::BTreeSet;

use super::disk::NodeId;
use super::survivors::EACH_MAX;
use crate::world::fault::strikes_after;

/// One of the changes, in their order.
#[derive(Default)]
pub(super) struct Step {
    /// Those before it without which it cannot be there; those that they need are left out.
    pub(super) needs: Vec<usize>,
    /// The directories that it changes.
    pub(super) directories: BTreeSet<NodeId>,
}

/// Some of the changes, each with what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The first so many, as where there is a journal.
    First(usize),
    /// All but this one and those that need it.
    AllBut(usize),
    /// Those of its directories up to this one.
    Directory(usize),
}

/// Chooses which of the changes are there; the dull choice is none. Of the last ones alone each may
/// be lost on its own, and a directory be ahead of the others.
///
/// One choice, not one after the other: of many changes all but a few would never outlive.
pub(super) fn choose(steps: &[Step]) -> Vec<bool> {
    let ways = ways(steps);
    match strikes_after("unsynced names survive", ways.len()).checked_sub(1) {
        Some(way) => ways[way].kept(steps),
        None => vec![false; steps.len()],
    }
}

/// All ways in which some of them are there, each of them another.
fn ways(steps: &[Step]) -> Vec<Way> {
    let count = steps.len();
    let oldest = count.saturating_sub(EACH_MAX);
    let first = (1..=count).map(Way::First);
    let differs = |way: &Way, other: Way| way.kept(steps) != other.kept(steps);
    let all_but = (oldest..count).map(|one| (one, Way::AllBut(one)));
    let all_but = all_but.filter(|(one, way)| differs(way, Way::First(*one)));
    let directories = (oldest..count).map(|last| (last, Way::Directory(last)));
    let directories = directories.filter(|(last, way)| {
        let lost = way.kept(steps).iter().position(|kept| !kept);
        differs(way, Way::First(last + 1))
            && lost.is_none_or(|lost| lost < oldest || differs(way, Way::AllBut(lost)))
    });
    first.chain(all_but.chain(directories).map(|(_, way)| way)).collect()
}

impl Way {
    fn kept(self, steps: &[Step]) -> Vec<bool> {
        match self {
            Way::First(count) => (0..steps.len()).map(|index| index < count).collect(),
            Way::AllBut(one) => {
                let mut kept = vec![true; steps.len()];
                kept[one] = false;
                for index in one + 1..steps.len() {
                    kept[index] = steps[index].needs.iter().all(|need| kept[*need]);
                }
                kept
            }
            Way::Directory(last) => {
                let shares = |step: &Step| !step.directories.is_disjoint(&steps[last].directories);
                let mut kept = vec![false; steps.len()];
                for index in (0..=last).rev() {
                    kept[index] |= shares(&steps[index]);
                    if kept[index] {
                        steps[index].needs.iter().for_each(|need| kept[*need] = true);
                    }
                }
                kept
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(needs: &[usize], directories: &[NodeId]) -> Step {
        Step { needs: needs.to_vec(), directories: directories.iter().copied().collect() }
    }

    /// Each way as the digits of the changes that are there.
    fn told(steps: &[Step]) -> Vec<String> {
        let told = |way: &Way| {
            let kept = way.kept(steps).into_iter().enumerate().filter(|(_, kept)| *kept);
            kept.map(|(index, _)| index.to_string()).collect()
        };
        ways(steps).iter().map(told).collect()
    }

    #[test]
    fn each_way_is_another_and_needs_nothing_that_is_lost() {
        assert_eq!(told(&[]), [""; 0]);
        assert_eq!(told(&[step(&[], &[1])]), ["0"]);
        assert_eq!(told(&[step(&[], &[1]), step(&[], &[1])]), ["0", "01", "1"]);
        // The second is of the same file.
        assert_eq!(told(&[step(&[], &[1]), step(&[0], &[1])]), ["0", "01"]);
        // Two directories: all sets but those in which each is a first part of its own.
        let two = [step(&[], &[1]), step(&[], &[2]), step(&[], &[1]), step(&[], &[2])];
        assert_eq!(told(&two), ["0", "01", "012", "0123", "123", "023", "013", "1", "02", "13"]);
        // The last one is moved from the first directory to the second.
        let moved = [step(&[], &[1]), step(&[], &[2]), step(&[0], &[1, 2])];
        assert_eq!(told(&moved), ["0", "01", "012", "1", "02"]);
        let many: Vec<Step> = (0..1_000).map(|_| step(&[], &[1])).collect();
        assert_eq!(ways(&many).len(), 1_000 + EACH_MAX - 1);
    }
}
