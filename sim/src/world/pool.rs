//! Pools of threads and of processes.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;

use super::compute::cores;
use super::inside::assert_inside;
use super::job::{Job, PoolFuture};
use super::machine::machine;
use super::pool_core::{Kind, PoolCore};
use crate::base::{Error, Result, ValueError};
use crate::event_loop::with;
use crate::task::Boundary;

/// A pool of workers that do jobs: `concurrent.futures.Executor`.
///
/// What [`ThreadPool`] and [`ProcessPool`] have in common. A handle: clones are the same pool. When
/// the last one is dropped, what is queued is still done.
///
/// # Order
///
/// A job starts at the moment of its submission if a worker is free: what it does before it first
/// blocks happens before `submit` returns. Else it starts when a worker becomes free, first come,
/// first served. When a job ends, its result is handed over first (done-callbacks in the order in
/// which they were added, then those that are blocked in [`PoolFuture::result`]), and then the
/// worker takes the next job, at the same moment. What several pools do at one moment happens in
/// the order in which it was caused, all of it before the loop runs on.
#[derive(Clone)]
pub struct Pool {
    core: Arc<PoolCore>,
}

/// A pool of threads: `concurrent.futures.ThreadPoolExecutor`.
///
/// For code that waits: on input and output, or in a library that knows nothing of async. Threads
/// also compute side by side, as Rust's do, unless the pool has a GIL, as Python's has.
///
/// ```
/// use seedloop::{ThreadPool, blocking, run, run_in_executor};
/// use std::time::Duration;
///
/// let length = run(async {
///     ThreadPool::new()
///         .scope(async |pool| {
///             let text = run_in_executor(&pool, || {
///                 blocking::sleep(Duration::from_secs(3));
///                 Ok("result".to_owned())
///             });
///             Ok(text.await?.len())
///         })
///         .await
/// });
/// assert_eq!(length.unwrap(), 6);
/// ```
///
/// Source: Python docs, concurrent.futures, "ThreadPoolExecutor".
#[doc(alias = "concurrent.futures.ThreadPoolExecutor")]
#[derive(Clone, Debug)]
pub struct ThreadPool {
    pool: Pool,
}

/// A pool of processes: `concurrent.futures.ProcessPoolExecutor`.
///
/// For code that computes: each process has an interpreter, and so a GIL, of its own. A worker can
/// die ([`blocking::die`](crate::blocking::die), [`kill_worker`](Self::kill_worker)), which breaks
/// the pool.
///
/// The job that runs and one more than there are workers can no longer be cancelled, as they have
/// been handed over to the processes. Unlike a real process, a job here sees what it shares with
/// others through an `Arc`.
///
/// Source: Python docs, concurrent.futures, "ProcessPoolExecutor".
#[doc(alias = "concurrent.futures.ProcessPoolExecutor")]
#[derive(Clone, Debug)]
pub struct ProcessPool {
    pool: Pool,
}

/// How a [`ThreadPool`] is to be.
#[derive(Clone, Debug, Default)]
#[must_use = "`build` makes the pool"]
pub struct ThreadPoolBuilder {
    name: Option<String>,
    workers: Option<usize>,
    gil: bool,
}

impl Default for ThreadPool {
    fn default() -> Self {
        ThreadPool::new()
    }
}

impl ThreadPool {
    /// Makes a pool of 4 more threads than the machine has cores, 32 at most: 8 unless
    /// [`set_cores`](crate::set_cores) was called.
    #[track_caller]
    pub fn new() -> Self {
        ThreadPool { pool: Pool::new("ThreadPool", Kind::Threads, None, default_threads(), false) }
    }

    /// Makes a pool of `workers` threads.
    ///
    /// # Errors
    ///
    /// A [`ValueError`] for zero.
    #[track_caller]
    pub fn with_workers(workers: usize) -> Result<Self> {
        ThreadPool::builder().workers(workers).build()
    }

    /// Begins to describe a pool.
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::default()
    }
}

impl ThreadPoolBuilder {
    /// Names the pool in reports; `ThreadPool-1` and so on unless it is named.
    #[doc(alias = "thread_name_prefix")]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets how many threads the pool has at most; 4 more than cores, 32 at most, unless set.
    #[doc(alias = "max_workers")]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Says whether its threads share the GIL, as those of Python do; they don't unless this says
    /// so.
    ///
    /// There is one GIL in a simulation, for all such pools and for the loop's thread.
    pub fn gil(mut self, gil: bool) -> Self {
        self.gil = gil;
        self
    }

    /// Makes the pool. No thread starts before there is a job.
    ///
    /// # Errors
    ///
    /// A [`ValueError`] for a pool without workers.
    #[track_caller]
    pub fn build(self) -> Result<ThreadPool> {
        let workers = check_workers(self.workers.unwrap_or_else(default_threads))?;
        let pool = Pool::new("ThreadPool", Kind::Threads, self.name, workers, self.gil);
        Ok(ThreadPool { pool })
    }
}

impl Default for ProcessPool {
    fn default() -> Self {
        ProcessPool::new()
    }
}

impl ProcessPool {
    /// Makes a pool of as many processes as the machine has cores: 4 unless
    /// [`set_cores`](crate::set_cores) was called.
    #[track_caller]
    pub fn new() -> Self {
        ProcessPool { pool: Pool::new("ProcessPool", Kind::Processes, None, cores(), false) }
    }

