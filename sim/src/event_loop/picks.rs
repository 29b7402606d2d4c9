//! A queue from whose middle any entry can be picked at the cost of the first.

/// Marks the end of the list.
const NONE: u32 = u32::MAX;

/// A queue of numbered entries that is pushed at the end and picked anywhere.
///
/// The entries stand densely, in an order of their own, since the last one takes the place of the
/// one that is picked. Position 0 is always the oldest. Which that is once it is picked itself is
/// looked for among all, which is cheap where any is picked as often as another. Where the oldest
/// is picked more often than that, links keep the order in which entries came, so that every
/// operation takes a few steps, whatever their number.
pub(super) struct Picks<T> {
    nodes: Vec<Node<T>>,
    oldest: u32,
    /// How many nodes may still be looked at before links are worth their cost.
    credit: u64,
    is_linked: bool,
    /// Empty unless it is linked.
    links: Links,
}

struct Node<T> {
    number: u64,
    entry: T,
}

/// The order of the nodes.
struct Links {
    /// Of each node, by its index: the next older and the next newer one.
    of: Vec<(u32, u32)>,
    newest: u32,
}

/// How many nodes each push lets be looked at.
const CREDIT: u64 = 8;

impl<T> Default for Picks<T> {
    fn default() -> Self {
        let links = Links { of: Vec::new(), newest: NONE };
        Picks { nodes: Vec::new(), oldest: NONE, credit: 0, is_linked: false, links }
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
        if self.nodes.is_empty() {
            self.oldest = 0;
        }
        self.credit += CREDIT;
        if self.is_linked {
            self.push_link();
        }
        self.nodes.push(Node { number, entry });
    }

    #[inline(never)]
    fn push_link(&mut self) {
        let at = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        assert!(at != NONE, "more than 4 billion steps are ready");
        let newest = std::mem::replace(&mut self.links.newest, at);
        self.links.of.push((newest, NONE));
        if let Some(links) = self.links.of.get_mut(newest as usize) {
            links.1 = at;
        }
    }

    /// The number of the oldest entry.
    pub(super) fn first(&self) -> Option<u64> {
        self.nodes.get(self.oldest as usize).map(|node| node.number)
    }

