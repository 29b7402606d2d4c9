//! The waits in which a task is parked: a list, in the order in which they were parked.

use super::cell::{BoundaryId, WaitId};
use super::core::{Core, Trash};
use super::tasks::TaskId;
use crate::base::Id;

impl Core {
    /// Forgets a wait without a waker.
    pub(super) fn forget(&mut self, wait: WaitId) {
        let Core { waits, tasks, .. } = self;
        let cell = &waits[wait];
        let is_only = cell.previous.is_none() && cell.next.is_none();
        if is_only && !cell.asked && !cell.is_apart() {
            let task = cell.task;
            waits.free(wait);
            if let Some(task) = tasks.get_mut(task) {
                (task.first_wait, task.last_wait) = (Id::NONE, Id::NONE);
            }
            return;
        }
        self.unlink(wait);
        self.waits.free(wait);
    }

    /// Forgets a wait.
    pub(crate) fn unpark(&mut self, wait: WaitId) {
        let Some(cell) = self.waits.get_mut(wait) else { return };
        if let Some(waker) = cell.waker.take() {
            self.trash.push(Trash::Waker(waker));
        }
        self.forget(wait);
    }

    /// Appends a wait to the list of the running task, inside the boundary that is polled.
    pub(super) fn link(&mut self, wait: WaitId) {
        let (task, boundary) = (self.step.task, self.step.boundary);
        let Core { tasks, waits, .. } = self;
        let cell = &mut tasks[task];
        let number = cell.number;
        let last = std::mem::replace(&mut cell.last_wait, wait);
        if last.is_none() {
            cell.first_wait = wait;
        } else {
            waits[last].next = wait;
        }
        let cell = &mut waits[wait];
        (cell.task, cell.boundary, cell.previous) = (task, boundary, last);
        let (target, label, location) = (cell.target, cell.label(), cell.location);
        if cell.is_apart() {
            self.count_apart(boundary, 1);
        }
        let on = self.awaited(target, label);
        self.session.emit_waits(number, label.operation, on, location);
    }

    /// Takes a wait out of the list of its task, if it stands in one.
    pub(super) fn unlink(&mut self, wait: WaitId) {
        let cell = &mut self.waits[wait];
        let task = std::mem::replace(&mut cell.task, Id::NONE);
        if task.is_none() {
            return;
        }
        let (previous, next) = (cell.previous, cell.next);
        (cell.previous, cell.next) = (Id::NONE, Id::NONE);
        let (is_apart, boundary) = (cell.is_apart(), cell.boundary);
        let asked = std::mem::take(&mut cell.asked);
        if asked && let Some(task) = self.tasks.get_mut(task) {
            task.take_owed();
        }
        if !previous.is_none() {
            self.waits[previous].next = next;
        }
        if !next.is_none() {
            self.waits[next].previous = previous;
        }
        if (previous.is_none() || next.is_none())
            && let Some(task) = self.tasks.get_mut(task)
        {
            if previous.is_none() {
                task.first_wait = next;
            }
            if next.is_none() {
                task.last_wait = previous;
            }
        }
        if is_apart {
            self.count_apart(boundary, -1);
        }
    }

    /// The waits of a task, in the order in which they were parked.
    pub(crate) fn waits_of(&self, task: TaskId) -> impl Iterator<Item = WaitId> {
        let first = self.tasks.get(task).map_or(Id::NONE, |cell| cell.first_wait);
        std::iter::successors((!first.is_none()).then_some(first), |wait| {
            let next = self.waits[*wait].next;
            (!next.is_none()).then_some(next)
        })
    }

    /// Counts what waits right inside a boundary by another waker than the task's own.
    #[inline(never)]
    pub(crate) fn count_apart(&mut self, boundary: BoundaryId, change: i32) {
        if let Some(cell) = self.boundaries.get_mut(boundary) {
            cell.apart = cell.apart.wrapping_add_signed(change);
        }
    }
}
