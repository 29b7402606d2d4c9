//! Ticks at equal distances of virtual time, as Rust's async runtimes have them.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::alarm::Alarm;
use crate::base::{Id, Instant};
use crate::task::SwitchPoint;

/// How late a tick may be taken before it counts as missed. Source: tokio 1, `Interval::poll_tick`,
/// whose clock is that coarse.
const TOLERANCE: Duration = Duration::from_millis(5);

/// Makes ticks that are `period` apart, the first one now.
///
/// ```
/// use seedloop::{Instant, interval, run};
/// use std::time::Duration;
///
/// let time = run(async {
///     let mut ticks = interval(Duration::from_secs(60));
///     for _ in 0..3 {
///         ticks.tick().await;
///     }
///     Ok(Instant::now().since_start())
/// });
/// assert_eq!(time.unwrap(), Duration::from_secs(120));
/// ```
///
/// # Panics
///
/// When `period` is zero.
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Makes ticks that are `period` apart, the first one at `start`.
///
/// # Panics
///
/// When `period` is zero.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "`period` must be non-zero.");
    Interval {
        next: start,
        period,
        behavior: MissedTickBehavior::Burst,
        alarm: Alarm::default(),
        switch: SwitchPoint::Ahead,
        location: Location::caller(),
    }
}

/// What becomes of the ticks after one that was taken more than 5 ms late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Those that were missed follow at once, until it has caught up.
    #[default]
    Burst,
    /// The next one comes a whole period after the late one.
    Delay,
    /// Those that were missed are left out; the next one comes at a multiple of the period.
    Skip,
}

impl MissedTickBehavior {
    fn next(self, tick: Instant, now: Instant, period: Duration) -> Instant {
        match self {
            MissedTickBehavior::Burst => tick.saturating_add(period),
            MissedTickBehavior::Delay => now.saturating_add(period),
            MissedTickBehavior::Skip => {
                let late = now.duration_since(tick).as_nanos() % period.as_nanos();
                let late = u64::try_from(late).map_or(Duration::ZERO, Duration::from_nanos);
                now.saturating_add(period).saturating_sub(late)
            }
        }
    }
}

/// Ticks at equal distances of virtual time: see [`interval`].
///
/// Waiting for one cannot fail: a task that is cancelled meanwhile is treated as in any foreign
/// wait, and what lies inside the innermost [`attempt`](crate::attempt), timeout, scope or group is
/// dropped, or else the whole task.
#[derive(Debug)]
pub struct Interval {
    next: Instant,
    period: Duration,
    behavior: MissedTickBehavior,
    alarm: Alarm,
    switch: SwitchPoint,
    location: &'static Location<'static>,
}

impl Interval {
    /// Waits for the next tick and returns the moment for which it was set; no hop if that has come
    /// already.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no tick.
    #[track_caller]
    pub fn tick(&mut self) -> Tick<'_> {
        self.location = Location::caller();
        Tick { interval: self }
    }

    /// Polls for the next tick, as [`tick`](Self::tick) waits for it.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        if !self.alarm.is_set() && self.next <= Instant::now() {
            ready!(self.switch.poll_infallible_if(Id::NONE, self.location, || true, cx));
        } else {
            ready!(self.alarm.poll(self.next, "tick", self.location, cx));
        }
        self.switch = SwitchPoint::Ahead;
        let (tick, now) = (self.next, Instant::now());
        self.next = match now.duration_since(tick) > TOLERANCE {
            true => self.behavior.next(tick, now, self.period),
            false => tick.saturating_add(self.period),
        };
        Poll::Ready(tick)
    }

    /// Lets the next tick come a whole period from now.
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// Lets the next tick come now.
    pub fn reset_immediately(&mut self) {
        self.reset_after(Duration::ZERO);
    }

    /// Lets the next tick come `after` from now.
    pub fn reset_after(&mut self, after: Duration) {
        self.reset_at(Instant::now().saturating_add(after));
    }

    /// Lets the next tick come at `deadline`.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.alarm.clear();
        self.switch = SwitchPoint::Ahead;
        self.next = deadline;
    }

    /// Returns what becomes of ticks that are missed.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.behavior
    }

    /// Says what becomes of ticks that are missed; unless said, they
    /// [burst](MissedTickBehavior::Burst).
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.behavior = behavior;
    }

    /// Returns the time from one tick to the next.
    pub fn period(&self) -> Duration {
        self.period
    }
}

/// The future of [`Interval::tick`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Tick<'a> {
    interval: &'a mut Interval,
}

impl Future for Tick<'_> {
    type Output = Instant;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        self.interval.poll_tick(cx)
    }
}

impl Drop for Tick<'_> {
    fn drop(&mut self) {
        // Nobody waits for it any more.
        self.interval.alarm.clear();
    }
}
