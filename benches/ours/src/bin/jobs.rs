//! An exploration of W6 by a crew of processes, or a part of it by one process alone. The driver
//! starts both.
//!
//! ```text
//! jobs crew 2 120000
//! jobs alone 60000 1
//! ```
//!
//! The last number of `alone` is a seed. Both print how long it took by the clock, and the CPU time
//! of this process and those that it has started.

use std::env;
use std::fs;
use std::io;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use seedloop::Result;
use seedloop::explore::Explorer;
use seedloop::testing::jobs::{Crew, Workshop, serve};

use workloads::small_run;

#[path = "../runtime.rs"]
mod runtime;
#[path = "../../../workloads.rs"]
#[expect(dead_code, reason = "only W6 is used here")]
mod workloads;

mod extra {
    //! This program has no other workloads.

    pub fn extra(_workload: &str, _first: u64, _second: u64) -> Option<u64> {
        None
    }
}

/// How many times a second the kernel counts CPU time for `/proc`.
const TICKS: u64 = 100;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse::<u64>().ok());
    let begin = Instant::now();
    match (arguments.first().map(String::as_str), number(1), number(2)) {
        (Some("crew"), Some(jobs), Some(runs)) => crew(jobs as usize, runs),
        (Some("alone"), Some(runs), Some(seed)) => alone(runs, seed),
        (Some("worker"), ..) => {
            let (explorer, tell) = (Explorer::new(), &|_: &_, _, _| String::new());
            let workshop = Workshop { explorer: &explorer, body: &body, check: &|_| Ok(()), tell };
            serve(workshop).expect("orders from a crew");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("usage: jobs crew <jobs> <runs> | jobs alone <runs> <seed>");
            return ExitCode::from(2);
        }
    }
    println!("wall_ns={} cpu_ns={}", begin.elapsed().as_nanos(), cpu_of_all_ns());
    ExitCode::SUCCESS
}

fn body() -> Result<()> {
    seedloop::run(async {
        assert_eq!(small_run(0, true).await?, 30);
        Ok(())
    })
}

/// In processes of this program, which are ended when it is over.
fn crew(jobs: usize, runs: u64) {
    let program = env::current_exe().expect("the path of this program");
    let launch = || -> io::Result<Command> {
        let mut command = Command::new(&program);
        command.arg("worker");
        Ok(command)
    };
    let crew = Crew { launch: &launch, jobs, patience: PATIENCE };
    let explored = crew.explore(&Explorer::new().runs(runs)).expect("workers");
    assert!(explored.failed.is_none(), "{:?}", explored.failed);
    assert_eq!(explored.statistics.runs, runs);
}

/// In this process, on one thread.
fn alone(runs: u64, seed: u64) {
    let explorer = Explorer::new().runs(runs).seed(seed).jobs(1);
    let exploration = explorer.explore_runs(&body, &|_| Ok(()));
    assert!(exploration.failure.is_none(), "{:?}", exploration.failure);
    assert_eq!(exploration.statistics.runs, runs);
}

/// The CPU time of this process and of those that it has waited for, to a hundredth of a second.
fn cpu_of_all_ns() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // What stands before the parenthesis is the name, which may have spaces.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    // User and system, its own and its children's: the fields 14 to 17; here the third is first.
    let fields = rest.split_whitespace().skip(11).take(4);
    fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * (1_000_000_000 / TICKS)
}