    /// Makes a pool of `workers` processes.
    ///
    /// # Errors
    ///
    /// A [`ValueError`] for zero.
    #[track_caller]
    pub fn with_workers(workers: usize) -> Result<Self> {
        let workers = check_workers(workers)?;
        Ok(ProcessPool { pool: Pool::new("ProcessPool", Kind::Processes, None, workers, false) })
    }

    /// Kills a worker, as `kill -9` would: the pool breaks, and all its jobs that have not ended
    /// fail with [`BrokenPoolError`](crate::error::BrokenPoolError).
    ///
    /// Values on the stacks of its running jobs are dropped. Called from a job of the pool, this
    /// does not return.
    pub fn kill_worker(&self) {
        self.pool.core.break_down(None);
    }
}

fn default_threads() -> usize {
    (cores() + 4).min(32)
}

fn check_workers(workers: usize) -> Result<usize> {
    if workers > 0 {
        return Ok(workers);
    }
    let text = "max_workers must be greater than 0: a pool without workers would do no job";
    Err(Error::new(ValueError::new(text)))
}

impl Deref for ThreadPool {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        &self.pool
    }
}

impl Deref for ProcessPool {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        &self.pool
    }
}

impl Pool {
    #[track_caller]
    fn new(prefix: &str, kind: Kind, name: Option<String>, workers: usize, gil: bool) -> Self {
        assert_inside("a pool was made");
        let number = machine().next_pool_number();
        let name = name.unwrap_or_else(|| format!("{prefix}-{number}"));
        Pool { core: Arc::new(PoolCore::new(name.into(), kind, workers, gil)) }
    }

    pub(super) fn call_when_idle(&self, call: Box<dyn FnOnce() + Send>) {
        self.core.call_when_idle(call);
    }

    pub(super) fn submit_at<T, F>(
        &self,
        job: F,
        location: &'static Location<'static>,
    ) -> Result<Arc<Job>>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        let body = move || job().map(|value| Box::new(value) as Box<dyn Any + Send>);
        self.core.submit(Box::new(body), location)
    }

    /// Returns the name by which reports call the pool.
    pub fn name(&self) -> &str {
        self.core.name()
    }

    /// Returns how many jobs it does at a time at most.
    pub fn workers(&self) -> usize {
        self.core.workers
    }

    /// Hands a job to the pool: `executor.submit(job)`. See [the order](Pool#order) of its start.
    ///
    /// In a task [`run_in_executor`](crate::run_in_executor) is shorter.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`](crate::RuntimeError) after [`shutdown`](Self::shutdown), and when the
    /// pool was used in another simulation; [`BrokenPoolError`](crate::error::BrokenPoolError) when
    /// a worker process has died.
    #[track_caller]
    pub fn submit<T, F>(&self, job: F) -> Result<PoolFuture<T>>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        self.submit_at(job, Location::caller()).map(PoolFuture::new)
    }

    /// Refuses jobs from now on and blocks until all that were submitted have ended:
    /// `executor.shutdown()`.
    ///
    /// In a task this freezes the loop for as long, as in Python. In the middle of a panic it does
    /// not wait.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`](crate::RuntimeError) in a job of this pool, which would wait for itself.
    ///
    /// # Panics
    ///
    /// Outside of a simulation, if a job goes on: no virtual time passes there.
    #[doc(alias = "wait")]
    #[track_caller]
    pub fn shutdown(&self) -> Result<()> {
        self.core.refuse_jobs();
        self.core.join(Location::caller())
    }

    /// Refuses jobs from now on: `executor.shutdown(wait=False)`. What was submitted is still done.
    pub fn shutdown_nowait(&self) {
        self.core.refuse_jobs();
    }

    /// Cancels the jobs that no worker has taken, in the order in which they were submitted, and
    /// returns how many: what `executor.shutdown(cancel_futures=True)` does beside the shutdown.
    #[doc(alias = "cancel_futures")]
    pub fn cancel_queued(&self) -> usize {
        self.core.cancel_queued()
    }

    /// Runs `body` with the pool and [shuts it down](Self::shutdown) at its end: the `with` block
    /// of an executor.
    ///
    /// The end waits for the jobs, and *freezes the loop* until they have ended, as in Python:
    /// await them inside. It comes however the body ends: by a value, an error, a cancel, or
    /// because this future is dropped.
    ///
    /// # Errors
    ///
    /// The body's; a cancelled error when a cancel met it while it waited on something foreign.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future shuts the pool down too.
    #[doc(alias = "with")]
    #[track_caller]
    pub fn scope<T, F>(&self, body: F) -> impl Future<Output = Result<T>> + use<T, F>
    where
        F: AsyncFnOnce(Pool) -> Result<T>,
    {
        let location = Location::caller();
        let leave = Leave { pool: self.clone(), location };
        async move {
            let body = Boundary::new(body(leave.pool.clone()), location);
            let result = match body.await {
                Ok(result) => result,
                Err(cancelled) => Err(Error::new(cancelled)),
            };
            drop(leave);
            result
        }
    }
}

/// Shuts a pool down when its block is left.
struct Leave {
    pool: Pool,
    location: &'static Location<'static>,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.pool.core.refuse_jobs();
        // A loop that is being closed waits for nothing any more.
        if with(|core| !core.running.is_none()) {
            // An error means that a job of this very pool leaves the block: it waits for nobody.
            drop(self.pool.core.join(self.location));
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Pool '{}' workers={}>", self.name(), self.workers())
    }
}
