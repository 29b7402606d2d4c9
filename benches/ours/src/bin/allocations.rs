//! Allocations of a run once the runtime is warm, and bytes a task.

use std::alloc::System;

use measure::memory_kib;
use seedloop::{JoinHandle, Simulation, spawn};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use workloads::dispatch;

#[path = "../runtime.rs"]
mod runtime;
#[path = "../../../workloads.rs"]
mod workloads;

mod extra {
    //! This program has no other workloads.

    pub fn extra(_workload: &str, _first: u64, _second: u64) -> Option<u64> {
        None
    }
}

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Runs before the count, so that what is made once is there, and runs that are counted.
const WARM: u64 = 200;
const COUNTED: u64 = 1_000;

/// What the program of a run allocates itself: a cell for the future of each task, the main one
/// too; in W6 also what its tasks share and the vector of their handles.
const CELLS_OF_W0: f64 = 1.0;
const OWN_OF_W6: f64 = 11.0 + 2.0;

fn main() {
    println!("| a run of | allocations | the program's own | reallocations | bytes |");
    println!("|---|---:|---:|---:|---:|");
    for (name, workload, own) in [
        ("W0, nothing", "W0", CELLS_OF_W0),
        ("W6, a whole small run", "W6", OWN_OF_W6),
        ("W6Y, the same with a yield for the sleep", "W6Y", OWN_OF_W6),
    ] {
        dispatch(workload, WARM, 0);
        let region = Region::new(ALLOCATOR);
        dispatch(workload, COUNTED, 0);
        let change = region.change();
        let each = |count: usize| count as f64 / COUNTED as f64;
        println!(
            "| {name} | {:.2} | {own} | {:.2} | {:.0} |",
            each(change.allocations),
            each(change.reallocations),
            each(change.bytes_allocated),
        );
    }
    const TASKS: usize = 100_000;
    let before_kib = memory_kib("VmRSS:");
    let bytes = bytes_per_task(TASKS);
    let resident = (memory_kib("VmHWM:") - before_kib) * 1024 / TASKS as u64;
    println!("\nA task of W1 holds {bytes} bytes of the allocator, and {resident} of memory.");
}

/// The bytes that are allocated for a task which is spawned and has not run, with its handle.
fn bytes_per_task(tasks: usize) -> usize {
    let outcome = Simulation::new().seed(7).block_on(async move {
        let region = Region::new(ALLOCATOR);
        let spawned = (0..tasks).map(|task| spawn(async move { Ok(task) }));
        let handles: Vec<JoinHandle<usize>> = spawned.collect();
        let change = region.change();
        for handle in handles {
            handle.await?;
        }
        // What a reallocation grows by is among the allocated bytes.
        Ok((change.bytes_allocated - change.bytes_deallocated) / tasks)
    });
    outcome.result.unwrap_or_else(|error| panic!("{error}"))
}
