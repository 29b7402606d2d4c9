//! One who stands in the line of a primitive: the wait, its ticket, and what happens when it is
//! dropped there.

use std::panic::Location;
use std::task::{Context, Poll, ready};

use super::wait_queue::Ticket;
use crate::base::{Access, Awaited, Cancelled, Id};
use crate::event_loop::{Label, LoopId, Shared, WaitId, with};
use crate::task::WaitUnit;

/// A line in which tasks wait.
pub(super) trait Line {
    /// What a waiter waits for, where they differ.
    type Payload: Copy;

    /// Puts a waiter at the end of the line.
    fn enter(&self, wait: WaitId, payload: Self::Payload) -> Ticket<Self::Payload>;

    /// Parks the running task at the end of the line. False if its wait is still to be polled.
    fn park(
        &self,
        payload: Self::Payload,
        as_what: Parking,
        cx: &Context<'_>,
    ) -> (Ticket<Self::Payload>, WaitUnit, bool) {
        let Parking { label, location, infallible } = as_what;
        let (wait, is_parked) = WaitUnit::parked(label, location, infallible, cx);
        (self.enter(wait.id(), payload), wait, is_parked)
    }

    /// Takes a waiter out that was dropped in mid-wait; what it was given (`woken`) goes on to the
    /// next one, as after a cancel.
    fn abandon(&self, ticket: Ticket<Self::Payload>, woken: bool);
}

/// As what a task is parked: for reports, and whether the wait cannot fail.
#[derive(Clone, Copy)]
pub(super) struct Parking {
    label: Label,
    location: &'static Location<'static>,
    infallible: bool,
}

/// Parks the running task at the end of a line in one look at the state of a primitive, a `kind`.
/// `enter` is none where that is not at [home](Home::is_of) in the running loop.
pub(super) fn park_at<T: 'static, P>(
    state: &Shared<T>,
    as_what: Parking,
    kind: &str,
    cx: &Context<'_>,
    enter: impl FnOnce(&mut T, LoopId, WaitId) -> Option<Ticket<P>>,
) -> (Ticket<P>, WaitUnit, bool) {
    let Parking { label, location, infallible } = as_what;
    let parked = with(|core| {
        state.visit_in(core, |core, state, notes| {
            let on = Awaited::Resource(notes.number);
            let by = cx.waker();
            let (wait, is_parked) = core.park_new_on(on, label, location, infallible, by);
            notes.meets(core, Access::Write);
            (wait, is_parked, enter(state, core.running, wait))
        })
    });
    // The panic of what is used elsewhere.
    let parked = parked.unwrap_or_else(|| state.with(|_| unreachable!("it is at home")));
    let (wait, is_parked, ticket) = parked;
    // Forgotten if it is of no use.
    let unit = WaitUnit::of(wait);
    let ticket = ticket.unwrap_or_else(|| Home::refuse(kind));
    (ticket, unit, is_parked)
}

/// How an await that may not wait began.
pub(super) enum Begun<R> {
    /// A limit has ended the run.
    Stopped,
    /// The choice was to give way before.
    GivesWay,
    Over(R),
}

impl<R> Begun<R> {
    /// What [`visit_awaiting`](Shared::visit_awaiting) came to, if none is to give way.
    #[inline]
    pub(super) fn of<S>(begun: Option<Option<S>>, finish: impl FnOnce(S) -> R) -> Begun<R> {
        match begun {
            None => Begun::Stopped,
            Some(None) => Begun::GivesWay,
            Some(Some(over)) => Begun::Over(finish(over)),
        }
    }
}

/// A task's place in a line; leaves it when dropped.
pub(super) struct Waiter<L: Line> {
    pub(super) line: L,
    place: Option<Place<L::Payload>>,
}

/// How a wait in line ended.
type Turn<P> = Result<Ticket<P>, Refused<P>>;

struct Place<P> {
    ticket: Ticket<P>,
    wait: WaitUnit,
}

/// A wait that a cancel ended. Its ticket still stands in the line.
pub(super) struct Refused<P> {
    pub(super) ticket: Ticket<P>,
    /// It had been woken before the cancel came.
    pub(super) woken: bool,
    pub(super) cancelled: Cancelled,
}

impl<L: Line> Waiter<L> {
    pub(super) fn new(line: L) -> Self {
        Waiter { line, place: None }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.place.is_some()
    }

