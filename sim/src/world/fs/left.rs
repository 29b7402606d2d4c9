//! What a crash leaves of a file: sectors, each as it was at some moment, and a length.

use super::contents::{HALF, Write};
use super::ranges::Ranges;
use super::survivors::CLASS;
use crate::world::fault::{Ratio, strikes, strikes_how};

/// How many bytes a disk writes as a whole or not at all. Source: SQLite, "Atomic Commit In
/// SQLite", 2.0, on sectors of 512 bytes; NVM Express Base Specification, "Atomic Operations": one
/// logical block at least.
const SECTOR: usize = 512;

/// In how many places a write can be cut short, and one more for the whole of it.
const TORN_AT: u32 = 8;

/// The way beside those: some of the sectors survive.
const SOME_SECTORS: u32 = TORN_AT + 1;

/// Among how many groups of sectors those are chosen, at most.
const GROUPS_MAX: usize = 8;

/// What is on the disk, of the writes that were looked at so far.
pub(super) struct Left {
    pub(super) bytes: Vec<u8>,
    /// The sectors that have missed a write: the system writes a sector as it is at some moment,
    /// so that nothing which came to them later is there either.
    stale: Ranges,
    /// A cut was lost: lengths come to the disk in their order, so that each later one is, too.
    pub(super) is_cut_lost: bool,
}

impl Left {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Left { bytes, stale: Ranges::default(), is_cut_lost: false }
    }

    /// Writes of these sectors are lost, and the shortest of the cuts that came with them.
    pub(super) fn lose_sectors(&mut self, sectors: &Ranges, shortest: usize) {
        sectors.iter().for_each(|range| self.stale.insert(range));
        self.lose_cut(shortest);
    }

    /// A write is not there.
    pub(super) fn lose(&mut self, write: &Write) {
        match write {
            Write::At(at, bytes) => self.stale.insert(sectors(*at, at + bytes.len())),
            Write::Extend(_) => {}
            Write::Cut(length) => self.lose_cut(*length),
        }
    }

    fn lose_cut(&mut self, length: usize) {
        if length < self.bytes.len() {
            self.is_cut_lost = true;
            // What was written behind it went elsewhere: old and new contents do not mix.
            self.stale.insert(length / SECTOR..usize::MAX);
        }
    }

    /// A write is there, but for sectors that have missed one before. Tells whether something is
    /// left of it.
    pub(super) fn keep(&mut self, write: &Write) -> bool {
        match write {
            Write::At(at, bytes) => self.put(*at, bytes, at + bytes.len()),
            Write::Extend(length) => self.grow(*length),
            Write::Cut(length) => {
                let is_cut = !self.is_cut_lost && *length < self.bytes.len();
                if is_cut {
                    self.bytes.truncate(*length);
                    self.stale.remove(behind(*length));
                }
                is_cut
            }
        }
    }

    /// A write is there as a whole, in part or not at all. Tells whether something is left of it.
    pub(super) fn choose(&mut self, write: &Write) -> bool {
        let is_left = match write {
            Write::At(at, bytes) => return self.choose_bytes(*at, bytes),
            Write::Extend(length) => self.grows(*length),
            Write::Cut(length) => !self.is_cut_lost && *length < self.bytes.len(),
        };
        let survives = is_left && strikes(CLASS, HALF);
        if survives {
            self.keep(write);
        } else {
            self.lose(write);
        }
        survives
    }

    fn choose_bytes(&mut self, at: usize, bytes: &[u8]) -> bool {
        let end = at + bytes.len();
        let range = sectors(at, end);
        let (is_new, is_one) = (self.grows(end), range.len() == 1);
        let ways = match self.stale.gaps(range.clone()).is_empty() {
            // Nobody could see more of it than its length.
            true => u32::from(is_new),
            false if is_one && end <= self.bytes.len() => 1,
            false => SOME_SECTORS,
        };
        let way = if ways == 0 { 0 } else { strikes_how(CLASS, HALF, ways) };
        let kept = match way {
            0 => at,
            1 => return self.put(at, bytes, end),
            SOME_SECTORS => {
                self.scatter(at, bytes);
                return true;
            }
            part => {
                let cut = at + bytes.len() * (part as usize - 1) / TORN_AT as usize;
                // What was there before changes by whole sectors.
                let is_new = cut >= self.bytes.len();
                if is_new { cut } else { (cut / SECTOR * SECTOR).max(at) }
            }
        };
        if way > 0 {
            self.put(at, bytes, kept);
        }
        self.stale.insert(kept / SECTOR..range.end);
        way > 0
    }

    /// Leaves what of the bytes at a place stands before `end`.
    fn put(&mut self, at: usize, bytes: &[u8], end: usize) -> bool {
        let grows = self.grow(end);
        let kept = self.stale.gaps(sectors(at, end));
        for range in &kept {
            let (from, to) = ((range.start * SECTOR).max(at), (range.end * SECTOR).min(end));
            self.bytes[from..to].copy_from_slice(&bytes[from - at..to - at]);
        }
        grows || !kept.is_empty()
    }

    /// Leaves some of the sectors of a write, and the length that the file has with the whole of
    /// it.
    fn scatter(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        self.grow(end);
        let range = sectors(at, end);
        let groups = range.len().min(GROUPS_MAX);
        let kept = match groups {
            1 => 0,
            _ => strikes_how("sectors of it survive", Ratio::ONE, (1 << groups) - 1),
        };
        for sector in range.clone() {
            if kept >> ((sector - range.start) * groups / range.len()) & 1 == 1 {
                let (from, to) = ((sector * SECTOR).max(at), ((sector + 1) * SECTOR).min(end));
                self.put(from, &bytes[from - at..to - at], to);
            } else {
                self.stale.insert(sector..sector + 1);
            }
        }
    }

    fn grows(&self, length: usize) -> bool {
        !self.is_cut_lost && length > self.bytes.len()
    }

    fn grow(&mut self, length: usize) -> bool {
        let grows = self.grows(length);
        if grows {
            self.bytes.resize(length, 0);
        }
        grows
    }
}

/// The sectors in which bytes stand.
pub(super) fn sectors(from: usize, end: usize) -> std::ops::Range<usize> {
    from / SECTOR..end.div_ceil(SECTOR)
}

/// The sectors behind a length.
pub(super) fn behind(length: usize) -> std::ops::Range<usize> {
    length.div_ceil(SECTOR)..usize::MAX
}
