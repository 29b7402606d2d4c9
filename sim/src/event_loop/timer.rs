//! Timers: a radix heap, since deadlines never go back behind the clock.
//!
//! Source: Ahuja, Mehlhorn, Orlin, Tarjan, "Faster algorithms for the shortest path problem"
//! (1990). A timer stands in the bucket of the highest bit in which its deadline differs from the
//! time reached; taking the next ones moves a bucket's timers to lower buckets, each timer at most
//! 64 times in its life, by sequential copies. Within a bucket timers of one deadline always stand
//! in the order in which they were set, and so they fire in that order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::cell::WaitId;
use super::handle::HandleId;
use super::ready::Entry;
use crate::base::Instant;

/// What a timer does when it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Call(HandleId),
    Elapsed(WaitId),
}

impl Due {
    pub(crate) fn into_entry(self) -> Entry {
        match self {
            Due::Call(handle) => Entry::Call(handle),
            Due::Elapsed(wait) => Entry::Elapsed(wait),
        }
    }
}

#[derive(Clone, Copy)]
struct Timer {
    when: u64,
    due: Due,
}

/// A timer set for a moment that the heap has passed.
struct Overdue {
    key: Reverse<(u64, u64)>,
    due: Due,
}

impl PartialEq for Overdue {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl Eq for Overdue {}
impl PartialOrd for Overdue {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Overdue {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

/// One bucket for each bit of a deadline, and one for deadlines equal to the time reached.
const BUCKETS: usize = 65;

/// The timers of a loop.
pub(crate) struct Timers {
    buckets: Vec<Vec<Timer>>,
    /// Bit `b` is set when bucket `b` holds a timer.
    occupied: u128,
    /// The time reached: no timer in the buckets is earlier.
    last: u64,
    /// How many timers of bucket 0 were taken; they are in order, so it is read from the front.
    taken: usize,
    /// The first timer of the buckets, if it is known.
    first: Option<Timer>,
    overdue: BinaryHeap<Overdue>,
    overdue_count: u64,
    len: usize,
    /// Timers that were cancelled and still stand in the heap.
    dead: usize,
}

impl Timers {
    pub(crate) const fn new() -> Self {
        Timers {
            buckets: Vec::new(),
            occupied: 0,
            last: 0,
            taken: 0,
            first: None,
            overdue: BinaryHeap::new(),
            overdue_count: 0,
            len: 0,
            dead: 0,
        }
    }

    pub(crate) fn push(&mut self, when: Instant, due: Due) {
        self.len += 1;
        let timer = Timer { when: when.as_nanos(), due };
        if timer.when < self.last {
            self.overdue_count += 1;
            self.overdue.push(Overdue { key: Reverse((timer.when, self.overdue_count)), due });
            return;
        }
        if self.buckets.is_empty() {
            self.buckets.resize_with(BUCKETS, Vec::new);
        }
        if self.occupied == 0 || self.first.is_some_and(|first| timer.when < first.when) {
            self.first = Some(timer);
        }
        self.place(timer);
    }

    fn place(&mut self, timer: Timer) {
        let bucket = 64 - (timer.when ^ self.last).leading_zeros() as usize;
        self.buckets[bucket].push(timer);
        self.occupied |= 1 << bucket;
    }

    /// The first timer of the buckets; a scan of the lowest one if it is not known.
    fn first(&mut self) -> Option<Timer> {
        if self.first.is_none() && self.occupied != 0 {
            let bucket = self.occupied.trailing_zeros() as usize;
            let start = if bucket == 0 { self.taken } else { 0 };
            // `min_by_key` gives the first of equals: the one that was set first.
            self.first = self.buckets[bucket][start..].iter().min_by_key(|t| t.when).copied();
        }
        self.first
    }

    /// Takes note that a timer in the heap will do nothing; true when most are such and a
    /// [`sweep`](Self::sweep) pays.
    pub(crate) fn note_dead(&mut self) -> bool {
        self.dead += 1;
        self.dead > 64 && self.dead * 2 > self.len
    }

