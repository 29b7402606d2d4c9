//! The floor with a radix heap, whose timers cost less the more of them there are.

mod executor;
mod local;
mod primitives;
mod runtime;
#[path = "timers_radix.rs"]
mod timers;
#[path = "../../workloads.rs"]
mod workloads;

use std::process::ExitCode;

fn main() -> ExitCode {
    measure::participant(workloads::dispatch)
}
