//! What a mutex and a read-write lock are made of: a gate that lets in many readers or one writer,
//! first come, first served.

use std::panic::Location;
use std::task::{Context, Poll, ready};

use super::wait_queue::{Ticket, WaitQueue};
use super::waiter::{Begun, Home, Line, Parking, Waiter, complete, park_at};
use crate::base;
use crate::event_loop::{Core, Label, Notes, Shared, WaitId};
use crate::task::{SwitchPoint, WaitUnit};

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
    fn is_open(&mut self, core: &Core, access: Access) -> bool {
        self.admits(access) && !self.line.is_pending_in(core)
    }

    /// Lets a newcomer in, if that needs no wait.
    fn try_enter(
        &mut self,
        core: &mut Core,
        notes: &mut Notes,
        access: Access,
        since: &'static Location<'static>,
    ) -> bool {
        notes.meets(core, base::Access::Write);
        let open = self.is_open(core, access);
        if open {
            self.enter(access);
            notes.acquired(core, since);
        }
        open
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
    let enter = |core: &mut Core, gated: &mut Gated<V>, notes: &mut Notes| {
        gated.try_enter(core, notes, access, since)
    };
    gated.visit(enter, |_, entered| entered)
}

/// Begins to enter: the choice to give way before, then a look whether there is room.
fn begin<V: 'static>(
    gated: &Shared<Gated<V>>,
    access: Access,
    since: &'static Location<'static>,
) -> Begun<bool> {
    let begin = |core: &mut Core, gated: &mut Gated<V>, notes: &mut Notes| {
        let passes = |core: &mut Core| {
            notes.meets(core, base::Access::Read);
            gated.is_open(core, access)
        };
        let gives_way = SwitchPoint::choose(core, passes);
        (!gives_way).then(|| gated.try_enter(core, notes, access, since))
    };
    Begun::of(gated.visit_awaiting(true, begin, |_, begun| begun), |entered| entered)
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
            let enter = |core: &mut Core, gated: &mut Gated<V>, notes: &mut Notes| {
                notes.meets(core, base::Access::Write);
                gated.line.remove(ticket);
                notes.acquired(core, self.location);
            };
            self.gated().visit(enter, |_, ()| ());
            return Poll::Ready(());
        }
        let (gated, access) = (&self.waiter.line.0, self.access);
        let begun = match self.switch.is_ahead() {
            true => begin(gated, access, self.location),
            false => Begun::Over(try_enter(gated, access, self.location)),
        };
        let is_inside = match begun {
            Begun::Stopped => return Poll::Pending,
            Begun::GivesWay => {
                return self.switch.give_way_infallibly(gated.id(), self.location, cx);
            }
            Begun::Over(is_inside) => is_inside,
        };
        self.switch = SwitchPoint::Passed;
        if is_inside {
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

    fn park(
        &self,
        access: Access,
        as_what: Parking,
        cx: &Context<'_>,
    ) -> (Ticket<Access>, WaitUnit, bool) {
        park_at(&self.0, as_what, "lock", cx, |gated, running, wait| {
            gated.home.is_of(running).then(|| gated.line.push_with(wait, access))
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
