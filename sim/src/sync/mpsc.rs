//! A channel from many senders to one receiver: [`channel`] and [`unbounded_channel`], as Rust's
//! async runtimes have it.
//!
//! What asyncio's primitives report as an error of the wait itself does not exist here: sending and
//! receiving know no cancel. A task that is cancelled while it waits is treated as in any foreign
//! wait: what lies inside the innermost [`attempt`](crate::attempt), timeout, scope or group is
//! dropped, and without one the whole task. For asyncio's own kind see
//! [`Queue`](crate::sync::Queue).

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub use super::mpsc_receiver::{Receiver, Recv, UnboundedReceiver};
use super::mpsc_state::{ClosedLine, SenderLine, State};
pub use super::mpsc_state::{SendError, TryRecvError, TrySendError};
use super::waiter::{Waiter, complete};
use crate::base::Access;
use crate::event_loop::{Core, Label, Shared, with};
use crate::task::SwitchPoint;

/// Makes a channel that holds at most `capacity` values.
///
/// Senders that find no room wait in line, first come, first served: room that the receiver makes
/// belongs to the first of them, and nobody can overtake it.
///
/// ```
/// use seedloop::sync::mpsc;
/// use seedloop::{run, spawn};
///
/// run(async {
///     let (sender, mut receiver) = mpsc::channel(1);
///     for id in 0..3 {
///         let sender = sender.clone();
///         spawn(async move { Ok(sender.send(id).await?) });
///     }
///     drop(sender);
///     let mut seen = Vec::new();
///     while let Some(id) = receiver.recv().await {
///         seen.push(id);
///     }
///     assert_eq!(seen, [0, 1, 2]);
///     Ok(())
/// })
/// .unwrap();
/// ```
///
/// # Panics
///
/// When `capacity` is 0: a channel for one value at a time has capacity 1.
pub fn channel<T: 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a channel of capacity 0 would never pass a value; use 1 or more");
    let (core, receiver) = make(Some(capacity));
    (Sender { core }, receiver)
}

/// Makes a channel without a limit.
pub fn unbounded_channel<T: 'static>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (core, receiver) = make(None);
    (UnboundedSender { core }, UnboundedReceiver::new(receiver))
}

fn make<T: 'static>(capacity: Option<usize>) -> (SenderCore<T>, Receiver<T>) {
    let state = Shared::new("channel", State::new(capacity));
    let receiver = Receiver::new(state.clone());
    (SenderCore { state }, receiver)
}

/// One of the senders that are counted.
struct SenderCore<T: 'static> {
    state: Shared<State<T>>,
}

impl<T: 'static> SenderCore<T> {
    #[track_caller]
    fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let woken = self.state.with(|state| with(|core| state.try_send(core, value)))?;
        self.state.note("send");
        complete(woken);
        Ok(())
    }

    #[track_caller]
    fn is_closed(&self) -> bool {
        self.state.peek(|state| state.closed)
    }
}

impl<T: 'static> Clone for SenderCore<T> {
    fn clone(&self) -> Self {
        self.state.with(|state| state.senders += 1);
        SenderCore { state: self.state.clone() }
    }
}

impl<T: 'static> Drop for SenderCore<T> {
    fn drop(&mut self) {
        let woken = self.state.try_with(|state| {
            state.senders -= 1;
            if state.senders == 0 { state.receiver.wake_next() } else { None }
        });
        complete(woken.flatten());
    }
}

/// Sends into a channel with a capacity. Clones send into the same one.
pub struct Sender<T: 'static> {
    core: SenderCore<T>,
}

impl<T: 'static> Sender<T> {
    /// Sends a value; waits in line while there is no room.
    ///
    /// # Errors
    ///
    /// A [`SendError`] with the value when the receiver is gone or closed, also while it waited.
    ///
    /// # Panics
    ///
    /// When polled and the channel was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the value, which is then not sent, and loses the place in the
    /// line; room that was being handed to it goes to the next one.
    #[track_caller]
    pub fn send(&self, value: T) -> Sending<T> {
        Sending {
            waiter: Waiter::new(SenderLine(self.core.state.clone())),
            switch: SwitchPoint::Ahead,
            value: Some(value),
            location: Location::caller(),
        }
    }

    /// Sends a value at once.
    ///
    /// # Errors
    ///
    /// The value: [`TrySendError::Full`] when there is no room or others wait for it;
    /// [`TrySendError::Closed`] when the receiver is gone or closed.
    #[track_caller]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.core.try_send(value)
    }

    /// Waits until the receiver is gone or closed.
    ///
    /// # Panics
    ///
    /// When polled and the channel was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets the wait; nothing is lost.
    #[track_caller]
    pub fn closed(&self) -> Closed<T> {
        Closed::new(&self.core, Location::caller())
    }

    /// Tells whether the receiver is gone or closed.
    #[track_caller]
    pub fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    /// Returns for how many values there is room now.
    #[track_caller]
    pub fn capacity(&self) -> usize {
        self.core.state.peek(|state| state.room)
    }

    /// Returns for how many values there is room in an empty channel.
    #[track_caller]
    pub fn max_capacity(&self) -> usize {
        self.core.state.peek(|state| state.capacity.unwrap_or(usize::MAX))
    }
}

