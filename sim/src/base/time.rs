//! Virtual time: whole nanoseconds since the simulation began.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
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

    /// Returns the moment `duration` earlier, or `None` before the start.
    pub fn checked_sub(self, duration: Duration) -> Option<Self> {
        let nanos = u64::try_from(duration.as_nanos()).ok()?;
        self.0.checked_sub(nanos).map(Instant)
    }

    /// Returns the moment `duration` later, or the end of time.
    pub fn saturating_add(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or(Instant(u64::MAX))
    }

    /// Returns the moment `duration` earlier, or the start.
    pub fn saturating_sub(self, duration: Duration) -> Self {
        self.checked_sub(duration).unwrap_or(Instant::START)
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

impl AddAssign<Duration> for Instant {
    #[track_caller]
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    #[track_caller]
    fn sub(self, duration: Duration) -> Instant {
        match self.checked_sub(duration) {
            Some(earlier) => earlier,
            None => panic!(
                "{duration:?} before {self} lies before the start of virtual time; use \
                 `saturating_sub` or `checked_sub`"
            ),
        }
    }
}

impl SubAssign<Duration> for Instant {
    #[track_caller]
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

/// The time since `earlier`, or zero if that lies later, as [`Instant::duration_since`].
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

#[cfg(test)]
mod tests {
    use super::*;

    const END: Instant = Instant::from_nanos(u64::MAX);

    #[test]
    fn arithmetic_stays_within_time() {
        let (second, mut moment) =
            (Duration::from_secs(1), Instant::START + Duration::from_secs(3));
        moment += second;
        moment -= second * 2;
        assert_eq!(moment, Instant::from_nanos(2_000_000_000));
        assert_eq!(moment - second, Instant::from_nanos(1_000_000_000));
        assert_eq!(moment - (moment - second), second);
        assert_eq!(moment.checked_sub(second * 2), Some(Instant::START));
        assert_eq!(moment.checked_sub(second * 3), None);
        assert_eq!(moment.checked_sub(Duration::MAX), None);
        assert_eq!(moment.saturating_sub(second * 3), Instant::START);
        assert_eq!(moment.saturating_add(Duration::MAX), END);
        assert_eq!(END.saturating_add(Duration::from_nanos(1)), END);
        assert_eq!(END.checked_add(Duration::from_nanos(1)), None);
    }

    #[test]
    #[should_panic(expected = "1s before 0.5s lies before the start of virtual time")]
    fn there_is_no_time_before_the_start() {
        let _ = Instant::from_nanos(500_000_000) - Duration::from_secs(1);
    }
}
