//! Who computes: cores that are shared, and one lock that lets one thread compute at a time.
//!
//! Source: CPython 3.13, `Python/ceval_gil.c` (the switch interval and the drop request);
//! processor sharing as in Kleinrock, "Queueing Systems", volume 2, section 4.4.

use std::collections::VecDeque;
use std::time::Duration;

use super::machine::{ThreadNumber, Ticket};
use crate::base::Instant;

/// How long a thread may hold the GIL while others wait for it: `sys.getswitchinterval()`.
const SWITCH_INTERVAL: Duration = Duration::from_millis(5);

/// Cores unless set otherwise.
const CORES: u16 = 4;

/// Work is counted in whole parts of a nanosecond, 2^40 of them.
const FRACTION_BITS: u32 = 40;
const NANOSECOND: u128 = 1 << FRACTION_BITS;

/// What rounding may add up to before it counts: a 65,536th of a nanosecond.
const TOLERANCE: u128 = NANOSECOND >> 16;

/// The cores and the GIL of a simulation.
///
/// All that compute progress at one rate, 1 or cores / how many, so one number tells how far: the
/// work that somebody who computes all along has done. Each is over when it reaches a mark.
pub(super) struct Cpu {
    cores: u16,
    work_done: u128,
    updated: Instant,
    /// Those that progress, in the order in which they began to.
    running: Vec<Computation>,
    gil: Gil,
}

struct Computation {
    ticket: Ticket,
    /// What `work_done` is when this is over.
    mark: u128,
}

/// The lock without which no thread of an interpreter computes.
struct Gil {
    /// Also between two computations of one thread, until it blocks otherwise.
    holder: Option<ThreadNumber>,
    /// Those that wait for it, first come first served, with the work that is left to each.
    waiting: VecDeque<(Ticket, u128)>,
    /// When the holder must hand it over; set while somebody waits.
    handed_over_at: Option<Instant>,
}

impl Default for Cpu {
    fn default() -> Self {
        Cpu {
            cores: CORES,
            work_done: 0,
            updated: Instant::START,
            running: Vec::new(),
            gil: Gil { holder: None, waiting: VecDeque::new(), handed_over_at: None },
        }
    }
}

impl Cpu {
    pub(super) fn cores(&self) -> u16 {
        self.cores
    }

    /// Changes how many cores there are.
    pub(super) fn set_cores(&mut self, now: Instant, cores: u16) {
        self.advance(now);
        self.cores = cores;
    }

    /// Begins a computation; with the GIL its turn may come later.
    pub(super) fn begin(&mut self, now: Instant, ticket: Ticket, work: Duration, gil: bool) {
        self.advance(now);
        let work = work.as_nanos() << FRACTION_BITS;
        if gil {
            match self.gil.holder {
                Some(holder) if holder != ticket.thread => {
                    self.gil.waiting.push_back((ticket, work));
                    let when = now.saturating_add(SWITCH_INTERVAL);
                    self.gil.handed_over_at.get_or_insert(when);
                    return;
                }
                _ => self.gil.holder = Some(ticket.thread),
            }
        }
        self.run(ticket, work);
    }

    fn run(&mut self, ticket: Ticket, work: u128) {
        self.running.push(Computation { ticket, mark: self.work_done + work });
    }

    /// Lets go of the GIL, if `thread` holds it; the next one goes on.
    pub(super) fn release_gil(&mut self, now: Instant, thread: ThreadNumber) -> bool {
        if self.gil.holder != Some(thread) {
            return false;
        }
        self.advance(now);
        self.hand_over(now);
        true
    }

    /// Forgets a thread that is no more; tells whether it computed.
    pub(super) fn remove(&mut self, now: Instant, thread: ThreadNumber) -> bool {
        self.advance(now);
        let before = self.running.len() + self.gil.waiting.len();
        self.running.retain(|computation| computation.ticket.thread != thread);
        self.gil.waiting.retain(|(ticket, _)| ticket.thread != thread);
        let computed = before > self.running.len() + self.gil.waiting.len();
        if self.gil.waiting.is_empty() {
            self.gil.handed_over_at = None;
        }
        self.release_gil(now, thread) || computed
    }

    /// Brings all up to `now`; returns those that are over, in the order in which they began.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<Ticket> {
        self.advance(now);
        let reached = self.work_done + 2 * TOLERANCE;
        let is_over = |computation: &mut Computation| computation.mark <= reached;
        let over = self.running.extract_if(.., is_over).map(|c| c.ticket).collect();
        if self.gil.handed_over_at.is_some_and(|when| when <= now) {
            self.hand_over(now);
        }
        over
    }

    /// Gives the GIL to the first that waits; who held it and has work left waits behind the rest.
    fn hand_over(&mut self, now: Instant) {
        let Gil { holder, waiting, handed_over_at } = &mut self.gil;
        let position = self.running.iter().position(|c| Some(c.ticket.thread) == *holder);
        if let Some(position) = position
            && !waiting.is_empty()
        {
            let stopped = self.running.remove(position);
            waiting.push_back((stopped.ticket, stopped.mark.saturating_sub(self.work_done)));
        }
        let next = waiting.pop_front();
        *handed_over_at = (!waiting.is_empty()).then(|| now.saturating_add(SWITCH_INTERVAL));
        *holder = next.map(|(ticket, _)| ticket.thread);
        if let Some((ticket, work)) = next {
            self.run(ticket, work);
        }
    }

    /// When something will change by itself.
    pub(super) fn next_change(&self) -> Option<Instant> {
        let over = self.running.iter().map(|computation| computation.mark).min().map(|mark| {
            let work = mark.saturating_sub(self.work_done);
            let (cores, computing) = (u128::from(self.cores), self.running.len() as u128);
            let time = if computing <= cores { work } else { work * computing / cores };
            // Rounded up to a whole nanosecond, but for what rounding itself has added.
            let nanos = (time + NANOSECOND - TOLERANCE) >> FRACTION_BITS;
            let time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
            self.updated.saturating_add(time)
        });
        [over, self.gil.handed_over_at].into_iter().flatten().min()
    }

    fn advance(&mut self, now: Instant) {
        let time = now.duration_since(self.updated).as_nanos() << FRACTION_BITS;
        self.updated = self.updated.max(now);
        let (cores, computing) = (u128::from(self.cores), self.running.len() as u128);
        self.work_done += if computing <= cores { time } else { time * cores / computing };
    }
}
