//! Jobs from the loop's side: submitted by a task, awaited by it.
//!
//! Source: CPython 3.13, `BaseEventLoop.run_in_executor`, `futures.wrap_future`, `_chain_future`,
//! `asyncio.to_thread`.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::default_pool::default_or_new;
use super::job::{Job, PoolFuture, Stage};
use super::machine::machine;
use super::pool::{Pool, ProcessPool, ThreadPool};
use crate::base::{AssertionError, Error, Result};
use crate::event_loop::{
    Finished, Kind, LoopId, State, Value, cancel_future, finish, queue_plain, with,
};
use crate::task::{EventLoop, FutureRef, LoopFuture};

/// What [`run_in_executor`] takes: a pool, or `None` for the loop's default pool.
pub trait Executor: sealed::Executor {}

mod sealed {
    pub trait Executor {
        /// `None` is the default pool.
        fn pool(self) -> Option<super::Pool>;
    }
}

macro_rules! executors {
    ($($type:ty => |$this:ident| $pool:expr;)*) => {$(
        impl Executor for $type {}
        impl sealed::Executor for $type {
            fn pool(self) -> Option<Pool> {
                let $this = self;
                $pool
            }
        }
    )*};
}

executors! {
    &Pool => |this| Some(this.clone());
    &ThreadPool => |this| Some(Pool::clone(this));
    &ProcessPool => |this| Some(Pool::clone(this));
    Option<&Pool> => |this| this.cloned();
}

/// Runs ordinary code in a pool: `loop.run_in_executor(pool, job)` on the running loop.
///
/// `pool` is a pool or `None`, the loop's default pool. The job is queued at once, and starts at
/// once if a worker is free (see [the order](Pool#order)); the loop goes on. Inside the job,
/// [`blocking`](crate::blocking) takes virtual time.
///
/// The result is there two hops after the job's end: one for the hand-over to the loop and one to
/// resume the task that awaits it; also if the job has ended by then.
///
/// ```
/// use seedloop::{blocking, run, run_in_executor};
/// use std::time::Duration;
///
/// fn blocking_io() -> seedloop::Result<&'static str> {
///     blocking::sleep(Duration::from_secs(3));
///     Ok("result")
/// }
/// assert_eq!(run(async { run_in_executor(None, blocking_io).await }).unwrap(), "result");
/// ```
///
/// # Errors
///
/// Awaiting the future gives the job's error; [`Panicked`](crate::error::Panicked) when it
/// panicked, which does not end the run unless the awaiting task returns it; a
/// [`RuntimeError`](crate::RuntimeError) when the pool was shut down, and
/// [`BrokenPoolError`](crate::error::BrokenPoolError) when it is broken. asyncio raises the last
/// two from the call, and so does [`EventLoop::run_in_executor`].
///
/// # Cancel safety
///
/// Cancelling the await cancels a job that still waits for a worker, one hop later. A job that runs
/// goes on to its end, and its result is dropped.
///
/// # Panics
///
/// When no loop runs.
#[track_caller]
pub fn run_in_executor<T, F>(pool: impl Executor, job: F) -> LoopFuture<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    let location = Location::caller();
    let owner = running_loop("run_in_executor");
    submit_to(owner, pool.pool(), job, location)
        .unwrap_or_else(|error| failed(owner, error, location))
}

#[track_caller]
fn running_loop(what: &str) -> LoopId {
    match with(|core| core.running_loop()) {
        Some(owner) => owner,
        None => panic!(
            "no running event loop: call `{what}` from a task inside `seedloop::run`; a job hands \
             work to a pool with `Pool::submit`"
        ),
    }
}

/// A future that has failed from the beginning.
fn failed<T: 'static>(
    owner: LoopId,
    error: Error,
    location: &'static Location<'static>,
) -> LoopFuture<T> {
    let future = FutureRef::new_of(owner, Kind::Plain);
    finish(future.id(), Finished::Error(error));
    LoopFuture::from_raw(future, location)
}

/// Runs ordinary code in the default pool, with the context variables of the task:
/// `asyncio.to_thread(job)`.
///
/// Nothing happens before this is awaited. Apart from the variables, which are copied, this is
/// [`run_in_executor`] on the default pool.
///
/// # Errors
///
/// As [`run_in_executor`].
///
/// # Cancel safety
///
/// As [`run_in_executor`].
///
/// # Panics
///
/// When polled, if no loop runs.
///
/// Source: Python docs, asyncio-task, "Running in Threads".
#[track_caller]
pub fn to_thread<T, F>(job: F) -> ToThread<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    ToThread { job: Some(job), future: None, location: Location::caller() }
}

