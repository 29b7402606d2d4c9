//! A radix heap of timers, since deadlines never go back behind the clock.
//!
//! Source: Ahuja, Mehlhorn, Orlin, Tarjan, "Faster algorithms for the shortest path problem"
//! (1990). A timer stands in the bucket of the highest bit in which its deadline differs from the
//! time reached; taking the next ones moves a bucket's timers to lower buckets, each timer at most
//! 64 times in its life, by sequential copies. Within a bucket timers of one deadline always stand
//! in the order in which they were set, and so they fire in that order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::timer::{Due, Timer};
use crate::base::Instant;

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

/// Timers that differ from the time reached in the same highest bit.
#[derive(Default)]
struct Bucket {
    timers: Vec<Timer>,
    /// Which is the first one: of those with the earliest deadline the one that was set first. In
    /// the lowest bucket, whose deadlines are equal and which is read from the front, those before
    /// it were taken.
    first: usize,
}

impl Bucket {
    fn push(&mut self, timer: Timer) {
        if self.timers.get(self.first).is_some_and(|first| timer.when < first.when) {
            self.first = self.timers.len();
        }
        self.timers.push(timer);
    }

    /// Keeps the timers that `is_live`; none that were taken may be among them.
    fn retain(&mut self, mut is_live: impl FnMut(Due) -> bool) {
        self.timers.retain(|timer| is_live(timer.due));
        // `min_by_key` gives the first of equals: the one that was set first.
        let deadlines = self.timers.iter().enumerate();
        let first = deadlines.min_by_key(|(_, timer)| timer.when);
        self.first = first.map_or(0, |(index, _)| index);
    }

    fn clear(&mut self) {
        self.timers.clear();
        self.first = 0;
    }
}

/// Timers, however many.
#[derive(Default)]
pub(super) struct RadixHeap {
    buckets: Vec<Bucket>,
    /// Bit `b` is set when bucket `b + 1` holds a timer; the lowest bucket is asked itself.
    occupied: u64,
    /// The time reached: no timer in the buckets is earlier.
    last: u64,
    overdue: BinaryHeap<Overdue>,
    overdue_count: u64,
    len: usize,
}

