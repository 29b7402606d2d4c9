//! How soon each mistake of the job queue is found, how small it gets, and that it is not found
//! where the faults that it takes are absent.

use std::fmt::Write;

use scenarios::job_queue::{Fault, Faults, Mistake, survive};
use seedloop::Simulation;
use seedloop::explore::{Explorer, Failure, Model};

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// From how many seeds each mistake has to be found.
    pub(crate) seeds: u64,
    /// Within how many runs.
    pub(crate) runs: u64,
    /// In how many runs it may not be found without the faults that it takes.
    pub(crate) runs_without: u64,
}

/// Explores the job queue in the order of the queue: what varies is what goes wrong.
pub(crate) fn explored(
    mistake: Option<Mistake>,
    faults: Faults,
    explorer: &Explorer,
) -> Option<Box<Failure>> {
    let explorer = explorer.clone().model(Model::Asyncio);
    explorer.explore(move || survive(faults, mistake)).failure
}

/// The row of a mistake, and what of it is not as it should be.
pub(crate) fn row(mistake: Mistake, effort: Effort) -> (String, Vec<String>) {
    let (mut runs, mut sizes, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    let name = mistake.name();
    for seed in 0..effort.seeds {
        let explorer = Explorer::new().runs(effort.runs).seed(seed);
        match explored(Some(mistake), Faults::ALL, &explorer) {
            Some(failure) => {
                runs.push(failure.run);
                sizes.push(failure.case.len());
            }
            None => wrong.push(format!("{name}, seed {seed}: not within {} runs", effort.runs)),
        }
    }
    for absent in mistake.needs() {
        let explorer = Explorer::new().runs(effort.runs_without);
        let faults = Faults::ALL.without(absent);
        if let Some(failure) = explored(Some(mistake), faults, &explorer) {
            let what = failure.fault.message.clone();
            wrong.push(format!("{name} without {absent:?}, run {}: {what}", failure.run));
        }
    }
    let mut text = String::new();
    let mean = runs.iter().sum::<u64>() / (runs.len() as u64).max(1);
    let worst = runs.iter().max().unwrap_or(&0);
    sizes.sort_unstable();
    let (least, most) = (sizes.first().unwrap_or(&0), sizes.last().unwrap_or(&0));
    let middle = sizes.get(sizes.len() / 2).unwrap_or(&0);
    // Writing into a string can't fail.
    let _ = write!(text, "{name:<42} {mean:>5} {worst:>6} {least:>6} {middle:>6} {most:>6}  ");
    let needs: Vec<String> = mistake.needs().iter().map(|set| named(set)).collect();
    text.push_str(&needs.join(" and "));
    (text, wrong)
}

fn named(faults: &[Fault]) -> String {
    let names: Vec<String> = faults.iter().map(|fault| format!("{fault:?}")).collect();
    names.join(" or ")
}

/// The seeds whose run is another one when it is taken again.
pub(crate) fn not_repeated(seeds: u64) -> Vec<u64> {
    let fingerprint =
        |seed| Simulation::new().seed(seed).block_on(survive(Faults::ALL, None)).fingerprint;
    (0..seeds).filter(|seed| fingerprint(*seed) != fingerprint(*seed)).collect()
}
