//! All participants in turn, in rounds: CPU time per event and ratios to the floor.

use std::collections::BTreeMap;

use crate::Result;
use crate::arguments::Arguments;
use crate::build::{Program, build};
use crate::participants::{NOT_VARIED, PARTICIPANTS, Participant, workload_names};
use crate::sample::{self, Sample};
use crate::table::{Table, quartiles, short};
use crate::workloads::workload;

/// Those that are there, built.
pub type Present = Vec<(&'static Participant, Program)>;

/// The samples of a participant at a workload, one a round; none where it failed.
type Samples = BTreeMap<(&'static str, &'static str), Vec<Option<Sample>>>;

pub fn run(arguments: &Arguments) -> Result<()> {
    let rounds = arguments.rounds()?;
    let present = present(arguments, |_| true);
    let mut samples = Samples::new();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for workload in workload_names().filter(|name| arguments.asks_for("--only", name)) {
            for (participant, program) in &present {
                if participant.lack_of(workload).is_some() {
                    continue;
                }
                let name = format!("{workload}{}", participant.suffix);
                let taken = sample::run(program, &name, participant.timed(workload));
                if let Err(text) = &taken {
                    eprintln!("{}: {text}", participant.name);
                }
                samples.entry((participant.name, workload)).or_default().push(taken.ok());
            }
        }
    }
    let names: Vec<_> =
        workload_names().filter(|name| arguments.asks_for("--only", name)).collect();
    for name in &names {
        println!("- {name}: an event is a {}", workload(name).event);
    }
    println!("\nCPU time per event in ns, the median of {rounds} rounds\n");
    print_by(&present, &names, |participant, workload| {
        let own = samples.get(&(participant, workload))?;
        let times = own.iter().flatten().map(Sample::ns_per_event).collect();
        Some(short(quartiles(times)[1]))
    });
    println!("Ratio to the floor of the same round, the median (quartiles); W4 to floor-radix\n");
    print_by(&present, &names, |participant, workload| {
        let ratios = ratios(&samples, participant, workload);
        let [low, middle, high] = quartiles(ratios);
        (!middle.is_nan()).then(|| format!("{middle:.2} ({low:.2}–{high:.2})"))
    });
    println!("Memory at the peak, per task, in bytes\n");
    let tasks = |workload| matches!(workload, "W1" | "W5");
    let names: Vec<_> = names.into_iter().filter(|name| tasks(name)).collect();
    print_by(&present, &names, |participant, workload| {
        let own = samples.get(&(participant, workload))?.iter().flatten();
        let bytes = own.map(|sample| {
            let kib = sample.peak_kib.saturating_sub(sample.before_kib);
            (kib * 1024) as f64 / sample.events as f64
        });
        Some(short(quartiles(bytes.collect())[1]))
    });
    print_lacks(&present);
    Ok(())
}

/// Builds those that are asked for; what cannot be built is said and left out.
pub fn present(arguments: &Arguments, is_default: impl Fn(&Participant) -> bool) -> Present {
    let asked = PARTICIPANTS.iter().filter(|participant| match arguments.get("--with") {
        Some(_) => arguments.asks_for("--with", participant.name),
        None => is_default(participant),
    });
    let mut present = Vec::new();
    for participant in asked {
        match build(participant) {
            Ok(program) => present.push((participant, program)),
            Err(why) => eprintln!("{} is left out: {why}", participant.name),
        }
    }
    present
}

/// The ratios to the floor, round by round.
fn ratios(samples: &Samples, participant: &'static str, workload: &'static str) -> Vec<f64> {
    let floor = if workload == "W4" { "floor-radix" } else { "floor" };
    let (Some(own), Some(floor)) =
        (samples.get(&(participant, workload)), samples.get(&(floor, workload)))
    else {
        return Vec::new();
    };
    let pairs = own.iter().zip(floor).filter_map(|(own, floor)| Some((*own)?).zip(*floor));
    pairs.map(|(own, floor)| own.ns_per_event() / floor.ns_per_event()).collect()
}

/// Prints a table of participants by workloads.
pub fn print_by(
    present: &Present,
    names: &[&'static str],
    cell: impl Fn(&'static str, &'static str) -> Option<String>,
) {
    let mut table = Table::new([""].iter().chain(names).copied());
    for (participant, _) in present {
        let cells = names.iter().map(|name| cell(participant.name, name));
        let cells = cells.map(|cell| cell.unwrap_or_else(|| "–".to_owned()));
        table.row([participant.name.to_owned()].into_iter().chain(cells));
    }
    table.print();
}

fn print_lacks(present: &Present) {
    for (participant, _) in present {
        for (workload, reason) in participant.lacks.iter().filter(|(_, why)| *why != NOT_VARIED) {
            println!("- {} has no {workload}: {reason}", participant.name);
        }
        for (workload, (first, second)) in participant.sizes {
            println!("- {} has {workload} in another size: {first} {second}", participant.name);
        }
    }
}
