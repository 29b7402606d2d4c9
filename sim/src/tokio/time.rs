//! Time: `tokio::time`, virtual.

use std::future::{Future, IntoFuture};
use std::marker::PhantomPinned;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

pub use std::time::Duration;

pub use crate::base::Instant;
pub use crate::combine::{Interval, MissedTickBehavior, Tick, interval, interval_at};

use crate::base::{Elapsed, Id};
use crate::combine::Alarm;
use crate::task::{SwitchPoint, Turn};

/// The errors of `tokio::time`.
pub mod error {
    pub use crate::base::Elapsed;
}

/// Waits for `duration` of virtual time, from now on: `tokio::time::sleep`.
///
/// A zero `duration` gives way once (tokio's timer is coarse, and waits for its next millisecond).
/// One that ends past the end of virtual time (584 years) never ends.
///
/// Unlike [`seedloop::sleep`](crate::sleep()) it knows no cancel: a task that asyncio's `cancel`
/// meets here is treated as in any foreign wait, and what lies inside the innermost
/// [`attempt`](crate::attempt), timeout, scope or group is dropped, or else the whole task.
///
/// # Cancel safety
///
/// Dropping the future forgets the timer; nothing is lost.
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    sleep_at(Instant::now().saturating_add(duration), Location::caller())
}

/// Waits until `deadline`: `tokio::time::sleep_until`. No hop if that is past.
///
/// # Cancel safety
///
/// Dropping the future forgets the timer; nothing is lost.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    sleep_at(deadline, Location::caller())
}

fn sleep_at(deadline: Instant, location: &'static Location<'static>) -> Sleep {
    Sleep {
        deadline,
        phase: Phase::New(SwitchPoint::Ahead),
        alarm: Alarm::default(),
        location,
        pinned: PhantomPinned,
    }
}

pin_project! {
    /// The future of [`sleep`] and [`sleep_until`]. Awaiting it again when it is over is ready at
    /// once.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Sleep {
        deadline: Instant,
        phase: Phase,
        alarm: Alarm,
        location: &'static Location<'static>,
        // So that what compiles here compiles with tokio's.
        #[pin]
        pinned: PhantomPinned,
    }
}

#[derive(Debug)]
enum Phase {
    New(SwitchPoint),
    Yielding(Turn),
    Asleep,
    Over,
}

impl Sleep {
    /// Returns the moment at which the wait ends.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Tells whether that moment has come.
    pub fn is_elapsed(&self) -> bool {
        self.deadline <= Instant::now()
    }

    /// Sets another moment, also once the wait is over, which begins it anew.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        this.alarm.clear();
        *this.deadline = deadline;
        *this.phase = Phase::New(SwitchPoint::Ahead);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if let Phase::New(switch) = this.phase
            && !switch.is_yielding()
        {
            let now = Instant::now();
            if *this.deadline == now {
                *this.phase = Phase::Yielding(Turn::default());
            } else if *this.deadline > now {
                *this.phase = Phase::Asleep;
            }
        }
        match this.phase {
            Phase::New(switch) => {
                ready!(switch.poll_infallible_if(Id::NONE, this.location, || true, cx))
            }
            Phase::Yielding(turn) => ready!(turn.poll(cx)),
            Phase::Asleep => ready!(this.alarm.poll(*this.deadline, "sleep", this.location, cx)),
            Phase::Over => {}
        }
        *this.phase = Phase::Over;
        Poll::Ready(())
    }
}

/// Gives a future `duration` of virtual time: `tokio::time::timeout`.
///
/// At each turn the future is polled first: a value that comes at the same moment as the deadline
/// wins if it wakes the task before the timer does.
///
/// Unlike [`seedloop::timeout`](crate::timeout()) it cancels nothing: when the time is up the
/// future is dropped, and code behind its await does not run.
///
/// # Errors
///
/// [`Elapsed`] when the time is up first.
///
/// # Cancel safety
///
/// As that of the future.
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout { value: future.into_future(), delay: sleep(duration) }
}

/// Gives a future time until `deadline`: `tokio::time::timeout_at`.
///
/// # Errors
///
/// [`Elapsed`] when the time is up first.
///
/// # Cancel safety
///
/// As that of the future.
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout { value: future.into_future(), delay: sleep_until(deadline) }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Timeout<F> {
        #[pin]
        value: F,
        #[pin]
        delay: Sleep,
    }
}

impl<F> Timeout<F> {
    /// Returns the future.
    pub fn get_ref(&self) -> &F {
        &self.value
    }

    /// Returns the future, to change it.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.value
    }

    /// Takes the future out of its limit.
    pub fn into_inner(self) -> F {
        self.value
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(value) = this.value.poll(cx) {
            return Poll::Ready(Ok(value));
        }
        this.delay.poll(cx).map(|()| Err(Elapsed))
    }
}

/// Does nothing: time is virtual from the beginning, as after `tokio::time::pause`.
pub fn pause() {}

/// Does nothing: time stays virtual.
pub fn resume() {}

/// Waits for `duration`, as [`sleep`]: what is due meanwhile happens at its own moment, where
/// tokio's clock jumps first.
#[track_caller]
pub fn advance(duration: Duration) -> Sleep {
    sleep(duration)
}
