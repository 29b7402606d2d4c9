//! What a mutex and a read-write lock are made of: a gate that lets in many readers or one writer,
//! first come, first served.

use std::panic::Location;
use std::task::{Context, Poll, ready};

use super::wait_queue::{Ticket, WaitQueue};
use super::waiter::{Home, Line, Waiter, complete};
use crate::event_loop::{Label, Shared, WaitId};
use crate::task::SwitchPoint;

/// How somebody wants to be inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Shared,
    Exclusive,
}

/// A value behind a gate.
pub(super) struct Gated<V> {
    /// `None` while a writer holds it.
    pub(super) value: Option<V>,
    readers: usize,
    writer: bool,
    line: WaitQueue<Access>,
    home: Home,
}

impl<V> Gated<V> {
    pub(super) fn new(value: V) -> Self {
        Gated {
            value: Some(value),
            readers: 0,
            writer: false,
            line: WaitQueue::new(),
            home: Home::new(),
        }
    }

    fn admits(&self, access: Access) -> bool {
        !self.writer && (access == Access::Shared || self.readers == 0)
    }

    /// A newcomer gets in only if nobody waits.
    fn is_open(&mut self, access: Access) -> bool {
        self.admits(access) && self.line.peek_next().is_none()
    }

    fn enter(&mut self, access: Access) {
        match access {
            Access::Shared => self.readers += 1,
            Access::Exclusive => self.writer = true,
        }
    }

    fn leave(&mut self, access: Access) {
        match access {
            Access::Shared => self.readers -= 1,
            Access::Exclusive => self.writer = false,
        }
    }

    /// Lets in the first who waits, if there is room: it is inside from now on, also before it
    /// runs.
    fn admit_next(&mut self) -> Option<WaitId> {
        let access = *self.line.peek_next()?;
        if !self.admits(access) {
            return None;
        }
        self.enter(access);
        self.line.wake_next()
    }
}

/// Lets in all who can be.
fn admit<V: 'static>(gated: &Shared<Gated<V>>) {
    while let Some(Some(woken)) = gated.try_with(Gated::admit_next) {
        complete(Some(woken));
    }
}

/// Enters at once, if nobody waits and there is room.
#[track_caller]
pub(super) fn try_enter<V: 'static>(
    gated: &Shared<Gated<V>>,
    access: Access,
    since: &'static Location<'static>,
) -> bool {
    let entered = gated.with(|gated| {
        let open = gated.is_open(access);
        if open {
            gated.enter(access);
        }
        open
    });
    if entered {
        gated.note_acquired(since);
    }
    entered
}

/// Leaves; a writer brings the value back.
pub(super) fn leave<V: 'static>(gated: &Shared<Gated<V>>, access: Access, value: Option<V>) {
    let left = gated.try_with(|gated| {
        if value.is_some() {
            gated.value = value;
        }
        gated.leave(access);
    });
    if left.is_some() {
        gated.note_released();
        admit(gated);
    }
}

/// The way in.
pub(super) struct Enter<V: 'static> {
    waiter: Waiter<GateLine<V>>,
    switch: SwitchPoint,
    access: Access,
    operation: &'static str,
    location: &'static Location<'static>,
}

impl<V: 'static> Enter<V> {
    pub(super) fn new(
        gated: &Shared<Gated<V>>,
        access: Access,
        operation: &'static str,
        location: &'static Location<'static>,
    ) -> Self {
        let waiter = Waiter::new(GateLine(gated.clone()));
        Enter { waiter, switch: SwitchPoint::Ahead, access, operation, location }
    }

    pub(super) fn gated(&self) -> &Shared<Gated<V>> {
        &self.waiter.line.0
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.waiter.is_waiting() {
            let ticket = ready!(self.waiter.poll_infallible(cx));
            self.gated().with(|gated| gated.line.remove(ticket));
            self.gated().note_acquired(self.location);
            return Poll::Ready(());
        }
        let (gated, access) = (&self.waiter.line.0, self.access);
        ready!(self.switch.poll_infallible_if(
            gated.id(),
            self.location,
            || gated.peek(|g| g.is_open(access)),
            cx
        ));
        if try_enter(gated, access, self.location) {
            return Poll::Ready(());
        }
        let label = Label::on(self.operation, gated.id());
        self.waiter.park_infallible(access, label, self.location, cx);
        Poll::Pending
    }
}

/// The line before the gate.
struct GateLine<V>(Shared<Gated<V>>);

impl<V: 'static> Line for GateLine<V> {
    type Payload = Access;

    fn enter(&self, wait: WaitId, access: Access) -> Ticket<Access> {
        self.0.with(|gated| {
            gated.home.enter("lock");
            gated.line.push_with(wait, access)
        })
    }

    /// Whoever was let in and is dropped leaves again; and those behind may have waited for it.
    fn abandon(&self, ticket: Ticket<Access>, woken: bool) {
        self.0.try_with(|gated| {
            if let Some(access) = gated.line.remove(ticket)
                && woken
            {
                gated.leave(access);
            }
        });
        admit(&self.0);
    }
}
