//! Timers in the standard library's binary heap.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::mem;
use std::task::Waker;

/// All timers that are not due, the earliest first and among equals in the order of arming.
pub struct Timers {
    heap: BinaryHeap<Timer>,
    armed: u64,
}

pub struct Timer {
    /// The deadline and the number of the timer, in one word that is compared without branches.
    key: u128,
    waker: Waker,
}

impl Timers {
    pub fn new() -> Self {
        Timers { heap: BinaryHeap::new(), armed: 0 }
    }

    #[inline]
    pub fn push(&mut self, deadline_ns: u64, waker: Waker) {
        self.armed += 1;
        let key = (u128::from(deadline_ns) << 64) | u128::from(self.armed);
        self.heap.push(Timer { key, waker });
    }

    /// Takes the earliest timers: the first is returned with its deadline, and those of the same
    /// moment go to `due`.
    #[inline]
    pub fn fire(&mut self, due: &mut VecDeque<Waker>) -> Option<(u64, Waker)> {
        let first = self.heap.pop()?;
        let deadline_ns = (first.key >> 64) as u64;
        while self.heap.peek().is_some_and(|next| (next.key >> 64) as u64 == deadline_ns) {
            due.extend(self.heap.pop().map(|next| next.waker));
        }
        Some((deadline_ns, first.waker))
    }

    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// All that are left, to be dropped.
    pub fn take(&mut self) -> BinaryHeap<Timer> {
        mem::take(&mut self.heap)
    }
}

impl Ord for Timer {
    /// The greatest is the earliest, since the heap has the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key)
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Timer {}
