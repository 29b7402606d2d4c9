//! What tells tasks apart.

use std::fmt;

use crate::base::TaskNumber;
use crate::event_loop::with;

/// Tells the tasks of a simulation apart: `tokio::task::Id`. It is the number that a trace gives
/// the task; jobs of [`spawn_blocking`](super::task::spawn_blocking) are counted by themselves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    is_job: bool,
    number: TaskNumber,
}

impl Id {
    pub(super) fn of_task(number: TaskNumber) -> Self {
        Id { is_job: false, number }
    }

    pub(super) fn of_job(number: TaskNumber) -> Self {
        Id { is_job: true, number }
    }
}

/// Returns the id of the task that runs.
///
/// # Panics
///
/// When none runs.
#[track_caller]
pub fn id() -> Id {
    try_id().expect("no task runs here, and so there is no id of one")
}

/// Returns the id of the task that runs, if one does.
pub fn try_id() -> Option<Id> {
    let number = with(|core| core.current_number());
    (number != 0).then(|| Id::of_task(number))
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = if self.is_job { "job " } else { "" };
        write!(f, "{of}{}", self.number)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}
