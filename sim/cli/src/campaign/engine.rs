//! What makes the runs: the one place in which a campaign meets the engine of the library.

use std::collections::BTreeSet;
use std::io;
use std::num::NonZero;
use std::ops::Range;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use seedloop::explore::cores;
use seedloop::testing::jobs::Crew;

use super::limits::Limits;
use super::source::{Sink, Source};

/// Makes the command that starts a worker.
pub(super) type Launch = Box<dyn Fn() -> io::Result<Command> + Send + Sync>;

/// Processes that make the runs.
pub(super) struct Engine {
    launch: Arc<Launch>,
    limits: Limits,
}

impl Engine {
    /// The runs are made by the workers that `launch` starts.
    pub(super) fn new(launch: Arc<Launch>, limits: Limits) -> Self {
        Engine { launch, limits }
    }
}

impl Engine {
    /// Starts a worker, to see that there can be a campaign.
    pub(super) fn check(&self) -> io::Result<()> {
        self.crew().check_campaign()
    }

    fn crew(&self) -> Crew<'_> {
        let Limits { jobs, patience } = self.limits;
        let jobs = jobs.map_or_else(cores, NonZero::get);
        Crew { launch: &*self.launch, jobs, patience: Duration::from_secs(patience.get()) }
    }
}

impl Source for Engine {
    fn take(
        &mut self,
        seeds: Range<u64>,
        known: &BTreeSet<String>,
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        self.crew().campaign(seeds, known, |taken| Ok(sink(taken)))
    }
}
