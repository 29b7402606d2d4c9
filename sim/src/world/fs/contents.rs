//! The bytes of a file: those that a program sees, those that are safe, and what a crash leaves.

use std::mem;

use super::left::Left;
use super::marks::Mark;
use super::ranges::Ranges;
use super::unsynced::{Unsynced, WEIGHT};
use crate::base::Instant;
use crate::world::fault::{Ratio, strikes};

/// How many ranges of a file a crash decides on whose sync has failed: the first ones.
const CHOICES_MAX: usize = 16;

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
        let mut left = Left::new(mem::take(&mut self.synced));
        let changed = mem::take(&mut self.unsynced).survive(&mut left);
        let Left { bytes: mut left, is_cut_lost, .. } = left;
        let forgotten = self.forgotten.iter().take(CHOICES_MAX).filter(|_| !is_cut_lost);
        for range in forgotten {
            if strikes("a write survives whose sync has failed", HALF) {
                put(&mut left, range.start, &self.now[range]);
            }
        }
        *self = Contents { now: left.clone(), synced: left, ..Contents::default() };
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

    pub(super) fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Write::Cut(length) => bytes.truncate(*length),
            Write::Extend(length) => bytes.resize((*length).max(bytes.len()), 0),
            Write::At(at, new) => put(bytes, *at, new),
        }
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    let end = at + new.len();
    bytes.resize(bytes.len().max(end), 0);
    bytes[at..end].copy_from_slice(new);
}
