//! The handles on a task.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::error::JoinError;
use super::id::Id;
use crate::event_loop::{Core, Label, with};
use crate::task::{FutureRef, Wait, abort_of, await_location};

/// The handle on a task: `tokio::task::JoinHandle`.
///
/// Awaiting it gives the task's value one hop after its end; no hop if it has ended already.
/// Dropping it lets the task go on by itself.
///
/// Unlike that of [`seedloop::JoinHandle`](crate::JoinHandle), its await knows no cancel: when
/// asyncio's `cancel` meets a task that awaits it, the cancel does not travel on to the task that
/// is awaited; what lies inside the innermost [`attempt`](crate::attempt), timeout, scope or group
/// around the await is dropped, or else the whole task that awaits.
///
/// # Errors
///
/// A [`JoinError`] when the task was aborted, or panicked under
/// [`Simulation::panics_join`](crate::Simulation::panics_join).
///
/// # Panics
///
/// When polled on another thread than the simulation's, and again after it was over.
///
/// # Cancel safety
///
/// Dropping the handle while it is awaited leaves the task running; awaiting `&mut handle` in a
/// `select!` loses nothing.
pub struct JoinHandle<T> {
    task: AbortHandle,
    wait: Wait,
    over: bool,
    location: &'static Location<'static>,
    of: PhantomData<fn() -> T>,
}

impl<T> JoinHandle<T> {
    pub(super) fn new(task: AbortHandle, location: &'static Location<'static>) -> Self {
        JoinHandle { task, wait: Wait::new(), over: false, location, of: PhantomData }
    }

    /// Drops the task's future at its next step; see [`AbortHandle::abort`].
    #[track_caller]
    pub fn abort(&self) {
        self.task.abort();
    }

    /// Returns a handle that can only abort the task.
    pub fn abort_handle(&self) -> AbortHandle {
        self.task.clone()
    }

    /// Tells whether the task has ended, in whatever way.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        self.task.id()
    }
}

impl<T: 'static> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let raw = &this.task.raw;
        raw.assert_here();
        assert!(!this.over, "`JoinHandle` was polled again after it was over");
        if !this.wait.is_parked() && raw.is_done() && !with(Core::count_await) {
            // A limit has ended the run, and nothing goes on.
            return Poll::Pending;
        }
        let location = await_location(Location::caller(), this.location);
        ready!(this.wait.poll_infallible(raw.id(), Label::new("task"), location, cx));
        this.over = true;
        Poll::Ready(raw.take_as().map_err(|error| JoinError::new(this.task.id, &error)))
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish()
    }
}

/// A handle that can only abort a task: `tokio::task::AbortHandle`. Dropping it does nothing.
#[derive(Clone)]
pub struct AbortHandle {
    raw: FutureRef,
    id: Id,
    /// Takes the job of a blocking task back.
    take_back: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl AbortHandle {
    pub(super) fn of_task(raw: FutureRef, id: Id) -> Self {
        AbortHandle { raw, id, take_back: None }
    }

    pub(super) fn of_job(raw: FutureRef, id: Id, take_back: Arc<dyn Fn() + Send + Sync>) -> Self {
        AbortHandle { raw, id, take_back: Some(take_back) }
    }

    /// Drops the task's future at its next step, which comes one hop from now; code behind its
    /// await does not run, destructors do, and an awaiter gets a [`JoinError`] then. Nothing
    /// happens to a task that has ended: its value is still there for the awaiter.
    ///
    /// A [`spawn_blocking`](super::task::spawn_blocking) job is taken back if no worker has it yet;
    /// one that runs goes on, and gives its value.
    ///
    /// # Panics
    ///
    /// On another thread than the simulation's.
    #[track_caller]
    pub fn abort(&self) {
        match &self.take_back {
            Some(take_back) => take_back(),
            None => abort_of(&self.raw),
        }
    }

    /// Tells whether the task has ended, in whatever way.
    pub fn is_finished(&self) -> bool {
        self.raw.is_done()
    }

    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        self.id
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id).finish()
    }
}
