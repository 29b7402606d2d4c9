//! The table of known bugs.

use seedloop::{JoinHandle, Result};
use seedloop_cli::Scenario;

use super::{asyncio_cancel, asyncio_queue, asyncio_sync, flags, locks, order, rust, updates};
use crate::{count, joined};

/// A program with a bug that somebody met, and the same program without it.
#[derive(Clone, Copy, Debug)]
pub struct KnownBug {
    /// Its name; the corrected twin's is `<name>-fixed`.
    pub name: &'static str,
    /// Where it is from.
    pub source: &'static str,
    /// What goes wrong.
    pub summary: &'static str,
    /// How many deviations from asyncio's order show it at least.
    pub size: usize,
    /// Runs the program once.
    pub body: fn() -> Result<()>,
    /// Runs the corrected twin once.
    pub fixed: fn() -> Result<()>,
}

impl KnownBug {
    /// The program as a scenario, in which exploring has to find the bug.
    pub fn scenario(&self) -> Scenario {
        let KnownBug { name, summary, body, .. } = *self;
        Scenario { name, section: "known bug", summary, body, check: |_| Ok(()) }
    }
}

/// Which of the two twins a program is. Where they differ, the difference is one `match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// As it was found.
    Broken,
    /// As it should be.
    Fixed,
}

/// The families, a file for each.
const FAMILIES: &[&[KnownBug]] = &[
    updates::BUGS,
    flags::BUGS,
    locks::BUGS,
    order::BUGS,
    asyncio_sync::BUGS,
    asyncio_queue::BUGS,
    asyncio_cancel::BUGS,
    rust::BUGS,
];

/// All known bugs, by family.
pub const ALL: &[KnownBug] = &joined::<KnownBug, { count(FAMILIES) }>(FAMILIES);

/// Waits for tasks, one after the other.
pub(super) async fn join(tasks: Vec<JoinHandle<()>>) -> Result<()> {
    for task in tasks {
        task.await?;
    }
    Ok(())
}
