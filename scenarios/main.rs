//! The command line of the scenarios.

use std::io;
use std::process::ExitCode;

use scenarios::conform::conform;
use seedloop_cli::{Cli, Status};

const CONFORM: &str = "Runs scheduling programs, one in JSON a line, and prints their traces";

fn main() -> ExitCode {
    Cli::new(scenarios::ALL)
        .command("conform", CONFORM, |(): (), output| {
            conform(io::stdin().lock(), output.results())?;
            Ok(Status::Success)
        })
        .run()
}
