//! The loop's way from step to step where nobody comes between them and tasks run in any order:
//! what is most frequent, apart from the rest, so that it saves no registers for that. Whatever is
//! out of the ordinary is left to `Core::next`, before anything of it was done.

use async_task::Runnable;

use super::cell::{Told, WaitId};
use super::core::Core;
use super::foreign::is_foreign_wake_noted;
use super::handle::is_live;
use super::prefetch::prefetch;
use super::ready::Plain;
use super::timer::Due;
use super::waits::Step;
use super::waker::TaskMeta;

impl Core {
    /// Takes the next step, and begins it. Between steps, where nothing else is ready, time passes.
    #[inline(always)]
    pub(super) fn next_plainly(&mut self) -> Option<Runnable<TaskMeta>> {
        if !self.session.flows {
            return None;
        }
        loop {
            if self.attention || self.todo == 0 {
                return None;
            }
            match self.ready.next_plainly(&mut self.session) {
                Plain::Step(runnable) => return Some(self.begin_plainly(runnable)),
                Plain::OneOfMany(runnable) => {
                    self.fetch_ahead();
                    return Some(self.begin_plainly(runnable));
                }
                Plain::Nothing if self.iterate_plainly() => {}
                Plain::Nothing | Plain::Other => return None,
            }
        }
    }

    #[inline(always)]
    fn begin_plainly(&mut self, runnable: Runnable<TaskMeta>) -> Runnable<TaskMeta> {
        self.todo -= 1;
        self.session.step += 1;
        self.begin_step(&runnable);
        self.check_step_limits();
        runnable
    }

    /// Lets the processor fetch what the next steps need from memory while this one runs.
    #[inline(never)]
    fn fetch_ahead(&mut self) {
        let Core { ready, session, tasks, futures, .. } = self;
        if let Some(next) = ready.fetch_ahead(session)
            && tasks.of(next).ends_soon()
            && let Some(place) = futures.place_of(tasks.of(next).future)
        {
            prefetch(place);
        }
    }

    /// Ends an iteration after which nothing is ready, and begins the next one with the timers that
    /// are due then; false if that is not all there is to it.
    #[inline(never)]
    fn iterate_plainly(&mut self) -> bool {
        let Core { loops, handles, waits, outside, session, running, .. } = self;
        let cell = &mut loops[*running];
        let is_plain = !cell.stopping
            && cell.fatal.is_none()
            && outside.is_empty()
            && session.lateness.is_zero()
            && !is_foreign_wake_noted();
        if !is_plain {
            return false;
        }
        let next = cell.timers.next_deadline(|due| is_live(handles, waits, due));
        let Some(when) = next else { return false };
        // The end of an iteration is counted as an entry.
        self.todo -= 1;
        self.session.step += 1;
        self.check_step_limits();
        self.step = Step::NONE;
        if self.attention {
            return false;
        }
        self.session.time_passed();
        self.advance(when);
        match self.take_sole_due() {
            Some(wait) => {
                self.todo = usize::MAX - 1;
                self.session.step += 1;
                self.tell(wait, Told::GoOn);
                self.check_step_limits();
            }
            None => self.take_in_due(self.running),
        }
        true
    }

    /// Takes the wait whose timer is due, if it is the only one, and the task's own waker is to be
    /// woken: then it need not stand in the ready queue to be told.
    #[inline]
    fn take_sole_due(&mut self) -> Option<WaitId> {
        if self.attention {
            // The clock has come to its limit.
            return None;
        }
        let Core { loops, waits, session, running, .. } = self;
        let is_plain = |due| match due {
            Due::Elapsed(wait) => waits.get(wait).is_some_and(|cell| cell.waker.is_none()),
            Due::Call(_) => false,
        };
        match loops[*running].timers.pop_sole(session.now, is_plain)? {
            Due::Elapsed(wait) => Some(wait),
            Due::Call(_) => None,
        }
    }
}