impl RadixHeap {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, timer: Timer) {
        self.len += 1;
        if timer.when < self.last {
            self.overdue_count += 1;
            let key = Reverse((timer.when, self.overdue_count));
            self.overdue.push(Overdue { key, due: timer.due });
            return;
        }
        if self.buckets.is_empty() {
            self.buckets.resize_with(BUCKETS, Bucket::default);
        }
        self.place(timer);
    }

    fn place(&mut self, timer: Timer) {
        let bucket = 64 - (timer.when ^ self.last).leading_zeros() as usize;
        self.buckets[bucket].push(timer);
        if bucket > 0 {
            self.occupied |= 1 << (bucket - 1);
        }
    }

    /// The lowest bucket that holds a timer.
    fn lowest(&self) -> Option<usize> {
        match self.buckets.first() {
            Some(lowest) if !lowest.timers.is_empty() => Some(0),
            _ if self.occupied == 0 => None,
            _ => Some(self.occupied.trailing_zeros() as usize + 1),
        }
    }

    /// The first timer of the buckets.
    fn first(&self) -> Option<Timer> {
        let bucket = &self.buckets[self.lowest()?];
        bucket.timers.get(bucket.first).copied()
    }

    /// Removes the timers that `is_live` denies.
    pub(super) fn sweep(&mut self, mut is_live: impl FnMut(Due) -> bool) {
        self.forget_taken();
        let mut len = 0;
        for (bucket, timers) in self.buckets.iter_mut().enumerate() {
            if timers.timers.is_empty() {
                continue;
            }
            timers.retain(&mut is_live);
            len += timers.timers.len();
            if timers.timers.is_empty() && bucket > 0 {
                self.occupied &= !(1 << (bucket - 1));
            }
        }
        self.overdue.retain(|overdue| is_live(overdue.due));
        self.len = len + self.overdue.len();
    }

    /// Drops those of the lowest bucket that were taken.
    fn forget_taken(&mut self) {
        if let Some(lowest) = self.buckets.first_mut() {
            lowest.timers.drain(..std::mem::take(&mut lowest.first));
        }
    }

    /// The earliest deadline of a timer that `is_live`; sweeps when a dead one is in its way.
    pub(super) fn next_deadline(
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
        if self.overdue.is_empty() {
            let Some(bucket) = self.lowest() else { return };
            self.forget_taken();
            let timers = &mut self.buckets[bucket];
            let count = timers.timers.len();
            timers.retain(&mut is_live);
            self.len -= count - timers.timers.len();
            if timers.timers.is_empty() {
                self.clear_bucket(bucket);
            }
        } else {
            let count = self.overdue.len();
            self.overdue.retain(|overdue| is_live(overdue.due));
            self.len -= count - self.overdue.len();
        }
    }

    fn clear_bucket(&mut self, bucket: usize) {
        self.buckets[bucket].clear();
        if bucket > 0 {
            self.occupied &= !(1 << (bucket - 1));
        }
    }

    /// Takes the next timer that is due at `now`.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Due> {
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
        let bucket = self.lowest()?;
        let lowest = &self.buckets[bucket];
        let first = lowest.timers[lowest.first];
        if first.when > now {
            return None;
        }
        if bucket > 0 && lowest.timers.len() == 1 {
            // Alone in its bucket: it need not be moved to be taken.
            self.len -= 1;
            self.last = first.when;
            self.clear_bucket(bucket);
            return Some(first.due);
        }
        if bucket > 0 {
            self.split(bucket, first.when);
        }
        self.len -= 1;
        let lowest = &mut self.buckets[0];
        let due = lowest.timers[lowest.first].due;
        lowest.first += 1;
        if lowest.first == lowest.timers.len() {
            self.clear_bucket(0);
        }
        Some(due)
    }

    /// Takes the timer that is due at `now`, the earliest deadline, if it is the only one and
    /// `is_wanted`.
    pub(super) fn pop_sole(&mut self, now: u64, is_wanted: impl Fn(Due) -> bool) -> Option<Due> {
        if !self.overdue.is_empty() {
            return None;
        }
        let mut bucket = self.lowest()?;
        let first = self.buckets[bucket].timers[self.buckets[bucket].first];
        if first.when != now || !is_wanted(first.due) {
            return None;
        }
        if bucket > 0 && self.buckets[bucket].timers.len() > 1 {
            // Those of the same deadline are left in the lowest bucket.
            self.split(bucket, now);
            bucket = 0;
        }
        let lowest = &self.buckets[bucket];
        if lowest.timers.len() - lowest.first > 1 && bucket == 0 {
            return None;
        }
        self.len -= 1;
        self.last = now;
        self.clear_bucket(bucket);
        Some(first.due)
    }

    /// Moves the lowest bucket's timers down, now that the time reached is its earliest deadline.
    fn split(&mut self, bucket: usize, earliest: u64) {
        self.last = earliest;
        self.occupied &= !(1 << (bucket - 1));
        let mut timers = std::mem::take(&mut self.buckets[bucket].timers);
        for timer in timers.drain(..) {
            self.place(timer);
        }
        // Keep the bucket's memory for the next timers.
        self.buckets[bucket] = Bucket { timers, first: 0 };
    }

    /// Takes every timer that stands here, in no order. Their memory is kept, for another loop, at
    /// whatever time that begins.
    pub(super) fn take_all(&mut self, dues: &mut Vec<Due>) {
        if self.len > 0 {
            self.forget_taken();
            for bucket in &mut self.buckets {
                dues.extend(bucket.timers.drain(..).map(|timer| timer.due));
                bucket.clear();
            }
            dues.extend(self.overdue.drain().map(|overdue| overdue.due));
        }
        (self.occupied, self.last, self.overdue_count, self.len) = (0, 0, 0, 0);
    }
}
