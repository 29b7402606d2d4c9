//! `asyncio.gather`: several at once, results in the order of the arguments.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

use super::gather_input::{GatherInput, LoopKey};
use crate::base::{Error, Result};
use crate::event_loop::{Fan, Finished, FutureId, Kind, LoopId, Outcome, Value, finish, with};
use crate::task::{AnyFuture, FutureRef, LoopFuture};

/// Runs several awaitables at once and gives their values in the order of the arguments:
/// `asyncio.gather(*aws)`.
///
/// Futures that are not of the loop yet become tasks at the call, in the order of the arguments;
/// awaiting the result is not needed for them to run. The waiter resumes two hops after the last
/// one has ended; at once if all had ended before the call.
///
/// The first error ends the gather at once, and the others **go on in the background**; what they
/// fail with later is dropped without a report. Cancelling the gather, or a task that awaits it,
/// cancels every child that has not ended; the cancelled error comes with the first child that
/// ends so. Use [`TaskGroup`](crate::TaskGroup) where a failure should end the others.
///
/// # Errors
///
/// The first error of a child; a cancelled error when a child was cancelled, by whomever; a
/// [`ValueError`](crate::error::ValueError) when the children are of several loops; a
/// [`RuntimeError`](crate::RuntimeError) for a child of another thread, and when a task awaits the
/// gather of children of another loop.
///
/// # Panics
///
/// When no loop runs.
///
/// # Cancel safety
///
/// Dropping the returned future cancels nothing: the children go on.
///
/// Source: Python docs, asyncio-task, "Running Tasks Concurrently".
#[track_caller]
pub fn gather<G: GatherInput + 'static>(children: G) -> LoopFuture<G::Values> {
    start::<G, _>(children, false, Location::caller(), |futures| G::values(futures).map(Value::new))
}

/// Runs several awaitables at once and gives a result for each:
/// `asyncio.gather(*aws, return_exceptions=True)`.
///
/// As [`gather`], but no error of a child ends it: it waits for all. When it is cancelled, it waits
/// for the clean-up of all its children too, and ends with a cancelled error.
///
/// # Errors
///
/// A cancelled error when the gather itself was cancelled; those of [`gather`] for children of
/// other loops and threads.
///
/// # Panics
///
/// When no loop runs.
///
/// # Cancel safety
///
/// Dropping the returned future cancels nothing: the children go on.
///
/// Source: Python docs, asyncio-task, "Running Tasks Concurrently".
#[doc(alias = "return_exceptions")]
#[track_caller]
pub fn gather_return_exceptions<G: GatherInput + 'static>(children: G) -> LoopFuture<G::Results> {
    start::<G, _>(children, true, Location::caller(), |futures| Ok(Value::new(G::results(futures))))
}

/// [`gather`] of any number of awaitables of one type, into a collection of the caller's choice:
/// what `Iterator::collect` is to an iterator.
///
/// Semantics and panics are those of [`gather`].
///
/// # Errors
///
/// As [`gather`].
///
/// # Cancel safety
///
/// Dropping the returned future cancels nothing: the children go on.
#[track_caller]
pub fn gather_into<C, T, F>(children: impl IntoIterator<Item = F>) -> LoopFuture<C>
where
    C: FromIterator<T> + 'static,
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let children: Vec<F> = children.into_iter().collect();
    start::<Vec<F>, C>(children, false, Location::caller(), |futures| {
        let values: Result<C> = futures.iter().map(LoopFuture::take_result).collect();
        values.map(Value::new)
    })
}

/// [`gather_return_exceptions`] of any number of awaitables of one type, into a collection of the
/// caller's choice.
///
/// Semantics and panics are those of [`gather_return_exceptions`].
///
/// # Errors
///
/// As [`gather_return_exceptions`].
///
/// # Cancel safety
///
/// Dropping the returned future cancels nothing: the children go on.
#[track_caller]
pub fn gather_return_exceptions_into<C, T, F>(
    children: impl IntoIterator<Item = F>,
) -> LoopFuture<C>
where
    C: FromIterator<Result<T>> + 'static,
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let children: Vec<F> = children.into_iter().collect();
    start::<Vec<F>, C>(children, true, Location::caller(), |futures| {
        Ok(Value::new(futures.iter().map(LoopFuture::take_result).collect::<C>()))
    })
}

/// What the done-callbacks of the children share.
struct Gathering<F> {
    outer: FutureRef,
    futures: F,
    /// The children in the order of the arguments; equal arguments are one future.
    ids: Vec<FutureId>,
    return_exceptions: bool,
    distinct: usize,
    finished: usize,
    collect: fn(&F) -> Result<Value>,
}

