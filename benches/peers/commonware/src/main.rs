//! commonware's deterministic runtime.

mod runtime;
#[path = "../../../workloads.rs"]
mod workloads;

use std::process::ExitCode;

fn main() -> ExitCode {
    measure::participant(workloads::dispatch)
}
