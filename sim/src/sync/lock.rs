//! `asyncio.Lock`: one holder at a time, first come, first served.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::scope::within;
use super::wait_queue::{Ticket, WaitQueue};
use super::waiter::{Begun, Home, Line, Parking, Waiter, complete, park_at};
use crate::base::{Access, Cancelled, Result, RuntimeError};
use crate::event_loop::{Core, Label, Notes, Shared, WaitId};
use crate::task::{SwitchPoint, WaitUnit};

/// A lock that one task holds at a time: `asyncio.Lock`. Clones are the same lock.
///
/// Strictly first in, first out: a [`release`](Self::release) wakes the first waiter, which gets
/// the lock one hop later; until then [`locked`](Self::locked) is false, and yet nobody can
/// overtake it, not even the releaser. Taking a free lock is no hop at all. No task owns the lock:
/// any may release it.
///
/// There are three ways to hold it: [`scope`](Self::scope) is `async with`, [`lock`](Self::lock)
/// gives a guard that releases when dropped, and [`acquire`](Self::acquire) with
/// [`release`](Self::release) leave it to the caller.
///
/// ```
/// use seedloop::sync::Lock;
/// use seedloop::{out, run, spawn, yield_now};
///
/// run(async {
///     let lock = Lock::new();
///     lock.acquire().await?;
///     let other = lock.clone();
///     let waiter = spawn(async move { other.scope(async || Ok(out!("waiter"))).await });
///     yield_now().await?;
///     lock.release()?;
///     assert!(!lock.locked());
///     lock.acquire().await?; // behind the waiter
///     out!("main");
///     waiter.await
/// })
/// .unwrap();
/// ```
///
/// Source: Python docs, asyncio-sync, "Lock"; CPython 3.13, `locks.Lock`.
#[derive(Clone)]
#[doc(alias = "asyncio.Lock")]
#[doc(alias = "Mutex")]
pub struct Lock {
    state: Shared<State>,
}

/// Names one acquisition: a guard must not release what somebody else has taken since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    number: u64,
    /// A guard or scope stands for it.
    guarded: bool,
}

struct State {
    locked: bool,
    /// The acquisition that holds it, or held it last.
    hold: Hold,
    /// Guarded acquisitions that the dropped wait of a condition has given up.
    lost: Vec<Hold>,
    /// How often it was taken.
    taken: u64,
    waiters: WaitQueue,
    home: Home,
}

impl State {
    /// Takes the lock.
    fn take(&mut self, guarded: bool) -> Hold {
        assert!(!self.locked, "seedloop bug: a lock was given to two");
        self.locked = true;
        self.taken += 1;
        self.hold = Hold { number: self.taken, guarded };
        self.hold
    }

    /// A newcomer gets it only if nobody waits for it.
    fn is_free(&mut self, core: &Core) -> bool {
        !self.locked && !self.waiters.is_crowded_in(core)
    }

    /// Takes the lock for a newcomer, if that needs no wait.
    fn try_take(
        &mut self,
        core: &mut Core,
        notes: &mut Notes,
        guarded: bool,
        since: &'static Location<'static>,
    ) -> Option<Hold> {
        notes.meets(core, Access::Write);
        let hold = self.is_free(core).then(|| self.take(guarded))?;
        notes.acquired(core, since);
        Some(hold)
    }
}

impl Lock {
    /// Makes a lock that nobody holds.
    pub fn new() -> Self {
        Lock::of_kind("lock")
    }

    /// Makes a lock inside something else, as which reports know it.
    pub(super) fn of_kind(kind: &'static str) -> Self {
        let state = State {
            locked: false,
            hold: Hold { number: 0, guarded: false },
            lost: Vec::new(),
            taken: 0,
            waiters: WaitQueue::new(),
            home: Home::new(),
        };
        Lock { state: Shared::new(kind, state) }
    }

    /// Takes the lock; waits in line while it is held or others wait for it: `lock.acquire()`.
    ///
    /// Give it back with [`release`](Self::release); nothing else does.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] when the task was cancelled while it waited, also if the lock was being handed
    /// to it: then the next in line gets it.
    ///
    /// # Panics
    ///
    /// When polled and the lock was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the place in the line; a lock that was being handed to it goes to
    /// the next one.
    ///
    /// Source: CPython 3.13, `locks.Lock.acquire`.
    #[track_caller]
    pub fn acquire(&self) -> Acquire {
        Acquire::new(self, false, Location::caller())
    }

    /// Gives the lock back and wakes the first in line: `lock.release()`.
    ///
    /// The waiter has the lock one hop later. Any task may release.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] when the lock is not held, and on another thread than the lock's.
    ///
    /// Source: CPython 3.13, `locks.Lock.release`.
    #[track_caller]
    pub fn release(&self) -> Result<(), RuntimeError> {
        self.state.check()?;
        match self.give_back(|_| true) {
            true => Ok(()),
            false => Err(not_acquired()),
        }
    }

