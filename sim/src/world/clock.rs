//! What the clocks of hosts say.

use std::time::{Duration, SystemTime};

use super::host::{Host, current_life, with_clock_of};
use super::inside::assert_inside;
use crate::base::Instant;
use crate::event_loop::{try_with_idle, with};

/// The clock of a host: what it says now, and what it said before.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// How it was set, one after the other. Before the first it is virtual time.
    settings: Vec<Setting>,
}

/// How the clock of a host differs from virtual time.
#[derive(Clone, Copy, Debug, Default)]
struct Setting {
    /// Nanoseconds ahead of virtual time, when that was `since`.
    ahead: i128,
    since: Instant,
    /// Nanoseconds that it gains in a million.
    drift: i32,
}

/// Returns the time of the simulation and what the clock of the host says, or none outside of a
/// simulation and in the middle of the loop's own work. For adapters that answer a clock in the
/// place of another one, from wherever they are asked.
pub fn try_clocks() -> Option<(Instant, SystemTime)> {
    let now = try_with_idle(|core| core.session.active.then_some(core.session.now))??;
    Some((now, system_time()))
}

/// Returns what the clock of the host says on which this runs: `SystemTime::now()` of a simulation.
///
/// It begins at 2000-01-01T00:00:00Z and goes on with virtual time, unless the host's clock was
/// [set](crate::host::Host::set_clock_ahead) or [drifts](crate::host::Host::set_clock_drift).
pub fn system_time() -> SystemTime {
    system_time_at(with(|core| core.session.now))
}

/// What that clock said at a moment that is over.
pub(crate) fn system_time_at(moment: Instant) -> SystemTime {
    let ahead = with_clock_of(current_life().host, |clock| clock.ahead_at(moment));
    let time = SystemTime::UNIX_EPOCH + BEGIN + moment.since_start();
    let nanos = |span: i128| {
        let span = span.unsigned_abs();
        let seconds = u64::try_from(span / 1_000_000_000).unwrap_or(u64::MAX);
        Duration::new(seconds, (span % 1_000_000_000) as u32)
    };
    let shifted =
        if ahead < 0 { time.checked_sub(nanos(ahead)) } else { time.checked_add(nanos(ahead)) };
    shifted.unwrap_or(time)
}

/// 2000-01-01T00:00:00Z, from the epoch of Unix.
const BEGIN: Duration = Duration::from_secs(946_684_800);

impl Host {
    /// Sets the [clock](system_time) of the host ahead of virtual time, from now on.
    ///
    /// It is what [`system_time`] says on the host that changes, and nothing else: timers,
    /// timeouts and [`Instant`]s go by virtual time, as a monotonic clock does.
    ///
    /// # Panics
    ///
    /// When it is longer than the 584 years of virtual time.
    #[track_caller]
    pub fn set_clock_ahead(self, ahead: Duration) {
        self.set_clock(finite(ahead));
    }

    /// Sets the [clock](system_time) of the host behind virtual time, from now on: again what
    /// [`system_time`] says, and nothing else.
    ///
    /// # Panics
    ///
    /// When it is longer than the 584 years of virtual time.
    #[track_caller]
    pub fn set_clock_behind(self, behind: Duration) {
        self.set_clock(-finite(behind));
    }

    #[track_caller]
    fn set_clock(self, ahead: i128) {
        assert_inside("a clock was set");
        let since = with(|core| core.session.now);
        self.with(|machine| machine.clock.set_ahead(ahead, since));
    }

    /// Lets the [clock](system_time) of the host gain `drift` microseconds in a second of virtual
    /// time from now on, or lose them.
    ///
    /// [`system_time`] drifts, and nothing else does: a timer of the host takes as long as it
    /// would on any other.
    ///
    /// # Panics
    ///
    /// When it would run backwards: at a drift below -1,000,000.
    #[track_caller]
    pub fn set_clock_drift(self, drift: i32) {
        assert!(drift >= -1_000_000, "a clock that loses {drift} µs in a second runs backwards");
        assert_inside("a clock was set");
        let since = with(|core| core.session.now);
        self.with(|machine| machine.clock.set_drift(drift, since));
    }
}

/// The nanoseconds of what a clock is set by.
#[track_caller]
fn finite(span: Duration) -> i128 {
    let nanos = u64::try_from(span.as_nanos());
    assert!(nanos.is_ok(), "a clock cannot be set by {span:?}, longer than virtual time");
    nanos.map_or(0, i128::from)
}

impl Clock {
    /// Sets it this many nanoseconds ahead.
    fn set_ahead(&mut self, ahead: i128, now: Instant) {
        let drift = self.at(now).drift;
        self.set(Setting { ahead, since: now, drift });
    }

    /// Lets it gain this many nanoseconds in a million.
    fn set_drift(&mut self, drift: i32, now: Instant) {
        self.set(Setting { ahead: self.ahead_at(now), since: now, drift });
    }

    fn set(&mut self, setting: Setting) {
        self.settings.pop_if(|last| last.since == setting.since);
        self.settings.push(setting);
    }

    /// The setting that was in force at a moment.
    fn at(&self, moment: Instant) -> Setting {
        let later = self.settings.partition_point(|setting| setting.since <= moment);
        later.checked_sub(1).map_or_else(Setting::default, |last| self.settings[last])
    }

    fn ahead_at(&self, moment: Instant) -> i128 {
        let Setting { ahead, since, drift } = self.at(moment);
        let passed = i128::from(moment.as_nanos()) - i128::from(since.as_nanos());
        ahead + passed * i128::from(drift) / 1_000_000
    }
}
