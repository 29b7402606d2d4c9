//! Why a case no longer fits: what it expected, and what the run had in its place.

use std::collections::BTreeMap;

use super::case::{Deed, Deviation, SpawnPath};
use super::convert::Paths;
use crate::base::{Event, Result, TaskNumber};
use crate::runner::Outcome;

/// Tells for each deviation that a recorded run did not come up to what it expected.
pub(super) fn misfits(
    deviations: &[Deviation],
    met: &[bool],
    outcome: &Outcome<Result<()>>,
) -> Vec<String> {
    let mut run = Run { paths: Paths::in_order(&outcome.tasks), steps: BTreeMap::new() };
    for record in &outcome.records {
        if let Event::StepStarted { task } = record.event {
            let before = outcome.forgotten.steps_of(task);
            *run.steps.entry(task).or_insert(before) += 1;
        }
    }
    let missed = deviations.iter().zip(met).filter(|(_, met)| !**met);
    missed.map(|(deviation, _)| format!("{deviation} ({})", run.why(deviation, outcome))).collect()
}

struct Run {
    paths: Vec<SpawnPath>,
    steps: BTreeMap<TaskNumber, u32>,
}

impl Run {
    fn why(&self, deviation: &Deviation, outcome: &Outcome<Result<()>>) -> String {
        let Deviation { at, deed } = deviation;
        if at.path.0.is_empty() {
            return "the loop did not come to that".to_owned();
        }
        let Some(index) = self.index_of(&at.path) else {
            return format!("there was no task {}", at.path);
        };
        let name = &outcome.tasks[index].name;
        let number = index as TaskNumber + 1;
        let steps = self.steps.get(&number).copied();
        let steps = steps.unwrap_or_else(|| outcome.forgotten.steps_of(number));
        if at.step > steps {
            let noun = if steps == 1 { "step" } else { "steps" };
            return format!("{} is '{name}', which had {steps} {noun}", at.path);
        }
        match deed {
            Deed::Pick(path) if !path.0.is_empty() && self.index_of(path).is_none() => {
                format!("there was no task {path}")
            }
            Deed::Pick(path) => format!("{path} was not ready when that step of '{name}' was next"),
            Deed::Hold => format!("that step of '{name}' was never the next one"),
            Deed::Choose { value, .. } => {
                format!("'{name}' had no such choice in that step, or none with {value}")
            }
        }
    }

    fn index_of(&self, path: &SpawnPath) -> Option<usize> {
        self.paths.iter().position(|other| other == path)
    }
}