/// The future of [`to_thread`].
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct ToThread<T, F> {
    job: Option<F>,
    future: Option<LoopFuture<T>>,
    location: &'static Location<'static>,
}

// Nothing in it is pinned: the job is moved out before it runs.
impl<T, F> Unpin for ToThread<T, F> {}

impl<T, F> Future for ToThread<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        if let Some(job) = self.job.take() {
            let key = machine().keep_variables();
            let job = move || {
                let variables = machine().take_variables(key);
                let empty = with(|core| std::mem::replace(&mut core.variables, variables));
                drop(empty);
                job()
            };
            let owner = running_loop("to_thread");
            match submit_to(owner, None, job, self.location) {
                Ok(future) => self.future = Some(future),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let future = self.future.as_mut().expect("`ToThread` was polled again after it was over");
        let result = std::task::ready!(Pin::new(future).poll(cx));
        self.future = None;
        Poll::Ready(result)
    }
}

impl EventLoop {
    /// Runs ordinary code in a pool: `loop.run_in_executor(pool, job)`. See [`run_in_executor`].
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`](crate::RuntimeError) when the loop is closed, when the pool was shut
    /// down, and on the default pool once its shutdown has begun;
    /// [`BrokenPoolError`](crate::error::BrokenPoolError) when the pool is broken.
    #[track_caller]
    pub fn run_in_executor<T, F>(&self, pool: impl Executor, job: F) -> Result<LoopFuture<T>>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        let location = Location::caller();
        self.check_open()?;
        submit_to(self.id(), pool.pool(), job, location)
    }
}

fn submit_to<T, F>(
    owner: LoopId,
    pool: Option<Pool>,
    job: F,
    location: &'static Location<'static>,
) -> Result<LoopFuture<T>>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    let pool = pool.map_or_else(|| default_or_new(owner), Ok)?;
    let job = pool.submit_at(job, location)?;
    Ok(wrap_job(owner, job, location))
}

/// Queues a job of the default pool. Returns its number, the handle that reaches the job alone, and
/// the future of the loop.
pub(crate) fn submit_default<T, F>(
    owner: LoopId,
    job: F,
    location: &'static Location<'static>,
) -> Result<(u32, PoolFuture<T>, LoopFuture<T>)>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    let job = default_or_new(owner)?.submit_at(job, location)?;
    let future = wrap_job(owner, Arc::clone(&job), location);
    Ok((job.number(), PoolFuture::new(job), future))
}

/// Chains a future of the loop to a job, in both directions.
pub(super) fn wrap_job<T: 'static>(
    owner: LoopId,
    job: Arc<Job>,
    location: &'static Location<'static>,
) -> LoopFuture<T> {
    let future = FutureRef::new_of(owner, Kind::Plain);
    let source = Arc::clone(&job);
    let key = future.add_done_callback(
        "run_in_executor cancel",
        Box::new(move |done| {
            if with(|core| core.futures.get(done).is_some_and(|c| c.state == State::Cancelled)) {
                source.cancel();
            }
        }),
    );
    key.expect("seedloop bug: a pending future took no callback");
    let target = future.clone();
    job.add_callback(Box::new(move |job| {
        let job = Arc::clone(job);
        // A loop that was closed wants no result.
        queue_plain(owner, "call_soon_threadsafe", location, move || set_state(&target, &job));
    }));
    LoopFuture::from_raw(future, location)
}

/// Copies what became of a job into the future that was chained to it.
fn set_state(future: &FutureRef, job: &Job) -> Result<()> {
    match future.state() {
        State::Cancelled => return Ok(()),
        State::Finished => {
            let text = "the future of a pool's job was given a result by somebody else";
            return Err(Error::new(AssertionError::new(text)));
        }
        State::Pending => {}
    }
    if job.stage() == Stage::Cancelled {
        cancel_future(future.id(), None);
        return Ok(());
    }
    let finished = match job.take_outcome() {
        Ok(value) => Finished::Value(Value::unboxed(value)),
        Err(error) => Finished::Error(error),
    };
    finish(future.id(), finished);
    if !job.life().is_alive() {
        // Who would have asked for it has crashed.
        future.mark_retrieved();
    }
    Ok(())
}
