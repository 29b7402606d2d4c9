//! The receiving half of a channel from many senders.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_lite::Stream;

use super::mpsc_state::{ReceiverLine, State, Told, TryRecvError};
use super::waiter::{Waiter, complete};
use crate::base::Access;
use crate::event_loop::{Core, Label, Shared};
use crate::task::SwitchPoint;

/// Receives from a channel with a capacity. Dropping it closes the channel.
///
/// It is also a [`Stream`], which ends when all senders are gone and the channel is empty.
pub struct Receiver<T: 'static> {
    waiter: Waiter<ReceiverLine<T>>,
    switch: SwitchPoint,
}

impl<T: 'static> Receiver<T> {
    pub(super) fn new(state: Shared<State<T>>) -> Self {
        Receiver { waiter: Waiter::new(ReceiverLine(state)), switch: SwitchPoint::Ahead }
    }

    fn state(&self) -> &Shared<State<T>> {
        &self.waiter.line.0
    }

    /// Receives the next value; `None` when the channel is empty and closed, or all senders are
    /// gone. A receiver that waits resumes one hop after a value was sent.
    ///
    /// # Panics
    ///
    /// When polled and the channel was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes nothing: a value that has arrived stays in the channel.
    #[track_caller]
    pub fn recv(&mut self) -> Recv<'_, T> {
        self.switch = SwitchPoint::Ahead;
        Recv { receiver: self, location: Location::caller() }
    }

    /// Polls for the next value, as [`recv`](Self::recv) does.
    #[track_caller]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_at(Location::caller(), cx)
    }

    fn poll_at(
        &mut self,
        location: &'static Location<'static>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<T>> {
        let ticket = match self.waiter.is_waiting() {
            true => Some(ready!(self.waiter.poll_infallible(cx))),
            false => None,
        };
        let is_ahead = ticket.is_none() && self.switch.is_ahead();
        let begun = self.state().visit_awaiting(
            is_ahead,
            |core, state, notes| {
                if let Some(ticket) = ticket {
                    notes.meets(core, Access::Write);
                    state.receiver.remove(ticket);
                }
                let passes = |core: &mut Core| {
                    notes.meets(core, Access::Read);
                    !state.items.is_empty() || state.is_over()
                };
                match is_ahead && SwitchPoint::choose(core, passes) {
                    true => None,
                    false => Some(state.receive(core, notes, location)),
                }
            },
            |core, begun| begun.map(|received| received.map(|received| received.tell(core))),
        );
        // None at all if a limit has ended the run.
        let Some(begun) = begun else { return Poll::Pending };
        let Some(received) = begun else {
            let id = self.state().id();
            return self.switch.give_way_infallibly(id, location, cx);
        };
        if ticket.is_none() {
            self.switch = SwitchPoint::Passed;
        }
        match received.map(Told::finish) {
            Ok(value) => {
                self.switch = SwitchPoint::Ahead;
                Poll::Ready(Some(value))
            }
            Err(TryRecvError::Disconnected) => Poll::Ready(None),
            Err(TryRecvError::Empty) => {
                let label = Label::on("recv", self.state().id());
                self.waiter.park_infallible((), label, location, cx);
                Poll::Pending
            }
        }
    }

    /// Receives a value at once.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when there is none yet; [`TryRecvError::Disconnected`] when there
    /// will be none.
    #[track_caller]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.try_recv_at(Location::caller())
    }

    #[track_caller]
    fn try_recv_at(&mut self, location: &'static Location<'static>) -> Result<T, TryRecvError> {
        self.state()
            .visit(
                |core, state, notes| state.receive(core, notes, location),
                |core, received| received.map(|received| received.tell(core)),
            )
            .map(Told::finish)
    }

    /// Lets no more values in; those that are there can still be received. Senders that wait get
    /// their values back.
    #[track_caller]
    pub fn close(&mut self) {
        self.state().assert_here();
        close(self.state());
    }

    /// Tells whether no more values can come in.
    #[track_caller]
    pub fn is_closed(&self) -> bool {
        self.state().peek(|state| state.closed || state.senders == 0)
    }

    /// Returns the number of values in the channel.
    #[track_caller]
    pub fn len(&self) -> usize {
        self.state().peek(|state| state.items.len())
    }

    /// Tells whether no value is in the channel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn close<T: 'static>(shared: &Shared<State<T>>) {
    shared.try_with(|state| state.closed = true);
    while let Some(Some(woken)) = shared.try_with(State::next_of_closed) {
        complete(Some(woken));
    }
}

impl<T: 'static> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.waiter.leave();
        close(self.state());
        // The values are the user's: they are dropped here, unborrowed.
        drop(self.state().try_with(|state| std::mem::take(&mut state.items)));
    }
}

impl<T: 'static> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct Recv<'a, T: 'static> {
    receiver: &'a mut Receiver<T>,
    location: &'static Location<'static>,
}

impl<T: 'static> Future for Recv<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let location = self.location;
        self.receiver.poll_at(location, cx)
    }
}

impl<T: 'static> Drop for Recv<'_, T> {
    fn drop(&mut self) {
        self.receiver.waiter.leave();
    }
}

/// Receives from a channel without a limit. Dropping it closes the channel.
#[derive(Debug)]
pub struct UnboundedReceiver<T: 'static> {
    receiver: Receiver<T>,
}

impl<T: 'static> UnboundedReceiver<T> {
    pub(super) fn new(receiver: Receiver<T>) -> Self {
        UnboundedReceiver { receiver }
    }

    /// Receives the next value; see [`Receiver::recv`].
    ///
    /// # Cancel safety
    ///
    /// As [`Receiver::recv`].
    #[track_caller]
    pub fn recv(&mut self) -> Recv<'_, T> {
        self.receiver.recv()
    }

    /// Polls for the next value; see [`Receiver::poll_recv`].
    #[track_caller]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.receiver.poll_recv(cx)
    }

    /// Receives a value at once; see [`Receiver::try_recv`].
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.receiver.try_recv()
    }

    /// Lets no more values in; see [`Receiver::close`].
    #[track_caller]
    pub fn close(&mut self) {
        self.receiver.close();
    }

    /// Tells whether no more values can come in.
    #[track_caller]
    pub fn is_closed(&self) -> bool {
        self.receiver.is_closed()
    }

    /// Returns the number of values in the channel.
    #[track_caller]
    pub fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Tells whether no value is in the channel.
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }
}

impl<T: 'static> Stream for UnboundedReceiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

impl<T: 'static> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Receiver of {:?}>", self.state())
    }
}
