//! `asyncio.Future`: a result that will be there later.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::any::AnyFuture;
use super::raw::{FutureRef, closed, unit};
use super::wait::{Begun, Misuse, Wait, await_location, begin_await, settle};
use super::yields::{YieldNow, take_turn};
use crate::base::{Error, InvalidStateError, Message, Result, RuntimeError};
use crate::event_loop::{
    CallbackKey, Delivery, Finished, Kind, Label, LoopId, State, Value, finish, with,
};

/// Names a done-callback, to take it back with
/// [`remove_done_callback`](LoopFuture::remove_done_callback).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallbackId(CallbackKey);

/// A result that will be there later: `asyncio.Future`.
///
/// A handle: it holds an id, is `Send + Sync` whatever `T` is, and dropping it cancels nothing.
/// Awaiting it gives the value to one awaiter; clone it (for `T: Clone`) before, and every handle
/// gets a copy; `()` goes to whoever asks. [`gather`](crate::gather) and [`shield`](crate::shield)
/// return it too.
///
/// Awaiting one that is done does not give way. One that is pending resumes the task one hop after
/// the result was set; waiters resume in the order in which they began to wait.
///
/// # Cancel safety
///
/// Dropping it while it is awaited forgets the wait; the result stays for other handles. Cancelling
/// a task that awaits it cancels the future itself, and so every other awaiter, as in asyncio.
///
/// # Errors
///
/// Awaiting gives the error that was set; a cancelled error when the future or the waiting task was
/// cancelled; a [`RuntimeError`] for a future of another loop or thread;
/// an [`InvalidStateError`] when the value was already given to another awaiter.
///
/// Source: Python docs, asyncio-future.
#[doc(alias = "asyncio.Future")]
pub struct LoopFuture<T> {
    pub(super) raw: FutureRef,
    wait: Wait,
    /// Holds what is wrong with awaiting it, for the turn that asyncio takes to say so.
    misuse: Option<Box<(Error, YieldNow)>>,
    location: &'static Location<'static>,
    of: PhantomData<fn() -> T>,
}

/// Makes a pending future of the running loop: `loop.create_future()`.
///
/// # Errors
///
/// A [`RuntimeError`] when no loop runs.
#[track_caller]
pub fn create_future<T: 'static>() -> Result<LoopFuture<T>> {
    let location = Location::caller();
    let Some(owner) = with(|core| core.running_loop()) else {
        return Err(Error::new(RuntimeError::new("no running event loop")));
    };
    Ok(LoopFuture::from_raw(FutureRef::new_of(owner, Kind::Plain), location))
}

