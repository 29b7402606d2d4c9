//! The floor: what a simulation costs at least, on async-task and without any feature.
//!
//! Ready tasks stand in a vector from which a seeded pick takes one; the clock is a number that
//! goes to the next timer when nothing is ready; a sleep takes asyncio's two hops, the timer's own
//! entry and then the task's. Nothing is logged, named, counted, recovered or reported.

mod executor;
mod local;
mod primitives;
mod runtime;
#[path = "timers_binary.rs"]
mod timers;
#[path = "../../workloads.rs"]
mod workloads;

use std::process::ExitCode;

fn main() -> ExitCode {
    measure::participant(workloads::dispatch)
}
