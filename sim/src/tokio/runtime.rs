//! The runtime: `tokio::runtime`, on the simulation's loop.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{Location, panic_any};
use std::time::Duration;

use super::join_handle::JoinHandle;
use super::spawn::{Unfailing, spawn_job, spawn_task};
use crate::event_loop::{LoopId, with};
use crate::runner::Runner;
use crate::task::{EventLoop, running_loop};

/// A runtime: `tokio::runtime::Runtime`. It is a loop of this thread, whatever its builder was
/// told.
///
/// Dropping it drops the tasks that are left.
///
/// ```
/// use seedloop::Simulation;
/// use seedloop::tokio::runtime::Runtime;
/// use seedloop::tokio::time::{Duration, sleep};
///
/// let outcome = Simulation::new().run(|| {
///     let runtime = Runtime::new().unwrap();
///     runtime.block_on(async {
///         sleep(Duration::from_secs(3600)).await;
///         "an hour later"
///     })
/// });
/// assert_eq!(outcome.result.unwrap(), "an hour later");
/// assert_eq!(outcome.time.since_start(), Duration::from_secs(3600));
/// ```
#[derive(Debug)]
pub struct Runtime {
    runner: Runner,
}

impl Runtime {
    /// Makes a runtime.
    ///
    /// # Errors
    ///
    /// None.
    pub fn new() -> io::Result<Self> {
        Builder::new_multi_thread().enable_all().build()
    }

    /// Runs a future to its end, and the tasks beside it. Its type must not borrow (`'static`),
    /// since it is a task as well.
    ///
    /// # Panics
    ///
    /// Inside a runtime; with what ended the run, if something did: a panic of a task, a deadlock,
    /// a limit. It is the error of the [`Outcome`](crate::Outcome) if nobody catches it.
    #[track_caller]
    pub fn block_on<F>(&self, future: F) -> F::Output
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        refuse_inside();
        match self.runner.run(Unfailing::new(future)) {
            Ok(value) => value,
            // The simulation around it gives the error as it is.
            Err(error) if with(|core| core.session.capture) => panic_any(error),
            Err(error) => panic!("{error}"),
        }
    }

    /// Spawns a task, which runs once [`block_on`](Self::block_on) does.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        spawn_task(self.event_loop().id(), future, Location::caller())
    }

    /// Runs ordinary code in the default pool; see
    /// [`task::spawn_blocking`](super::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, job: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        spawn_job(self.event_loop().id(), job, Location::caller())
    }

    /// Returns a handle on the runtime.
    #[track_caller]
    pub fn handle(&self) -> Handle {
        Handle { event_loop: self.event_loop() }
    }

    /// Drops the runtime and the tasks that are left; jobs that run are waited for, whatever the
    /// limit: they cost no real time.
    pub fn shutdown_timeout(self, _limit: Duration) {}

    /// Drops the runtime and the tasks that are left.
    pub fn shutdown_background(self) {}

    #[track_caller]
    fn event_loop(&self) -> EventLoop {
        match self.runner.event_loop() {
            Ok(event_loop) => event_loop,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A handle on a runtime: `tokio::runtime::Handle`.
#[derive(Clone, Debug)]
pub struct Handle {
    event_loop: EventLoop,
}

impl Handle {
    /// Returns the handle on the runtime that runs.
    ///
    /// # Panics
    ///
    /// When none runs.
    #[track_caller]
    pub fn current() -> Self {
        match Handle::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns the handle on the runtime that runs, if one does.
    ///
    /// # Errors
    ///
    /// A [`TryCurrentError`] when none runs.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        match running_loop() {
            Ok(event_loop) => Ok(Handle { event_loop }),
            Err(_) => Err(TryCurrentError(())),
        }
    }

    /// Spawns a task on the runtime.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        spawn_task(self.owner(), future, Location::caller())
    }

    /// Runs ordinary code in the default pool; see
    /// [`task::spawn_blocking`](super::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, job: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        spawn_job(self.owner(), job, Location::caller())
    }

    /// The loop, which must be open.
    #[track_caller]
    pub(super) fn owner(&self) -> LoopId {
        assert!(!self.event_loop.is_closed(), "the runtime of this handle was dropped");
        self.event_loop.id()
    }
}

/// No runtime runs on this thread.
#[derive(Debug)]
pub struct TryCurrentError(());

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no runtime runs here; call this from a task, inside `seedloop::run(async { .. })` or \
             a `Runtime`'s `block_on`",
        )
    }
}

impl std::error::Error for TryCurrentError {}

/// Says how a runtime is to be: `tokio::runtime::Builder`. Every runtime is the same here, and what
/// it is told is only for the code that says so.
#[derive(Debug, Default)]
pub struct Builder {
    _private: (),
}

impl Builder {
    /// Begins to describe a runtime.
    pub fn new_current_thread() -> Self {
        Builder::default()
    }

    /// The same: there is one thread all the same.
    pub fn new_multi_thread() -> Self {
        Builder::default()
    }

    /// Changes nothing.
    pub fn enable_all(&mut self) -> &mut Self {
        self
    }

    /// Changes nothing.
    pub fn enable_io(&mut self) -> &mut Self {
        self
    }

    /// Changes nothing.
    pub fn enable_time(&mut self) -> &mut Self {
        self
    }

    /// Changes nothing: time is virtual from the beginning.
    pub fn start_paused(&mut self, _paused: bool) -> &mut Self {
        self
    }

    /// Changes nothing.
    pub fn worker_threads(&mut self, _threads: usize) -> &mut Self {
        self
    }

    /// Changes nothing.
    pub fn max_blocking_threads(&mut self, _threads: usize) -> &mut Self {
        self
    }

    /// Changes nothing.
    pub fn thread_name(&mut self, _name: impl Into<String>) -> &mut Self {
        self
    }

    /// Makes the runtime.
    ///
    /// # Errors
    ///
    /// None.
    pub fn build(&mut self) -> io::Result<Runtime> {
        Ok(Runtime { runner: Runner::new() })
    }
}

#[track_caller]
fn refuse_inside() {
    assert!(
        with(|core| core.running.is_none()),
        "a runtime was asked to block inside a runtime; await the future instead"
    );
}
