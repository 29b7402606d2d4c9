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

/// Up to how many timers the memory is kept for another simulation.
const KEPT: usize = 1024;

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

/// The timers of a loop.
#[derive(Default)]
pub(crate) struct Timers {
    buckets: Vec<Bucket>,
    /// Bit `b` is set when bucket `b + 1` holds a timer; the lowest bucket is asked itself.
    occupied: u64,
    /// The time reached: no timer in the buckets is earlier.
    last: u64,
    overdue: BinaryHeap<Overdue>,
    overdue_count: u64,
    len: usize,
    /// How many there were at most.
    most: usize,
    /// Timers that were cancelled and still stand in the heap.
    dead: usize,
}

impl Timers {
    /// Whether it holds more memory than is worth keeping.
    pub(crate) fn is_large(&self) -> bool {
        self.most > KEPT
    }

    pub(crate) fn push(&mut self, when: Instant, due: Due) {
        self.len += 1;
        self.most = self.most.max(self.len);
        let timer = Timer { when: when.as_nanos(), due };
        if timer.when < self.last {
            self.overdue_count += 1;
            self.overdue.push(Overdue { key: Reverse((timer.when, self.overdue_count)), due });
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

    /// Takes note that a timer in the heap will do nothing; true when most are such and a
    /// [`sweep`](Self::sweep) pays.
    pub(crate) fn note_dead(&mut self) -> bool {
        self.dead += 1;
        self.dead > 64 && self.dead * 2 > self.len
    }

    /// Removes the timers that `is_live` denies.
    pub(crate) fn sweep(&mut self, mut is_live: impl FnMut(Due) -> bool) {
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
        self.dead = 0;
    }

    /// Drops those of the lowest bucket that were taken.
    fn forget_taken(&mut self) {
        if let Some(lowest) = self.buckets.first_mut() {
            lowest.timers.drain(..std::mem::take(&mut lowest.first));
        }
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
        self.dead = self.dead.saturating_sub(before - self.len);
    }

    fn clear_bucket(&mut self, bucket: usize) {
        self.buckets[bucket].clear();
        if bucket > 0 {
            self.occupied &= !(1 << (bucket - 1));
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
    pub(crate) fn take_all(&mut self) -> Vec<Due> {
        let mut dues = Vec::new();
        if self.len > 0 {
            self.forget_taken();
            for bucket in &mut self.buckets {
                dues.extend(bucket.timers.drain(..).map(|timer| timer.due));
                bucket.clear();
            }
            dues.extend(self.overdue.drain().map(|overdue| overdue.due));
        }
        (self.occupied, self.last, self.overdue_count) = (0, 0, 0);
        (self.len, self.most, self.dead) = (0, 0, 0);
        dues
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Slab;
    use crate::event_loop::cell::{Target, WaitCell};
    use crate::event_loop::waits::Label;

    /// Against a sorted list, with deadlines near and far, in the past, equal, and cancelled.
    #[test]
    fn timers_fire_by_deadline_and_then_in_the_order_in_which_they_were_set() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut slab = Slab::new();
        let (mut timers, mut list): (Timers, Vec<(u64, u32, Due)>) =
            (Timers::default(), Vec::new());
        let mut now = 0;
        for number in 0..30_000 {
            match random.u32(0..10) {
                0..5 => {
                    let far = 1_u64 << random.u32(0..40);
                    let when = (now + random.u64(0..far)).saturating_sub(random.u64(0..2));
                    let label = Label::new("test");
                    let at = std::panic::Location::caller();
                    let wait = slab.insert(WaitCell::new(Target::Own, label, at));
                    timers.push(Instant::from_nanos(when), Due::Elapsed(wait));
                    list.push((when, number, Due::Elapsed(wait)));
                }
                5 if !list.is_empty() => {
                    let (_, _, due) = list.swap_remove(random.usize(0..list.len()));
                    let Due::Elapsed(wait) = due else { unreachable!("only these were set") };
                    slab.remove(wait);
                    if timers.note_dead() {
                        timers.sweep(|due| is_there(&slab, due));
                    }
                }
                _ => {
                    list.sort_by_key(|(when, number, _)| (*when, *number));
                    let next = timers.next_deadline(|due| is_there(&slab, due));
                    assert_eq!(next.map(|next| next.as_nanos()), list.first().map(|first| first.0));
                    now = now.max(next.map_or(now, |next| next.as_nanos()));
                    let due = list.iter().take_while(|(when, _, _)| *when <= now).count();
                    let expected: Vec<Due> = list.drain(..due).map(|(_, _, due)| due).collect();
                    let fired = std::iter::from_fn(|| timers.pop_due(Instant::from_nanos(now)));
                    let fired: Vec<Due> = fired.filter(|due| is_there(&slab, *due)).collect();
                    assert_eq!(fired, expected);
                }
            }
        }
    }

    fn is_there(slab: &Slab<WaitCell>, due: Due) -> bool {
        matches!(due, Due::Elapsed(wait) if slab.contains(wait))
    }
}
