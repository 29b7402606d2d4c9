//! What was written to a file since it was synced.

use std::collections::VecDeque;
use std::mem;

use super::contents::Write;
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
    has_cut: bool,
    /// To which length the file was cut at least.
    shortest: usize,
    /// Where they have put bytes that no sync has forgotten.
    written: Ranges,
}

/// How much memory older writes take before they are folded, in bytes.
const FOLD_AT: usize = 64 * 1024;

/// How much memory a write takes beside its bytes.
const WEIGHT: usize = 64;

impl Unsynced {
    /// Adds a write to a file of which `synced` is safe.
    pub(super) fn push(&mut self, when: Instant, write: Write, synced: &[u8]) {
        self.writes.push_back((when, write));
        let Some(last_older) = self.writes.len().checked_sub(EACH_MAX + 1) else { return };
        self.older += WEIGHT + self.writes[last_older].1.length();
        // What was synced is copied once, when as much was written.
        let copied = if self.folded.is_none() { synced.len() } else { 0 };
        if self.older > FOLD_AT.max(copied) {
            self.fold(synced);
        }
    }

    fn fold(&mut self, synced: &[u8]) {
        let folded = self.folded.get_or_insert_with(|| Folded {
            bytes: synced.to_vec(),
            when: Instant::START,
            has_cut: false,
            shortest: usize::MAX,
            written: Ranges::default(),
        });
        let count = self.writes.len() - EACH_MAX;
        for (when, write) in self.writes.drain(..count) {
            folded.add(when, &write);
        }
        self.older = 0;
        self.forgotten = self.forgotten.saturating_sub(count);
    }

    /// Takes over what was written into what is synced.
    pub(super) fn sync(&mut self, synced: &mut Vec<u8>) {
        if let Some(folded) = self.folded.take() {
            *synced = folded.bytes;
        }
        // Not the whole file: a log is synced at each record.
        self.writes.drain(..).for_each(|(_, write)| write.apply(synced));
        (self.older, self.forgotten) = (0, 0);
    }

    /// Forgets the bytes that were written, but not the lengths; adds to `forgotten` where.
    pub(super) fn forget(&mut self, synced: &[u8], forgotten: &mut Ranges) {
        if let Some(folded) = &mut self.folded {
            folded.forget(synced, forgotten);
        }
        for (_, write) in self.writes.iter_mut().skip(self.forgotten) {
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
        self.forgotten = self.writes.len();
        self.older = self.writes.len().saturating_sub(EACH_MAX) * WEIGHT;
    }

    /// Flips all bits of a byte, if it stands in what was folded.
    pub(super) fn corrupt(&mut self, at: usize) {
        if let Some(byte) = self.folded.as_mut().and_then(|folded| folded.bytes.get_mut(at)) {
            *byte = !*byte;
        }
    }

    /// Adds to what was synced what choices leave of it in a crash. Returns when the last write was
    /// made of which something is left, and whether a cut of the file was lost.
    pub(super) fn survive(self, left: &mut Vec<u8>) -> (Option<Instant>, bool) {
        let survivors = Survivors::choose(self.writes.len() + usize::from(self.folded.is_some()));
        let mut changed = None;
        let mut index = 0;
        if let Some(folded) = self.folded {
            // It is never among the last ones.
            if survivors.fate(0) == Fate::Whole {
                *left = folded.bytes;
                changed = Some(folded.when);
            } else if folded.has_cut {
                return (None, true);
            }
            index = 1;
        }
        for (when, write) in &self.writes {
            let survives = match survivors.fate(index) {
                Fate::Whole => {
                    write.apply(left);
                    true
                }
                Fate::Lost => false,
                Fate::Open => write.survives(left),
            };
            match survives {
                true => changed = Some(*when),
                // What was written behind a cut is not on the disk before it: old and new contents
                // do not mix.
                false if write.is_cut() => return (changed, true),
                false => {}
            }
            index += 1;
        }
        (changed, false)
    }
}

impl Folded {
    fn add(&mut self, when: Instant, write: &Write) {
        write.apply(&mut self.bytes);
        self.when = when;
        match write {
            Write::At(at, bytes) => self.written.insert(*at..*at + bytes.len()),
            Write::Cut(length) => {
                self.has_cut = true;
                self.shortest = self.shortest.min(*length);
                self.written.remove(*length..usize::MAX);
            }
            Write::Extend(_) => {}
        }
    }

    fn forget(&mut self, synced: &[u8], forgotten: &mut Ranges) {
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
        unsynced.forget(&synced, &mut forgotten);
        assert!(forgotten.iter().eq(std::iter::once(20..45)));
        push(&mut unsynced, Write::At(0, b"C".to_vec()));
        let mut after = synced.clone();
        unsynced.sync(&mut after);
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
            unsynced.forget(b"AAAA", &mut forgotten);
            assert!(forgotten.iter().eq(std::iter::once(2..6)));
        }
    }
}
