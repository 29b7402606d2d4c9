//! The library, with all that a test has by default: a seeded pick, logged choices, labels, the
//! fingerprint, deadlock and leak detection.

mod extra;
mod runtime;
#[path = "../../workloads.rs"]
mod workloads;

use std::process::ExitCode;

fn main() -> ExitCode {
    measure::participant(workloads::dispatch)
}
