//! Timers in a radix heap: deadlines never go back, so that a timer stands in the bucket of the
//! highest bit in which its deadline differs from the last one that fired.
//!
//! Equal deadlines always stand in one bucket, and buckets keep their order, so that timers of one
//! moment fire in the order in which they were armed, without a number.
//! Source: Ahuja, Mehlhorn, Orlin and Tarjan, "Faster algorithms for the shortest path problem"
//! (1990).

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

const BUCKETS: usize = 64;

/// All timers that are not due.
pub struct Timers {
    buckets: [Vec<Timer>; BUCKETS],
    /// A bit for each bucket that holds something.
    full: u64,
    /// The deadline of the last timers that fired.
    last_ns: u64,
}

pub struct Timer {
    deadline_ns: u64,
    waker: Waker,
}

impl Timers {
    pub fn new() -> Self {
        Timers { buckets: [const { Vec::new() }; BUCKETS], full: 0, last_ns: 0 }
    }

    #[inline]
    pub fn push(&mut self, deadline_ns: u64, waker: Waker) {
        self.place(Timer { deadline_ns, waker });
    }

    /// A deadline of this very moment stands in the first bucket, beside those that differ in the
    /// lowest bit.
    #[inline]
    fn place(&mut self, timer: Timer) {
        let differs = (timer.deadline_ns ^ self.last_ns) | 1;
        let bucket = differs.ilog2() as usize;
        self.full |= 1 << bucket;
        self.buckets[bucket].push(timer);
    }

    /// Takes the earliest timers: the first is returned with its deadline, and those of the same
    /// moment go to `due`.
    pub fn fire(&mut self, due: &mut VecDeque<Waker>) -> Option<(u64, Waker)> {
        if self.full == 0 {
            return None;
        }
        let lowest = self.full.trailing_zeros() as usize;
        self.full &= self.full - 1;
        if self.buckets[lowest].len() == 1 {
            let only = self.buckets[lowest].pop()?;
            self.last_ns = only.deadline_ns;
            return Some((only.deadline_ns, only.waker));
        }
        let mut bucket = mem::take(&mut self.buckets[lowest]);
        self.last_ns = bucket.iter().map(|timer| timer.deadline_ns).min()?;
        let mut first = None;
        for timer in bucket.drain(..) {
            if timer.deadline_ns != self.last_ns {
                self.place(timer);
            } else if first.is_none() {
                first = Some(timer.waker);
            } else {
                due.push_back(timer.waker);
            }
        }
        // Its memory is used again. In the lowest bucket something may stand by now.
        if self.buckets[lowest].capacity() == 0 {
            self.buckets[lowest] = bucket;
        }
        Some((self.last_ns, first?))
    }

    pub fn is_empty(&self) -> bool {
        self.full == 0
    }

    /// All that are left, to be dropped.
    pub fn take(&mut self) -> Vec<Timer> {
        let mut left = Vec::new();
        while self.full != 0 {
            left.append(&mut self.buckets[self.full.trailing_zeros() as usize]);
            self.full &= self.full - 1;
        }
        left
    }
}
