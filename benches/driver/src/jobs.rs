//! How an exploration by a crew of processes compares with as many processes that know nothing of
//! each other and have a part each.
//!
//! Both make the same number of runs. What the crew does beside is to hand out rounds, to put
//! together what came of them, and to wait at the end for the last one.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::Result;
use crate::arguments::Arguments;
use crate::build::build_own;
use crate::instructions::number_after;
use crate::table::{Table, grouped, quartiles};

/// Runs of W6 for each process, some seconds of work.
const RUNS: u64 = 60_000;

/// What one way of it took.
#[derive(Clone, Copy)]
struct Took {
    /// By the clock, of all of it.
    wall_s: f64,
    /// Of all processes.
    cpu_s: f64,
}

/// Both ways, in one round after the other.
#[derive(Default)]
struct Row {
    crew_s: Vec<f64>,
    alone_s: Vec<f64>,
    wall_ratios: Vec<f64>,
    cpu_ratios: Vec<f64>,
    /// Runs by the clock, as a multiple of what one process alone makes in that round.
    speeds: Vec<f64>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let rounds = arguments.rounds()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let program = build_own("jobs")?;
    let mut rows: Vec<Row> = (0..cores).map(|_| Row::default()).collect();
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        let mut alone_of_one = f64::NAN;
        for (row, jobs) in rows.iter_mut().zip(1..) {
            // Who is first in one round is second in the next.
            let (crew, alone) = match round % 2 == 0 {
                true => (crew(&program, jobs)?, alone(&program, jobs)?),
                false => {
                    let alone = alone(&program, jobs)?;
                    (crew(&program, jobs)?, alone)
                }
            };
            if jobs == 1 {
                alone_of_one = alone.wall_s;
            }
            row.crew_s.push(crew.wall_s);
            row.alone_s.push(alone.wall_s);
            row.wall_ratios.push(crew.wall_s / alone.wall_s);
            row.cpu_ratios.push(crew.cpu_s / alone.cpu_s);
            row.speeds.push(alone_of_one * jobs as f64 / crew.wall_s);
        }
    }
    print(rows, rounds);
    Ok(())
}

fn print(rows: Vec<Row>, rounds: usize) {
    println!(
        "W6 explored, {} runs a process: medians of {rounds} rounds, quartiles\n",
        grouped(RUNS)
    );
    let mut table = Table::new([
        "processes",
        "runs a second, a crew",
        "each alone",
        "time, crew : alone",
        "CPU time, crew : alone",
        "speed of the crew : one process",
    ]);
    for (row, jobs) in rows.into_iter().zip(1_u64..) {
        let rate =
            |seconds: Vec<f64>| grouped(((RUNS * jobs) as f64 / quartiles(seconds)[1]) as u64);
        let spread = |values: Vec<f64>| {
            let [low, median, high] = quartiles(values);
            format!("{median:.3} ({low:.3}–{high:.3})")
        };
        table.row([
            jobs.to_string(),
            rate(row.crew_s),
            rate(row.alone_s),
            spread(row.wall_ratios),
            spread(row.cpu_ratios),
            spread(row.speeds),
        ]);
    }
    table.print();
}

/// One exploration in so many processes.
fn crew(program: &Path, jobs: u64) -> Result<Took> {
    let arguments = ["crew".to_owned(), jobs.to_string(), (jobs * RUNS).to_string()];
    all(program, [arguments.to_vec()].into())
}

/// As many explorations in one process each, all at once.
fn alone(program: &Path, jobs: u64) -> Result<Took> {
    let arguments = |seed: u64| vec!["alone".to_owned(), RUNS.to_string(), seed.to_string()];
    all(program, (1..=jobs).map(arguments).collect())
}

/// Starts processes with these arguments, and waits for all of them.
fn all(program: &Path, each: Vec<Vec<String>>) -> Result<Took> {
    let begin = Instant::now();
    let start = |arguments: &Vec<String>| {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        command.spawn().map_err(|error| format!("{}: {error}", program.display()))
    };
    let started: Vec<Child> = each.iter().map(start).collect::<Result<_>>()?;
    let mut cpu_ns = 0;
    for child in started {
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = number_after(&said, "cpu_ns=").filter(|_| output.status.success());
        cpu_ns += told.ok_or_else(|| format!("{} failed: {said}", program.display()))?;
    }
    Ok(Took { wall_s: begin.elapsed().as_secs_f64(), cpu_s: cpu_ns as f64 / 1e9 })
}
