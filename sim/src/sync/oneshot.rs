//! A channel for a single value: [`channel`], as Rust's async runtimes have it.
//!
//! What asyncio's primitives report as an error of the wait itself does not exist here: the wait
//! for a value knows no cancel. A task that is cancelled while it waits is treated as in any
//! foreign wait: what lies inside the innermost [`attempt`](crate::attempt), timeout, scope or
//! group is dropped, and without one the whole task.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::wait_queue::{Ticket, WaitQueue};
use super::waiter::{Home, Line, Waiter, complete};
use crate::event_loop::{Label, Shared, WaitId};
use crate::task::{SwitchPoint, await_location};

/// Makes a channel for one value.
///
/// ```
/// use seedloop::sync::oneshot;
/// use seedloop::{run, spawn};
///
/// run(async {
///     let (sender, receiver) = oneshot::channel();
///     spawn(async move { Ok(drop(sender.send(7))) });
///     assert_eq!(receiver.await?, 7);
///     Ok(())
/// })
/// .unwrap();
/// ```
#[track_caller]
pub fn channel<T: 'static>() -> (Sender<T>, Receiver<T>) {
    let location = Location::caller();
    let state = Shared::new("oneshot", State::new());
    // Whoever waits for the value waits for the sender that was made here.
    state.note_made(location);
    let receiver = Receiver {
        waiter: Waiter::new(ReceiverLine(state.clone())),
        switch: SwitchPoint::Ahead,
        location,
    };
    (Sender { state: Some(state) }, receiver)
}

struct State<T> {
    value: Option<T>,
    /// The sender is gone: there will be no value but the one that is there.
    sent: bool,
    /// The receiver is gone, or wants no value.
    closed: bool,
    receiver: WaitQueue,
    closed_line: WaitQueue,
    home: Home,
}

impl<T> State<T> {
    fn new() -> Self {
        State {
            value: None,
            sent: false,
            closed: false,
            receiver: WaitQueue::new(),
            closed_line: WaitQueue::new(),
            home: Home::new(),
        }
    }

    fn take(&mut self) -> Result<T, TryRecvError> {
        match self.value.take() {
            Some(value) => Ok(value),
            None if self.sent || self.closed => Err(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }
}

/// The half that sends. Dropping it lets the receiver know that there will be no value.
pub struct Sender<T: 'static> {
    /// `None` once it has sent.
    state: Option<Shared<State<T>>>,
}

impl<T: 'static> Sender<T> {
    fn state(&self) -> &Shared<State<T>> {
        self.state.as_ref().expect("seedloop bug: a sender that has sent is gone")
    }

    /// Sends the value; the receiver resumes one hop later.
    ///
    /// # Errors
    ///
    /// The value itself when the receiver is gone or closed.
    #[track_caller]
    pub fn send(mut self, value: T) -> Result<(), T> {
        let state = self.state.take().expect("seedloop bug: a sender that has sent is gone");
        let woken = state.with(|state| {
            state.sent = true;
            if state.closed {
                return Err(value);
            }
            state.value = Some(value);
            Ok(state.receiver.wake_next())
        })?;
        state.note("send");
        complete(woken);
        Ok(())
    }

    /// Tells whether the receiver is gone or closed.
    #[track_caller]
    pub fn is_closed(&self) -> bool {
        self.state().peek(|state| state.closed)
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
    pub fn closed(&mut self) -> Closed<'_, T> {
        let (waiter, location) =
            (Waiter::new(SenderLine(self.state().clone())), Location::caller());
        Closed { waiter, switch: SwitchPoint::Ahead, location, of: self }
    }
}

impl<T: 'static> Drop for Sender<T> {
    fn drop(&mut self) {
        let Some(state) = self.state.take() else { return };
        let woken = state.try_with(|state| {
            state.sent = true;
            state.receiver.wake_next()
        });
        complete(woken.flatten());
    }
}

/// The half that receives: a future of the value. Dropping it lets the sender know.
///
/// # Errors
///
/// Awaiting it gives [`RecvError`] when the sender was dropped without a value, or the channel was
/// [closed](Self::close) and empty.
///
/// # Panics
///
/// When polled and the channel was waited for in another loop before.
///
/// # Cancel safety
///
/// Await it by reference and a value that arrives stays in the channel when the wait is dropped.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Receiver<T: 'static> {
    waiter: Waiter<ReceiverLine<T>>,
    switch: SwitchPoint,
    location: &'static Location<'static>,
}