/// Sends into a channel without a limit. Clones send into the same one.
pub struct UnboundedSender<T: 'static> {
    core: SenderCore<T>,
}

impl<T: 'static> UnboundedSender<T> {
    /// Sends a value, which needs no wait.
    ///
    /// # Errors
    ///
    /// A [`SendError`] with the value when the receiver is gone or closed.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.core.try_send(value).map_err(|refused| SendError(refused.into_inner()))
    }

    /// Waits until the receiver is gone or closed; see [`Sender::closed`].
    ///
    /// # Cancel safety
    ///
    /// As [`Sender::closed`].
    #[track_caller]
    pub fn closed(&self) -> Closed<T> {
        Closed::new(&self.core, Location::caller())
    }

    /// Tells whether the receiver is gone or closed.
    #[track_caller]
    pub fn is_closed(&self) -> bool {
        self.core.is_closed()
    }
}

impl<T: 'static> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { core: self.core.clone() }
    }
}

impl<T: 'static> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        UnboundedSender { core: self.core.clone() }
    }
}

/// The future of [`Sender::send`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Sending<T: 'static> {
    waiter: Waiter<SenderLine<T>>,
    switch: SwitchPoint,
    value: Option<T>,
    location: &'static Location<'static>,
}

// The value is moved, never pinned.
impl<T> Unpin for Sending<T> {}

impl<T: 'static> Future for Sending<T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.waiter.is_waiting() {
            let ticket = ready!(this.waiter.poll_infallible(cx));
            let value = this.value.take().expect("seedloop bug: the value is gone");
            let state = &this.waiter.line.0;
            let woken = state.with(|state| state.send_granted(ticket, value));
            return Poll::Ready(woken.map(|woken| {
                state.note_at("send", this.location);
                complete(woken);
            }));
        }
        let (state, location) = (&this.waiter.line.0, this.location);
        let (is_ahead, value) = (this.switch.is_ahead(), &mut this.value);
        let begun = state.visit_awaiting(
            is_ahead,
            |core, state, notes| {
                let passes = |core: &mut Core| {
                    notes.meets(core, Access::Read);
                    !state.is_crowded()
                };
                if is_ahead && SwitchPoint::choose(core, passes) {
                    return None;
                }
                let value = value.take().expect("`Sending` was polled again after it was over");
                notes.meets(core, Access::Write);
                if !state.closed && state.room > 0 {
                    notes.changed(core, "send", Access::Write, location);
                }
                Some(state.try_send(core, value))
            },
            |core, begun| {
                begun.map(|sent| sent.map(|woken| woken.and_then(|it| core.wake_told(it))))
            },
        );
        // None at all if a limit has ended the run.
        let Some(begun) = begun else { return Poll::Pending };
        let Some(sent) = begun else {
            return this.switch.give_way_infallibly(state.id(), location, cx);
        };
        this.switch = SwitchPoint::Passed;
        match sent {
            Ok(waker) => {
                if let Some(waker) = waker {
                    waker.wake();
                }
                Poll::Ready(Ok(()))
            }
            Err(TrySendError::Closed(value)) => Poll::Ready(Err(SendError(value))),
            Err(TrySendError::Full(value)) => {
                this.value = Some(value);
                let label = Label::on("send", state.id());
                this.waiter.park_infallible((), label, this.location, cx);
                Poll::Pending
            }
        }
    }
}

/// The future of [`Sender::closed`] and [`UnboundedSender::closed`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Closed<T: 'static> {
    waiter: Waiter<ClosedLine<T>>,
    switch: SwitchPoint,
    location: &'static Location<'static>,
}

impl<T: 'static> Closed<T> {
    fn new(of: &SenderCore<T>, location: &'static Location<'static>) -> Self {
        let waiter = Waiter::new(ClosedLine(of.state.clone()));
        Closed { waiter, switch: SwitchPoint::Ahead, location }
    }
}

impl<T: 'static> Future for Closed<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.waiter.is_waiting() {
            let ticket = ready!(this.waiter.poll_infallible(cx));
            this.waiter.line.0.with(|state| state.closed_line.remove(ticket));
            return Poll::Ready(());
        }
        let state = &this.waiter.line.0;
        let is_closed = || state.peek(|state| state.closed);
        ready!(this.switch.poll_infallible_if(state.id(), this.location, is_closed, cx));
        if is_closed() {
            return Poll::Ready(());
        }
        let label = Label::on("closed", state.id());
        this.waiter.park_infallible((), label, this.location, cx);
        Poll::Pending
    }
}

impl<T: 'static> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Sender of {:?}>", self.core.state)
    }
}

impl<T: 'static> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<UnboundedSender of {:?}>", self.core.state)
    }
}

impl<T: 'static> fmt::Debug for Sending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Sending on {:?}>", self.waiter.line.0)
    }
}

impl<T: 'static> fmt::Debug for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Closed of {:?}>", self.waiter.line.0)
    }
}
