//! shuttle with its PCT scheduler, at depth 3.

mod runtime;
#[path = "../../../workloads.rs"]
mod workloads;

use std::process::ExitCode;

/// How the runs are scheduled.
fn scheduler(seed: u64, runs: usize) -> shuttle::scheduler::PctScheduler {
    shuttle::scheduler::PctScheduler::new_from_seed(seed, 3, runs)
}

fn main() -> ExitCode {
    measure::participant(workloads::dispatch)
}
