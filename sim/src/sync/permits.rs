//! What semaphores are made of: a count of permits and the line of those who wait for one.
//!
//! Source: CPython 3.13, `locks.Semaphore`, `locks.BoundedSemaphore`.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::scope::within;
use super::wait_queue::{Ticket, WaitQueue};
use super::waiter::{Home, Line, Parking, Waiter, park_at};
use crate::base::{Access, Cancelled, Result, ValueError};
use crate::event_loop::{Core, Label, Notes, Shared, WaitId, with};
use crate::task::{SwitchPoint, WaitUnit};

/// The permits of a semaphore.
#[derive(Clone)]
pub(super) struct Permits {
    state: Shared<State>,
}

struct State {
    /// Permits that are neither held nor given to a waiter that has not run yet.
    value: usize,
    /// How many there may be.
    bound: Option<usize>,
    waiters: WaitQueue,
    home: Home,
}

impl State {
    /// A newcomer must wait if there is no permit, or if somebody came before it.
    fn is_locked(&mut self, core: &Core) -> bool {
        self.value == 0 || self.waiters.is_crowded_in(core)
    }

    /// Takes a permit, if nobody has to wait for one.
    fn take(
        &mut self,
        core: &mut Core,
        notes: &mut Notes,
        since: &'static Location<'static>,
    ) -> bool {
        notes.meets(core, Access::Write);
        let free = !self.is_locked(core);
        self.value -= usize::from(free);
        if free {
            notes.acquired(core, since);
        }
        free
    }

    /// Takes a permit back and gives it to the first who waits.
    fn release(&mut self, core: &Core) -> Result<Option<WaitId>, ValueError> {
        if self.bound.is_some_and(|bound| self.value >= bound) {
            return Err(ValueError::new("BoundedSemaphore released too many times"));
        }
        let Some(value) = self.value.checked_add(1) else {
            return Err(ValueError::new(
                "a semaphore has at most usize::MAX permits; make it with fewer, so that there is \
                 room for those that are released",
            ));
        };
        self.value = value;
        Ok(self.give(core))
    }

    /// Gives a permit to the first who waits.
    fn give(&mut self, core: &Core) -> Option<WaitId> {
        if self.value == 0 {
            return None;
        }
        let woken = self.waiters.wake_next_in(core)?;
        self.value -= 1;
        Some(woken)
    }
}

impl Permits {
    pub(super) fn new(value: usize, bound: Option<usize>) -> Self {
        let state = State { value, bound, waiters: WaitQueue::new(), home: Home::new() };
        Permits { state: Shared::new("semaphore", state) }
    }

    #[track_caller]
    pub(super) fn is_locked(&self) -> bool {
        self.state.peek(|state| with(|core| state.is_locked(core)))
    }

    #[track_caller]
    pub(super) fn value(&self) -> usize {
        self.state.peek(|state| state.value)
    }

    /// Gives a permit back and wakes the first who waits.
    ///
    /// # Panics
    ///
    /// On another thread than the semaphore's.
    #[track_caller]
    pub(super) fn release(&self) -> Result<(), ValueError> {
        let at = Location::caller();
        let waker = self.state.visit(
            |core, state, notes| {
                notes.meets(core, Access::Write);
                let woken = state.release(core)?;
                notes.released(core, at);
                Ok(woken)
            },
            |core, woken| woken.map(|woken| woken.and_then(|woken| core.wake_told(woken))),
        )?;
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Leaves the line, with a permit to give back if one was `given`; wakes as many as there are
    /// permits for, since newcomers had to wait while this one stood there.
    fn leave(&self, ticket: Ticket, given: bool) {
        if !self.state.is_live() {
            return;
        }
        self.wake_all(|core, state, notes| {
            notes.meets(core, Access::Write);
            state.waiters.remove(ticket);
            state.value = state.value.saturating_add(usize::from(given));
            state.give(core)
        });
    }

    /// Takes the ticket of one who was given a permit out of the line.
    fn enter_with(&self, ticket: Ticket, since: &'static Location<'static>) {
        self.wake_all(|core, state, notes| {
            notes.acquired(core, since);
            notes.meets(core, Access::Write);
            state.waiters.remove(ticket);
            state.give(core)
        });
    }

    /// Does something after which one waits no more, and lets all in for whom there is a permit.
    fn wake_all(&self, first: impl FnOnce(&mut Core, &mut State, &mut Notes) -> Option<WaitId>) {
        let tell =
            |core: &mut Core, woken: Option<WaitId>| woken.map(|woken| core.wake_told(woken));
        let mut told = self.state.visit(first, tell);
        while let Some(waker) = told {
            if let Some(waker) = waker {
                waker.wake();
            }
            let give = |core: &mut Core, state: &mut State, notes: &mut Notes| {
                notes.meets(core, Access::Write);
                state.give(core)
            };
            told = self.state.visit(give, tell);
        }
    }

    #[track_caller]
    fn try_take(&self, since: &'static Location<'static>) -> bool {
        let take =
            |core: &mut Core, state: &mut State, notes: &mut Notes| state.take(core, notes, since);
        self.state.visit(take, |_, taken| taken)
    }

    /// Begins to take a permit: the choice to give way before, then a look whether there is one.
    /// None if a limit has ended the run.
    fn begin(&self, since: &'static Location<'static>) -> Option<Begun> {
        let begin = |core: &mut Core, state: &mut State, notes: &mut Notes| {
            let passes = |core: &mut Core| {
                notes.meets(core, Access::Read);
                !state.is_locked(core)
            };
            match SwitchPoint::choose(core, passes) {
                true => Begun::GivesWay,
                false if state.take(core, notes, since) => Begun::Taken,
                false => Begun::Locked,
            }
        };
        self.state.visit_awaiting(true, begin, |_, begun| begun)
    }

    pub(super) fn acquire(&self, location: &'static Location<'static>) -> AcquirePermit {
        AcquirePermit { waiter: Waiter::new(self.clone()), switch: SwitchPoint::Ahead, location }
    }

    pub(super) fn permit(&self, location: &'static Location<'static>) -> TakePermit {
        TakePermit { acquire: self.acquire(location), is_over: false }
    }

    #[track_caller]
    pub(super) fn try_permit(&self, location: &'static Location<'static>) -> Option<Permit> {
        self.try_take(location).then(|| Permit { permits: Some(self.clone()) })
    }

    pub(super) fn scope<T, F>(
        &self,
        location: &'static Location<'static>,
        body: F,
    ) -> impl Future<Output = Result<T>> + use<T, F>
    where
        F: AsyncFnOnce() -> Result<T>,
    {
        let permit = self.permit(location);
        async move {
            let permit = permit.await?;
            let result = within(location, body()).await;
            permit.release()?;
            result
        }
    }
}

/// How the first poll of an acquire went.
enum Begun {
    /// The choice was to give way before.
    GivesWay,
    Taken,
    Locked,
}

impl Line for Permits {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.state.with(|state| {
            state.home.enter("semaphore");
            state.waiters.push(wait)
        })
    }

