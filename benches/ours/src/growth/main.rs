//! Simulations with n of something, one case for everything that a program can have many of.
//!
//! The driver runs a case in two sizes, under callgrind and by the clock, and prints how both grow:
//!
//! ```text
//! growth list           the numbers, sizes and names of the cases
//! growth once 3 1000    runs case 3 with n = 1,000
//! growth time 3 1000    runs it several times, and prints the CPU time of the fastest run
//! ```

mod channels;
mod combinators;
mod explorations;
mod locks;
mod loops;
mod world;

use std::process::ExitCode;

use measure::cpu_ns;
use seedloop::{Limits, Result, Simulation};

/// A case: what there are n of, a small n, and a simulation with n of them.
pub type Case = (&'static str, u64, fn(u64));

/// The fastest of so many runs counts.
const SAMPLES: usize = 3;

fn main() -> ExitCode {
    let all = [
        loops::CASES,
        combinators::CASES,
        locks::CASES,
        channels::CASES,
        world::CASES,
        explorations::CASES,
    ];
    let cases: Vec<&Case> = all.into_iter().flatten().collect();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse::<u64>().ok());
    let case = number(1).and_then(|index| cases.get(index as usize));
    match (arguments.first().map(String::as_str), case, number(2)) {
        (Some("list"), ..) => {
            for (index, (name, small, _)) in cases.iter().enumerate() {
                println!("{index} {small} {name}");
            }
        }
        // Nothing: what a process costs in itself.
        (Some("once"), None, _) => {}
        (Some("once"), Some((_, _, case)), Some(n)) => case(n),
        (Some("time"), Some((_, _, case)), Some(n)) => println!("cpu_ns={}", fastest(*case, n)),
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

/// The CPU time of the fastest of several runs, in nanoseconds. Other work on the machine makes
/// runs slower, never faster.
fn fastest(case: fn(u64), n: u64) -> u64 {
    let sample = |_| {
        let before = cpu_ns();
        case(n);
        cpu_ns() - before
    };
    (0..SAMPLES).map(sample).min().unwrap_or(0)
}

/// Runs a simulation in any order, without the limits of a test.
pub fn simulate<T: 'static>(main: impl Future<Output = Result<T>> + 'static) -> T {
    let limits = Limits { steps: u64::MAX, steps_at_one_instant: u64::MAX, ..Limits::default() };
    let outcome = Simulation::new().seed(7).limits(limits).block_on(main);
    outcome.result.unwrap_or_else(|error| panic!("{error}"))
}
