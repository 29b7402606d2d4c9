//! What a run prints, and why it stops before its end.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use seedloop::{out, running_loop};

use super::super::program::Stmt;

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
    /// Marks are set among the lines.
    is_marked: bool,
}

/// Begins a line that is a [`Mark`] and belongs to no trace.
const MARK: char = '\u{1}';

/// Where the run is in the program, told among its lines to whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A statement of this operation begins.
    Begin(&'static str),
    /// It has ended without an error.
    End(&'static str),
    /// It has ended with an error.
    Fail(&'static str),
    /// The run is over, and what follows is no part of it.
    Over,
}

impl Mark {
    /// Reads a mark out of a line; none if the line is one of the program's own.
    pub fn read(line: &str) -> Option<Self> {
        let Some((kind, op)) = line.strip_prefix(MARK)?.split_once(' ') else {
            return Some(Mark::Over);
        };
        let op = Stmt::OPS.iter().find(|known| **known == op)?;
        Some(match kind {
            "begin" => Mark::Begin(op),
            "end" => Mark::End(op),
            _ => Mark::Fail(op),
        })
    }
}

impl Transcript {
    /// A transcript with marks.
    pub(super) fn marked() -> Self {
        Transcript { is_marked: true, ..Transcript::default() }
    }

    /// Sets a mark, if somebody watches.
    pub(super) fn mark(&self, mark: Mark) {
        if !self.is_marked || self.is_over() {
            return;
        }
        match mark {
            Mark::Begin(op) => out!("{MARK}begin {op}"),
            Mark::End(op) => out!("{MARK}end {op}"),
            Mark::Fail(op) => out!("{MARK}fail {op}"),
            Mark::Over => out!("{MARK}over"),
        }
    }

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

    /// Stops the run, and its loop at the end of the iteration; only the first reason counts.
    pub(super) fn stop(&self, why: Stop) {
        self.mark(Mark::Over);
        if self.stop.set(why).is_ok()
            && let Ok(event_loop) = running_loop()
        {
            event_loop.stop();
        }
    }

    /// Tells why the run was stopped, if it was. Nothing is printed from then on, and whatever
    /// looks here stays where it is.
    pub(super) fn stopped(&self) -> Option<&Stop> {
        self.stop.get()
    }

    pub(super) fn is_over(&self) -> bool {
        self.stopped().is_some()
    }
}
