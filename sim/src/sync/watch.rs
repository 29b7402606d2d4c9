//! A channel for the latest value: [`channel`], as Rust's async runtimes have it.
//!
//! Receivers see the latest value, not every one. What asyncio's primitives report as an error of
//! the wait itself does not exist here: the wait for a change knows no cancel. A task that is
//! cancelled while it waits is treated as in any foreign wait: what lies inside the innermost
//! [`attempt`](crate::attempt), timeout, scope or group is dropped, and without one the whole task.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::waiter::Waiter;
use super::watch_state::{ChangedLine, ClosedLine, State, wake_all};
pub use super::watch_state::{RecvError, SendError};
use crate::event_loop::{Label, Shared};
use crate::task::SwitchPoint;

/// Makes a channel that holds `value`, which the receiver counts as seen.
///
/// ```
/// use seedloop::sync::watch;
/// use seedloop::{run, spawn};
///
/// run(async {
///     let (sender, mut receiver) = watch::channel(0);
///     spawn(async move { Ok(sender.send(7)?) });
///     receiver.changed().await?;
///     assert_eq!(*receiver.borrow(), 7);
///     Ok(())
/// })
/// .unwrap();
/// ```
pub fn channel<T: 'static>(value: T) -> (Sender<T>, Receiver<T>) {
    let shared = Shared::new("watch", State::new(value));
    (Sender { shared: shared.clone() }, Receiver { shared, seen: 0 })
}

/// The half that changes the value. Clones change the same one.
pub struct Sender<T: 'static> {
    shared: Shared<State<T>>,
}

impl<T: 'static> Sender<T> {
    /// Puts a new value in place of the old one. Receivers that wait resume one hop later, in the
    /// order in which they began to wait.
    ///
    /// # Errors
    ///
    /// A [`SendError`] with the value when there is no receiver.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        drop(self.send_replace(value));
        Ok(())
    }

    /// Puts a new value in place of the old one, also if there is no receiver, and returns the old
    /// one, which a [`Ref`] may still hold.
    #[track_caller]
    pub fn send_replace(&self, value: T) -> Arc<T> {
        let old = self.shared.with(|state| {
            let old = state.value();
            state.value = Some(Arc::new(value));
            old
        });
        self.notify();
        old
    }

    /// Changes the value in place.
    ///
    /// # Panics
    ///
    /// When a [`Ref`] of the value is held: drop what [`borrow`](Receiver::borrow) gave first.
    /// (Elsewhere that would block the thread for ever.)
    #[track_caller]
    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value in place, and lets the receivers know if `modify` returns true; returns
    /// what it returned.
    ///
    /// # Panics
    ///
    /// When a [`Ref`] of the value is held: drop what [`borrow`](Receiver::borrow) gave first.
    #[track_caller]
    pub fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        let modified = {
            let mut lent = Lent::take(&self.shared);
            let value = lent.value.as_mut().and_then(Arc::get_mut);
            // The user's code: nothing is borrowed here.
            modify(value.expect(
                "the value of a watch cannot be changed in place while a `Ref` of it is held; drop \
                 the `Ref` first, or use `send`",
            ))
        };
        if modified {
            self.notify();
        }
        modified
    }

    #[track_caller]
    fn notify(&self) {
        self.shared.with(|state| state.version += 1);
        self.shared.note("send");
        wake_all(&self.shared, |state| state.changed_line.wake_next());
    }

    /// Returns the latest value.
    #[track_caller]
    pub fn borrow(&self) -> Ref<T> {
        Ref { value: self.shared.peek(|state| state.value()), changed: false }
    }

    /// Makes another receiver, which counts the latest value as seen.
    #[track_caller]
    pub fn subscribe(&self) -> Receiver<T> {
        let seen = self.shared.with(|state| {
            state.receivers += 1;
            state.version
        });
        Receiver { shared: self.shared.clone(), seen }
    }

    /// Returns how many receivers there are.
    #[track_caller]
    pub fn receiver_count(&self) -> usize {
        self.shared.peek(|state| state.receivers)
    }

    /// Tells whether there is no receiver.
    #[track_caller]
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver.
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
        let waiter = Waiter::new(ClosedLine(self.shared.clone()));
        Closed { waiter, switch: SwitchPoint::Ahead, location: Location::caller() }
    }
}

/// The value while a sender changes it; it goes back whatever the user's code does.
struct Lent<'a, T: 'static> {
    shared: &'a Shared<State<T>>,
    value: Option<Arc<T>>,
}

impl<'a, T: 'static> Lent<'a, T> {
    #[track_caller]
    fn take(shared: &'a Shared<State<T>>) -> Self {
        let value = shared.with(|state| {
            // With a message for the nested use.
            drop(state.value());
            state.value.take()
        });
        Lent { shared, value }
    }
}

impl<T: 'static> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        let value = self.value.take();
        self.shared.with(|state| state.value = value);
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
            wake_all(&self.shared, |state| state.changed_line.wake_next());
        }
    }
}

/// The half that sees the value. Clones see the same one, each with its own mark of what it has
/// seen.
pub struct Receiver<T: 'static> {
    shared: Shared<State<T>>,
    /// The version that was seen last.
    seen: u64,
}

