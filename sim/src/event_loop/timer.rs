//! Timers: a sorted list as long as there are few, which is most often so, and a radix heap once
//! there are more.

use super::cell::WaitId;
use super::handle::HandleId;
use super::radix::RadixHeap;
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
pub(super) struct Timer {
    pub(super) when: u64,
    pub(super) due: Due,
}

/// How many stand in the list at most.
const FEW: usize = 32;

/// Up to how many timers the memory is kept for another simulation.
const KEPT: usize = 1024;

/// The timers of a loop: of one deadline in the order in which they were set.
#[derive(Default)]
pub(crate) struct Timers {
    /// The next one comes last.
    few: Vec<Timer>,
    /// All of them once there were more, until none is left.
    many: Option<Box<RadixHeap>>,
    /// How many there were at most.
    most: usize,
    /// Timers that were cancelled and still stand here.
    dead: usize,
}

impl Timers {
    /// Whether it holds more memory than is worth keeping.
    pub(crate) fn is_large(&self) -> bool {
        self.most > KEPT
    }

    fn len(&self) -> usize {
        self.few.len() + self.many_len()
    }

    fn many_len(&self) -> usize {
        self.many.as_ref().map_or(0, |many| many.len())
    }

    #[inline]
    pub(crate) fn push(&mut self, when: Instant, due: Due) {
        let timer = Timer { when: when.as_nanos(), due };
        if self.few.len() == FEW || self.many_len() > 0 {
            self.push_many(timer);
            return;
        }
        // Before those that it comes after.
        let later = self.few.iter().rposition(|other| other.when > timer.when);
        self.few.insert(later.map_or(0, |index| index + 1), timer);
    }

    #[inline(never)]
    fn push_many(&mut self, timer: Timer) {
        let many = self.many.get_or_insert_default();
        self.few.drain(..).rev().for_each(|timer| many.push(timer));
        many.push(timer);
        self.most = self.most.max(many.len());
    }

    /// Takes note that a timer will do nothing; true when most are such and a
    /// [`sweep`](Self::sweep) pays.
    pub(crate) fn note_dead(&mut self) -> bool {
        self.dead += 1;
        self.dead > 64 && self.dead * 2 > self.len()
    }

    /// Removes the timers that `is_live` denies.
    pub(crate) fn sweep(&mut self, mut is_live: impl FnMut(Due) -> bool) {
        self.few.retain(|timer| is_live(timer.due));
        if let Some(many) = &mut self.many {
            many.sweep(is_live);
        }
        self.dead = 0;
    }

    /// The earliest deadline of a timer that `is_live`; removes dead ones that are in its way.
    #[inline]
    pub(crate) fn next_deadline(
        &mut self,
        mut is_live: impl FnMut(Due) -> bool,
    ) -> Option<Instant> {
        while let Some(timer) = self.few.last() {
            if is_live(timer.due) {
                return Some(Instant::from_nanos(timer.when));
            }
            self.few.pop();
            self.dead = self.dead.saturating_sub(1);
        }
        let many = self.many.as_mut()?;
        let before = many.len();
        let next = many.next_deadline(is_live);
        self.dead = self.dead.saturating_sub(before - many.len());
        next
    }

    /// Takes the next timer that is due at `now`.
    #[inline]
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Due> {
        match self.few.last() {
            Some(timer) if timer.when > now.as_nanos() => None,
            Some(_) => self.few.pop().map(|timer| timer.due),
            None => self.many.as_mut()?.pop_due(now),
        }
    }

    /// Takes the timer that is due at `now`, the earliest deadline, if it is the only one and
    /// `is_wanted`.
    #[inline]
    pub(super) fn pop_sole(
        &mut self,
        now: Instant,
        is_wanted: impl Fn(Due) -> bool,
    ) -> Option<Due> {
        let now = now.as_nanos();
        match self.few.as_slice() {
            [] => self.many.as_mut()?.pop_sole(now, is_wanted),
            [.., next, _] if next.when <= now => None,
            [.., timer] if timer.when == now && is_wanted(timer.due) => {
                self.few.pop().map(|timer| timer.due)
            }
            [..] => None,
        }
    }

    /// Takes every timer that stands here, in no order. Their memory is kept, for another loop, at
    /// whatever time that begins.
    pub(crate) fn take_all(&mut self) -> Vec<Due> {
        let mut dues: Vec<Due> = self.few.drain(..).map(|timer| timer.due).collect();
        if let Some(many) = &mut self.many {
            many.take_all(&mut dues);
        }
        (self.most, self.dead) = (0, 0);
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
        let (mut now, mut soles) = (0, 0);
        for number in 0..30_000_u32 {
            // Grows to some hundred, shrinks to nothing, and grows again.
            let grows = (number / 1_000).is_multiple_of(2);
            match random.u32(0..if grows { 8 } else { 40 }) {
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
                    let sole = timers.pop_sole(Instant::from_nanos(now), |_| true);
                    assert!(sole.is_none() || expected.len() == 1);
                    soles += usize::from(sole.is_some());
                    let fired = std::iter::from_fn(|| timers.pop_due(Instant::from_nanos(now)));
                    let fired = sole.into_iter().chain(fired);
                    let fired: Vec<Due> = fired.filter(|due| is_there(&slab, *due)).collect();
                    assert_eq!(fired, expected);
                }
            }
        }
        assert!(soles > 1_000, "{soles} were alone at their moment");
    }

    fn is_there(slab: &Slab<WaitCell>, due: Due) -> bool {
        matches!(due, Due::Elapsed(wait) if slab.contains(wait))
    }
}
