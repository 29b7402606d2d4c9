//! The pool that a loop has for those who name none, and its end.
//!
//! Source: CPython 3.13, `BaseEventLoop.set_default_executor`, `shutdown_default_executor`.

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use super::pool::{Pool, ThreadPool};
use crate::base::{Error, Event, Result, RuntimeError};
use crate::combine::timeout;
use crate::event_loop::{
    Finished, Kind, LoopId, Report, ReportKind, Value, finish, queue_plain, report_to, with,
};
use crate::task::{EventLoop, FutureRef, LoopFuture};

/// The default pool of a loop, in its cell.
struct DefaultPool {
    pool: ThreadPool,
    /// Another one took its place: it goes on to take jobs from those who have it.
    replaced: Cell<bool>,
}

impl Drop for DefaultPool {
    /// The loop was closed: what is queued is still done, as CPython's threads would.
    fn drop(&mut self) {
        if !self.replaced.get() {
            self.pool.shutdown_nowait();
        }
    }
}

impl DefaultPool {
    fn boxed(pool: &ThreadPool) -> Rc<dyn Any> {
        Rc::new(DefaultPool { pool: pool.clone(), replaced: Cell::new(false) })
    }
}

impl EventLoop {
    /// Makes `pool` the one that [`run_in_executor`](crate::run_in_executor) takes for `None`:
    /// `loop.set_default_executor(pool)`.
    ///
    /// Without it the default pool is made when it is first needed, of 4 more threads than the
    /// machine has cores. The end of the run waits for the jobs of the default pool only.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] when the loop is closed.
    pub fn set_default_executor(&self, pool: &ThreadPool) -> Result<()> {
        self.check_open()?;
        let (id, new) = (self.id(), DefaultPool::boxed(pool));
        let old = with(|core| core.loops[id].default_executor.replace(new));
        if let Some(old) = old.as_ref().and_then(|old| old.downcast_ref::<DefaultPool>()) {
            old.replaced.set(true);
        }
        Ok(())
    }

    /// Refuses jobs for the default pool from now on and waits until those that it has are done:
    /// `loop.shutdown_default_executor(timeout)`. [`run`](crate::run) does this last, with 300 s.
    ///
    /// Nothing happens before the future is polled. When the time is up, it is reported
    /// ([`ReportKind::ExecutorTimeout`]) and the jobs are left to themselves. `None` is no limit.
    ///
    /// # Errors
    ///
    /// A cancelled error when the task was cancelled while it waited.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets the wait; the pool still refuses jobs.
    #[track_caller]
    pub fn shutdown_default_executor<L>(
        &self,
        limit: L,
    ) -> impl Future<Output = Result<()>> + use<L>
    where
        L: Into<Option<Duration>>,
    {
        shut_down(self.id(), limit.into(), Location::caller())
    }
}

async fn shut_down(
    owner: LoopId,
    limit: Option<Duration>,
    location: &'static Location<'static>,
) -> Result<()> {
    with(|core| {
        if let Some(cell) = core.loops.get_mut(owner) {
            cell.executor_closed = true;
        }
    });
    let Some(pool) = default_pool(owner) else { return Ok(()) };
    with(|core| core.session.emit(Event::Phase { name: "shut down the default pool" }));
    // CPython's helper thread joins the pool's; here the pool tells when it is idle.
    let future = LoopFuture::<()>::from_raw(FutureRef::new_of(owner, Kind::Plain), location);
    let idle = future.raw().clone();
    pool.shutdown_nowait();
    pool.call_when_idle(Box::new(move || {
        queue_plain(owner, "call_soon_threadsafe", location, move || {
            finish(idle.id(), Finished::Value(Value::new(())));
            Ok(())
        });
    }));
    match timeout(limit).scope(async |_| future.await).await {
        Err(error) if error.is_timeout() => {
            let seconds = limit.unwrap_or_default().as_secs();
            let text = format!(
                "The executor did not finishing joining its threads within {seconds} seconds."
            );
            report_to(owner, Report::new(ReportKind::ExecutorTimeout, text));
            Ok(())
        }
        result => result,
    }
}

/// The default pool of a loop, if it has one.
fn default_pool(owner: LoopId) -> Option<ThreadPool> {
    let any = with(|core| core.loops.get(owner)?.default_executor.clone())?;
    any.downcast_ref::<DefaultPool>().map(|default| default.pool.clone())
}

pub(super) fn default_or_new(owner: LoopId) -> Result<Pool> {
    if with(|core| core.loops.get(owner).is_none_or(|cell| cell.executor_closed)) {
        return Err(Error::new(RuntimeError::new("Executor shutdown has been called")));
    }
    if let Some(pool) = default_pool(owner) {
        return Ok(Pool::clone(&pool));
    }
    let pool = ThreadPool::builder().name("default").build()?;
    let made = DefaultPool::boxed(&pool);
    with(|core| core.loops[owner].default_executor = Some(made));
    Ok(Pool::clone(&pool))
}
