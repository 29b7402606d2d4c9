//! `asyncio.timeout`: a block of code with a deadline.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::base::{Elapsed, Error, Id, Instant, Result, RuntimeError, deadline_after};
use crate::event_loop::{
    BoundaryId, Call, Core, FutureId, HandleId, Shared, TaskId, cancel_boundary_scope,
    cancel_handle, drop_call, try_with, with,
};
use crate::task::Boundary;

/// Makes a time limit of `delay` from now for a block of code: `asyncio.timeout(delay)`. `None`
/// is no limit, until [`reschedule`](Timeout::reschedule) sets one.
///
/// ```
/// use seedloop::{run, sleep, timeout};
/// use std::time::Duration;
///
/// let result = run(async {
///     timeout(Duration::from_secs(1))
///         .scope(async |_| Ok(sleep(Duration::from_secs(10)).await?))
///         .await
/// });
/// assert!(result.unwrap_err().is_timeout());
/// ```
///
/// # Panics
///
/// When the deadline lies past the end of virtual time (584 years).
///
/// Source: Python docs, asyncio-task, "Timeouts".
#[track_caller]
pub fn timeout(delay: impl Into<Option<Duration>>) -> Timeout {
    timeout_from(delay.into(), Location::caller())
}

/// Makes a time limit at `when` for a block of code: `asyncio.timeout_at(when)`.
#[track_caller]
pub fn timeout_at(when: impl Into<Option<Instant>>) -> Timeout {
    Timeout::new(when.into(), Location::caller())
}

#[track_caller]
pub(super) fn timeout_from(
    delay: Option<Duration>,
    location: &'static Location<'static>,
) -> Timeout {
    let when = delay.map(|delay| deadline_after(with(|core| core.session.now), delay));
    Timeout::new(when, location)
}

/// A time limit for a block of code: `asyncio.Timeout`. Clones are the same limit.
#[derive(Clone, Debug)]
pub struct Timeout {
    state: Shared<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Created,
    Entered,
    Expiring,
    Expired,
    Exited,
}

struct State {
    phase: Phase,
    when: Option<Instant>,
    timer: Option<HandleId>,
    task: TaskId,
    boundary: BoundaryId,
    /// How many cancels the task had when the block was entered.
    cancels: u32,
    location: &'static Location<'static>,
}

impl Timeout {
    fn new(when: Option<Instant>, location: &'static Location<'static>) -> Self {
        let (task, boundary) = (Id::NONE, Id::NONE);
        let phase = Phase::Created;
        let state = State { phase, when, timer: None, task, boundary, cancels: 0, location };
        Timeout { state: Shared::new("timeout", state) }
    }

    /// Returns the deadline, if there is one.
    #[track_caller]
    pub fn when(&self) -> Option<Instant> {
        self.state.with(|state| state.when)
    }

    /// Tells whether the time was up before the block was left.
    #[track_caller]
    pub fn expired(&self) -> bool {
        self.state.with(|state| matches!(state.phase, Phase::Expiring | Phase::Expired))
    }

    /// Sets another deadline, or none. One that is past takes effect at the next suspension.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] before the block is entered, and once the time is up or the block is
    /// left.
    pub fn reschedule(&self, when: impl Into<Option<Instant>>) -> Result<()> {
        self.state.check()?;
        let when = when.into();
        let old = self.state.with(|state| {
            let refuse = |text: &str| Err(Error::new(RuntimeError::new(text)));
            match state.phase {
                Phase::Entered => {}
                Phase::Created => return refuse("the timeout has not been entered"),
                Phase::Expiring => return refuse("cannot change state of expiring timeout"),
                Phase::Expired => return refuse("cannot change state of expired timeout"),
                Phase::Exited => return refuse("cannot change state of finished timeout"),
            }
            state.when = when;
            Ok(state.timer.take())
        })?;
        old.into_iter().for_each(cancel_handle);
        if let Some(when) = when {
            self.set_timer(when)?;
        }
        Ok(())
    }

    /// A deadline that is past is a queued call, not a timer, as in asyncio.
    fn set_timer(&self, when: Instant) -> Result<()> {
        let this = self.clone();
        let location = self.state.with(|state| state.location);
        let call = Call::Plain(Box::new(move || {
            this.expire();
            Ok(())
        }));
        let set = with(|core| {
            let owner = core.running;
            if when <= core.session.now {
                core.queue_call(owner, call, "timeout", location)
            } else {
                core.set_timer(owner, when, call, "timeout", location)
            }
        });
        match set {
            Ok(timer) => {
                self.state.with(|state| state.timer = Some(timer));
                Ok(())
            }
            Err(call) => {
                drop_call(Some(call));
                Err(Error::new(RuntimeError::new("no running event loop")))
            }
        }
    }

    /// The time is up: the task is cancelled, as far as it waits inside the block; wherever it
    /// waits if the block is part of a generator that stands at a `yield_`.
    fn expire(&self) {
        let (task, boundary) = self.state.with(|state| {
            state.phase = Phase::Expiring;
            state.timer = None;
            (state.task, state.boundary)
        });
        cancel_block(task, boundary);
    }