impl<T: 'static> Receiver<T> {
    /// Takes the value if it is there.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] while the sender may still send; [`TryRecvError::Closed`] when it
    /// was dropped, or the value was taken.
    #[track_caller]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.waiter.line.0.with(State::take)
    }

    /// Lets the sender know that no value is wanted; one that is there can still be taken.
    #[track_caller]
    pub fn close(&mut self) {
        self.waiter.line.0.assert_here();
        // A wait that was begun by reference would go on for a sender that need not send any more.
        self.waiter.leave();
        close(&self.waiter.line.0);
    }
}

fn close<T: 'static>(shared: &Shared<State<T>>) {
    let next = |state: &mut State<T>| {
        state.closed = true;
        state.closed_line.wake_next()
    };
    while let Some(Some(woken)) = shared.try_with(next) {
        complete(Some(woken));
    }
}

impl<T: 'static> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let location = await_location(Location::caller(), self.location);
        let this = &mut *self;
        if this.waiter.is_waiting() {
            let ticket = ready!(this.waiter.poll_infallible(cx));
            this.waiter.line.0.with(|state| state.receiver.remove(ticket));
        } else {
            let state = &this.waiter.line.0;
            let passes = || state.peek(|s| s.value.is_some() || s.sent || s.closed);
            ready!(this.switch.poll_infallible_if(state.id(), location, passes, cx));
        }
        match this.try_recv() {
            Ok(value) => Poll::Ready(Ok(value)),
            Err(TryRecvError::Closed) => Poll::Ready(Err(RecvError)),
            Err(TryRecvError::Empty) => {
                let label = Label::on("recv", this.waiter.line.0.id());
                this.waiter.park_infallible((), label, location, cx);
                Poll::Pending
            }
        }
    }
}

/// Closes the channel when the receiver goes; a value that is there goes with it.
impl<T: 'static> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.waiter.leave();
        close(&self.waiter.line.0);
        drop(self.waiter.line.0.try_with(|state| state.value.take()));
    }
}

/// Where the receiver waits.
struct ReceiverLine<T>(Shared<State<T>>);

impl<T: 'static> Line for ReceiverLine<T> {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.0.with(|state| {
            state.home.enter("channel");
            state.receiver.push(wait)
        })
    }

    fn abandon(&self, ticket: Ticket, _woken: bool) {
        self.0.try_with(|state| state.receiver.remove(ticket));
    }
}

/// Where the sender waits for the receiver to go.
struct SenderLine<T>(Shared<State<T>>);

impl<T: 'static> Line for SenderLine<T> {
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

/// The future of [`Sender::closed`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Closed<'a, T: 'static> {
    waiter: Waiter<SenderLine<T>>,
    switch: SwitchPoint,
    location: &'static Location<'static>,
    of: &'a mut Sender<T>,
}

impl<T: 'static> Future for Closed<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.waiter.is_waiting() {
            let ticket = ready!(this.waiter.poll_infallible(cx));
            this.waiter.line.0.with(|state| state.closed_line.remove(ticket));
            return Poll::Ready(());
        }
        ready!(this.switch.poll_infallible_if(
            this.waiter.line.0.id(),
            this.location,
            || this.of.is_closed(),
            cx
        ));
        if this.of.is_closed() {
            return Poll::Ready(());
        }
        let label = Label::on("closed", this.waiter.line.0.id());
        this.waiter.park_infallible((), label, this.location, cx);
        Poll::Pending
    }
}

/// The sender is gone, and there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel is closed")
    }
}
impl StdError for RecvError {}

/// Why there is no value at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Not yet.
    Empty,
    /// There will be none.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "channel is empty",
            TryRecvError::Closed => "channel is closed",
        })
    }
}
impl StdError for TryRecvError {}

impl<T: 'static> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Sender of {:?}>", self.state())
    }
}

impl<T: 'static> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Receiver of {:?}>", self.waiter.line.0)
    }
}

impl<T: 'static> fmt::Debug for Closed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Closed of {:?}>", self.waiter.line.0)
    }
}