impl<T: 'static> Receiver<T> {
    /// Waits for a value that this receiver has not seen, and counts it as seen; no hop if there is
    /// one. Otherwise it resumes one hop after the value was sent.
    ///
    /// # Errors
    ///
    /// [`RecvError`] when all senders are gone and the latest value was seen.
    ///
    /// # Panics
    ///
    /// When polled and the channel was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future counts nothing as seen.
    #[track_caller]
    pub fn changed(&mut self) -> Changed<'_, T> {
        let waiter = Waiter::new(ChangedLine(self.shared.clone()));
        let location = Location::caller();
        Changed { waiter, switch: SwitchPoint::Ahead, location, receiver: self }
    }

    /// Waits for a value for which `predicate` is true; the latest one is asked first. It counts as
    /// seen.
    ///
    /// # Errors
    ///
    /// [`RecvError`] when all senders are gone and the predicate is false for the latest value.
    ///
    /// # Panics
    ///
    /// When polled and the channel was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing; values that the predicate has refused count as seen.
    #[track_caller]
    pub fn wait_for(
        &mut self,
        mut predicate: impl FnMut(&T) -> bool,
    ) -> impl Future<Output = Result<Ref<T>, RecvError>> {
        let location = Location::caller();
        async move {
            loop {
                let value = self.borrow_and_update();
                if predicate(&value) {
                    return Ok(value);
                }
                drop(value);
                let mut changed = self.changed();
                changed.location = location;
                changed.await?;
            }
        }
    }

    /// Returns the latest value, without counting it as seen.
    #[track_caller]
    pub fn borrow(&self) -> Ref<T> {
        let (value, version) = self.shared.peek(|state| (state.value(), state.version));
        Ref { value, changed: version != self.seen }
    }

    /// Returns the latest value and counts it as seen.
    #[track_caller]
    pub fn borrow_and_update(&mut self) -> Ref<T> {
        let (value, version) = self.shared.peek(|state| (state.value(), state.version));
        let changed = version != self.seen;
        self.seen = version;
        Ref { value, changed }
    }

    /// Tells whether there is a value that this receiver has not seen.
    ///
    /// # Errors
    ///
    /// [`RecvError`] when all senders are gone and the latest value was seen.
    #[track_caller]
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        let (version, senders) = self.shared.peek(|state| (state.version, state.senders));
        if version != self.seen {
            return Ok(true);
        }
        if senders == 0 { Err(RecvError) } else { Ok(false) }
    }
}

impl<T: 'static> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.with(|state| state.receivers += 1);
        Receiver { shared: self.shared.clone(), seen: self.seen }
    }
}

impl<T: 'static> Drop for Receiver<T> {
    fn drop(&mut self) {
        let last = self.shared.try_with(|state| {
            state.receivers -= 1;
            state.receivers == 0
        });
        if last == Some(true) {
            wake_all(&self.shared, |state| state.closed_line.wake_next());
        }
    }
}

/// A value of a watch. It is kept for as long as this lives, also if a new one was sent since.
pub struct Ref<T> {
    value: Arc<T>,
    changed: bool,
}

impl<T> Ref<T> {
    /// Tells whether the receiver had not seen the value before.
    pub fn has_changed(&self) -> bool {
        self.changed
    }
}

impl<T> Deref for Ref<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The future of [`Receiver::changed`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Changed<'a, T: 'static> {
    waiter: Waiter<ChangedLine<T>>,
    switch: SwitchPoint,
    location: &'static Location<'static>,
    receiver: &'a mut Receiver<T>,
}

impl<T: 'static> Future for Changed<'_, T> {
    type Output = Result<(), RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.waiter.is_waiting() {
            let ticket = ready!(this.waiter.poll_infallible(cx));
            this.waiter.line.0.with(|state| state.changed_line.remove(ticket));
        } else {
            let receiver = &this.receiver;
            let passes = || receiver.has_changed() != Ok(false);
            ready!(this.switch.poll_infallible_if(receiver.shared.id(), this.location, passes, cx));
        }
        match this.receiver.has_changed() {
            Ok(true) => {
                this.receiver.seen = this.receiver.shared.peek(|state| state.version);
                Poll::Ready(Ok(()))
            }
            Err(gone) => Poll::Ready(Err(gone)),
            Ok(false) => {
                let label = Label::reading("changed", this.receiver.shared.id());
                this.waiter.park_infallible((), label, this.location, cx);
                Poll::Pending
            }
        }
    }
}

/// The future of [`Sender::closed`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Closed<T: 'static> {
    waiter: Waiter<ClosedLine<T>>,
    switch: SwitchPoint,
    location: &'static Location<'static>,
}

impl<T: 'static> Future for Closed<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.waiter.is_waiting() {
            let ticket = ready!(this.waiter.poll_infallible(cx));
            this.waiter.line.0.with(|state| state.closed_line.remove(ticket));
        } else {
            let shared = &this.waiter.line.0;
            let passes = || shared.peek(|state| state.receivers == 0);
            ready!(this.switch.poll_infallible_if(shared.id(), this.location, passes, cx));
        }
        // A receiver may have been made since.
        if this.waiter.line.0.peek(|state| state.receivers == 0) {
            return Poll::Ready(());
        }
        let label = Label::on("closed", this.waiter.line.0.id());
        this.waiter.park_infallible((), label, this.location, cx);
        Poll::Pending
    }
}

impl<T: 'static> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Sender of {:?}>", self.shared)
    }
}

impl<T: 'static> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Receiver of {:?}>", self.shared)
    }
}

impl<T: 'static> fmt::Debug for Changed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Changed of {:?}>", self.receiver)
    }
}

impl<T: 'static> fmt::Debug for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Closed of {:?}>", self.waiter.line.0)
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}
