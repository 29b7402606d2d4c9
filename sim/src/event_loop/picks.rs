//! A queue from whose middle any entry can be picked at the cost of the first.

/// Marks the end of the list.
const NONE: u32 = u32::MAX;

/// A queue of numbered entries that is pushed at the end and picked anywhere.
///
/// The entries stand densely, in an order of their own, since the last one takes the place of the
/// one that is picked; links keep the order in which they came. So every operation takes a few
/// steps, whatever the number of entries, and position 0 is always the oldest.
pub(super) struct Picks<T> {
    nodes: Vec<Node<T>>,
    oldest: u32,
    newest: u32,
}

struct Node<T> {
    number: u64,
    /// The next older and the next newer one.
    older: u32,
    newer: u32,
    entry: T,
}

impl<T> Default for Picks<T> {
    fn default() -> Self {
        Picks { nodes: Vec::new(), oldest: NONE, newest: NONE }
    }
}

impl<T> Picks<T> {
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.nodes.capacity()
    }

    #[inline(always)]
    pub(super) fn push(&mut self, number: u64, entry: T) {
        let at = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        assert!(at != NONE, "more than 4 billion steps are ready");
        let older = std::mem::replace(&mut self.newest, at);
        match self.nodes.get_mut(older as usize) {
            Some(node) => node.newer = at,
            None => self.oldest = at,
        }
        self.nodes.push(Node { number, older, newer: NONE, entry });
    }

    /// The number of the oldest entry.
    pub(super) fn first(&self) -> Option<u64> {
        self.nodes.get(self.oldest as usize).map(|node| node.number)
    }

    /// Where the entry at `position` stands: 0 is the oldest, the others follow as they stand.
    pub(super) fn index_of(&self, position: usize) -> usize {
        let oldest = self.oldest as usize;
        match position {
            0 => oldest,
            _ if position <= oldest => position - 1,
            _ => position,
        }
    }

    /// The position of the entry that stands at `index`.
    pub(super) fn position_of(&self, index: usize) -> usize {
        let oldest = self.oldest as usize;
        match index {
            _ if index == oldest => 0,
            _ if index < oldest => index + 1,
            _ => index,
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.nodes.get(index).map(|node| &node.entry)
    }

    /// Where the entry stands that came after the one at `index`.
    pub(super) fn newer_than(&self, index: usize) -> Option<usize> {
        let newer = self.nodes.get(index)?.newer;
        (newer != NONE).then_some(newer as usize)
    }

    /// Takes the entry at `position`: 0 is the oldest.
    #[cfg(test)]
    fn take(&mut self, position: usize) -> Option<T> {
        self.take_at(self.index_of(position))
    }

    /// Takes the entry that stands at `at`; the last one takes its place.
    #[inline]
    pub(super) fn take_at(&mut self, at: usize) -> Option<T> {
        let taken = self.nodes.get(at)?;
        let (older, newer) = (taken.older, taken.newer);
        self.link(older, newer, newer, older);
        let entry = self.nodes.swap_remove(at).entry;
        if let Some(moved) = self.nodes.get(at) {
            let (older, newer, at) = (moved.older, moved.newer, at as u32);
            self.link(older, at, newer, at);
        }
        Some(entry)
    }

    /// Says what comes after `older` and what comes before `newer`; without one of them, which is
    /// the oldest or the newest.
    #[inline]
    fn link(&mut self, older: u32, after_older: u32, newer: u32, before_newer: u32) {
        match self.nodes.get_mut(older as usize) {
            Some(node) => node.newer = after_older,
            None => self.oldest = after_older,
        }
        match self.nodes.get_mut(newer as usize) {
            Some(node) => node.older = before_newer,
            None => self.newest = before_newer,
        }
    }

    /// Takes everything, in order.
    pub(super) fn take_all(&mut self) -> Vec<(u64, T)> {
        (self.oldest, self.newest) = (NONE, NONE);
        let nodes = std::mem::take(&mut self.nodes).into_iter();
        let mut all: Vec<_> = nodes.map(|node| (node.number, node.entry)).collect();
        all.sort_by_key(|(number, _)| *number);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a plain list: every entry is at one position, and the oldest at 0.
    #[test]
    fn picks_each_entry_once_and_the_oldest_first() {
        let mut random = fastrand::Rng::with_seed(1);
        let (mut picks, mut list) = (Picks::default(), Vec::new());
        for number in 0..60_000_u64 {
            // Grows to some thousand, shrinks to nothing, and grows again.
            let grows = (number / 10_000).is_multiple_of(2);
            if random.u32(0..10) < if grows { 9 } else { 1 } {
                picks.push(number, number);
                list.push(number);
            } else if !list.is_empty() {
                let position = random.usize(0..list.len()) * random.usize(0..2);
                let taken = picks.take(position).expect("there is one at each position");
                let at = list.binary_search(&taken).expect("nothing is taken twice");
                assert_eq!(at == 0, position == 0);
                list.remove(at);
            }
            assert_eq!((picks.len(), picks.first()), (list.len(), list.first().copied()));
        }
        assert_eq!(picks.take(list.len()), None);
        let left: Vec<u64> = picks.take_all().into_iter().map(|(_, entry)| entry).collect();
        assert_eq!((left, picks.len()), (list, 0));
    }
}
