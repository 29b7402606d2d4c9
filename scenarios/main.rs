//! The command line of the scenarios.

use std::io;
use std::process::ExitCode;

use scenarios::conform::conform;
use scenarios::job_queue;
use scenarios::known_bugs::{self, KnownBug};
use seedloop_cli::{Cli, Scenario, Status};

const CONFORM: &str = "Runs scheduling programs, one in JSON a line, and prints their traces";

fn main() -> ExitCode {
    let scenarios = [scenarios::ALL, job_queue::SCENARIOS].concat();
    // Not the mistakes of the job queue: some take thousands of runs.
    let known_bugs: Vec<Scenario> = known_bugs::ALL.iter().map(KnownBug::scenario).collect();
    Cli::new(&scenarios)
        .known_bugs(&known_bugs)
        .command("conform", CONFORM, |(): (), output| {
            conform(io::stdin().lock(), output.results())?;
            Ok(Status::Success)
        })
        .run()
}
