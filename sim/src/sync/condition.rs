//! `asyncio.Condition`: waiting, under a lock, for something to become true.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::lock::{Acquire, AcquireGuard, Hold, Lock, LockGuard};
use super::wait_queue::{Ticket, WaitQueue};
use super::waiter::{Home, Line, Waiter, complete};
use crate::base::{Cancelled, ConditionError, Result, RuntimeError};
use crate::event_loop::{Label, Shared, WaitId};
use crate::task::SwitchPoint;

/// A lock with a line of tasks that wait for a notification: `asyncio.Condition`. Clones are the
/// same condition.
///
/// [`wait`](Self::wait) releases the lock, waits to be notified, and takes the lock again before it
/// returns: at once in the hop that resumes it if the lock is free, else in line with all who want
/// it. Waiters are notified in the order in which they came.
///
/// ```
/// use seedloop::sync::Condition;
/// use seedloop::{run, spawn, yield_now};
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::sync::Arc;
///
/// run(async {
///     let (condition, count) = (Condition::new(), Arc::new(AtomicU32::new(0)));
///     let (theirs, seen) = (condition.clone(), count.clone());
///     let waiter = spawn(async move {
///         let enough = || seen.load(Ordering::Relaxed) == 2;
///         theirs.scope(async || Ok(theirs.wait_for(enough).await?)).await
///     });
///     for _ in 0..2 {
///         yield_now().await?;
///         let guard = condition.lock().await?;
///         count.fetch_add(1, Ordering::Relaxed);
///         condition.notify(1)?;
///         drop(guard);
///     }
///     waiter.await
/// })
/// .unwrap();
/// ```
///
/// Source: Python docs, asyncio-sync, "Condition"; CPython 3.13, `locks.Condition`.
#[derive(Clone)]
#[doc(alias = "asyncio.Condition")]
#[doc(alias = "Condvar")]
pub struct Condition {
    lock: Lock,
    state: Shared<State>,
}

struct State {
    waiters: WaitQueue,
    home: Home,
}

impl Condition {
    /// Makes a condition with a lock of its own.
    pub fn new() -> Self {
        Condition::with_lock(&Lock::new())
    }

    /// Makes a condition of `lock`, which several conditions may share: `asyncio.Condition(lock)`.
    pub fn with_lock(lock: &Lock) -> Self {
        Condition::of_kind("condition", lock.clone())
    }

    /// Makes a condition inside something else, as which reports know it.
    pub(super) fn of_barrier() -> Self {
        Condition::of_kind("barrier's condition", Lock::of_kind("barrier's lock"))
    }

    fn of_kind(kind: &'static str, lock: Lock) -> Self {
        let state = State { waiters: WaitQueue::new(), home: Home::new() };
        Condition { lock, state: Shared::new(kind, state) }
    }

    /// Takes the lock: `await condition.acquire()`; see [`Lock::acquire`].
    ///
    /// # Errors
    ///
    /// [`Cancelled`] when the task was cancelled while it waited.
    ///
    /// # Cancel safety
    ///
    /// As [`Lock::acquire`].
    ///
    /// Source: CPython 3.13, `locks.Condition.__init__`, which takes the methods of its lock.
    #[track_caller]
    pub fn acquire(&self) -> Acquire {
        self.lock.acquire()
    }

