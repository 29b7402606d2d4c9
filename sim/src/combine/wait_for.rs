//! `asyncio.wait_for`: one awaitable with a time limit.

use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use super::timeout::timeout_from;
use crate::base::{Elapsed, Error, Result};
use crate::event_loop::{Label, cancel_future, with};
use crate::task::{LoopFuture, WaitUnit, ensure_future, to_handle};

/// Waits for one awaitable for at most `timeout` of virtual time: `asyncio.wait_for(aw, timeout)`.
///
/// The awaitable runs in the calling task, as if it were awaited inside
/// [`timeout(..).scope(..)`](crate::Timeout::scope), and that says all about races between a result
/// and the deadline: in one iteration the deadline wins. A task or future of the loop is cancelled
/// when the time is up, and waited for however long its clean-up takes; protect it with
/// [`shield`](crate::shield). No timeout (`None`) waits for ever.
///
/// A zero `timeout` gives the result if there is one, and else cancels at once: a coroutine is then
/// never started, though that takes three hops.
///
/// The error type is open, so that waits of single primitives fit
/// (`wait_for(queue.get(), second)`); an inline `async` block is better given to
/// [`Timeout::scope`](crate::Timeout::scope).
///
/// # Errors
///
/// [`Elapsed`] when the time was up; the awaitable's error; a cancelled error.
///
/// # Cancel safety
///
/// As the awaitable's.
///
/// Source: Python docs, asyncio-task, "Timeouts"; CPython 3.13, `wait_for`.
#[track_caller]
pub fn wait_for<T, E, F>(
    awaitable: F,
    timeout: impl Into<Option<Duration>>,
) -> impl Future<Output = Result<T>>
where
    T: 'static,
    E: Into<Error> + 'static,
    F: Future<Output = Result<T, E>> + 'static,
{
    let location = Location::caller();
    let timeout = timeout.into();
    async move {
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return at_once(awaitable, location).await;
        }
        let body = async move |_: &super::Timeout| awaitable.await.map_err(Into::into);
        timeout_from(timeout, location).scope(body).await
    }
}

/// The result that is there, or a cancel and the wait for its end.
async fn at_once<T, E, F>(awaitable: F, location: &'static Location<'static>) -> Result<T>
where
    T: 'static,
    E: Into<Error> + 'static,
    F: Future<Output = Result<T, E>> + 'static,
{
    let future = to_future(awaitable, location)?;
    if future.done() {
        return future.take_result();
    }
    // Wait for the end of the cancelled one; a cancel of the waiter does not reach it again.
    let mut wait = WaitUnit::new(Label::new("task"), location);
    let waiter = wait.id();
    let ended = move |_| {
        WaitUnit::complete(waiter);
    };
    let key = future.raw().add_done_callback("wait_for", Box::new(ended))?;
    cancel_future(future.raw().id(), None);
    let waited = std::future::poll_fn(|cx| wait.poll(cx)).await;
    future.raw().remove_done_callback(key);
    waited?;
    match future.take_result() {
        Err(error) if error.is_cancelled() => Err(Error::new(Elapsed)),
        result => result,
    }
}

fn to_future<T, E, F>(awaitable: F, location: &'static Location<'static>) -> Result<LoopFuture<T>>
where
    T: 'static,
    E: Into<Error> + 'static,
    F: Future<Output = Result<T, E>> + 'static,
{
    match to_handle(awaitable) {
        Ok(future) => future.raw().check().map(|()| future),
        Err(awaitable) => {
            let owner = with(|core| core.running);
            ensure_future(owner, async move { awaitable.await.map_err(Into::into) }, location)
        }
    }
}
