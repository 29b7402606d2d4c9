//! The bytes of a file: those that a program sees, those that are safe, and what a crash leaves.

use std::mem;

use super::marks::Mark;
use super::ranges::Ranges;
use super::survivors::CLASS;
use super::unsynced::{Unsynced, WEIGHT};
use crate::base::Instant;
use crate::world::fault::{Ratio, strikes, strikes_how};

/// How many bytes a disk writes as a whole or not at all. Source: SQLite, "Atomic Commit In
/// SQLite", 2.0, on sectors of 512 bytes; NVM Express Base Specification, "Atomic Operations": one
/// logical block at least.
const SECTOR: usize = 512;

/// How many ranges of a file a crash decides on whose sync has failed: the first ones.
const CHOICES_MAX: usize = 16;

/// In how many places a write can be cut short, and one more for the whole of it.
const TORN_AT: u32 = 8;

/// The way beside those: some of the sectors survive.
const SOME_SECTORS: u32 = TORN_AT + 1;

/// Among how many groups of sectors those are chosen, at most.
const GROUPS_MAX: usize = 8;

pub(super) const HALF: Ratio = Ratio::new(1, 2);

/// The bytes of a file.
#[derive(Default)]
pub(super) struct Contents {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// What was done to it since it was synced.
    unsynced: Unsynced,
    /// What a sync that failed has taken for written: a later sync does not write it.
    forgotten: Ranges,
}

/// A change of the contents.
pub(super) enum Write {
    At(usize, Vec<u8>),
    /// To a greater length.
    Extend(usize),
    Cut(usize),
}

impl Contents {
    pub(super) fn len(&self) -> usize {
        self.now.len()
    }

    /// Reads at most `length` bytes at `position`.
    pub(super) fn read(&self, position: u64, length: usize) -> Vec<u8> {
        let from = usize::try_from(position).unwrap_or(usize::MAX).min(self.now.len());
        let to = from.saturating_add(length).min(self.now.len());
        self.now[from..to].to_vec()
    }

    pub(super) fn write(&mut self, at: usize, bytes: Vec<u8>, when: Instant) {
        self.forgotten.remove(at..at + bytes.len());
        self.change(Write::At(at, bytes), when);
    }

    pub(super) fn resize(&mut self, length: usize, when: Instant) {
        if length == self.now.len() {
            // A crash has nothing to lose of it.
            return;
        }
        self.forgotten.remove(length..usize::MAX);
        let write = match length < self.now.len() {
            true => Write::Cut(length),
            false => Write::Extend(length),
        };
        self.change(write, when);
    }

    fn change(&mut self, write: Write, when: Instant) {
        write.apply(&mut self.now);
        self.unsynced.push(when, write, &self.synced);
    }

    /// Flips all bits of a byte, also of what is synced; false where there is none.
    pub(super) fn corrupt(&mut self, position: u64, when: Instant) -> bool {
        let at = usize::try_from(position).unwrap_or(usize::MAX);
        let Some(byte) = self.now.get_mut(at) else { return false };
        *byte = !*byte;
        let bad = *byte;
        if let Some(byte) = self.synced.get_mut(at) {
            *byte = !*byte;
        }
        self.unsynced.corrupt(at);
        let is_forgotten = self.forgotten.iter().any(|range| range.contains(&at));
        if !is_forgotten && self.unsynced.applied(&self.synced).get(at) != Some(&bad) {
            // Nobody has written it: it was filled with zeros.
            self.change(Write::At(at, vec![bad]), when);
        }
        true
    }

    /// Marks what was written until now, for a sync that begins.
    pub(super) fn mark(&mut self) -> Mark {
        self.unsynced.mark()
    }

    /// Lets what was written before a mark outlive a crash, but for what was forgotten.
    pub(super) fn sync(&mut self, mark: u64) {
        self.unsynced.sync(&mut self.synced, mark);
    }

    /// A sync has failed: the system takes what was written before its mark for written. Lengths
    /// are none of that.
    pub(super) fn forget(&mut self, mark: u64) {
        self.unsynced.forget(&self.synced, &mut self.forgotten, mark);
    }

    /// Leaves what was synced, and of the rest what choices leave. Returns when the last write was
    /// made of which something is left.
    pub(super) fn crash(&mut self) -> Option<Instant> {
        let mut left = mem::take(&mut self.synced);
        let changed = self.survive(&mut left);
        *self = Contents { now: left.clone(), synced: left, ..Contents::default() };
        changed
    }

    fn survive(&mut self, left: &mut Vec<u8>) -> Option<Instant> {
        let (changed, is_cut) = mem::take(&mut self.unsynced).survive(left);
        if is_cut {
            return changed;
        }
        for range in self.forgotten.iter().take(CHOICES_MAX) {
            if strikes("a write survives whose sync has failed", HALF) {
                put(left, range.start, &self.now[range]);
            }
        }
        changed
    }
}

impl Write {
    /// How many bytes it holds.
    fn length(&self) -> usize {
        match self {
            Write::At(_, bytes) => bytes.len(),
            Write::Extend(_) | Write::Cut(_) => 0,
        }
    }

    /// How much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        WEIGHT + self.length()
    }

    pub(super) fn is_cut(&self) -> bool {
        matches!(self, Write::Cut(_))
    }

    pub(super) fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Write::Cut(length) => bytes.truncate(*length),
            Write::Extend(length) => bytes.resize((*length).max(bytes.len()), 0),
            Write::At(at, new) => put(bytes, *at, new),
        }
    }

    /// Leaves it on the disk as a whole, in part or not at all; tells whether something is left.
    pub(super) fn survives(&self, left: &mut Vec<u8>) -> bool {
        let Write::At(at, bytes) = self else {
            let survives = strikes(CLASS, HALF);
            if survives {
                self.apply(left);
            }
            return survives;
        };
        let (at, end) = (*at, at + bytes.len());
        let is_atomic = end <= left.len() && at / SECTOR == (end - 1) / SECTOR;
        match strikes_how(CLASS, HALF, if is_atomic { 1 } else { SOME_SECTORS }) {
            0 => return false,
            1 => put(left, at, bytes),
            SOME_SECTORS => scatter(left, at, bytes),
            part => {
                let cut = at + bytes.len() * (part as usize - 1) / TORN_AT as usize;
                // What was there before changes by whole sectors.
                let is_new = cut >= left.len();
                let cut = if is_new { cut } else { (cut / SECTOR * SECTOR).max(at) };
                put(left, at, &bytes[..cut - at]);
            }
        }
        true
    }
}

/// Leaves some of the sectors of a write, and the length that the file has with the whole of it.
fn scatter(left: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    left.resize(left.len().max(end), 0);
    let (first, last) = (at / SECTOR, (end - 1) / SECTOR);
    let sectors = last - first + 1;
    let groups = sectors.min(GROUPS_MAX);
    if groups == 1 {
        return;
    }
    let kept = strikes_how("sectors of it survive", Ratio::ONE, (1 << groups) - 1);
    for sector in first..=last {
        if kept >> ((sector - first) * groups / sectors) & 1 == 1 {
            let (from, to) = ((sector * SECTOR).max(at), ((sector + 1) * SECTOR).min(end));
            left[from..to].copy_from_slice(&bytes[from - at..to - at]);
        }
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    let end = at + new.len();
    bytes.resize(bytes.len().max(end), 0);
    bytes[at..end].copy_from_slice(new);
}
