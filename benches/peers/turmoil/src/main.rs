//! turmoil: one client on a simulated host. It reorders messages, not tasks, and moves its clock by
//! a millisecond at a time.

mod runtime;
#[path = "../../../workloads.rs"]
mod workloads;

use std::process::ExitCode;

fn main() -> ExitCode {
    measure::participant(workloads::dispatch)
}
