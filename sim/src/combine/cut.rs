//! The cancel by which a generator that is being closed cuts short what its body awaits.

use super::timeout::cancel_block;
use crate::event_loop::{BoundaryId, TaskId, try_with, with};

/// A cancel of what the running task awaits inside a boundary.
pub(super) struct Cut {
    task: TaskId,
    boundary: BoundaryId,
    /// How many cancels of the task there were before.
    cancels: u32,
}

impl Cut {
    pub(super) fn request(task: TaskId, boundary: BoundaryId) -> Self {
        let cancels = with(|core| core.cancels_of(task, boundary));
        cancel_block(task, boundary);
        Cut { task, boundary, cancels }
    }

    /// Takes the cancel back; tells whether no other one has come since.
    pub(super) fn take_back(self) -> bool {
        let left = try_with(|core| core.uncancel_expired(self.task, self.boundary));
        left.is_none_or(|left| left <= self.cancels)
    }
}
