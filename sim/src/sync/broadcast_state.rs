//! What is inside a broadcast channel, and what can go wrong with it.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::wait_queue::{Ticket, WaitQueue};
use super::waiter::{Home, Line};
use crate::event_loop::{Shared, WaitId};

pub(super) struct State<T> {
    kept: VecDeque<Kept<T>>,
    /// The number of the first value that is kept.
    first: u64,
    capacity: usize,
    pub(super) senders: usize,
    receivers: usize,
    line: WaitQueue,
    home: Home,
}

/// A value that some receivers have not had.
struct Kept<T> {
    value: Arc<T>,
    /// How many.
    missing: usize,
}

impl<T> State<T> {
    pub(super) fn new(capacity: usize) -> Self {
        State {
            kept: VecDeque::new(),
            first: 0,
            capacity,
            senders: 1,
            receivers: 0,
            line: WaitQueue::new(),
            home: Home::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn receivers(&self) -> usize {
        self.receivers
    }

    /// The number of the value that is sent next.
    pub(super) fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// Tells whether a receiver whose next value is this has to wait for it.
    pub(super) fn waits(&self, next: u64) -> bool {
        next == self.end() && self.senders > 0
    }

    /// Keeps a value; returns how many receivers there are, if any, and the value that those have
    /// missed that did not take it yet.
    pub(super) fn send(&mut self, value: Arc<T>) -> Option<(usize, Option<Arc<T>>)> {
        if self.receivers == 0 {
            return None;
        }
        let full = self.kept.len() == self.capacity;
        let missed = if full { self.kept.pop_front() } else { None };
        self.first += u64::from(missed.is_some());
        self.kept.push_back(Kept { value, missing: self.receivers });
        Some((self.receivers, missed.map(|missed| missed.value)))
    }

    /// Takes the value of a receiver; [`forget_taken`](Self::forget_taken) is to follow.
    pub(super) fn take(&mut self, next: &mut u64) -> Result<Arc<T>, TryRecvError> {
        if *next < self.first {
            let missed = self.first - std::mem::replace(next, self.first);
            return Err(TryRecvError::Lagged(missed));
        }
        let index = usize::try_from(*next - self.first).unwrap_or(usize::MAX);
        let Some(kept) = self.kept.get_mut(index) else {
            return Err(if self.senders == 0 { TryRecvError::Closed } else { TryRecvError::Empty });
        };
        *next += 1;
        kept.missing -= 1;
        let value = Arc::clone(&kept.value);
        Ok(value)
    }

    pub(super) fn subscribe(&mut self) -> u64 {
        self.receivers += 1;
        self.end()
    }

    /// A receiver goes; returns what nobody is left to take.
    pub(super) fn unsubscribe(&mut self, next: u64) -> Vec<Arc<T>> {
        self.receivers -= 1;
        let seen = usize::try_from(next.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.kept.iter_mut().skip(seen).for_each(|kept| kept.missing -= 1);
        self.forget_taken()
    }

    /// Takes out the first values, as far as every receiver has had them.
    pub(super) fn forget_taken(&mut self) -> Vec<Arc<T>> {
        let mut dropped = Vec::new();
        while self.kept.front().is_some_and(|kept| kept.missing == 0) {
            dropped.extend(self.kept.pop_front().map(|kept| kept.value));
            self.first += 1;
        }
        dropped
    }

    /// Takes the first who waits out of the line.
    pub(super) fn next_waiter(&mut self) -> Option<WaitId> {
        self.line.take_next()
    }

    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.line.remove(ticket);
    }
}

/// Where receivers wait for a value.
pub(super) struct ReceiverLine<T>(pub(super) Shared<State<T>>);

impl<T: 'static> Line for ReceiverLine<T> {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.0.with(|state| {
            state.home.enter("channel");
            state.line.push(wait)
        })
    }

    fn abandon(&self, ticket: Ticket, _woken: bool) {
        self.0.try_with(|state| state.leave(ticket));
    }
}

/// Why a receiver gets no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// All senders are gone, and nothing is left.
    Closed,
    /// It has fallen behind, and has missed so many values.
    Lagged(u64),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Closed => f.write_str("channel closed"),
            RecvError::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}
impl StdError for RecvError {}

/// Why a receiver gets no value without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is none yet.
    Empty,
    /// All senders are gone, and nothing is left.
    Closed,
    /// It has fallen behind, and has missed so many values.
    Lagged(u64),
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRecvError::Empty => f.write_str("channel empty"),
            TryRecvError::Closed => f.write_str("channel closed"),
            TryRecvError::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}
impl StdError for TryRecvError {}

/// There is no receiver; holds the value that was not sent.
#[derive(Clone, PartialEq, Eq)]
pub struct SendError<T>(pub T);

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> StdError for SendError<T> {}
