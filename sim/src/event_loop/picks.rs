//! A queue from whose middle any entry can be picked by its position.

/// So many entries share a word of bits.
const WORD: usize = 64;

/// So many words share a count.
const BLOCK: usize = 64;

/// A queue of numbered entries: pushed at the end, picked at any position among those that are
/// left, which keep their order.
///
/// A pick leaves a gap. Bits tell gaps from entries, and counts for blocks of words let a position
/// be found without a look at each: a few steps for what fits into a word, and some dozens for a
/// hundred thousand entries. Gaps are swept when they outnumber the entries.
pub(super) struct Picks<T> {
    entries: Vec<(u64, Option<T>)>,
    /// A bit for each entry that is left.
    words: Vec<u64>,
    /// How many are left in each block of words.
    blocks: Vec<u32>,
    /// No word before this one has an entry left.
    first_word: usize,
    len: usize,
}

impl<T> Default for Picks<T> {
    fn default() -> Self {
        let (words, blocks) = (Vec::new(), Vec::new());
        Picks { entries: Vec::new(), words, blocks, first_word: 0, len: 0 }
    }
}

impl<T> Picks<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, number: u64, entry: T) {
        if self.entries.len() == self.entries.capacity() && self.len * 2 < self.entries.len() {
            self.sweep();
        }
        self.append(number, entry);
    }

    fn append(&mut self, number: u64, entry: T) {
        let at = self.entries.len();
        self.entries.push((number, Some(entry)));
        if at.is_multiple_of(WORD) {
            self.words.push(0);
        }
        if at.is_multiple_of(WORD * BLOCK) {
            self.blocks.push(0);
        }
        self.words[at / WORD] |= 1 << (at % WORD);
        self.blocks[at / (WORD * BLOCK)] += 1;
        self.len += 1;
    }

    /// The number of the oldest entry.
    pub(super) fn first(&mut self) -> Option<u64> {
        if self.len == 0 {
            return None;
        }
        while self.words[self.first_word] == 0 {
            self.first_word += 1;
        }
        let bit = self.words[self.first_word].trailing_zeros() as usize;
        Some(self.entries[self.first_word * WORD + bit].0)
    }

    /// Takes the entry at `position` among those that are left.
    pub(super) fn take(&mut self, position: usize) -> Option<T> {
        if position >= self.len {
            return None;
        }
        let at = self.find(position);
        self.words[at / WORD] &= !(1 << (at % WORD));
        self.blocks[at / (WORD * BLOCK)] -= 1;
        self.len -= 1;
        let entry = self.entries[at].1.take();
        if self.len == 0 {
            self.clear();
        }
        entry
    }

    /// Finds the entry at a position that there is.
    fn find(&self, position: usize) -> usize {
        let mut left = position;
        let mut block = 0;
        while left >= self.blocks[block] as usize {
            left -= self.blocks[block] as usize;
            block += 1;
        }
        let mut word = (block * BLOCK).max(self.first_word);
        loop {
            let count = self.words[word].count_ones() as usize;
            if left < count {
                return word * WORD + nth_bit(self.words[word], left);
            }
            left -= count;
            word += 1;
        }
    }

    /// Takes everything, in order.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = (u64, T)> + use<T> {
        let entries = std::mem::take(&mut self.entries);
        self.clear();
        entries.into_iter().filter_map(|(number, entry)| Some((number, entry?)))
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.words.clear();
        self.blocks.clear();
        (self.first_word, self.len) = (0, 0);
    }

    /// Closes the gaps.
    fn sweep(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.retain(|(_, entry)| entry.is_some());
        self.clear();
        self.len = entries.len();
        self.words.resize(self.len.div_ceil(WORD), u64::MAX);
        if let Some(last) = self.words.last_mut()
            && !self.len.is_multiple_of(WORD)
        {
            *last = (1 << (self.len % WORD)) - 1;
        }
        for block in self.words.chunks(BLOCK) {
            self.blocks.push(block.iter().map(|word| word.count_ones()).sum());
        }
        self.entries = entries;
    }
}

/// The position of the set bit number `n` of a word that has more than `n`.
fn nth_bit(word: u64, n: usize) -> usize {
    let (mut word, mut n, mut at) = (word, n as u32, 0);
    for half in [32, 16, 8, 4, 2, 1] {
        let low = (word & ((1 << half) - 1)).count_ones();
        if n >= low {
            n -= low;
            word >>= half;
            at += half;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a plain list, over many sizes and gaps.
    #[test]
    fn picks_what_a_list_would() {
        let mut random = fastrand::Rng::with_seed(1);
        let (mut picks, mut list) = (Picks::default(), Vec::new());
        for number in 0..60_000_u64 {
            // Grows to some thousand, shrinks to nothing, and grows again.
            let grows = (number / 10_000).is_multiple_of(2);
            if random.u32(0..10) < if grows { 9 } else { 1 } {
                picks.push(number, number);
                list.push(number);
            } else if !list.is_empty() {
                let position = random.usize(0..list.len());
                assert_eq!(picks.take(position), Some(list.remove(position)));
            }
            assert_eq!(picks.len(), list.len());
            assert_eq!(picks.first(), list.first().copied());
        }
        assert_eq!(picks.take(list.len()), None);
        let left: Vec<u64> = picks.take_all().map(|(_, entry)| entry).collect();
        assert_eq!((left, picks.len()), (list, 0));
    }
}
