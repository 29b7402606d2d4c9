//! What is inside a watch, and what can go wrong with it.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::wait_queue::{Ticket, WaitQueue};
use super::waiter::{Home, Line, complete};
use crate::event_loop::{Shared, WaitId};

pub(super) struct State<T> {
    /// `None` while a sender works on it.
    pub(super) value: Option<Arc<T>>,
    pub(super) version: u64,
    pub(super) senders: usize,
    pub(super) receivers: usize,
    pub(super) changed_line: WaitQueue,
    pub(super) closed_line: WaitQueue,
    home: Home,
}

impl<T> State<T> {
    pub(super) fn new(value: T) -> Self {
        State {
            value: Some(Arc::new(value)),
            version: 0,
            senders: 1,
            receivers: 1,
            changed_line: WaitQueue::new(),
            closed_line: WaitQueue::new(),
            home: Home::new(),
        }
    }

    pub(super) fn value(&self) -> Arc<T> {
        let value = self.value.as_ref();
        Arc::clone(value.expect(
            "the value of a watch was asked for by the closure that changes it; use the reference \
             that the closure was given",
        ))
    }
}

/// Wakes everybody in a line, in the order in which they came.
pub(super) fn wake_all<T: 'static>(
    shared: &Shared<State<T>>,
    next: impl Fn(&mut State<T>) -> Option<WaitId>,
) {
    while let Some(Some(woken)) = shared.try_with(&next) {
        complete(Some(woken));
    }
}

/// Where receivers wait for a change.
pub(super) struct ChangedLine<T>(pub(super) Shared<State<T>>);

impl<T: 'static> Line for ChangedLine<T> {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.0.with(|state| {
            state.home.enter("channel");
            state.changed_line.push(wait)
        })
    }

    fn abandon(&self, ticket: Ticket, _woken: bool) {
        self.0.try_with(|state| state.changed_line.remove(ticket));
    }
}

/// Where senders wait for the receivers to go.
pub(super) struct ClosedLine<T>(pub(super) Shared<State<T>>);

impl<T: 'static> Line for ClosedLine<T> {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.0.with(|state| {
            state.home.enter("channel");
            state.closed_line.push(wait)
        })
    }

    fn abandon(&self, ticket: Ticket, _woken: bool) {
        self.0.try_with(|state| state.closed_line.remove(ticket));
    }
}

/// All senders are gone, and the latest value was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel is closed")
    }
}
impl StdError for RecvError {}

/// There is no receiver; holds the value that was not sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel is closed")
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> StdError for SendError<T> {}