impl<T: 'static> LoopFuture<T> {
    /// A future that has failed: what gives one has been refused.
    pub(crate) fn failed(
        owner: LoopId,
        error: Error,
        location: &'static Location<'static>,
    ) -> Self {
        let raw = FutureRef::new_of(owner, Kind::Plain);
        finish(raw.id(), Finished::Error(error));
        LoopFuture::from_raw(raw, location)
    }

    pub(crate) fn from_raw(raw: FutureRef, location: &'static Location<'static>) -> Self {
        LoopFuture { raw, wait: Wait::new(), misuse: None, location, of: PhantomData }
    }

    pub(crate) fn raw(&self) -> &FutureRef {
        &self.raw
    }

    /// Sets the value; the callbacks are queued, in the order in which they were added.
    ///
    /// # Errors
    ///
    /// An [`InvalidStateError`] when the future is done; a [`RuntimeError`] when its loop is closed
    /// and there are callbacks, which are forgotten, though the value is set; one for a task, and
    /// one on another thread.
    pub fn set_result(&self, value: T) -> Result<()> {
        self.end(Finished::Value(Value::new(value)))
    }

    /// Sets the error.
    ///
    /// # Errors
    ///
    /// As [`set_result`](Self::set_result).
    pub fn set_exception(&self, error: impl Into<Error>) -> Result<()> {
        self.end(Finished::Error(error.into()))
    }

    fn end(&self, finished: Finished) -> Result<()> {
        self.raw.check()?;
        if self.is_task() {
            let text = "a task sets its own result; return it from the task's body";
            return Err(Error::new(RuntimeError::new(text)));
        }
        let refuses = with(|core| core.refuses_callbacks(self.raw.id()));
        match finish(self.raw.id(), finished) {
            true if refuses => Err(closed()),
            true => Ok(()),
            false => Err(Error::new(InvalidStateError::new("the future is already done"))),
        }
    }

    pub(super) fn is_task(&self) -> bool {
        with(|core| core.task_of(self.raw.id()).is_some())
    }

    /// Asks the future to be cancelled; for a task or a gather the request travels on.
    ///
    /// Returns false when it is done already. A second cancel before the first is delivered is
    /// merged with it. The callbacks of a future whose loop is closed are forgotten.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn cancel(&self) -> bool {
        self.raw.assert_here();
        self.raw.cancel(None)
    }

    /// The same with a message, which the [`Cancelled`](crate::Cancelled) carries.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn cancel_with(&self, message: impl Into<Message>) -> bool {
        self.raw.assert_here();
        self.raw.cancel(Some(message.into()))
    }

    /// Tells whether it has a result, an error, or was cancelled.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[doc(alias = "is_finished")]
    #[track_caller]
    pub fn done(&self) -> bool {
        self.raw.assert_here();
        self.raw.is_done()
    }

    /// Tells whether it was cancelled.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn cancelled(&self) -> bool {
        self.raw.assert_here();
        self.raw.state() == State::Cancelled
    }

    /// Takes the result without waiting.
    ///
    /// # Errors
    ///
    /// An [`InvalidStateError`] when there is none yet, or when the value was taken; the error that
    /// was set; a cancelled error.
    pub fn take_result(&self) -> Result<T> {
        self.raw.take_as()
    }

    /// Copies the result without waiting. Errors as [`take_result`](Self::take_result).
    pub fn result(&self) -> Result<T>
    where
        T: Clone,
    {
        // A second reference makes the value stay.
        let copied = self.shared();
        copied.raw.take_as()
    }

    /// Returns the error that was set, or none if there is a value.
    ///
    /// # Errors
    ///
    /// An [`InvalidStateError`] while it is pending; a cancelled error if it was cancelled.
    pub fn exception(&self) -> Result<Option<Error>> {
        self.raw.exception()
    }

    /// Lets `call` be called one hop after the future is done; when it is done already, one hop
    /// from now. Callbacks are called in the order in which they were added.
    ///
    /// The callback gets a handle of its own; an error that it returns goes to the loop's exception
    /// handler.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] when the future is done and its loop is closed, and one on another
    /// thread; the callback is then dropped.
    #[track_caller]
    pub fn add_done_callback<R: super::CallbackOutput>(
        &self,
        call: impl FnOnce(LoopFuture<T>) -> R + 'static,
    ) -> Result<CallbackId> {
        let location = Location::caller();
        let variables = with(|core| core.variables.clone());
        let run = move |id| {
            if with(|core| core.is_gone(&variables)) {
                // Whoever has asked for it is no more.
                return;
            }
            let done = LoopFuture::from_raw(FutureRef::to(id), location);
            super::event_loop::settle_callback(call(done).into_result(), location);
        };
        self.raw.add_done_callback("done callback", Box::new(run)).map(CallbackId)
    }

    /// Takes a done-callback back; false if it was called or is queued already.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn remove_done_callback(&self, callback: CallbackId) -> bool {
        self.raw.assert_here();
        self.raw.remove_done_callback(callback.0)
    }

    /// Returns a handle without the type of the value.
    pub fn as_any(&self) -> AnyFuture {
        AnyFuture::from_raw(self.raw.clone(), self.location)
    }

    /// Returns another handle on the same future; from now on each awaiter gets a copy.
    pub fn shared(&self) -> Self
    where
        T: Clone,
    {
        // A handle on `()` may stand for a future of any type, and takes nothing out of it.
        if unit::<T>().is_none() {
            self.raw.set_clone(copy_value::<T>);
        }
        LoopFuture::from_raw(self.raw.clone(), self.location)
    }

    #[track_caller]
    pub(super) fn poll_as(&mut self, label: Label, cx: &mut Context<'_>) -> Poll<Result<T>> {
        if let Some((_, turn)) = self.misuse.as_deref_mut() {
            let turn = std::task::ready!(Pin::new(turn).poll(cx));
            let error = self.misuse.take().map(|misuse| misuse.0);
            // A cancel that has come meanwhile takes the place of the error.
            return Poll::Ready(match (turn, error) {
                (Ok(()), Some(error)) => Err(error),
                (Err(cancelled), _) => Err(Error::cancelled(cancelled)),
                (Ok(()), None) => self.raw.take_as(),
            });
        }
        if !self.wait.is_parked() {
            match begin_await(&self.raw) {
                Begun::Waits => {}
                Begun::Done => return Poll::Ready(self.raw.take_as()),
                // A limit has ended the run, and nothing goes on.
                Begun::Stopped => return Poll::Pending,
                Begun::Misused(Misuse { error, takes_turn: false }) => {
                    return Poll::Ready(Err(error));
                }
                Begun::Misused(Misuse { error, takes_turn: true }) => {
                    let misuse = self.misuse.insert(Box::new((error, take_turn())));
                    // The first poll of a turn is never ready.
                    return Pin::new(&mut misuse.1).poll(cx).map(|_| self.raw.take_as());
                }
            }
        }
        let location = await_location(Location::caller(), self.location);
        match self.wait.poll(self.raw.id(), label, location, cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Delivery::None) => Poll::Ready(self.raw.take_as()),
            // The result is asked for first: a cancel that it holds is consumed even if another one
            // takes its place. A value stays there, for whoever awaits again.
            Poll::Ready(delivery) => {
                let held = match self.raw.exception() {
                    Ok(None) => Ok(()),
                    Ok(Some(error)) | Err(error) => Err(error),
                };
                Poll::Ready(settle(held, delivery).and_then(|()| self.raw.take_as()))
            }
        }
    }
}

/// Copies a result of type `T`.
pub(super) fn copy_value<T: Clone + 'static>(value: &dyn Any) -> Value {
    let value = value.downcast_ref::<T>().expect("seedloop bug: a result of another type");
    Value::new(value.clone())
}

impl<T: 'static> Future for LoopFuture<T> {
    type Output = Result<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        self.poll_as(Label::new("future"), cx)
    }
}

impl<T: Clone + 'static> Clone for LoopFuture<T> {
    fn clone(&self) -> Self {
        self.shared()
    }
}

impl<T> fmt::Debug for LoopFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.raw.state() {
            _ if !self.raw.is_here() => "on another thread",
            State::Pending => "pending",
            State::Cancelled => "cancelled",
            State::Finished => "finished",
        };
        write!(f, "<Future {state}>")
    }
}
