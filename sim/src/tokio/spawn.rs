//! Spawning tasks of any output.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::id::Id;
use super::join_handle::{AbortHandle, JoinHandle};
use crate::base::{Panicked, Result};
use crate::event_loop::{LoopId, with};
use crate::task::{Turn, spawn_on};
use crate::world::submit_default;

/// Spawns a task: `tokio::spawn`.
///
/// The task is ready at once, behind all that is ready already. Its output may be anything, and
/// neither the future nor the output need be `Send`.
///
/// # Panics
///
/// When no loop runs.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_task(running("spawn"), future, Location::caller())
}

/// Spawns a task on this thread, as every task is here: the same as [`spawn`]. It needs no
/// [`LocalSet`](super::task::LocalSet) around it.
///
/// # Panics
///
/// When no loop runs.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_task(running("spawn_local"), future, Location::caller())
}

/// Runs ordinary code in the loop's default pool: `tokio::task::spawn_blocking`.
///
/// The job starts at once if a worker is free, and what it does before it first blocks happens
/// before this returns; in it [`blocking::sleep`](crate::blocking::sleep) takes virtual time. The
/// pool has as many workers as asyncio's: 8, unless [`set_cores`](crate::set_cores) was called.
///
/// # Panics
///
/// When no loop runs, and once the loop's default pool was shut down.
#[track_caller]
pub fn spawn_blocking<F, R>(job: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    spawn_job(running("spawn_blocking"), job, Location::caller())
}

/// Runs blocking code in the middle of a task: `tokio::task::block_in_place`. Here it freezes the
/// loop, and is reported as a slow callback.
pub fn block_in_place<F: FnOnce() -> R, R>(job: F) -> R {
    job()
}

/// Gives way once: `tokio::task::yield_now`. The task is ready again at once, behind all that is
/// ready already.
///
/// # Cancel safety
///
/// Holds nothing.
pub fn yield_now() -> YieldNow {
    YieldNow { turn: Turn::default() }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct YieldNow {
    turn: Turn,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.turn.poll(cx)
    }
}

/// The running loop.
#[track_caller]
pub(super) fn running(what: &str) -> LoopId {
    match with(|core| core.running_loop()) {
        Some(owner) => owner,
        None => panic!(
            "no running event loop: call `tokio::{what}` from a task, inside `seedloop::run(async \
             {{ .. }})` or a `Runtime`'s `block_on`"
        ),
    }
}

pub(super) fn spawn_task<F>(
    owner: LoopId,
    future: F,
    location: &'static Location<'static>,
) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let handle = spawn_on(owner, Unfailing::new(future), None, location);
    let raw = handle.raw().clone();
    let number = with(|core| {
        let task = core.task_of(raw.id());
        if let Some(cell) = core.futures.get_mut(raw.id()) {
            // Whoever drops the handle does not want the value.
            cell.watched = true;
        }
        task.and_then(|task| core.tasks.get(task)).map_or(0, |cell| cell.number)
    });
    JoinHandle::new(AbortHandle::of_task(raw, Id::of_task(number)), location)
}

#[track_caller]
pub(super) fn spawn_job<F, R>(
    owner: LoopId,
    job: F,
    location: &'static Location<'static>,
) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let (number, job, future) = match submit_default(owner, || Ok(job()), location) {
        Ok(submitted) => submitted,
        Err(error) => panic!("{error}"),
    };
    let raw = future.raw().clone();
    let watched = future.add_done_callback(|ended| {
        if let Ok(Some(error)) = ended.exception()
            && error.is::<Panicked>()
        {
            with(|core| {
                if !core.session.panics_join {
                    core.break_loop(error);
                }
            });
        }
    });
    watched.expect("seedloop bug: a pending future took no callback");
    let take_back = Arc::new(move || {
        job.cancel();
    });
    JoinHandle::new(AbortHandle::of_job(raw, Id::of_job(number), take_back), location)
}

pin_project! {
    /// A future whose output is the value, whatever it is.
    pub(super) struct Unfailing<F> {
        #[pin]
        future: F,
    }
}

impl<F> Unfailing<F> {
    pub(super) fn new(future: F) -> Self {
        Unfailing { future }
    }
}

impl<F: Future> Future for Unfailing<F> {
    type Output = Result<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<F::Output>> {
        self.project().future.poll(cx).map(Ok)
    }
}
