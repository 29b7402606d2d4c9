//! tokio on one thread, with its clock paused. It does not reorder tasks: a seed changes nothing.

mod runtime;
#[path = "../../../workloads.rs"]
mod workloads;

use std::process::ExitCode;

fn main() -> ExitCode {
    measure::participant(workloads::dispatch)
}
