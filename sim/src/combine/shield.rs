//! `asyncio.shield`: a wait that can be cancelled without cancelling what is waited for.

use std::future::Future;
use std::panic::Location;

use crate::base::{Error, InvalidStateError, Result};
use crate::event_loop::{Finished, FutureId, Kind, State, cancel_future, finish, with};
use crate::task::{FutureRef, LoopFuture, ensure_future_anywhere, settle_callback};

/// Protects an awaitable from the cancel of its waiter: `asyncio.shield(aw)`.
///
/// The awaitable becomes a task at the call, if it is none. When the waiter is cancelled it gets
/// the cancelled error at once, and the task goes on; what it fails with later is then reported as
/// never retrieved. When the task itself is cancelled, so is the waiter. The waiter resumes two
/// hops after the task has ended; a task that has ended already is returned as it is.
///
/// # Errors
///
/// Those of the awaitable; a cancelled error; a [`RuntimeError`](crate::RuntimeError) for a future
/// of another thread, and when a task awaits the shield of another loop's future.
///
/// # Panics
///
/// When no loop runs.
///
/// # Cancel safety
///
/// Dropping the returned future leaves the task running.
///
/// Source: Python docs, asyncio-task, "Shielding From Cancellation".
#[track_caller]
pub fn shield<T, F>(awaitable: F) -> LoopFuture<T>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let location = Location::caller();
    let owner = with(|core| core.running_loop().or(core.current_loop()));
    let Some(owner) = owner else {
        panic!("no running event loop: call `shield` from inside `seedloop::run(async {{ .. }})`");
    };
    let inner = match ensure_future_anywhere(owner, awaitable, location) {
        Ok(inner) if inner.done() => return inner,
        Ok(inner) => inner.raw().clone(),
        Err(error) => return LoopFuture::failed(owner, error, location),
    };
    let outer = FutureRef::new_of(inner.owner(), Kind::Plain);
    let to = outer.clone();
    let passed_on = move |inner| settle_callback(pass_on(inner, &to), location);
    let pending = "seedloop bug: a pending future took no callback";
    let key = inner.add_done_callback("shield", Box::new(passed_on)).expect(pending);
    let let_go = move |_| {
        // Without this the inner future's error would never be reported as such.
        let inner = inner;
        if !inner.is_done() {
            inner.remove_done_callback(key);
        }
    };
    outer.add_done_callback("shield", Box::new(let_go)).expect(pending);
    LoopFuture::from_raw(outer, location)
}

/// Gives the end of the inner future to the outer one; an error if somebody else has given it a
/// result meanwhile.
fn pass_on(inner: FutureId, outer: &FutureRef) -> Result<()> {
    let inner = FutureRef::to(inner);
    if outer.state() == State::Cancelled {
        inner.mark_retrieved();
        return Ok(());
    }
    if inner.state() == State::Cancelled {
        cancel_future(outer.id(), None);
        return Ok(());
    }
    with(|core| {
        // Where the inner result is copied, the outer one must be too.
        let clone = core.futures.get(inner.id()).and_then(|cell| cell.clone);
        if let Some(cell) = core.futures.get_mut(outer.id()) {
            cell.clone = cell.clone.or(clone);
        }
    });
    let finished = match inner.take_any() {
        Ok(value) => Finished::Value(value),
        Err(error) => Finished::Error(error),
    };
    match finish(outer.id(), finished) {
        true => Ok(()),
        false => Err(Error::new(InvalidStateError::new("the shield was given a result"))),
    }
}