    /// Where the entry at `position` stands: 0 is the oldest, the others follow as they stand.
    #[inline]
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
        if self.is_linked {
            let (_, newer) = *self.links.of.get(index)?;
            return (newer != NONE).then_some(newer as usize);
        }
        let number = self.nodes.get(index)?.number;
        let newer = self.nodes.iter().enumerate().filter(|(_, node)| node.number > number);
        newer.min_by_key(|(_, node)| node.number).map(|(index, _)| index)
    }

    /// Takes the entry at `position`: 0 is the oldest.
    #[cfg(test)]
    fn take(&mut self, position: usize) -> Option<T> {
        self.take_at(self.index_of(position))
    }

    /// Takes the entry that stands at `at`; the last one takes its place.
    #[inline(always)]
    pub(super) fn take_at(&mut self, at: usize) -> Option<T> {
        if at >= self.nodes.len() {
            return None;
        }
        if self.is_linked {
            self.take_link(at);
            return Some(self.nodes.swap_remove(at).entry);
        }
        let entry = self.nodes.swap_remove(at).entry;
        if self.oldest as usize == at {
            self.find_oldest();
        } else if self.oldest as usize == self.nodes.len() {
            self.oldest = at as u32;
        }
        Some(entry)
    }

    /// Takes the entry at `at` out of the order, before it is taken out itself.
    #[inline(never)]
    fn take_link(&mut self, at: usize) {
        let (older, newer) = self.links.of[at];
        self.join(older, newer, newer, older);
        self.links.of.swap_remove(at);
        if let Some((older, newer)) = self.links.of.get(at).copied() {
            self.join(older, at as u32, newer, at as u32);
        }
    }

    /// Says what comes after `older` and what comes before `newer`; without one of them, which is
    /// the oldest or the newest.
    #[inline]
    fn join(&mut self, older: u32, after_older: u32, newer: u32, before_newer: u32) {
        match self.links.of.get_mut(older as usize) {
            Some(links) => links.1 = after_older,
            None => self.oldest = after_older,
        }
        match self.links.of.get_mut(newer as usize) {
            Some(links) => links.0 = before_newer,
            None => self.links.newest = before_newer,
        }
    }

    /// Finds the oldest entry among all.
    #[inline(never)]
    fn find_oldest(&mut self) {
        let count = self.nodes.len() as u64;
        match self.credit.checked_sub(count) {
            Some(left) => {
                // What was not needed is of no use later.
                self.credit = left.min(CREDIT * count);
                let nodes = self.nodes.iter().enumerate();
                let oldest = nodes.min_by_key(|(_, node)| node.number);
                self.oldest = oldest.map_or(NONE, |(index, _)| index as u32);
            }
            None => self.link(),
        }
    }

    /// Keeps the order of the entries from now on.
    pub(super) fn link(&mut self) {
        if std::mem::replace(&mut self.is_linked, true) {
            return;
        }
        let mut order: Vec<u32> = (0..self.nodes.len()).map(|index| index as u32).collect();
        order.sort_unstable_by_key(|index| self.nodes[*index as usize].number);
        self.links.of.resize(order.len(), (NONE, NONE));
        self.oldest = NONE;
        for at in order {
            let older = std::mem::replace(&mut self.links.newest, at);
            self.join(older, at, at, older);
        }
    }

    /// Keeps the order no more, until that is worth its cost.
    pub(super) fn unlink(&mut self) {
        (self.is_linked, self.credit) = (false, 0);
        self.links.of.clear();
        self.links.newest = NONE;
    }

    /// Takes everything, in order.
    pub(super) fn take_all(&mut self) -> Vec<(u64, T)> {
        self.oldest = NONE;
        self.unlink();
        let nodes = std::mem::take(&mut self.nodes).into_iter();
        let mut all: Vec<_> = nodes.map(|node| (node.number, node.entry)).collect();
        all.sort_by_key(|(number, _)| *number);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a plain list: every entry is at one position, and the oldest at 0; linked or not.
    #[test]
    fn picks_each_entry_once_and_the_oldest_first() {
        let mut random = fastrand::Rng::with_seed(1);
        let (mut picks, mut list) = (Picks::default(), Vec::new());
        for number in 0..60_000_u64 {
            match number {
                20_000 => picks.link(),
                40_000 => picks.unlink(),
                _ => {}
            }
            // Grows to some thousand, shrinks to nothing, and grows again.
            let grows = (number / 10_000).is_multiple_of(2);
            if random.u32(0..10) < if grows { 9 } else { 1 } {
                picks.push(number, number);
                list.push(number);
            } else if !list.is_empty() {
                let position = random.usize(0..list.len()) * random.usize(0..2);
                let index = picks.index_of(position);
                assert_eq!(picks.position_of(index), position);
                let newer = picks.newer_than(index).and_then(|newer| picks.get(newer).copied());
                let taken = picks.take(position).expect("there is one at each position");
                let at = list.binary_search(&taken).expect("nothing is taken twice");
                assert_eq!((at == 0, newer), (position == 0, list.get(at + 1).copied()));
                list.remove(at);
            }
            assert_eq!((picks.len(), picks.first()), (list.len(), list.first().copied()));
        }
        assert_eq!(picks.take(list.len()), None);
        let left: Vec<u64> = picks.take_all().into_iter().map(|(_, entry)| entry).collect();
        assert_eq!((left, picks.len()), (list, 0));
    }

    /// Who always picks the oldest gets links before it has looked at many.
    #[test]
    fn what_is_looked_at_stays_in_proportion_to_what_was_pushed() {
        let mut picks = Picks::default();
        (0..1_000_u64).for_each(|number| picks.push(number, number));
        for number in 1_000..2_000 {
            assert_eq!(picks.take(0), Some(number - 1_000));
            picks.push(number, number);
            assert_eq!(picks.is_linked, number >= 1_008, "at {number}");
        }
        // One of so many that is picked at random costs no more than the pushes have paid for.
        let mut random = fastrand::Rng::with_seed(1);
        picks.unlink();
        for number in 2_000..200_000 {
            picks.push(number, number);
            assert!(picks.take(random.usize(0..picks.len())).is_some());
        }
        assert!(!picks.is_linked);
    }
}
