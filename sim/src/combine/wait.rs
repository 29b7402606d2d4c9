//! `asyncio.wait`: until the first, the first failed, or all of several have ended.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::base::{Error, Result, ValueError, deadline_after};
use crate::event_loop::{CallbackKey, FutureId, Label, State, try_with, with};
use crate::task::{AnyFuture, AsFuture, FutureRef, WaitUnit};

/// When [`wait`] is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReturnWhen {
    /// When any has ended or was cancelled: `FIRST_COMPLETED`.
    FirstCompleted,
    /// When any has failed, else when all have ended; a cancelled one has not failed:
    /// `FIRST_EXCEPTION`.
    FirstException,
    /// When all have ended: `ALL_COMPLETED`.
    #[default]
    AllCompleted,
}

/// Waits for several futures and tells which have ended and which are pending:
/// `asyncio.wait(fs)`.
///
/// Takes tasks and futures of the loop, by value or by reference, and gives them back in two
/// lists, each in the order of the arguments, equal ones once. No error of theirs is raised, and
/// nothing is cancelled. The waiter resumes two hops after the one that decides has ended, also
/// when all had ended before; those that end in between are among the done.
///
/// # Errors
///
/// A [`ValueError`] when there is nothing to wait for; a [`RuntimeError`](crate::RuntimeError) for
/// a future of another thread, and for one that is done and whose loop is closed; a cancelled error
/// when the waiting task was cancelled, which cancels none of the futures.
///
/// # Cancel safety
///
/// Dropping it forgets the wait and the futures given by value, which go on.
///
/// Source: Python docs, asyncio-task, "Waiting Primitives".
#[track_caller]
pub fn wait<I>(futures: I, return_when: ReturnWhen) -> WaitMany<I::Item>
where
    I: IntoIterator,
    I::Item: AsFuture,
{
    WaitMany {
        futures: futures.into_iter().collect(),
        return_when,
        timeout: None,
        waiting: None,
        location: Location::caller(),
    }
}

/// The future of [`wait`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct WaitMany<H> {
    futures: Vec<H>,
    return_when: ReturnWhen,
    timeout: Option<Duration>,
    waiting: Option<Waiting>,
    location: &'static Location<'static>,
}

/// A wait that has begun.
struct Waiting {
    wait: WaitUnit,
    futures: Vec<AnyFuture>,
    keys: Vec<CallbackKey>,
}

impl<H> WaitMany<H> {
    /// Ends the wait after `timeout` of virtual time at the latest. That is no error: what has not
    /// ended by then is pending.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }
}

impl Waiting {
    fn begin(
        futures: Vec<AnyFuture>,
        return_when: ReturnWhen,
        timeout: Option<Duration>,
        location: &'static Location<'static>,
    ) -> Result<Self> {
        futures.iter().try_for_each(|future| future.raw().check())?;
        let mut seen = BTreeSet::new();
        let is_new = |future: &AnyFuture| seen.insert(future.raw().id());
        let distinct: Vec<AnyFuture> = futures.into_iter().filter(is_new).collect();
        let wait = WaitUnit::new(Label::new("wait"), location);
        let waiter = wait.id();
        if let Some(timeout) = timeout {
            with(|core| {
                let deadline = deadline_after(core.session.now, timeout);
                core.set_sleep(deadline, waiter);
            });
        }
        let left = Rc::new(Cell::new(distinct.len()));
        let attach = |future: &AnyFuture| {
            let left = Rc::clone(&left);
            let one_ended = move |id| {
                left.set(left.get() - 1);
                if left.get() == 0 || decides(return_when, id) {
                    WaitUnit::complete(waiter);
                }
            };
            future.raw().add_done_callback("wait", Box::new(one_ended))
        };
        let keys = distinct.iter().map(attach).collect::<Result<_>>()?;
        Ok(Waiting { wait, futures: distinct, keys })
    }
}

/// Tells whether the end of this one ends the wait.
fn decides(return_when: ReturnWhen, ended: FutureId) -> bool {
    match return_when {
        ReturnWhen::FirstCompleted => true,
        ReturnWhen::AllCompleted => false,
        ReturnWhen::FirstException => {
            let ended = FutureRef::to(ended);
            ended.state() != State::Cancelled && matches!(ended.exception(), Ok(Some(_)))
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if try_with(|_| ()).is_none() {
            return;
        }
        for (future, key) in self.futures.iter().zip(&self.keys) {
            future.raw().remove_done_callback(*key);
        }
        if let Some(owner) = self.wait.timer_owner() {
            with(|core| core.note_dead_timer(owner));
        }
    }
}

impl<H: AsFuture + Unpin> Future for WaitMany<H> {
    type Output = Result<(Vec<H>, Vec<H>)>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.futures.is_empty() {
            let text = "set of tasks and futures is empty";
            return Poll::Ready(Err(Error::new(ValueError::new(text))));
        }
        let waiting = match &mut this.waiting {
            Some(waiting) => waiting,
            none => {
                let futures = this.futures.iter().map(AsFuture::as_any_future).collect();
                none.insert(Waiting::begin(futures, this.return_when, this.timeout, this.location)?)
            }
        };
        let result = ready!(waiting.wait.poll(cx));
        this.waiting = None;
        result?;
        let mut seen = BTreeSet::new();
        let handles = std::mem::take(&mut this.futures).into_iter();
        let distinct = handles.filter(|handle| seen.insert(handle.as_any_future().raw().id()));
        Poll::Ready(Ok(distinct.partition(|handle| handle.as_any_future().done())))
    }
}
