//! The virtual clock, as a program reads it.

use std::time::Duration;

use super::context::with;
use crate::base::Instant;

impl Instant {
    /// Returns the virtual time: what `std::time::Instant::now()` is in real code, and
    /// `time.time()` or `loop.time()` in Python's.
    ///
    /// It can be asked for everywhere, also where no loop runs: the clock is the simulation's.
    #[doc(alias = "time.time")]
    #[doc(alias = "time.monotonic")]
    pub fn now() -> Self {
        with(|core| core.session.now)
    }

    /// Returns the virtual time that has passed since this moment.
    pub fn elapsed(self) -> Duration {
        Instant::now().duration_since(self)
    }
}
