//! Sleeping in virtual time.

use std::future::Future;
use std::mem::{forget, replace};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::base::{Cancelled, Instant, deadline_after};
use crate::event_loop::{Label, try_with, with};
use crate::task::{WaitUnit, YieldNow, yield_at};

/// Suspends the task for `delay` of virtual time: `asyncio.sleep(delay)`.
///
/// A zero `delay` gives way once, as `asyncio.sleep(0)` does. Sleepers of one deadline wake in the
/// order in which they began to sleep, two hops after the clock has moved: the timer's callback
/// first, then the task; all timers of one moment come before the first sleeper that they wake.
///
/// # Errors
///
/// [`Cancelled`] when the task was cancelled while it slept.
///
/// # Panics
///
/// When polled, if the deadline lies past the end of virtual time (584 years).
///
/// # Cancel safety
///
/// Dropping the future forgets the timer; nothing is lost.
///
/// Source: Python docs, asyncio-task, "Sleeping".
#[track_caller]
pub fn sleep(delay: Duration) -> Sleep {
    Sleep { state: State::After(delay), location: Location::caller() }
}

/// Suspends the task until `deadline`; gives way once if that is past.
///
/// # Errors
///
/// [`Cancelled`] when the task was cancelled while it slept.
///
/// # Cancel safety
///
/// Dropping the future forgets the timer; nothing is lost.
///
/// Source: Python docs, asyncio-eventloop, `loop.call_at`; asyncio has no `sleep_until` of its own.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { state: State::Until(deadline), location: Location::caller() }
}

/// The future of [`sleep`] and [`sleep_until`].
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct Sleep {
    state: State,
    location: &'static Location<'static>,
}

#[derive(Debug)]
enum State {
    After(Duration),
    Until(Instant),
    Yielding(YieldNow),
    Asleep(WaitUnit),
    Over,
}

impl Sleep {
    /// Sets the timer, or turns into a single turn if there is no time to wait. Tells whether the
    /// task is parked.
    fn begin(&mut self, cx: &Context<'_>) -> bool {
        let asleep = with(|core| {
            let now = core.session.now;
            let deadline = match self.state {
                State::After(delay) => deadline_after(now, delay),
                State::Until(deadline) => deadline,
                _ => return None,
            };
            (deadline > now).then(|| {
                let label = Label::new("sleep");
                let parked = core.park_new(label, self.location, false, cx.waker());
                core.set_sleep(deadline, parked.0);
                parked
            })
        });
        match asleep {
            Some((wait, is_parked)) => {
                // There was nothing to drop in it.
                forget(replace(&mut self.state, State::Asleep(WaitUnit::of(wait))));
                is_parked
            }
            None => {
                self.state = State::Yielding(yield_at(self.location));
                false
            }
        }
    }
}

impl Future for Sleep {
    type Output = Result<(), Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if matches!(self.state, State::After(_) | State::Until(_)) && self.begin(cx) {
            return Poll::Pending;
        }
        let result = match &mut self.state {
            State::Yielding(turn) => std::task::ready!(Pin::new(turn).poll(cx)),
            State::Asleep(wait) => {
                if wait.ends_plainly(cx) {
                    // The timer has fired, and the wait is forgotten.
                    forget(replace(&mut self.state, State::Over));
                    return Poll::Ready(Ok(()));
                }
                std::task::ready!(wait.poll(cx))
            }
            _ => panic!("`Sleep` was polled again after it was over"),
        };
        self.state = State::Over;
        Poll::Ready(result)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // A timer that has not fired stays in the heap until it is swept.
        if let State::Asleep(wait) = self
            && let Some(owner) = wait.timer_owner()
        {
            try_with(|core| core.note_dead_timer(owner));
        }
    }
}
