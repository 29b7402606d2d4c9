//! What a task awaits: of the waits in which it is parked, those that its last step has polled. The
//! others are kept, by a `select!` or a pinned future, and a cancel is not for them.
//!
//! Source: CPython 3.13, `Task._fut_waiter`, which is what the last step has yielded.

use super::cell::{BoundaryId, WaitId};
use super::core::Core;
use super::tasks::TaskId;
use crate::base::Id;

impl Core {
    /// Tells whether the running task is parked in this wait: one that was moved to another task or
    /// boundary has to park anew.
    pub(crate) fn is_parked_here(&self, wait: WaitId) -> bool {
        let step = &self.step;
        self.waits.get(wait).is_some_and(|cell| {
            cell.task == step.task && !cell.task.is_none() && cell.boundary == step.boundary
        })
    }

    /// Tells whether the running task was parked in this wait before its step: it is not if the
    /// step before has left the wait out, since the task waited on something else then.
    pub(crate) fn was_awaited_here(&self, wait: WaitId) -> bool {
        self.is_parked_here(wait) && {
            let polled = self.waits[wait].polled;
            polled == 0 || polled > self.tasks.get(self.step.task).map_or(1, |task| task.before)
        }
    }

    /// Returns the number of the last poll that has left a task parked, for the next.
    pub(crate) fn last_poll(&self) -> u64 {
        self.polls
    }

    /// What has polled the waits of the running task after `poll` is over: who keeps one of them
    /// does not await it.
    pub(crate) fn leave_waits_after(&mut self, poll: u64) {
        if self.polls == poll {
            return;
        }
        let mut wait = self.tasks.get(self.step.task).map_or(Id::NONE, |cell| cell.first_wait);
        while let Some(cell) = self.waits.get_mut(wait) {
            if cell.polled > poll {
                cell.polled = 1;
            }
            wait = cell.next;
        }
    }

    /// Tells whether the last step of its task has polled the wait, as far as one can know.
    pub(crate) fn is_polled(&self, wait: WaitId) -> bool {
        self.waits.get(wait).is_some_and(|cell| {
            let since = self.tasks.get(cell.task).map_or(0, |task| task.since);
            cell.polled == 0 || cell.polled > since
        })
    }

    /// Tells whether the task awaits this wait of its own: its last step has polled it, and what
    /// stands around it is neither over nor a generator that is at a `yield_`.
    pub(crate) fn is_awaited(&self, wait: WaitId) -> bool {
        let cell = &self.waits[wait];
        let (boundary, is_own) = (cell.boundary, cell.polled != 0);
        let is_over = is_own && !boundary.is_none() && !self.boundaries.contains(boundary);
        self.is_polled(wait) && !is_over && !self.is_away(boundary)
    }

    /// Deals with a cancel that waits had accepted, after the next step of their task. If it has
    /// polled none of them, and they are all kept, the task awaits something else, and the cancel
    /// is for that.
    pub(super) fn settle_owed(&mut self, task: TaskId) {
        let Some((scope, message)) = self.tasks[task].take_owed() else { return };
        let asked: Vec<WaitId> =
            self.waits_of(task).filter(|wait| self.waits[*wait].asked).collect();
        let is_polled = asked.iter().any(|wait| self.is_polled(*wait));
        for wait in asked {
            self.waits[wait].asked = false;
        }
        let cell = &self.tasks[task];
        let future = cell.future;
        if !is_polled && cell.must_cancel.is_none() && !self.is_done(future) {
            let cell = &mut self.tasks[task];
            cell.must_cancel = Some(scope);
            self.futures[future].message = message;
        }
    }

    /// Tells whether a boundary is, or stands inside, a generator that is at a `yield_`.
    fn is_away(&self, boundary: BoundaryId) -> bool {
        let mut boundary = boundary;
        while let Some(cell) = self.boundaries.get(boundary) {
            if cell.away {
                return true;
            }
            boundary = cell.parent;
        }
        false
    }
}