    /// Enters the line and parks the task.
    pub(super) fn park(
        &mut self,
        payload: L::Payload,
        label: Label,
        location: &'static Location<'static>,
        cx: &Context<'_>,
    ) {
        let (wait, is_parked) = self.enter(payload, label, location, false, cx);
        let is_pending = is_parked || wait.poll(cx).is_pending();
        debug_assert!(is_pending, "seedloop bug: a new wait was over at once");
    }

    /// The same for a wait that cannot fail.
    pub(super) fn park_infallible(
        &mut self,
        payload: L::Payload,
        label: Label,
        location: &'static Location<'static>,
        cx: &Context<'_>,
    ) {
        let (wait, is_parked) = self.enter(payload, label, location, true, cx);
        let is_pending = is_parked || wait.poll_infallible(cx).is_pending();
        debug_assert!(is_pending, "seedloop bug: a new wait was over at once");
    }

    #[inline]
    fn enter(
        &mut self,
        payload: L::Payload,
        label: Label,
        location: &'static Location<'static>,
        infallible: bool,
        cx: &Context<'_>,
    ) -> (&mut WaitUnit, bool) {
        let as_what = Parking { label, location, infallible };
        let (ticket, wait, is_parked) = self.line.park(payload, as_what, cx);
        (&mut self.place.insert(Place { ticket, wait }).wait, is_parked)
    }

    /// Polls a wait that cannot fail, after which the caller takes the ticket out of the line. A
    /// cancel does not reach it: it drops what is around it.
    pub(super) fn poll_infallible(&mut self, cx: &Context<'_>) -> Poll<Ticket<L::Payload>> {
        let place = self.place.as_mut().expect("seedloop bug: not in the line");
        ready!(place.wait.poll_infallible(cx));
        let ticket = place.ticket;
        self.place = None;
        Poll::Ready(ticket)
    }

    /// Leaves the line if it stands there, as if it were dropped.
    pub(super) fn leave(&mut self) {
        if let Some(Place { ticket, wait }) = self.place.take() {
            let woken = wait.is_woken();
            drop(wait);
            self.line.abandon(ticket, woken);
        }
    }

    /// Polls the wait. Once it is over the caller takes the ticket out of the line.
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<Turn<L::Payload>> {
        let place = self.place.as_mut().expect("seedloop bug: not in the line");
        let ticket = place.ticket;
        if place.wait.ends_plainly(cx) {
            self.place = None;
            return Poll::Ready(Ok(ticket));
        }
        let result = ready!(place.wait.poll(cx));
        let over = match result {
            Ok(()) => Ok(ticket),
            Err(cancelled) => {
                let woken = place.wait.is_woken();
                Err(Refused { ticket, woken, cancelled })
            }
        };
        self.place = None;
        Poll::Ready(over)
    }
}

impl<L: Line> Drop for Waiter<L> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The loop of a primitive: the first one in which somebody waited for it.
///
/// Source: CPython 3.13, `mixins._LoopBoundMixin`, which raises a `RuntimeError` where this panics.
pub(super) struct Home {
    owner: LoopId,
}

impl Home {
    pub(super) const fn new() -> Self {
        Home { owner: Id::NONE }
    }

    /// Takes note that the running loop waits.
    ///
    /// # Panics
    ///
    /// When it is another one than before.
    pub(super) fn enter(&mut self, kind: &str) {
        let running = with(|core| core.running);
        if !self.is_of(running) {
            Home::refuse(kind);
        }
    }

    /// Takes note that a loop waits; false if it is another one than before.
    #[inline]
    pub(super) fn is_of(&mut self, running: LoopId) -> bool {
        if self.owner.is_none() {
            self.owner = running;
        }
        self.owner == running || running.is_none()
    }

    #[cold]
    #[inline(never)]
    fn refuse(kind: &str) -> ! {
        panic!(
            "this {kind} is bound to a different event loop: it was waited for in another one; \
             make one for each loop"
        );
    }
}

impl<L: Line> std::fmt::Debug for Waiter<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_waiting() { "waiting" } else { "not waiting" })
    }
}

/// Completes the wait of whom a line has woken.
pub(super) fn complete(woken: Option<WaitId>) {
    if let Some(wait) = woken {
        WaitUnit::complete(wait);
    }
}