/// Starts gathering in the running loop.
#[track_caller]
fn start<G: GatherInput + 'static, T: 'static>(
    children: G,
    return_exceptions: bool,
    location: &'static Location<'static>,
    collect: fn(&G::Futures) -> Result<Value>,
) -> LoopFuture<T> {
    let owner = with(|core| core.running_loop().or(core.current_loop()));
    let Some(owner) = owner else {
        panic!("no running event loop: call `gather` from inside `seedloop::run(async {{ .. }})`");
    };
    let mut key = LoopKey::new(owner);
    match children.into_futures(&mut key, location) {
        Ok(futures) => {
            let ids = G::ids(&futures).0;
            start_on(key.owner, futures, ids, return_exceptions, location, collect)
        }
        Err(error) => LoopFuture::failed(owner, error, location),
    }
}

/// Waits for futures of any type to end, whatever with: the clean-up at the end of a run.
pub(super) fn gather_any(owner: LoopId, futures: Vec<AnyFuture>) -> LoopFuture<()> {
    let ids = futures.iter().map(|future| future.raw().id()).collect();
    start_on(owner, futures, ids, true, Location::caller(), |_| Ok(Value::new(())))
}

fn start_on<F: 'static, T: 'static>(
    owner: LoopId,
    futures: F,
    ids: Vec<FutureId>,
    return_exceptions: bool,
    location: &'static Location<'static>,
    collect: fn(&F) -> Result<Value>,
) -> LoopFuture<T> {
    let mut seen = BTreeSet::new();
    let distinct: Vec<FutureId> = ids.iter().copied().filter(|id| seen.insert(*id)).collect();
    let fan = Fan { children: ids.clone(), cancel_requested: false };
    let outer = FutureRef::new_of(owner, Kind::Fan(Box::new(fan)));
    let handle = LoopFuture::from_raw(outer.clone(), location);
    let gathering = Rc::new(RefCell::new(Gathering {
        outer,
        futures,
        ids,
        return_exceptions,
        distinct: distinct.len(),
        finished: 0,
        collect,
    }));
    let (done, pending): (Vec<_>, Vec<_>) =
        distinct.into_iter().partition(|id| with(|core| core.ask_done(*id)));
    for id in pending {
        let gathering = Rc::clone(&gathering);
        let child_done = Box::new(move |id| child_done(&gathering, id));
        let key = FutureRef::to(id).add_done_callback("gather", child_done);
        key.expect("seedloop bug: a pending future took no callback");
    }
    if gathering.borrow().distinct == 0 {
        complete(&gathering);
    }
    for id in done {
        child_done(&gathering, id);
    }
    handle
}

/// One child has ended. Source: CPython 3.13, `gather`, `_done_callback`.
fn child_done<F: 'static>(gathering: &Rc<RefCell<Gathering<F>>>, child: FutureId) {
    let (outer, return_exceptions, all) = {
        let mut gathering = gathering.borrow_mut();
        gathering.finished += 1;
        let all = gathering.finished == gathering.distinct;
        (gathering.outer.clone(), gathering.return_exceptions, all)
    };
    let child = FutureRef::to(child);
    if outer.is_done() {
        // Later errors of siblings vanish.
        child.mark_retrieved();
        return;
    }
    if !return_exceptions {
        let error = match child.exception() {
            Ok(error) => error,
            Err(cancelled) => Some(cancelled),
        };
        if let Some(error) = error {
            finish(outer.id(), Finished::Error(error));
            return;
        }
    }
    if all {
        complete(gathering);
    }
}

/// All children have ended.
fn complete<F: 'static>(gathering: &Rc<RefCell<Gathering<F>>>) {
    let (outer, last) = {
        let gathering = gathering.borrow();
        (gathering.outer.clone(), gathering.ids.last().copied())
    };
    let cancel_requested = with(|core| match core.futures.get(outer.id()).map(|c| &c.kind) {
        Some(Kind::Fan(fan)) => fan.cancel_requested,
        _ => false,
    });
    let collected = {
        let gathering = gathering.borrow();
        keep_cancels(&gathering.ids, || (gathering.collect)(&gathering.futures))
    };
    let finished = match (cancel_requested, last, collected) {
        // asyncio makes the error from the last child, whatever became of that one.
        (true, Some(last), _) => {
            let cancelled = FutureRef::to(last).take_cancelled();
            Finished::Error(Error::cancelled(cancelled))
        }
        (_, _, Ok(values)) => Finished::Value(values),
        (_, _, Err(error)) => Finished::Error(error),
    };
    finish(outer.id(), finished);
}

/// Collecting makes fresh cancelled errors of what is left of the children's messages; the one that
/// a child's first awaiter gets stays there.
fn keep_cancels<R>(ids: &[FutureId], collect: impl FnOnce() -> R) -> R {
    let saved: Vec<_> = with(|core| {
        let take = |id: &FutureId| core.futures.get_mut(*id).and_then(|cell| cell.take_saved());
        ids.iter().map(take).collect()
    });
    let result = collect();
    with(|core| {
        for (id, saved) in ids.iter().zip(saved) {
            if let (Some(cell), Some(saved)) = (core.futures.get_mut(*id), saved) {
                cell.outcome = Outcome::Cancelled(saved);
            }
        }
    });
    result
}