    /// Releases the lock if it is held by an acquisition that `is_meant`.
    #[track_caller]
    fn give_back(&self, is_meant: impl FnOnce(Hold) -> bool) -> bool {
        if !self.state.is_here() {
            return false;
        }
        let at = Location::caller();
        let released = self.state.visit(
            |core, state, notes| {
                notes.meets(core, Access::Write);
                if !state.locked || !is_meant(state.hold) {
                    return None;
                }
                state.locked = false;
                let woken = state.waiters.wake_first_in(core);
                notes.released(core, at);
                Some(woken)
            },
            |core, woken| woken.map(|woken| woken.and_then(|woken| core.wake_told(woken))),
        );
        let Some(waker) = released else { return false };
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Tells whether the lock is held. False also between a release and the moment at which the
    /// first in line takes it.
    #[track_caller]
    pub fn locked(&self) -> bool {
        self.state.peek(|state| state.locked)
    }

    /// Takes the lock and gives a guard that releases it when dropped. Waits as
    /// [`acquire`](Self::acquire) does.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] when the task was cancelled while it waited.
    ///
    /// # Panics
    ///
    /// When polled and the lock was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// Source: CPython 3.13, `locks._ContextManagerMixin`.
    #[doc(alias = "guard")]
    #[track_caller]
    pub fn lock(&self) -> AcquireGuard {
        AcquireGuard { acquire: Acquire::new(self, true, Location::caller()) }
    }

    /// Takes the lock if that needs no wait.
    #[doc(alias = "acquire_nowait")]
    #[track_caller]
    pub fn try_lock(&self) -> Option<LockGuard> {
        let hold = self.try_take(true, Location::caller())?;
        Some(LockGuard { lock: self.clone(), hold: Some(hold) })
    }

    /// Runs `body` while holding the lock: `async with lock`.
    ///
    /// The lock is released when the body has returned, also with an error or a cancel, and when
    /// the future is dropped.
    ///
    /// # Errors
    ///
    /// The body's; a cancelled error when the task was cancelled while it waited for the lock; a
    /// [`RuntimeError`] when the body has released the lock itself.
    ///
    /// # Panics
    ///
    /// When polled and the lock was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the body, then releases the lock.
    ///
    /// Source: CPython 3.13, `locks._ContextManagerMixin`.
    #[doc(alias = "async with")]
    #[track_caller]
    pub fn scope<T, F>(&self, body: F) -> impl Future<Output = Result<T>> + use<T, F>
    where
        F: AsyncFnOnce() -> Result<T>,
    {
        let location = Location::caller();
        let guard = AcquireGuard { acquire: Acquire::new(self, true, location) };
        async move {
            let guard = guard.await?;
            let result = within(location, body()).await;
            guard.release()?;
            result
        }
    }

    /// Takes the lock if nobody holds it or waits for it.
    #[track_caller]
    fn try_take(&self, guarded: bool, since: &'static Location<'static>) -> Option<Hold> {
        let take = |core: &mut Core, state: &mut State, notes: &mut Notes| {
            state.try_take(core, notes, guarded, since)
        };
        self.state.visit(take, |_, hold| hold)
    }

    /// Begins to take the lock: the choice to give way before, then a look whether it is free.
    fn begin(&self, guarded: bool, since: &'static Location<'static>) -> Begun<Option<Hold>> {
        let begin = |core: &mut Core, state: &mut State, notes: &mut Notes| {
            let passes = |core: &mut Core| {
                notes.meets(core, Access::Read);
                state.is_free(core)
            };
            let gives_way = SwitchPoint::choose(core, passes);
            (!gives_way).then(|| state.try_take(core, notes, guarded, since))
        };
        Begun::of(self.state.visit_awaiting(true, begin, |_, begun| begun), |hold| hold)
    }

    /// Takes the lock for one in line whose turn it is.
    fn take_turn(&self, ticket: Ticket, guarded: bool, since: &'static Location<'static>) -> Hold {
        let take = |core: &mut Core, state: &mut State, notes: &mut Notes| {
            notes.meets(core, Access::Write);
            state.waiters.remove(ticket);
            let hold = state.take(guarded);
            notes.acquired(core, since);
            hold
        };
        self.state.visit(take, |_, hold| hold)
    }

    /// Releases the lock for the time of a condition's wait; none if it is not held.
    pub(super) fn suspend(&self) -> Option<Hold> {
        let hold = self.state.with(|state| state.locked.then_some(state.hold))?;
        self.give_back(|_| true);
        Some(hold)
    }

    /// Makes the acquisition that holds the lock now the continuation of `hold`, whose guard is to
    /// release it.
    pub(super) fn resume(&self, hold: Hold) {
        self.state.with(|state| state.hold = hold);
    }

    /// Lets the guard of `hold` know that the lock was not taken again for it.
    pub(super) fn lose(&self, hold: Hold) {
        if hold.guarded {
            self.state.try_with(|state| state.lost.push(hold));
        }
    }

    /// Tells whether `hold` was lost; the answer is given once.
    fn take_lost(&self, hold: Hold) -> bool {
        let found = self.state.try_with(|state| {
            let position = state.lost.iter().position(|lost| *lost == hold)?;
            Some(state.lost.swap_remove(position))
        });
        found.flatten().is_some()
    }
}

impl Line for Lock {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.state.with(|state| {
            state.home.enter("lock");
            state.waiters.push(wait)
        })
    }

