//! `asyncio.Task`: the handle on a spawned future.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::future::LoopFuture;
use super::raw::FutureRef;
use crate::base::{Id, Result};
use crate::event_loop::{Label, TaskId, with};

/// The handle on a task: `asyncio.Task`.
///
/// Everything of a [`LoopFuture`] works on it. Dropping it neither cancels nor stops the task.
///
/// # Cancel safety
///
/// Dropping the handle while it is awaited leaves the task running. Cancelling a task that awaits
/// this one cancels this one: the cancel travels down the chain of awaits, and comes back as the
/// error with which this one ends. If it swallows the cancel, so does the chain.
#[doc(alias = "asyncio.Task")]
pub struct JoinHandle<T> {
    future: LoopFuture<T>,
}

impl<T: 'static> JoinHandle<T> {
    pub(crate) fn from_raw(raw: FutureRef, location: &'static Location<'static>) -> Self {
        JoinHandle { future: LoopFuture::from_raw(raw, location) }
    }

    #[track_caller]
    fn task(&self) -> TaskId {
        task_of(self.future.raw())
    }

    /// Returns the task's name: the one given, or `Task-N`.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn name(&self) -> String {
        self.raw().assert_here();
        name_of(self.future.raw()).unwrap_or_default()
    }

    /// Gives the task another name.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[doc(alias = "Task.set_name")]
    #[track_caller]
    pub fn set_name(&self, name: impl AsRef<str>) {
        let task = self.task();
        // The user's code runs here, unborrowed.
        let name: Rc<str> = name.as_ref().into();
        with(|core| {
            core.meets_task(task);
            if let Some(cell) = core.tasks.get_mut(task) {
                core.session.rename_task(cell.number, &name);
                cell.name = Some(name);
            }
        });
    }

    /// Returns how many cancels were requested of the task and not taken back.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[doc(alias = "Task.cancelling")]
    #[track_caller]
    pub fn cancelling(&self) -> u32 {
        cancelling_of(self.future.raw())
    }

    /// Takes one cancel back; returns how many are left. At 0 a cancel that was not yet delivered
    /// is revoked, as in CPython 3.13.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[doc(alias = "Task.uncancel")]
    #[track_caller]
    pub fn uncancel(&self) -> u32 {
        uncancel_of(self.future.raw())
    }

    /// Drops the task's future at its next step, wherever it is: Rust's own way to stop a task, as
    /// tokio's `abort`. Destructors run; code behind an await does not. An awaiter gets a cancelled
    /// error. Does nothing once the task is done.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn abort(&self) {
        abort_of(self.future.raw());
    }

    /// Returns another handle on the same task; from now on each awaiter gets a copy of the value.
    pub fn shared(&self) -> Self
    where
        T: Clone,
    {
        JoinHandle { future: self.future.shared() }
    }

    /// Returns the handle as that of a plain future.
    pub fn into_future_handle(self) -> LoopFuture<T> {
        self.future
    }
}

/// The task behind a future; none if it is no task.
#[track_caller]
fn task_of(raw: &FutureRef) -> TaskId {
    raw.assert_here();
    with(|core| core.task_of(raw.id()).unwrap_or(Id::NONE))
}

#[track_caller]
pub(super) fn cancelling_of(raw: &FutureRef) -> u32 {
    let task = task_of(raw);
    with(|core| {
        core.meets_task(task);
        core.tasks.get(task).map_or(0, |cell| cell.cancels)
    })
}

#[track_caller]
pub(super) fn uncancel_of(raw: &FutureRef) -> u32 {
    let task = task_of(raw);
    with(|core| {
        core.meets_task(task);
        core.uncancel(task)
    })
}

/// Drops the body of the task behind a future at its next step.
#[track_caller]
pub(crate) fn abort_of(raw: &FutureRef) {
    let task = task_of(raw);
    with(|core| core.abort(task));
}

/// The name of the task behind a future, if it is one.
pub(super) fn name_of(raw: &FutureRef) -> Option<String> {
    if !raw.is_here() {
        return None;
    }
    with(|core| {
        let task = core.task_of(raw.id())?;
        Some(core.tasks.get(task)?.name())
    })
}

impl<T> Deref for JoinHandle<T> {
    type Target = LoopFuture<T>;

    fn deref(&self) -> &LoopFuture<T> {
        &self.future
    }
}

impl<T: 'static> Future for JoinHandle<T> {
    type Output = Result<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        self.future.poll_as(Label::new("task"), cx)
    }
}

impl<T: Clone + 'static> Clone for JoinHandle<T> {
    fn clone(&self) -> Self {
        self.shared()
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raw = &self.future.raw;
        if !raw.is_here() {
            return f.write_str("<Task on another thread>");
        }
        let name = name_of(raw).unwrap_or_default();
        write!(f, "<Task '{name}' {:?}>", self.future)
    }
}
