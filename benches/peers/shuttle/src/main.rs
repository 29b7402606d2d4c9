//! shuttle with its random scheduler. It has no clock: W5's tasks wait for ever.

mod runtime;
#[path = "../../../workloads.rs"]
mod workloads;

use std::process::ExitCode;

/// How the runs are scheduled.
fn scheduler(seed: u64, runs: usize) -> shuttle::scheduler::RandomScheduler {
    shuttle::scheduler::RandomScheduler::new_from_seed(seed, runs)
}

fn main() -> ExitCode {
    measure::participant(workloads::dispatch)
}
