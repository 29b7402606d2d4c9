//! The start of an iteration of the loop: the clock moves, and what is due becomes ready.
//!
//! Source: CPython 3.13, `BaseEventLoop._run_once`.

use super::cell::LoopId;
use super::context::{Hot, set_hot, with};
use super::core::Core;
use super::foreign::check_foreign_wakes;
use super::outside::happen_outside;
use super::ready::Entry;
use super::waits::Step;
use crate::base::{Access, ChoiceKind, Instant, Model, ResourceKey, Result};

/// What the start of an iteration came to.
enum Begin {
    Run,
    /// The loop is to stop.
    Stop,
    /// Something outside is due: call it and look again.
    Outside(Box<dyn FnOnce()>),
    /// Nothing is ready, no timer is set and nothing outside goes on.
    Stuck,
}

/// From how many timers of one moment on their tasks are looked at beforehand.
const MANY: usize = 4;

/// Into how many parts the lateness of an iteration is divided.
const LATENESS_STEPS: u32 = 4;

/// Starts an iteration: lets happen outside what is due and takes in the timers. False if the loop
/// `may_stop` and is to.
pub(super) fn begin_iteration(id: LoopId, mut may_stop: bool) -> Result<bool> {
    set_hot(Hot::OUTSIDE);
    check_foreign_wakes();
    loop {
        match with(|core| core.begin_iteration(id, std::mem::take(&mut may_stop))) {
            Begin::Run => return Ok(true),
            Begin::Stop => return Ok(false),
            Begin::Outside(call) => happen_outside(call),
            Begin::Stuck => {
                with(|core| core.loops[id].broken = true);
                return Err(super::deadlock::describe(id));
            }
        }
    }
}

impl Core {
    /// Moves the clock if nothing is ready, and takes in what is due by then.
    fn begin_iteration(&mut self, id: LoopId, may_stop: bool) -> Begin {
        let cell = &self.loops[id];
        if may_stop && cell.stopping {
            return Begin::Stop;
        }
        let is_idle = self.ready.is_empty() && !cell.stopping;
        self.step = Step::NONE;
        if cell.fatal.is_some() {
            self.attention = true;
            return Begin::Run;
        }
        if is_idle && !self.pass_time(id) {
            return Begin::Stuck;
        }
        if !self.session.lateness.is_zero() {
            self.be_late(id);
        }
        let now = self.session.now;
        if let Some((_, call)) = self.outside.pop_due(now) {
            return Begin::Outside(call);
        }
        self.take_in_due(id);
        Begin::Run
    }

    /// Makes ready what is due, and begins an iteration with all that is ready.
    pub(super) fn take_in_due(&mut self, id: LoopId) {
        let Core { loops, ready, session, .. } = self;
        let due = loops[id].take_due(session.now, ready);
        self.todo = ready.len();
        if due >= MANY {
            self.touch_due(due);
        }
        for _ in 0..due {
            self.meets(ResourceKey::CALLS, Access::Write);
        }
        if self.session.model == Model::AnyOrder && self.todo > 0 {
            // What becomes ready may run before the rest; the iteration ends when something could
            // have become due.
            self.todo = usize::MAX;
        }
    }

    /// Moves the clock to what happens next; false if nothing will.
    #[inline]
    fn pass_time(&mut self, id: LoopId) -> bool {
        let outside = self.outside.next_time();
        if outside.is_some_and(|when| when <= self.session.now) {
            return true;
        }
        let when = match (outside, self.next_timer(id)) {
            (Some(outside), Some(timer)) => outside.min(timer),
            (None, Some(when)) | (Some(when), None) => when,
            (None, None) => return false,
        };
        self.session.time_passed();
        self.advance(when);
        true
    }

    /// Looks at the waits and the tasks for which so many timers are due, so that the processor
    /// fetches them from memory all at once and not one after the other.
    #[inline(never)]
    fn touch_due(&self, due: usize) {
        let steps = self.ready.latest_calls(due).filter_map(|entry| {
            let Entry::Elapsed(wait) = entry else { return None };
            Some(self.tasks.get(self.waits.get(*wait)?.task)?.steps)
        });
        std::hint::black_box(steps.fold(0, u32::wrapping_add));
    }

    /// Lets the policy choose how late the iteration begins, if a timer could tell.
    #[inline(never)]
    fn be_late(&mut self, id: LoopId) {
        let most = self.session.lateness;
        if self.next_timer(id).is_none() {
            return;
        }
        let steps = LATENESS_STEPS.min(u32::try_from(most.as_nanos()).unwrap_or(u32::MAX));
        let value = self.choose(ChoiceKind::Lateness, steps + 1);
        if value > 0 {
            self.meets_everything();
            let late = most / steps * value;
            let to = self.session.now.checked_add(late).unwrap_or(self.session.limits.time);
            self.advance(to);
        }
    }

    /// Moves the clock while something runs: a blocking call.
    pub(crate) fn move_clock(&mut self, to: Instant) {
        self.meets_everything();
        self.advance(to);
        // The step may turn out to have been slow.
        self.attention = true;
    }

    /// Moves the clock, within the limit on virtual time.
    pub(super) fn advance(&mut self, to: Instant) {
        let limit = self.session.limits.time;
        if to > limit {
            self.session.move_clock(limit);
            // Nobody runs when the clock moves: what goes on outside is what the run waits for.
            let busy: Vec<String> = self.extensions.iter().flat_map(|e| e.busy()).collect();
            let who = if busy.is_empty() { self.current_name() } else { busy.join(" and ") };
            self.break_by_limit_of(&format!("{limit} of virtual time"), &who);
        } else {
            self.session.move_clock(to);
        }
        self.look_again();
    }

    /// In any order, where iterations are only for this: looks what is due before the next step.
    pub(crate) fn look_again(&mut self) {
        if self.session.model == Model::AnyOrder {
            self.todo = 0;
        }
    }
}
