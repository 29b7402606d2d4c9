//! Handles without the type of their value, for sets of futures of several types.

use std::fmt;

use super::future::LoopFuture;
use super::join::JoinHandle;
use super::raw::FutureRef;
use crate::base::{Error, Message, Result};
use crate::event_loop::State;

/// A handle on a future or task of any type: tells its state and cancels it.
#[derive(Clone)]
pub struct AnyFuture {
    raw: FutureRef,
}

impl AnyFuture {
    pub(crate) fn from_raw(raw: FutureRef) -> Self {
        AnyFuture { raw }
    }

    pub(crate) fn raw(&self) -> &FutureRef {
        &self.raw
    }

    /// Tells whether it has a result, an error, or was cancelled.
    pub fn done(&self) -> bool {
        self.raw.is_done()
    }

    /// Tells whether it was cancelled.
    pub fn cancelled(&self) -> bool {
        self.raw.state() == State::Cancelled
    }

    /// Asks it to be cancelled; see [`LoopFuture::cancel`].
    pub fn cancel(&self) -> bool {
        self.raw.cancel(None)
    }

    /// The same with a message.
    pub fn cancel_with(&self, message: impl Into<Message>) -> bool {
        self.raw.cancel(Some(message.into()))
    }

    /// Returns the error that was set; see [`LoopFuture::exception`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn exception(&self) -> Result<Option<Error>> {
        self.raw.exception()
    }

    /// Returns how many cancels were requested of a task and not taken back; 0 of a future.
    pub fn cancelling(&self) -> u32 {
        super::join::cancelling_of(&self.raw)
    }

    /// Takes one cancel of a task back; returns how many are left. Does nothing to a future.
    pub fn uncancel(&self) -> u32 {
        super::join::uncancel_of(&self.raw)
    }

    /// Returns the name, if it is a task.
    pub fn name(&self) -> Option<String> {
        super::join::name_of(&self.raw)
    }
}

impl PartialEq for AnyFuture {
    fn eq(&self, other: &Self) -> bool {
        self.raw.id() == other.raw.id()
    }
}
impl Eq for AnyFuture {}

impl fmt::Debug for AnyFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