    /// Gives the lock back; see [`Lock::release`].
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] when the lock is not held.
    #[track_caller]
    pub fn release(&self) -> Result<(), RuntimeError> {
        self.lock.release()
    }

    /// Tells whether the lock is held.
    #[track_caller]
    pub fn locked(&self) -> bool {
        self.lock.locked()
    }

    /// Takes the lock and gives a guard that releases it when dropped; see [`Lock::lock`].
    ///
    /// # Errors
    ///
    /// [`Cancelled`] when the task was cancelled while it waited.
    ///
    /// # Cancel safety
    ///
    /// As [`Lock::acquire`].
    ///
    /// Source: CPython 3.13, `locks._ContextManagerMixin`.
    #[doc(alias = "guard")]
    #[track_caller]
    pub fn lock(&self) -> AcquireGuard {
        self.lock.lock()
    }

    /// Takes the lock if that needs no wait.
    #[track_caller]
    pub fn try_lock(&self) -> Option<LockGuard> {
        self.lock.try_lock()
    }

    /// Runs `body` while holding the lock: `async with condition`; see [`Lock::scope`].
    ///
    /// # Errors
    ///
    /// As [`Lock::scope`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the body, then releases the lock, unless the body was dropped in a
    /// [`wait`](Self::wait) and did not hold it.
    ///
    /// Source: CPython 3.13, `locks._ContextManagerMixin`.
    #[doc(alias = "async with")]
    #[track_caller]
    pub fn scope<T, F>(&self, body: F) -> impl Future<Output = Result<T>> + use<T, F>
    where
        F: AsyncFnOnce() -> Result<T>,
    {
        self.lock.scope(body)
    }

    /// Releases the lock, waits for a notification and takes the lock again: `condition.wait()`.
    ///
    /// May return without a notification that was meant for it (see below), so look at what you
    /// wait for again, or use [`wait_for`](Self::wait_for).
    ///
    /// # Errors
    ///
    /// [`ConditionError::NotAcquired`] when the lock is not held. [`ConditionError::Cancelled`]
    /// when the task was cancelled: the lock is taken again even so, and a cancel that comes in
    /// meanwhile is remembered; the last one is returned, and holds the lock. Another waiter is
    /// then notified in its place, whether or not this one had been: that one wakes for nothing.
    ///
    /// # Panics
    ///
    /// When polled and the condition was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped in mid-wait cannot take the lock again, so the lock stays as it is:
    /// unheld by this task. A [`LockGuard`] or [`scope`](Self::scope) around it knows, and does not
    /// release what others hold; code that pairs [`acquire`](Self::acquire) with
    /// [`release`](Self::release) does not. A notification that the future had been given goes to
    /// the next waiter.
    ///
    /// Source: CPython 3.13, `locks.Condition.wait`.
    #[track_caller]
    pub fn wait(&self) -> ConditionWait {
        ConditionWait::new(self, Label::on("condition", self.state.id()), Location::caller())
    }

    /// Waits until `predicate` is true, which is asked first and after each notification:
    /// `condition.wait_for(predicate)`.
    ///
    /// The predicate is called while the lock is held, if the caller holds it; it is not awaited.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait); if the predicate is true at once, the lock is not asked for.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// As [`wait`](Self::wait).
    ///
    /// Source: CPython 3.13, `locks.Condition.wait_for`.
    #[track_caller]
    pub fn wait_for<P: FnMut() -> bool>(&self, predicate: P) -> ConditionWaitFor<P> {
        let (condition, location) = (self.clone(), Location::caller());
        ConditionWaitFor { condition, predicate, wait: None, switch: SwitchPoint::Ahead, location }
    }

    /// Notifies the first `n` waiters; fewer if there are fewer: `condition.notify(n)`.
    ///
    /// Each resumes one hop later and then takes the lock, which the caller still holds.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] when the lock is not held, and on another thread than the condition's.
    ///
    /// Source: CPython 3.13, `locks.Condition.notify`.
    #[doc(alias = "notify_one")]
    #[track_caller]
    pub fn notify(&self, n: usize) -> Result<(), RuntimeError> {
        self.state.check()?;
        if !self.locked() {
            return Err(RuntimeError::new("cannot notify on un-acquired lock"));
        }
        if !self.wake(n) && n > 0 {
            self.state.note_missed(Location::caller());
        }
        Ok(())
    }

    /// Notifies all waiters: `condition.notify_all()`.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] when the lock is not held.
    ///
    /// Source: CPython 3.13, `locks.Condition.notify_all`.
    #[track_caller]
    pub fn notify_all(&self) -> Result<(), RuntimeError> {
        self.notify(usize::MAX)
    }

    pub(super) fn inner(&self) -> &Lock {
        &self.lock
    }

    /// Notifies without a look at the lock; tells whether anybody waited.
    #[track_caller]
    pub(super) fn wake(&self, n: usize) -> bool {
        self.state.note("notify");
        let mut waited = false;
        for _ in 0..n {
            match self.state.with(|state| state.waiters.wake_next()) {
                Some(future) => complete(Some(future)),
                None => break,
            }
            waited = true;
        }
        waited
    }
}

impl Line for Condition {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.state.with(|state| {
            state.home.enter("condition");
            state.waiters.push(wait)
        })
    }

    fn abandon(&self, ticket: Ticket, woken: bool) {
        let left = self.state.try_with(|state| state.waiters.remove(ticket));
        if woken && left.is_some() {
            self.wake(1);
        }
    }
}

impl Default for Condition {
    fn default() -> Self {
        Condition::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(waiters) = self.state.try_with(|state| state.waiters.len()) else {
            return f.write_str("<condition#? on another thread>");
        };
        write!(f, "<{:?} of {:?}, waiters: {waiters}>", self.state, self.lock)
    }
}

/// The future of [`Condition::wait`].
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct ConditionWait {
    condition: Condition,
    stage: Stage,
    label: Label,
    location: &'static Location<'static>,
}

#[derive(Debug)]
enum Stage {
    Ahead,
    Waiting(Waiter<Condition>, Hold),
    Reacquiring(Reacquire),
    Over,
}

