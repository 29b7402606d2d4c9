//! How the cost of an event grows with the number of tasks and timers.

use crate::Result;
use crate::arguments::Arguments;
use crate::compare::present;
use crate::sample;
use crate::table::{Table, quartiles, short};

/// Events of a sample: as many for each size, as far as each task has one.
const EVENTS: u64 = 1_000_000;

pub fn run(arguments: &Arguments) -> Result<()> {
    let rounds = arguments.rounds()?;
    let usual = ["floor", "floor-radix", "seedloop"];
    let present = present(arguments, |participant| usual.contains(&participant.name));
    let sizes = [
        ("W2", "yield", &[10, 100, 1_000, 10_000, 100_000][..]),
        ("W4", "sleep", &[10, 100, 1_000, 10_000, 100_000, 1_000_000][..]),
    ];
    for (workload, event, tasks) in sizes {
        let mut times = vec![vec![Vec::new(); tasks.len()]; present.len()];
        for round in 1..=rounds {
            eprintln!("{workload}: round {round} of {rounds}");
            for (column, tasks) in tasks.iter().enumerate() {
                for (row, (participant, program)) in present.iter().enumerate() {
                    if participant.lack_of(workload).is_some() {
                        continue;
                    }
                    let size = (*tasks, (EVENTS / tasks).max(1));
                    let sample = sample::run(program, workload, size)?;
                    times[row][column].push(sample.ns_per_event());
                }
            }
        }
        println!("{workload}: CPU ns a {event} by the number of tasks, medians of {rounds}\n");
        let heads = tasks.iter().map(|tasks| format!("n={tasks}"));
        let heads = [String::new()].into_iter().chain(heads).chain(["last : first".to_owned()]);
        let mut table = Table::new(heads);
        for ((participant, _), times) in present.iter().zip(times) {
            let medians: Vec<f64> = times.into_iter().map(|times| quartiles(times)[1]).collect();
            let growth = medians.last().copied().unwrap_or(f64::NAN) / medians[0];
            let cells = medians.iter().map(|median| short(*median)).chain([format!("{growth:.2}")]);
            table.row([participant.name.to_owned()].into_iter().chain(cells));
        }
        table.print();
    }
    Ok(())
}
