//! What is inside a channel from many senders to one receiver, and what can go wrong with it.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;
use std::task::{Context, Waker};

use super::wait_queue::{Ticket, WaitQueue};
use super::waiter::{Home, Line, Parking, complete, park_at};
use crate::base::Access;
use crate::event_loop::{Core, Notes, Shared, WaitId, with};
use crate::task::WaitUnit;

pub(super) struct State<T> {
    pub(super) items: VecDeque<T>,
    pub(super) capacity: Option<usize>,
    /// Room that no sender was given.
    pub(super) room: usize,
    pub(super) senders: usize,
    pub(super) closed: bool,
    pub(super) receiver: WaitQueue,
    pub(super) sender_line: WaitQueue,
    pub(super) closed_line: WaitQueue,
    home: Home,
}

impl<T> State<T> {
    pub(super) fn new(capacity: Option<usize>) -> Self {
        State {
            items: VecDeque::new(),
            capacity,
            room: capacity.unwrap_or(usize::MAX),
            senders: 1,
            closed: false,
            receiver: WaitQueue::new(),
            sender_line: WaitQueue::new(),
            closed_line: WaitQueue::new(),
            home: Home::new(),
        }
    }

    /// Nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        self.closed || self.senders == 0
    }

    /// A newcomer must wait.
    pub(super) fn is_crowded(&self) -> bool {
        !self.closed && self.room == 0
    }

    /// Puts a value in, or gives it back; returns the receiver to be woken.
    pub(super) fn try_send(
        &mut self,
        core: &Core,
        value: T,
    ) -> Result<Option<WaitId>, TrySendError<T>> {
        if self.closed {
            return Err(TrySendError::Closed(value));
        }
        if self.room == 0 {
            return Err(TrySendError::Full(value));
        }
        self.room -= usize::from(self.capacity.is_some());
        self.items.push_back(value);
        Ok(self.receiver.wake_next_in(core))
    }

    /// Puts the value of a sender in that was given room, or gives it back.
    pub(super) fn send_granted(
        &mut self,
        ticket: Ticket,
        value: T,
    ) -> Result<Option<WaitId>, SendError<T>> {
        self.sender_line.remove(ticket);
        if self.closed {
            return Err(SendError(value));
        }
        self.items.push_back(value);
        Ok(self.receiver.wake_next())
    }

    /// Takes a value out.
    #[inline]
    pub(super) fn receive(
        &mut self,
        core: &mut Core,
        notes: &Notes,
        location: &'static Location<'static>,
    ) -> Result<Received<T>, TryRecvError> {
        notes.meets(core, Access::Write);
        if !self.items.is_empty() {
            notes.changed(core, "recv", Access::Write, location);
        }
        match self.items.pop_front() {
            Some(value) => Ok(Received { value, woken: self.give_room(core) }),
            None if self.is_over() => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Gives room for one to the first sender in line, or keeps it.
    pub(super) fn give_room(&mut self, core: &Core) -> Option<WaitId> {
        self.capacity?;
        let woken = self.sender_line.wake_next_in(core);
        if woken.is_none() {
            self.room += 1;
        }
        woken
    }

    /// The next one to be woken because the channel was closed.
    pub(super) fn next_of_closed(&mut self) -> Option<WaitId> {
        let sender = self.sender_line.wake_next();
        sender.or_else(|| self.closed_line.wake_next()).or_else(|| self.receiver.wake_next())
    }
}

/// A value that was taken out, and the sender to be woken, to which the room belongs.
pub(super) struct Received<T> {
    value: T,
    woken: Option<WaitId>,
}

/// A value that was taken out, and a waker of the user's that is to be woken.
pub(super) struct Told<T> {
    value: T,
    waker: Option<Waker>,
}

impl<T> Received<T> {
    /// Tells the sender to go on.
    #[inline]
    pub(super) fn tell(self, core: &mut Core) -> Told<T> {
        let waker = self.woken.and_then(|woken| core.wake_told(woken));
        Told { value: self.value, waker }
    }
}

impl<T> Told<T> {
    #[inline]
    pub(super) fn finish(self) -> T {
        if let Some(waker) = self.waker {
            waker.wake();
        }
        self.value
    }
}

/// Where the receiver waits.
pub(super) struct ReceiverLine<T>(pub(super) Shared<State<T>>);

impl<T: 'static> Line for ReceiverLine<T> {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.0.with(|state| {
            state.home.enter("channel");
            state.receiver.push(wait)
        })
    }

    fn park(&self, (): (), as_what: Parking, cx: &Context<'_>) -> (Ticket, WaitUnit, bool) {
        park_at(&self.0, as_what, "channel", cx, |state, running, wait| {
            state.home.is_of(running).then(|| state.receiver.push(wait))
        })
    }

    fn abandon(&self, ticket: Ticket, _woken: bool) {
        self.0.try_with(|state| state.receiver.remove(ticket));
    }
}

/// The line of senders that found no room.
pub(super) struct SenderLine<T>(pub(super) Shared<State<T>>);

impl<T: 'static> Line for SenderLine<T> {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.0.with(|state| {
            state.home.enter("channel");
            state.sender_line.push(wait)
        })
    }

    fn park(&self, (): (), as_what: Parking, cx: &Context<'_>) -> (Ticket, WaitUnit, bool) {
        park_at(&self.0, as_what, "channel", cx, |state, running, wait| {
            state.home.is_of(running).then(|| state.sender_line.push(wait))
        })
    }

    /// Room that was given to one that will not use it goes to the next.
    fn abandon(&self, ticket: Ticket, woken: bool) {
        let next = self.0.try_with(|state| {
            state.sender_line.remove(ticket);
            match woken && !state.closed {
                true => with(|core| state.give_room(core)),
                false => None,
            }
        });
        complete(next.flatten());
    }
}

/// The line of those who wait for the receiver to go.
pub(super) struct ClosedLine<T>(pub(super) Shared<State<T>>);

impl<T: 'static> Line for ClosedLine<T> {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.0.with(|state| {
            state.home.enter("channel");
            state.closed_line.push(wait)
        })
    }

    fn park(&self, (): (), as_what: Parking, cx: &Context<'_>) -> (Ticket, WaitUnit, bool) {
        park_at(&self.0, as_what, "channel", cx, |state, running, wait| {
            state.home.is_of(running).then(|| state.closed_line.push(wait))
        })
    }

    fn abandon(&self, ticket: Ticket, _woken: bool) {
        self.0.try_with(|state| state.closed_line.remove(ticket));
    }
}

/// The receiver is gone; holds the value that was not sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Why a value could not be sent at once; holds the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no room.
    Full(T),
    /// The receiver is gone or closed.
    Closed(T),
}

impl<T> TrySendError<T> {
    /// Returns the value.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(value) | TrySendError::Closed(value) => value,
        }
    }
}

/// Why there is no value at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Not yet.
    Empty,
    /// There will be none: all senders are gone, or the channel was closed.
    Disconnected,
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel is closed")
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "channel has no room",
            TrySendError::Closed(_) => "channel is closed",
        })
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "channel is empty",
            TryRecvError::Disconnected => "channel is closed",
        })
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "Full(..)",
            TrySendError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> StdError for SendError<T> {}
impl<T> StdError for TrySendError<T> {}
impl StdError for TryRecvError {}
