//! What a run prints, and why it stops before its end.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use seedloop::out;

/// A run that has printed so many lines is a runaway.
const LINES_MAX: usize = 20_000;

/// Why a run stops before its end.
#[derive(Debug)]
pub(super) enum Stop {
    Runaway,
    Malformed(String),
}

/// The lines of a run. Jobs of pools print too, hence the atomics: a pool wants jobs that could
/// move to another thread.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    lines: AtomicUsize,
    stop: OnceLock<Stop>,
}

impl Transcript {
    /// Prints a line.
    pub(super) fn log(&self, who: &str, text: fmt::Arguments<'_>) {
        if self.is_over() {
            return;
        }
        out!("{who}: {text}");
        if self.lines.fetch_add(1, Ordering::Relaxed) + 1 == LINES_MAX {
            self.stop(Stop::Runaway);
        }
    }

    /// Stops the run; only the first reason counts.
    pub(super) fn stop(&self, why: Stop) {
        drop(self.stop.set(why));
    }

    /// Tells why the run was stopped, if it was. Nothing is printed from then on, and whatever
    /// looks here stays where it is, so that the run deadlocks.
    pub(super) fn stopped(&self) -> Option<&Stop> {
        self.stop.get()
    }

    pub(super) fn is_over(&self) -> bool {
        self.stopped().is_some()
    }
}
