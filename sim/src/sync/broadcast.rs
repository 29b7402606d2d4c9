//! A channel whose values go to every receiver: [`channel`], as Rust's async runtimes have it.
//!
//! It keeps so many values as it has capacity: a receiver that falls behind is told how many it has
//! missed. The wait for a value knows no cancel: a task that is cancelled meanwhile is treated as
//! in any foreign wait.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::broadcast_state::{ReceiverLine, State};
pub use super::broadcast_state::{RecvError, SendError, TryRecvError};
use super::waiter::{Waiter, complete};
use crate::event_loop::{Label, Shared};
use crate::task::SwitchPoint;

/// Makes a channel that keeps `capacity` values, rounded up to a power of two.
///
/// ```
/// use seedloop::run;
/// use seedloop::sync::broadcast::{self, RecvError};
///
/// run(async {
///     let (sender, mut one) = broadcast::channel(2);
///     let mut two = sender.subscribe();
///     sender.send("hello")?;
///     assert_eq!(one.recv().await?, "hello");
///     for text in ["a", "b"] {
///         sender.send(text)?;
///     }
///     assert_eq!(two.recv().await, Err(RecvError::Lagged(1)));
///     assert_eq!(two.recv().await?, "a");
///     Ok(())
/// })
/// .unwrap();
/// ```
///
/// # Panics
///
/// When `capacity` is 0.
pub fn channel<T: Clone + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(capacity);
    let receiver = sender.subscribe();
    (sender, receiver)
}

/// The half that sends. Clones send into the same channel.
pub struct Sender<T: 'static> {
    shared: Shared<State<T>>,
}

impl<T: 'static> Sender<T> {
    /// Makes a channel without a receiver.
    ///
    /// # Panics
    ///
    /// When `capacity` is 0.
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "broadcast channel capacity cannot be zero");
        Sender { shared: Shared::new("broadcast", State::new(capacity.next_power_of_two())) }
    }

    /// Sends a value to all receivers; returns how many there are. Those that wait resume one hop
    /// later, in the order in which they began to wait.
    ///
    /// # Errors
    ///
    /// A [`SendError`] with the value when there is no receiver.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let value = Arc::new(value);
        let kept = Arc::clone(&value);
        let Some((receivers, missed)) = self.shared.with(|state| state.send(kept)) else {
            let value = Arc::into_inner(value).expect("seedloop bug: the value was kept");
            return Err(SendError(value));
        };
        drop((value, missed));
        self.shared.note("send");
        wake_all(&self.shared);
        Ok(receivers)
    }

    /// Makes a receiver of the values that are sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(&self.shared)
    }

    /// Returns how many values are kept because some receiver has not had them.
    pub fn len(&self) -> usize {
        self.shared.peek(|state| state.len())
    }

    /// Tells whether every receiver has had every value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.peek(|state| state.receivers())
    }
}

/// Wakes everybody in the line, in the order in which they came.
fn wake_all<T: 'static>(shared: &Shared<State<T>>) {
    while let Some(Some(woken)) = shared.try_with(State::next_waiter) {
        complete(Some(woken));
    }
}

impl<T: 'static> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.with(|state| state.senders += 1);
        Sender { shared: self.shared.clone() }
    }
}

impl<T: 'static> Drop for Sender<T> {
    fn drop(&mut self) {
        let last = self.shared.try_with(|state| {
            state.senders -= 1;
            state.senders == 0
        });
        if last == Some(true) {
            wake_all(&self.shared);
        }
    }
}

/// The half that receives; each receiver gets every value that is sent after it was made.
pub struct Receiver<T: 'static> {
    waiter: Waiter<ReceiverLine<T>>,
    switch: SwitchPoint,
    /// The number of the value that comes next.
    next: u64,
}

impl<T: 'static> Receiver<T> {
    fn new(shared: &Shared<State<T>>) -> Self {
        let next = shared.with(State::subscribe);
        let waiter = Waiter::new(ReceiverLine(shared.clone()));
        Receiver { waiter, switch: SwitchPoint::Ahead, next }
    }

    fn shared(&self) -> &Shared<State<T>> {
        &self.waiter.line.0
    }

    /// Makes a receiver of the values that are sent from now on.
    pub fn resubscribe(&self) -> Self {
        Receiver::new(self.shared())
    }

    /// Returns how many values wait for this receiver, with those that it has missed.
    pub fn len(&self) -> usize {
        usize::try_from(self.shared().peek(|state| state.end()) - self.next).unwrap_or(usize::MAX)
    }

    /// Tells whether no value waits for this receiver.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Clone + 'static> Receiver<T> {
    /// Receives the next value, as a copy. One that waits resumes one hop after it was sent.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] with how many values were missed, after which the oldest that is kept
    /// comes next; [`RecvError::Closed`] when all senders are gone and nothing is left.
    ///
    /// # Panics
    ///
    /// When polled and the channel was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes nothing.
    #[track_caller]
    pub fn recv(&mut self) -> Recv<'_, T> {
        self.switch = SwitchPoint::Ahead;
        Recv { receiver: self, location: Location::caller() }
    }

    /// Receives a value at once.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and [`TryRecvError::Empty`] when there is none yet.
    #[track_caller]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.try_recv_at(Location::caller())
    }

    #[track_caller]
    fn try_recv_at(&mut self, location: &'static Location<'static>) -> Result<T, TryRecvError> {
        let next = &mut self.next;
        let taken = self.waiter.line.0.with(|state| Ok((state.take(next)?, state.forget_taken())));
        let (value, forgotten) = taken?;
        drop(forgotten);
        self.shared().note_at("recv", location);
        // The user's code: nothing is borrowed here.
        Ok(Arc::try_unwrap(value).unwrap_or_else(|value| T::clone(&value)))
    }
}

impl<T: 'static> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.waiter.leave();
        let next = self.next;
        // The values are the user's: they are dropped here, unborrowed.
        drop(self.shared().try_with(|state| state.unsubscribe(next)));
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Recv<'a, T: 'static> {
    receiver: &'a mut Receiver<T>,
    location: &'static Location<'static>,
}

impl<T: Clone + 'static> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let location = self.location;
        let receiver = &mut *self.receiver;
        if receiver.waiter.is_waiting() {
            let ticket = ready!(receiver.waiter.poll_infallible(cx));
            receiver.waiter.line.0.with(|state| state.leave(ticket));
        } else {
            let (shared, next) = (&receiver.waiter.line.0, receiver.next);
            let passes = || shared.peek(|state| !state.waits(next));
            ready!(receiver.switch.poll_infallible_if(shared.id(), location, passes, cx));
        }
        match receiver.try_recv_at(location) {
            Ok(value) => Poll::Ready(Ok(value)),
            Err(TryRecvError::Closed) => Poll::Ready(Err(RecvError::Closed)),
            Err(TryRecvError::Lagged(missed)) => Poll::Ready(Err(RecvError::Lagged(missed))),
            Err(TryRecvError::Empty) => {
                let label = Label::on("recv", receiver.shared().id());
                receiver.waiter.park_infallible((), label, location, cx);
                Poll::Pending
            }
        }
    }
}

impl<T: 'static> Drop for Recv<'_, T> {
    fn drop(&mut self) {
        self.receiver.waiter.leave();
    }
}

impl<T: 'static> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Sender of {:?}>", self.shared)
    }
}

impl<T: 'static> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Receiver of {:?}>", self.shared())
    }
}

impl<T: 'static> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Recv of {:?}>", self.receiver)
    }
}
