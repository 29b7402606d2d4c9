//! A signal without a value, as Rust's async runtimes have it.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::wait_queue::{Ticket, WaitQueue};
use super::waiter::{Home, Line, Waiter, complete};
use crate::event_loop::{Label, Shared, WaitId};
use crate::task::SwitchPoint;

/// A signal without a value: wakes one who waits, or all of them. Clones are the same one.
///
/// Those who wait are woken in the order in which they came. The wait knows no cancel: a task that
/// is cancelled while it waits is treated as in any foreign wait. For asyncio's kind, which stays
/// set, see [`Event`](super::Event).
///
/// ```
/// use seedloop::sync::Notify;
/// use seedloop::{run, spawn};
///
/// run(async {
///     let notify = Notify::new();
///     let theirs = notify.clone();
///     spawn(async move { Ok(theirs.notify_one()) });
///     notify.notified().await;
///     Ok(())
/// })
/// .unwrap();
/// ```
#[derive(Clone)]
pub struct Notify {
    shared: Shared<State>,
}

struct State {
    /// A [`notify_one`](Notify::notify_one) for which nobody waited.
    permit: bool,
    /// How often all were woken.
    rounds: u64,
    line: WaitQueue,
    home: Home,
}

impl State {
    fn take_permit(&mut self, since: u64) -> bool {
        self.rounds != since || std::mem::take(&mut self.permit)
    }
}

impl Notify {
    /// Makes a signal.
    pub fn new() -> Self {
        let state = State { permit: false, rounds: 0, line: WaitQueue::new(), home: Home::new() };
        Notify { shared: Shared::new("notify", state) }
    }

    /// Waits for the signal; no hop if there was a [`notify_one`](Self::notify_one) that nobody has
    /// taken, or a [`notify_waiters`](Self::notify_waiters) since this was called.
    ///
    /// # Panics
    ///
    /// When polled and the signal was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the place in the line; a signal that was being handed to it goes
    /// to the next one.
    #[track_caller]
    pub fn notified(&self) -> Notified {
        Notified {
            since: self.shared.peek(|state| state.rounds),
            waiter: Waiter::new(NotifyLine(self.shared.clone())),
            switch: SwitchPoint::Ahead,
            location: Location::caller(),
        }
    }

    /// Wakes the first who waits, who resumes one hop later; if nobody does, the next wait need not
    /// wait. Several in advance count as one.
    #[track_caller]
    pub fn notify_one(&self) {
        self.shared.note("notify");
        let had_permit = self.shared.try_look(|state| state.permit) == Some(true);
        if !notify_one(&self.shared) && had_permit {
            self.shared.note_missed(Location::caller());
        }
    }

    /// Wakes all who wait now. Those who come later wait.
    #[track_caller]
    pub fn notify_waiters(&self) {
        self.shared.note("notify all");
        self.shared.with(|state| state.rounds += 1);
        let mut is_missed = true;
        while let Some(woken) = self.shared.with(|state| state.line.take_next()) {
            is_missed = false;
            complete(Some(woken));
        }
        if is_missed {
            self.shared.note_missed(Location::caller());
        }
    }
}

/// Tells whether somebody waited.
fn notify_one(shared: &Shared<State>) -> bool {
    let woken = shared.try_with(|state| {
        let woken = state.line.wake_next();
        state.permit |= woken.is_none();
        woken
    });
    let woken = woken.flatten();
    let waited = woken.is_some();
    complete(woken);
    waited
}

impl Default for Notify {
    fn default() -> Self {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Notify {:?}>", self.shared)
    }
}

struct NotifyLine(Shared<State>);

impl Line for NotifyLine {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.0.with(|state| {
            state.home.enter("notify");
            state.line.push(wait)
        })
    }

    /// Those whom all were woken with are no longer in the line.
    fn abandon(&self, ticket: Ticket, woken: bool) {
        let left = self.0.try_with(|state| state.line.remove(ticket).is_some());
        if woken && left == Some(true) {
            notify_one(&self.0);
        }
    }
}

/// The future of [`Notify::notified`].
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct Notified {
    since: u64,
    waiter: Waiter<NotifyLine>,
    switch: SwitchPoint,
    location: &'static Location<'static>,
}

impl Future for Notified {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let state = &this.waiter.line.0;
        if this.waiter.is_waiting() {
            let ticket = ready!(this.waiter.poll_infallible(cx));
            this.waiter.line.0.with(|state| state.line.remove(ticket));
            return Poll::Ready(());
        }
        let since = this.since;
        let passes = || state.peek(|state| state.permit || state.rounds != since);
        ready!(this.switch.poll_infallible_if(this.waiter.line.0.id(), this.location, passes, cx));
        if state.with(|state| state.take_permit(since)) {
            return Poll::Ready(());
        }
        let label = Label::on("notified", state.id());
        this.waiter.park_infallible((), label, this.location, cx);
        Poll::Pending
    }
}
