//! Why a task gave no value.

use std::any::Any;
use std::fmt;
use std::io;

use super::id::Id;
use crate::base::{Error, Panicked};

/// A task was aborted or panicked: `tokio::task::JoinError`.
///
/// A panic comes here only under [`Simulation::panics_join`](crate::Simulation::panics_join);
/// otherwise it ends the run.
#[derive(Clone)]
pub struct JoinError {
    id: Id,
    why: Why,
}

#[derive(Clone)]
enum Why {
    Cancelled,
    Panicked(Box<Panicked>),
}

impl JoinError {
    /// Makes it of the error with which a task has ended.
    ///
    /// # Panics
    ///
    /// When that is neither: the handle was used in a way that no error of tokio's can tell.
    #[track_caller]
    pub(super) fn new(id: Id, error: &Error) -> Self {
        let why = match error.downcast_ref::<Panicked>() {
            Some(panicked) => Why::Panicked(Box::new(panicked.clone())),
            None if error.is_cancelled() => Why::Cancelled,
            None => panic!("{error}"),
        };
        JoinError { id, why }
    }

    /// Tells whether the task was aborted, or dropped with the run.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.why, Why::Cancelled)
    }

    /// Tells whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.why, Why::Panicked(_))
    }

    /// Returns what the panic carried, for `std::panic::resume_unwind`.
    ///
    /// # Panics
    ///
    /// When the task did not panic.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(_) => panic!("`JoinError` reason is not a panic."),
        }
    }

    /// Returns what the panic carried; once it is taken, its text.
    ///
    /// # Errors
    ///
    /// The error itself when the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, JoinError> {
        match self.why {
            Why::Cancelled => Err(self),
            Why::Panicked(panicked) => {
                let text = || Box::new(panicked.message().to_owned()) as Box<dyn Any + Send>;
                Ok(panicked.payload.take().unwrap_or_else(text))
            }
        }
    }

    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        self.id
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Cancelled => write!(f, "task {} was cancelled", self.id),
            Why::Panicked(panicked) => {
                write!(f, "task {} panicked with message {:?}", self.id, panicked.message())
            }
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Cancelled => write!(f, "JoinError::Cancelled({:?})", self.id),
            Why::Panicked(panicked) => {
                write!(f, "JoinError::Panic({:?}, {:?}, ...)", self.id, panicked.message())
            }
        }
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> io::Error {
        let text = if error.is_panic() { "task panicked" } else { "task was cancelled" };
        io::Error::other(text)
    }
}
