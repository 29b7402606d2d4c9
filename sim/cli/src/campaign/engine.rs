//! What makes the runs: the one place in which a campaign meets the engine of the library.

use std::collections::BTreeSet;
use std::io;
use std::num::NonZero;
use std::ops::Range;
use std::path::PathBuf;

use seedloop::explore::Kind;
use seedloop::testing::jobs;

use super::source::{Failing, Sink, Source, Taken};
use super::ways::Ways;
use crate::explore::{ExploreArguments, Subject};

/// Processes of this program, which make the runs of a scenario.
pub(super) struct Engine {
    scenario: &'static str,
    arguments: ExploreArguments,
    program: PathBuf,
}

impl Engine {
    /// The runs of a scenario, made in `jobs` processes or in as many as there are cores.
    pub(super) fn new(
        subject: Subject<'_>,
        ways: &Ways,
        jobs: Option<NonZero<usize>>,
        program: PathBuf,
    ) -> Self {
        let arguments = ExploreArguments {
            runs: None,
            jobs,
            patience: ways.patience,
            seed: ways.seed,
            strategy: ways.strategy,
            model: Some(ways.model(subject)),
            cancel: ways.cancel,
            exhaustive: None,
        };
        Engine { scenario: subject.scenario.name, arguments, program }
    }
}

impl Source for Engine {
    fn take(
        &mut self,
        seeds: Range<u64>,
        known: &BTreeSet<String>,
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        let launch = || self.arguments.worker(self.scenario, &self.program);
        let crew = self.arguments.crew(&launch);
        crew.campaign(seeds, known, |taken| Ok(sink(Taken::from(taken))))
    }
}

impl From<jobs::Taken> for Taken {
    fn from(taken: jobs::Taken) -> Self {
        let jobs::Taken { runs, steps, orders, kinds } = taken;
        let failures = kinds.into_iter().map(Failing::from).collect();
        Taken { seeds: runs, steps, orders, failures }
    }
}

impl From<Kind> for Failing {
    fn from(kind: Kind) -> Self {
        let Kind { signature, kind, message, run, case, fingerprint, count } = kind;
        let case = case.map(|case| case.to_string());
        Failing { signature, kind, message, seed: run, case, fingerprint, count }
    }
}
