//! The command line of the scenarios.

use std::process::ExitCode;

fn main() -> ExitCode {
    seedloop_cli::main(scenarios::ALL)
}