    fn park(&self, (): (), as_what: Parking, cx: &Context<'_>) -> (Ticket, WaitUnit, bool) {
        park_at(&self.state, as_what, "lock", cx, |state, running, wait| {
            state.home.is_of(running).then(|| state.waiters.push(wait))
        })
    }

    fn abandon(&self, ticket: Ticket, _woken: bool) {
        let woken = self.state.try_with(|state| {
            state.waiters.remove(ticket);
            // Somebody must be on the way to a lock that is free.
            if state.locked { None } else { state.waiters.wake_first() }
        });
        complete(woken.flatten());
    }
}

impl Default for Lock {
    fn default() -> Self {
        Lock::new()
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.state.try_with(|state| (state.locked, state.waiters.len()));
        let Some((locked, waiters)) = seen else {
            return f.write_str("<lock#? on another thread>");
        };
        let locked = if locked { "locked" } else { "unlocked" };
        write!(f, "<{:?} {locked}, waiters: {waiters}>", self.state)
    }
}

/// The future of [`Lock::acquire`].
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct Acquire {
    waiter: Waiter<Lock>,
    switch: SwitchPoint,
    guarded: bool,
    location: &'static Location<'static>,
}

impl Acquire {
    pub(super) fn new(lock: &Lock, guarded: bool, location: &'static Location<'static>) -> Self {
        Acquire { waiter: Waiter::new(lock.clone()), switch: SwitchPoint::Ahead, guarded, location }
    }

    /// The way back to the lock of a task that has just been woken: whether it gives way was
    /// decided then.
    pub(super) fn again(lock: &Lock, location: &'static Location<'static>) -> Self {
        let (waiter, switch) = (Waiter::new(lock.clone()), SwitchPoint::Passed);
        Acquire { waiter, switch, guarded: false, location }
    }

    fn poll_hold(&mut self, cx: &mut Context<'_>) -> Poll<Result<Hold, Cancelled>> {
        if self.waiter.is_waiting() {
            let over = ready!(self.waiter.poll(cx));
            let lock = &self.waiter.line;
            return Poll::Ready(match over {
                Ok(ticket) => Ok(lock.take_turn(ticket, self.guarded, self.location)),
                Err(refused) => {
                    lock.abandon(refused.ticket, refused.woken);
                    Err(refused.cancelled)
                }
            });
        }
        let lock = &self.waiter.line;
        let is_ahead = self.switch.is_ahead();
        let begun = match is_ahead {
            true => lock.begin(self.guarded, self.location),
            false => Begun::GivesWay,
        };
        let hold = match begun {
            Begun::Stopped => return Poll::Pending,
            Begun::Over(hold) => {
                self.switch = SwitchPoint::Passed;
                hold
            }
            Begun::GivesWay => {
                if is_ahead {
                    self.switch.give_way(lock.state.id(), self.location);
                }
                ready!(self.switch.poll_turn(cx))?;
                lock.try_take(self.guarded, self.location)
            }
        };
        if let Some(hold) = hold {
            return Poll::Ready(Ok(hold));
        }
        let label = Label::on("lock", lock.state.id());
        self.waiter.park((), label, self.location, cx);
        Poll::Pending
    }
}

impl Future for Acquire {
    type Output = Result<(), Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_hold(cx).map_ok(|_| ())
    }
}

/// The future of [`Lock::lock`].
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct AcquireGuard {
    acquire: Acquire,
}

impl Future for AcquireGuard {
    type Output = Result<LockGuard, Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let hold = ready!(self.acquire.poll_hold(cx))?;
        let lock = self.acquire.waiter.line.clone();
        Poll::Ready(Ok(LockGuard { lock, hold: Some(hold) }))
    }
}

/// Holds a [`Lock`] until it is dropped. It has a handle of its own on the lock, so it can be moved
/// anywhere.
///
/// Dropping it releases the acquisition that it stands for and nothing else: it does nothing if the
/// lock was released by hand, or given up by a [`Condition`](super::Condition) whose wait was
/// dropped, whoever holds the lock by then.
#[must_use = "a guard that is dropped at once releases the lock at once"]
#[derive(Debug)]
pub struct LockGuard {
    lock: Lock,
    hold: Option<Hold>,
}

impl LockGuard {
    /// Releases the lock as the end of an `async with` does: whoever holds it. Does nothing if a
    /// dropped wait of a condition has given it up.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] when nobody holds the lock any more.
    pub fn release(mut self) -> Result<(), RuntimeError> {
        match self.hold.take() {
            Some(hold) if !self.lock.take_lost(hold) => self.lock.release(),
            _ => Ok(()),
        }
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        if let Some(hold) = self.hold
            && !self.lock.take_lost(hold)
        {
            self.lock.give_back(|other| other == hold);
        }
    }
}

fn not_acquired() -> RuntimeError {
    RuntimeError::new("Lock is not acquired.")
}