impl Stage {
    /// The acquisition that was given up for the time of the wait.
    fn hold(&self) -> Option<Hold> {
        match self {
            Stage::Waiting(_, hold) => Some(*hold),
            Stage::Reacquiring(back) => Some(back.hold),
            Stage::Ahead | Stage::Over => None,
        }
    }
}

/// The way back to the lock, which nothing but a drop ends early.
#[derive(Debug)]
struct Reacquire {
    acquire: Acquire,
    hold: Hold,
    /// A notification was given to this waiter.
    notified: bool,
    /// The last cancel.
    cancelled: Option<Cancelled>,
}

impl ConditionWait {
    pub(super) fn new(
        condition: &Condition,
        label: Label,
        location: &'static Location<'static>,
    ) -> Self {
        let condition = condition.clone();
        ConditionWait { condition, stage: Stage::Ahead, label, location }
    }

    /// Goes on to the lock.
    fn reacquire(&mut self, hold: Hold, notified: bool, cancelled: Option<Cancelled>) {
        let acquire = Acquire::again(&self.condition.lock, self.location);
        self.stage = Stage::Reacquiring(Reacquire { acquire, hold, notified, cancelled });
    }
}

impl Future for ConditionWait {
    type Output = Result<(), ConditionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            match &mut this.stage {
                Stage::Ahead => {
                    let Some(hold) = this.condition.lock.suspend() else {
                        this.stage = Stage::Over;
                        return Poll::Ready(Err(ConditionError::NotAcquired));
                    };
                    let mut waiter = Waiter::new(this.condition.clone());
                    waiter.park((), this.label, this.location, cx);
                    this.stage = Stage::Waiting(waiter, hold);
                    return Poll::Pending;
                }
                Stage::Waiting(waiter, hold) => {
                    let hold = *hold;
                    let (ticket, notified, cancelled) = match ready!(waiter.poll(cx)) {
                        Ok(ticket) => (ticket, true, None),
                        Err(refused) => (refused.ticket, refused.woken, Some(refused.cancelled)),
                    };
                    this.condition.state.with(|state| state.waiters.remove(ticket));
                    this.reacquire(hold, notified, cancelled);
                }
                Stage::Reacquiring(back) => {
                    if let Err(cancelled) = ready!(Pin::new(&mut back.acquire).poll(cx)) {
                        let (hold, notified) = (back.hold, back.notified);
                        this.reacquire(hold, notified, Some(cancelled));
                        continue;
                    }
                    this.condition.lock.resume(back.hold);
                    let cancelled = back.cancelled.take();
                    this.stage = Stage::Over;
                    return Poll::Ready(match cancelled {
                        None => Ok(()),
                        Some(cancelled) => {
                            this.condition.wake(1);
                            Err(ConditionError::Cancelled(cancelled))
                        }
                    });
                }
                Stage::Over => panic!("`ConditionWait` was polled again after it was over"),
            }
        }
    }
}

impl Drop for ConditionWait {
    fn drop(&mut self) {
        if let Some(hold) = self.stage.hold() {
            self.condition.lock.lose(hold);
        }
        if let Stage::Reacquiring(back) = std::mem::replace(&mut self.stage, Stage::Over) {
            let notified = back.notified && self.condition.state.is_here();
            drop(back);
            if notified {
                self.condition.wake(1);
            }
        }
    }
}

/// The future of [`Condition::wait_for`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct ConditionWaitFor<P> {
    condition: Condition,
    predicate: P,
    wait: Option<ConditionWait>,
    switch: SwitchPoint,
    location: &'static Location<'static>,
}

// The predicate is called, never pinned.
impl<P> Unpin for ConditionWaitFor<P> {}

impl<P: FnMut() -> bool> Future for ConditionWaitFor<P> {
    type Output = Result<(), ConditionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            if let Some(wait) = &mut this.wait {
                ready!(Pin::new(wait).poll(cx))?;
                this.wait = None;
            } else if this.switch.is_yielding() {
                ready!(this.switch.poll_if(this.condition.state.id(), this.location, || true, cx))?;
            }
            if (this.predicate)() {
                // A turn may be given here; what is true then is asked for again.
                return this
                    .switch
                    .poll_if(this.condition.state.id(), this.location, || true, cx)
                    .map_err(ConditionError::Cancelled);
            }
            this.switch = SwitchPoint::Passed;
            let label = Label::on("condition", this.condition.state.id());
            this.wait = Some(ConditionWait::new(&this.condition, label, this.location));
        }
    }
}

impl<P> fmt::Debug for ConditionWaitFor<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConditionWaitFor").field("wait", &self.wait).finish_non_exhaustive()
    }
}
