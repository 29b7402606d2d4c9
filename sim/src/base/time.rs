//! Virtual time: whole nanoseconds since the simulation began.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment of virtual time, in whole nanoseconds since the simulation began.
///
/// It stands in for [`std::time::Instant`] in simulated code. A `u64` of nanoseconds lasts for 584
/// years; arithmetic that leaves this range panics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The moment at which a simulation begins.
    pub const START: Instant = Instant(0);

    /// Makes the moment that lies `nanos` nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Instant(nanos)
    }

    /// Returns the nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns the time since `earlier`, or zero if `earlier` lies later.
    pub const fn duration_since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Returns the time since the start.
    pub const fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Returns the moment `duration` later, or `None` past the end of time.
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        let nanos = u64::try_from(duration.as_nanos()).ok()?;
        self.0.checked_add(nanos).map(Instant)
    }
}

/// Returns `now + delay`.
///
/// # Panics
///
/// When the deadline lies beyond the 584 years that a simulation can last.
#[track_caller]
pub(crate) fn deadline_after(now: Instant, delay: Duration) -> Instant {
    match now.checked_add(delay) {
        Some(deadline) => deadline,
        None => panic!(
            "a delay of {delay:?} ends after the 584 years that virtual time lasts; \
             to wait for ever use `std::future::pending()`"
        ),
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    #[track_caller]
    fn add(self, duration: Duration) -> Instant {
        deadline_after(self, duration)
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

/// Prints seconds, with as many decimals as are needed and at least one: `1.5s`, `0.0s`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let decimals = format!("{nanos:09}");
        let decimals = match decimals.trim_end_matches('0') {
            "" => "0",
            trimmed => trimmed,
        };
        f.pad(&format!("{seconds}.{decimals}s"))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
