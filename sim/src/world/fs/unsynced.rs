//! What was written to a file since it was synced.

use std::collections::VecDeque;
use std::mem;

use super::contents::Write;
use super::left::{Left, behind, sectors};
use super::marks::{Mark, Marks};
use super::ranges::Ranges;
use super::survivors::{EACH_MAX, Fate, Survivors};
use crate::base::Instant;

/// The writes to a file since it was synced, in their order.
///
/// A program that never syncs writes for ever: those of long ago are one, which a crash leaves as a
/// whole or not at all.
#[derive(Default)]
pub(super) struct Unsynced {
    folded: Option<Folded>,
    writes: VecDeque<(Instant, Write)>,
    /// The number of the first of those.
    first: u64,
    marks: Marks,
    /// How much memory those take that are not among the last [`EACH_MAX`], in bytes.
    older: usize,
    /// How many of the first have lost their bytes in a sync that failed.
    forgotten: usize,
}

/// Writes of long ago.
struct Folded {
    /// What the file holds with them.
    bytes: Vec<u8>,
    /// When the last of them was made.
    when: Instant,
    /// To which length the file was cut at least.
    shortest: usize,
    /// The sectors in which they have put bytes since.
    sectors: Ranges,
    /// Where they have put bytes that no sync has forgotten.
    written: Ranges,
}

/// How much memory older writes take before they are folded, in bytes.
const FOLD_AT: usize = 64 * 1024;

/// How much memory a write takes beside its bytes.
pub(super) const WEIGHT: usize = 64;

impl Unsynced {
    /// Adds a write to a file of which `synced` is safe.
    pub(super) fn push(&mut self, when: Instant, write: Write, synced: &[u8]) {
        self.writes.push_back((when, write));
        let Some(last_older) = self.writes.len().checked_sub(EACH_MAX + 1) else { return };
        self.older += self.writes[last_older].1.weight();
        // What was synced is copied once, when as much was written.
        let copied = if self.folded.is_none() { synced.len() } else { 0 };
        if self.older > FOLD_AT.max(copied) {
            self.fold(synced);
        }
    }

    /// Makes one of the older ones, but for those that a sync does not cover which goes on.
    fn fold(&mut self, synced: &[u8]) {
        let older = self.writes.len() - EACH_MAX;
        let count = self.marks.first().map_or(older, |mark| older.min(self.before(mark)));
        if count == 0 {
            return;
        }
        let folded = self.folded.get_or_insert_with(|| Folded {
            bytes: synced.to_vec(),
            when: Instant::START,
            shortest: usize::MAX,
            sectors: Ranges::default(),
            written: Ranges::default(),
        });
        for (when, write) in self.writes.drain(..count) {
            self.older -= write.weight();
            folded.add(when, &write);
        }
        self.first += count as u64;
        self.forgotten = self.forgotten.saturating_sub(count);
    }

    /// How many of the writes come before a mark.
    fn before(&self, mark: u64) -> usize {
        // Another sync may have taken over what comes behind it.
        self.writes.len().min(mark.saturating_sub(self.first) as usize)
    }

    /// Marks what was written until now, for a sync that begins.
    pub(super) fn mark(&mut self) -> Mark {
        self.marks.set(self.first + self.writes.len() as u64)
    }

    /// Takes over what was written before a mark into what is synced.
    pub(super) fn sync(&mut self, synced: &mut Vec<u8>, mark: u64) {
        let count = self.before(mark);
        if let Some(folded) = self.folded.take() {
            *synced = folded.bytes;
        }
        // Not the whole file: a log is synced at each record.
        self.writes.drain(..count).for_each(|(_, write)| write.apply(synced));
        self.first += count as u64;
        self.forgotten = self.forgotten.saturating_sub(count);
        self.weigh();
    }

    fn weigh(&mut self) {
        let older = self.writes.len().saturating_sub(EACH_MAX);
        self.older = self.writes.iter().take(older).map(|(_, write)| write.weight()).sum();
    }

    /// Forgets the bytes that were written before a mark, but not the lengths; adds to `forgotten`
    /// where.
    pub(super) fn forget(&mut self, synced: &[u8], forgotten: &mut Ranges, mark: u64) {
        let count = self.before(mark);
        if let Some(folded) = &mut self.folded {
            folded.forget(synced, forgotten);
        }
        for (_, write) in self.writes.iter_mut().take(count).skip(self.forgotten) {
            match write {
                Write::At(at, bytes) => {
                    let (from, end) = (*at, *at + bytes.len());
                    forgotten.insert(from..end);
                    *write = Write::Extend(end);
                }
                Write::Cut(length) => forgotten.remove(*length..usize::MAX),
                Write::Extend(_) => {}
            }
        }
        // What came later is still to be written.
        for (_, write) in self.writes.iter().skip(count) {
            match write {
                Write::At(at, bytes) => forgotten.remove(*at..*at + bytes.len()),
                Write::Cut(length) => forgotten.remove(*length..usize::MAX),
                Write::Extend(_) => {}
            }
        }
        self.forgotten = self.forgotten.max(count);
        self.weigh();
    }

