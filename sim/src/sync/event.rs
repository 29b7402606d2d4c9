//! `asyncio.Event`: a flag that tasks wait for.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::wait_queue::{Ticket, WaitQueue};
use super::waiter::{Begun, Home, Line, Parking, Waiter, complete, park_at};
use crate::base::{Access, Cancelled};
use crate::event_loop::{Core, Label, Notes, Shared, WaitId};
use crate::task::{SwitchPoint, WaitUnit};

/// A flag that wakes all who wait for it: `asyncio.Event`. Clones are the same event.
///
/// [`set`](Self::set) wakes the waiters in the order in which they came, each one hop later.
/// Whoever waits then is woken, also if the flag is cleared before it runs: a wait that returns
/// says that the flag was set, not that it is.
///
/// ```
/// use seedloop::sync::Event;
/// use seedloop::{run, spawn, yield_now};
///
/// run(async {
///     let event = Event::new();
///     let seen = event.clone();
///     let waiter = spawn(async move { Ok(seen.wait().await?) });
///     yield_now().await?;
///     event.set();
///     event.clear();
///     waiter.await?;
///     assert!(!event.is_set());
///     Ok(())
/// })
/// .unwrap();
/// ```
///
/// Source: Python docs, asyncio-sync, "Event"; CPython 3.13, `locks.Event`.
#[derive(Clone)]
#[doc(alias = "asyncio.Event")]
pub struct Event {
    state: Shared<State>,
}

struct State {
    set: bool,
    waiters: WaitQueue,
    home: Home,
}

impl Event {
    /// Makes an event that is not set.
    pub fn new() -> Self {
        let state = State { set: false, waiters: WaitQueue::new(), home: Home::new() };
        Event { state: Shared::new("event", state) }
    }

    /// Tells whether the flag is set.
    #[track_caller]
    pub fn is_set(&self) -> bool {
        self.state.peek(|state| state.set)
    }

    /// Sets the flag and wakes all who wait, in the order in which they came. Does nothing if it is
    /// set.
    #[track_caller]
    pub fn set(&self) {
        let at = Location::caller();
        let set = |core: &mut Core, state: &mut State, notes: &mut Notes| {
            notes.meets(core, Access::Write);
            let was_set = std::mem::replace(&mut state.set, true);
            if !was_set {
                notes.changed(core, "set", Access::Write, at);
            }
            was_set
        };
        if self.state.visit(set, |_, was_set| was_set) {
            return;
        }
        while let Some(future) = self.state.with(|state| state.waiters.wake_next()) {
            complete(Some(future));
        }
    }

    /// Clears the flag: from now on tasks wait again. Those that were woken stay so.
    #[track_caller]
    pub fn clear(&self) {
        let at = Location::caller();
        let clear = |core: &mut Core, state: &mut State, notes: &mut Notes| {
            notes.meets(core, Access::Write);
            state.set = false;
            notes.changed(core, "clear", Access::Write, at);
        };
        self.state.visit(clear, |_, ()| ());
    }

    /// Waits until the flag is set; no hop if it is: `event.wait()`.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] when the task was cancelled while it waited, also if it was woken already.
    ///
    /// # Panics
    ///
    /// When polled and the event was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets the wait; nothing is lost.
    ///
    /// Source: CPython 3.13, `locks.Event.wait`.
    #[track_caller]
    pub fn wait(&self) -> EventWait {
        let location = Location::caller();
        EventWait { waiter: Waiter::new(self.clone()), switch: SwitchPoint::Ahead, location }
    }
}

impl Event {
    /// Begins to wait: the choice to give way before, then a look whether the flag is set.
    fn begin_wait(&self) -> Begun<bool> {
        let begin = |core: &mut Core, state: &mut State, notes: &mut Notes| {
            let passes = |core: &mut Core| {
                notes.meets(core, Access::Read);
                state.set
            };
            let gives_way = SwitchPoint::choose(core, passes);
            (!gives_way).then(|| {
                notes.meets(core, Access::Read);
                state.set
            })
        };
        Begun::of(self.state.visit_awaiting(true, begin, |_, begun| begun), |is_set| is_set)
    }
}

impl Line for Event {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.state.with(|state| {
            state.home.enter("event");
            state.waiters.push(wait)
        })
    }

    fn park(&self, (): (), as_what: Parking, cx: &Context<'_>) -> (Ticket, WaitUnit, bool) {
        park_at(&self.state, as_what, "event", cx, |state, running, wait| {
            state.home.is_of(running).then(|| state.waiters.push(wait))
        })
    }

    fn abandon(&self, ticket: Ticket, _woken: bool) {
        self.state.try_with(|state| state.waiters.remove(ticket));
    }
}

impl Default for Event {
    fn default() -> Self {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.state.try_with(|state| (state.set, state.waiters.len()));
        let Some((set, waiters)) = seen else {
            return f.write_str("<event#? on another thread>");
        };
        let set = if set { "set" } else { "unset" };
        write!(f, "<{:?} {set}, waiters: {waiters}>", self.state)
    }
}

/// The future of [`Event::wait`].
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct EventWait {
    waiter: Waiter<Event>,
    switch: SwitchPoint,
    location: &'static Location<'static>,
}

impl Future for EventWait {
    type Output = Result<(), Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.waiter.is_waiting() {
            let (ticket, result) = match ready!(this.waiter.poll(cx)) {
                Ok(ticket) => (ticket, Ok(())),
                Err(refused) => (refused.ticket, Err(refused.cancelled)),
            };
            this.waiter.line.state.with(|state| state.waiters.remove(ticket));
            return Poll::Ready(result);
        }
        let event = &this.waiter.line;
        let is_ahead = this.switch.is_ahead();
        let is_set = match if is_ahead { event.begin_wait() } else { Begun::GivesWay } {
            Begun::Stopped => return Poll::Pending,
            Begun::Over(is_set) => {
                this.switch = SwitchPoint::Passed;
                is_set
            }
            Begun::GivesWay => {
                if is_ahead {
                    this.switch.give_way(event.state.id(), this.location);
                }
                ready!(this.switch.poll_turn(cx))?;
                event.is_set()
            }
        };
        if is_set {
            return Poll::Ready(Ok(()));
        }
        let label = Label::reading("event", event.state.id());
        this.waiter.park((), label, this.location, cx);
        Poll::Pending
    }
}
