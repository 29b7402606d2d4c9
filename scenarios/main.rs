//! The command line of the scenarios.

use std::io;
use std::process::ExitCode;

use scenarios::conform::conform;
use scenarios::known_bugs::{self, KnownBug};
use seedloop_cli::{Cli, Scenario, Status};

const CONFORM: &str = "Runs scheduling programs, one in JSON a line, and prints their traces";

fn main() -> ExitCode {
    let known_bugs: Vec<Scenario> = known_bugs::ALL.iter().map(KnownBug::scenario).collect();
    Cli::new(scenarios::ALL)
        .known_bugs(&known_bugs)
        .command("conform", CONFORM, |(): (), output| {
            conform(io::stdin().lock(), output.results())?;
            Ok(Status::Success)
        })
        .run()
}