    /// Flips all bits of a byte, wherever it was written.
    pub(super) fn corrupt(&mut self, at: usize) {
        let folded = self.folded.as_mut().and_then(|folded| folded.bytes.get_mut(at));
        let written = self.writes.iter_mut().filter_map(|(_, write)| match write {
            Write::At(from, bytes) => at.checked_sub(*from).and_then(|at| bytes.get_mut(at)),
            Write::Extend(_) | Write::Cut(_) => None,
        });
        folded.into_iter().chain(written).for_each(|byte| *byte = !*byte);
    }

    /// What the file holds, if `synced` is safe.
    pub(super) fn applied(&self, synced: &[u8]) -> Vec<u8> {
        let mut bytes = self.folded.as_ref().map_or(synced, |folded| &folded.bytes).to_vec();
        self.writes.iter().for_each(|(_, write)| write.apply(&mut bytes));
        bytes
    }

    /// Adds to what was synced what choices leave of it in a crash. Returns when the last write was
    /// made of which something is left.
    pub(super) fn survive(self, left: &mut Left) -> Option<Instant> {
        let survivors = Survivors::choose(self.writes.len() + usize::from(self.folded.is_some()));
        let mut changed = None;
        let mut index = 0;
        if let Some(folded) = self.folded {
            // It is never among the last ones.
            if survivors.fate(0) == Fate::Whole {
                left.bytes = folded.bytes;
                changed = Some(folded.when);
            } else {
                left.lose_sectors(&folded.sectors, folded.shortest);
            }
            index = 1;
        }
        for (when, write) in &self.writes {
            let is_left = match survivors.fate(index) {
                Fate::Whole => left.keep(write),
                Fate::Lost => {
                    left.lose(write);
                    false
                }
                Fate::Open => left.choose(write),
            };
            if is_left {
                changed = Some(*when);
            }
            index += 1;
        }
        changed
    }
}

impl Folded {
    fn add(&mut self, when: Instant, write: &Write) {
        write.apply(&mut self.bytes);
        self.when = when;
        match write {
            Write::At(at, bytes) => {
                self.written.insert(*at..*at + bytes.len());
                self.sectors.insert(sectors(*at, *at + bytes.len()));
            }
            Write::Cut(length) => {
                self.shortest = self.shortest.min(*length);
                self.written.remove(*length..usize::MAX);
                self.sectors.remove(behind(*length));
            }
            Write::Extend(_) => {}
        }
    }

    fn forget(&mut self, synced: &[u8], forgotten: &mut Ranges) {
        self.sectors = Ranges::default();
        for range in mem::take(&mut self.written).iter() {
            for at in range.clone() {
                // What was cut off and filled again is zeros.
                let was = if at < self.shortest { synced.get(at) } else { None };
                self.bytes[at] = was.copied().unwrap_or(0);
            }
            forgotten.insert(range);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two thousand writes in a file of which 40 bytes are synced: what is kept of them is bounded,
    /// and a sync that has failed forgets bytes of long ago as well.
    #[test]
    fn writes_of_long_ago_are_one_and_are_forgotten_as_each_would_be() {
        let synced = vec![b'A'; 40];
        let (mut unsynced, mut forgotten) = (Unsynced::default(), Ranges::default());
        let push = |unsynced: &mut Unsynced, write| unsynced.push(Instant::START, write, &synced);
        push(&mut unsynced, Write::Cut(30));
        push(&mut unsynced, Write::Extend(50));
        for number in 0..2_000_usize {
            push(&mut unsynced, Write::At(20 + number % 25, b"B".to_vec()));
            assert!(unsynced.writes.len() <= FOLD_AT / WEIGHT + EACH_MAX, "{number}");
        }
        assert!(unsynced.folded.is_some());
        let mark = unsynced.mark();
        unsynced.forget(&synced, &mut forgotten, *mark);
        assert!(forgotten.iter().eq(std::iter::once(20..45)));
        push(&mut unsynced, Write::At(0, b"C".to_vec()));
        let mut after = synced.clone();
        let mark = unsynced.mark();
        unsynced.sync(&mut after, *mark);
        let mut expected = vec![b'A'; 30];
        expected[0] = b'C';
        expected.resize(50, 0);
        assert_eq!(after, expected);
    }

    /// A cut from before the first failure takes nothing from what the two have forgotten.
    #[test]
    fn a_second_failure_forgets_no_less() {
        let (mut unsynced, mut forgotten) = (Unsynced::default(), Ranges::default());
        unsynced.push(Instant::START, Write::Cut(3), b"AAAA");
        unsynced.push(Instant::START, Write::At(2, b"BBBB".to_vec()), b"AAAA");
        for _ in 0..2 {
            let mark = unsynced.mark();
            unsynced.forget(b"AAAA", &mut forgotten, *mark);
            assert!(forgotten.iter().eq(std::iter::once(2..6)));
        }
    }
}