    /// Removes the timers that `is_live` denies.
    pub(crate) fn sweep(&mut self, mut is_live: impl FnMut(Due) -> bool) {
        let taken = std::mem::take(&mut self.taken);
        let mut len = 0;
        for (bucket, timers) in self.buckets.iter_mut().enumerate() {
            if bucket == 0 {
                timers.drain(..taken);
            }
            timers.retain(|timer| is_live(timer.due));
            len += timers.len();
            if timers.is_empty() {
                self.occupied &= !(1 << bucket);
            }
        }
        self.overdue.retain(|overdue| is_live(overdue.due));
        self.len = len + self.overdue.len();
        self.dead = 0;
        self.first = None;
    }

    /// The earliest deadline of a timer that `is_live`; sweeps when a dead one is in its way.
    pub(crate) fn next_deadline(
        &mut self,
        mut is_live: impl FnMut(Due) -> bool,
    ) -> Option<Instant> {
        loop {
            let (when, due) = match self.overdue.peek() {
                Some(overdue) => (overdue.key.0.0, overdue.due),
                None => self.first().map(|first| (first.when, first.due))?,
            };
            if is_live(due) {
                return Some(Instant::from_nanos(when));
            }
            self.sweep_first(&mut is_live);
        }
    }

    /// Removes the dead timers that stand with the first one.
    fn sweep_first(&mut self, mut is_live: impl FnMut(Due) -> bool) {
        let before = self.len;
        if self.overdue.is_empty() {
            let bucket = self.occupied.trailing_zeros() as usize;
            let timers = &mut self.buckets[bucket];
            if bucket == 0 {
                timers.drain(..self.taken);
                self.taken = 0;
            }
            let count = timers.len();
            timers.retain(|timer| is_live(timer.due));
            self.len -= count - timers.len();
            if timers.is_empty() {
                self.clear_bucket(bucket);
            }
            self.first = None;
        } else {
            let count = self.overdue.len();
            self.overdue.retain(|overdue| is_live(overdue.due));
            self.len -= count - self.overdue.len();
        }
        self.dead = self.dead.saturating_sub(before - self.len);
    }

    fn clear_bucket(&mut self, bucket: usize) {
        self.buckets[bucket].clear();
        self.occupied &= !(1 << bucket);
        if bucket == 0 {
            self.taken = 0;
        }
    }

    /// Takes the next timer that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Due> {
        if self.len == 0 {
            return None;
        }
        let now = now.as_nanos();
        if let Some(overdue) = self.overdue.peek()
            && overdue.key.0.0 <= now
        {
            self.len -= 1;
            return self.overdue.pop().map(|overdue| overdue.due);
        }
        let first = self.first()?;
        if first.when > now {
            return None;
        }
        let bucket = self.occupied.trailing_zeros() as usize;
        if bucket != 0 {
            self.split(bucket, first.when);
        }
        self.len -= 1;
        self.taken += 1;
        let due = self.buckets[0][self.taken - 1].due;
        self.first = self.buckets[0].get(self.taken).copied();
        if self.first.is_none() {
            self.clear_bucket(0);
        }
        Some(due)
    }

    /// Moves the lowest bucket's timers down, now that the time reached is its earliest deadline.
    fn split(&mut self, bucket: usize, earliest: u64) {
        self.last = earliest;
        self.occupied &= !(1 << bucket);
        let mut timers = std::mem::take(&mut self.buckets[bucket]);
        for timer in timers.drain(..) {
            self.place(timer);
        }
        // Keep the bucket's memory for the next timers.
        self.buckets[bucket] = timers;
    }

    /// Every timer that stands here, in no order.
    pub(crate) fn into_dues(self) -> impl Iterator<Item = Due> {
        let taken = self.taken;
        let buckets = self.buckets.into_iter().enumerate().flat_map(move |(bucket, timers)| {
            timers.into_iter().skip(if bucket == 0 { taken } else { 0 }).map(|timer| timer.due)
        });
        buckets.chain(self.overdue.into_iter().map(|overdue| overdue.due))
    }
}