    fn park(&self, (): (), as_what: Parking, cx: &Context<'_>) -> (Ticket, WaitUnit, bool) {
        let enter = |state: &mut State, running, wait| {
            state.home.is_of(running).then(|| state.waiters.push(wait))
        };
        park_at(&self.state, as_what, "semaphore", cx, enter)
    }

    fn abandon(&self, ticket: Ticket, woken: bool) {
        self.leave(ticket, woken);
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.state.try_with(|state| (state.value, state.waiters.len()));
        let Some((value, waiters)) = seen else {
            return f.write_str("<semaphore#? on another thread>");
        };
        write!(f, "<{:?} value: {value}, waiters: {waiters}>", self.state)
    }
}

/// The future of [`Semaphore::acquire`](super::Semaphore::acquire) and
/// [`BoundedSemaphore::acquire`](super::BoundedSemaphore::acquire).
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct AcquirePermit {
    waiter: Waiter<Permits>,
    switch: SwitchPoint,
    location: &'static Location<'static>,
}

impl Future for AcquirePermit {
    type Output = Result<(), Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.waiter.is_waiting() {
            let over = ready!(this.waiter.poll(cx));
            let permits = &this.waiter.line;
            return Poll::Ready(match over {
                Ok(ticket) => {
                    permits.enter_with(ticket, this.location);
                    Ok(())
                }
                Err(refused) => {
                    permits.leave(refused.ticket, refused.woken);
                    Err(refused.cancelled)
                }
            });
        }
        let permits = &this.waiter.line;
        let is_begun = this.switch.is_ahead();
        if is_begun {
            let Some(begun) = permits.begin(this.location) else { return Poll::Pending };
            this.switch = SwitchPoint::Passed;
            match begun {
                Begun::Taken => return Poll::Ready(Ok(())),
                Begun::GivesWay => this.switch.give_way(permits.state.id(), this.location),
                Begun::Locked => {}
            }
        }
        if !is_begun || this.switch.is_yielding() {
            ready!(this.switch.poll_turn(cx))?;
            if permits.try_take(this.location) {
                return Poll::Ready(Ok(()));
            }
        }
        let label = Label::on("semaphore", permits.state.id());
        this.waiter.park((), label, this.location, cx);
        Poll::Pending
    }
}

/// The future of [`Semaphore::permit`](super::Semaphore::permit) and
/// [`BoundedSemaphore::permit`](super::BoundedSemaphore::permit).
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct TakePermit {
    acquire: AcquirePermit,
    /// The handle is the permit's.
    is_over: bool,
}

impl Future for TakePermit {
    type Output = Result<Permit, Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.is_over, "`TakePermit` was polled again after it was over");
        ready!(Pin::new(&mut self.acquire).poll(cx))?;
        self.is_over = true;
        let permits = Permits { state: self.acquire.waiter.line.state.take() };
        Poll::Ready(Ok(Permit { permits: Some(permits) }))
    }
}

/// Holds a permit of a semaphore until it is dropped. It has a handle of its own on the semaphore,
/// so it can be moved anywhere.
#[must_use = "a permit that is dropped at once is given back at once"]
#[derive(Debug)]
pub struct Permit {
    permits: Option<Permits>,
}

impl Permit {
    /// Gives the permit back.
    ///
    /// # Errors
    ///
    /// A [`ValueError`] when a bounded semaphore was released too often by hand.
    ///
    /// # Panics
    ///
    /// On another thread than the semaphore's.
    #[track_caller]
    pub fn release(mut self) -> Result<(), ValueError> {
        self.permits.take().map_or(Ok(()), |permits| permits.release())
    }

    /// Keeps the permit for good: there is one less from now on.
    pub fn forget(mut self) {
        self.permits = None;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(permits) = self.permits.take()
            && permits.state.is_here()
        {
            // A bounded semaphore that is full has lost its permit to a release by hand.
            drop(permits.release());
        }
    }
}