    /// Runs `body` under the limit: `async with asyncio.timeout(..) as t`. The body gets this
    /// timeout, to ask and to reschedule it.
    ///
    /// When the time is up the body is cancelled at its await; a body that never suspends is not
    /// interrupted, and one that swallows the cancel goes on without limit. However long its
    /// clean-up takes, it is waited for.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] when the time was up and the body ended cancelled by that alone; a cancelled
    /// error when the task was cancelled from elsewhere, also at the same moment; the body's error;
    /// a [`RuntimeError`] when the timeout was entered already, and outside of a task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the body; a cancel that the limit had requested of the task is
    /// taken back.
    pub fn scope<T>(
        self,
        body: impl AsyncFnOnce(&Timeout) -> Result<T>,
    ) -> impl Future<Output = Result<T>> {
        let location = self.state.with(|state| state.location);
        let inner = self.clone();
        let running = async move { body(&inner).await };
        Scope { timeout: self, boundary: Boundary::new(running, location), entered: None }
    }

    /// Enters the block in the running task.
    fn enter(&self, boundary: BoundaryId) -> Result<()> {
        let (task, cancels) = with(|core| {
            let task = core.step.task;
            (task, core.cancels_of(task, boundary))
        });
        let when = self.state.with(|state| {
            if state.phase != Phase::Created {
                let text = "the timeout has already been entered";
                return Err(Error::new(RuntimeError::new(text)));
            }
            state.phase = Phase::Entered;
            (state.task, state.boundary, state.cancels) = (task, boundary, cancels);
            Ok(state.when)
        })?;
        self.reschedule(when)
    }

    /// Leaves the block with the body's result.
    fn exit<T>(&self, result: Result<T>) -> Result<T> {
        let (was, timer, task, boundary, cancels) = self.state.with(|state| {
            let was = state.phase;
            state.phase = if was == Phase::Expiring { Phase::Expired } else { Phase::Exited };
            (was, state.timer.take(), state.task, state.boundary, state.cancels)
        });
        timer.into_iter().for_each(cancel_handle);
        if was != Phase::Expiring {
            return result;
        }
        let left = with(|core| core.uncancel_expired(task, boundary));
        match result {
            Err(error) if error.is_cancelled() && left <= cancels => Err(Error::new(Elapsed)),
            result => result,
        }
    }
}

/// Cancels a task for one of its blocks, as far as it waits inside: wherever it waits if the block
/// is part of a generator that stands at a `yield_`. `uncancel_expired` takes it back.
pub(super) fn cancel_block(task: TaskId, boundary: BoundaryId) {
    let reached: Option<(FutureId, BoundaryId)> = with(|core| {
        let reach = core.reach_of(boundary);
        let cell = core.tasks.get_mut(task)?;
        if reach == boundary {
            cell.rare_mut().expired.push(boundary);
        }
        Some((cell.future, reach))
    });
    if let Some((future, reach)) = reached {
        cancel_boundary_scope(future, reach);
    }
}

impl Core {
    /// Takes back the cancel of a block; returns how many others are left that concern it.
    pub(super) fn uncancel_expired(&mut self, task: TaskId, boundary: BoundaryId) -> u32 {
        let Some(cell) = self.tasks.get_mut(task) else { return 0 };
        if let Some(position) = cell.expired().iter().position(|other| *other == boundary) {
            cell.rare_mut().expired.remove(position);
        }
        self.revoke_cancel(task, boundary);
        self.uncancel(task);
        self.cancels_of(task, boundary)
    }

    /// How many cancels of a task concern a block in it: those of blocks in another branch of the
    /// task (a `join!`) do not.
    pub(super) fn cancels_of(&self, task: TaskId, boundary: BoundaryId) -> u32 {
        let Some(cell) = self.tasks.get(task) else { return 0 };
        let beside = |other: &&BoundaryId| {
            !self.is_within(**other, boundary) && !self.is_within(boundary, **other)
        };
        let elsewhere = cell.expired().iter().filter(beside).count();
        cell.cancels.saturating_sub(u32::try_from(elsewhere).unwrap_or(u32::MAX))
    }
}

pin_project! {
    /// The block of a timeout.
    struct Scope<F> {
        timeout: Timeout,
        #[pin]
        boundary: Boundary<F>,
        entered: Option<Entered>,
    }
}

/// A block that was entered and not left; dropping it takes everything back.
struct Entered {
    timeout: Option<Timeout>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(timeout) = &self.timeout
            && try_with(|_| ()).is_some()
            && timeout.state.is_here()
        {
            // What the dropped body would have returned is nobody's concern.
            drop(timeout.exit(Ok(())));
        }
    }
}

impl<T, F: Future<Output = Result<T>>> Future for Scope<F> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let mut this = self.project();
        if this.entered.is_none() {
            if with(|core| core.step.task.is_none()) {
                let text = "the timeout should be used inside a task";
                return Poll::Ready(Err(Error::new(RuntimeError::new(text))));
            }
            let boundary = this.boundary.as_mut().open(cx);
            this.timeout.enter(boundary)?;
            *this.entered = Some(Entered { timeout: Some(this.timeout.clone()) });
        }
        // The boundary must outlive the exit, which asks for its place among the others.
        let result = match ready!(this.boundary.as_mut().poll_open(cx)) {
            Ok(result) => result,
            Err(cancelled) => Err(Error::cancelled(cancelled)),
        };
        let result = this.timeout.exit(result);
        this.boundary.close();
        if let Some(mut entered) = this.entered.take() {
            entered.timeout = None;
        }
        Poll::Ready(result)
    }
}
