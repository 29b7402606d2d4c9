//! Handles without the type of their value, for sets of futures of several types.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::future::LoopFuture;
use super::join::JoinHandle;
use super::raw::FutureRef;
use crate::base::{Error, Message, Result};
use crate::event_loop::Label;

/// A handle on a future or task of any type: tells its state, cancels it and waits for its end.
///
/// ```
/// use seedloop::{AnyFuture, all_tasks, gather_return_exceptions, run, sleep, spawn_named};
/// use std::time::Duration;
///
/// let ended = run(async {
///     spawn_named("worker", async {
///         sleep(Duration::from_secs(60)).await?;
///         Ok("never")
///     });
///     let mut left: Vec<AnyFuture> = all_tasks()?;
///     left.retain(|task| task.name().as_deref() == Some("worker"));
///     left.iter().for_each(|task| assert!(task.cancel()));
///     gather_return_exceptions(left).await
/// });
/// assert!(ended.unwrap()[0].as_ref().is_err_and(|error| error.is_cancelled()));
/// ```
///
/// # Cancel safety
///
/// As that of a [`LoopFuture`] or [`JoinHandle`].
///
/// # Errors
///
/// Awaiting gives the error with which it ended; a value stays for those who know its type.
#[derive(Clone)]
pub struct AnyFuture {
    future: LoopFuture<()>,
}

impl AnyFuture {
    pub(crate) fn from_raw(raw: FutureRef, location: &'static Location<'static>) -> Self {
        AnyFuture { future: LoopFuture::from_raw(raw, location) }
    }

    pub(crate) fn raw(&self) -> &FutureRef {
        self.future.raw()
    }

    pub(super) fn into_future_handle(self) -> LoopFuture<()> {
        self.future
    }

    /// Tells whether it has a result, an error, or was cancelled.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn done(&self) -> bool {
        self.future.done()
    }

    /// Tells whether it was cancelled.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn cancelled(&self) -> bool {
        self.future.cancelled()
    }

    /// Asks it to be cancelled; see [`LoopFuture::cancel`].
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn cancel(&self) -> bool {
        self.future.cancel()
    }

    /// The same with a message.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn cancel_with(&self, message: impl Into<Message>) -> bool {
        self.future.cancel_with(message)
    }

    /// Returns the error that was set; see [`LoopFuture::exception`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn exception(&self) -> Result<Option<Error>> {
        self.raw().exception()
    }

    /// Returns how many cancels were requested of a task and not taken back; 0 of a future.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn cancelling(&self) -> u32 {
        super::join::cancelling_of(self.raw())
    }

    /// Takes one cancel of a task back; returns how many are left. Does nothing to a future.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn uncancel(&self) -> u32 {
        super::join::uncancel_of(self.raw())
    }

    /// Returns the name, if it is a task.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn name(&self) -> Option<String> {
        self.raw().assert_here();
        super::join::name_of(self.raw())
    }
}

impl Future for AnyFuture {
    type Output = Result<()>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let is_task = self.raw().is_here() && self.future.is_task();
        let what = if is_task { "task" } else { "future" };
        self.future.poll_as(Label::new(what), cx)
    }
}

impl PartialEq for AnyFuture {
    fn eq(&self, other: &Self) -> bool {
        self.raw().is_same(other.raw())
    }
}
impl Eq for AnyFuture {}

impl fmt::Debug for AnyFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.raw().is_here() {
            return f.write_str("<Future on another thread>");
        }
        match self.name() {
            Some(name) => write!(f, "<Task '{name}'>"),
            None => f.write_str("<Future>"),
        }
    }
}

/// Whatever stands for a future of the loop: handles on futures and tasks, owned or borrowed.
///
/// Sealed: the functions that take it need the loop's own futures.
pub trait AsFuture: sealed::Sealed {
    /// Returns an untyped handle on the future.
    fn as_any_future(&self) -> AnyFuture;
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for super::LoopFuture<T> {}
    impl<T> Sealed for super::JoinHandle<T> {}
    impl Sealed for super::AnyFuture {}
    impl<S: Sealed> Sealed for &S {}
}

impl<T: 'static> AsFuture for LoopFuture<T> {
    fn as_any_future(&self) -> AnyFuture {
        self.as_any()
    }
}

impl<T: 'static> AsFuture for JoinHandle<T> {
    fn as_any_future(&self) -> AnyFuture {
        self.as_any()
    }
}

impl AsFuture for AnyFuture {
    fn as_any_future(&self) -> AnyFuture {
        self.clone()
    }
}

impl<S: AsFuture> AsFuture for &S {
    fn as_any_future(&self) -> AnyFuture {
        (**self).as_any_future()
    }
}
