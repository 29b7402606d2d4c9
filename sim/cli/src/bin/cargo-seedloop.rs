//! `cargo seedloop`: campaigns of tests. `cargo seedloop --help` tells more.

use std::process::ExitCode;

fn main() -> ExitCode {
    seedloop_cli::cargo_main()
}
