//! The places of a run at which one deviation could matter: operations that meet, steps that others
//! could come before, awaits that could give way.

use std::collections::{BTreeMap, BTreeSet};

use super::case::{Deed, Deviation, SpawnPath, Spot};
use super::convert::Paths;
use crate::base::{ChoiceKind, Event, Result, Source, TaskNumber};
use crate::runner::Outcome;

/// A step of a recorded run.
#[derive(Debug, Default)]
struct Step {
    task: TaskNumber,
    nth: u32,
    /// The resources that it touched, and whether it changed them.
    touched: BTreeMap<u32, bool>,
    /// How often it could have given way.
    switches: u32,
}

/// The steps of a recorded run.
pub(crate) struct Places {
    steps: Vec<Step>,
    paths: Vec<SpawnPath>,
}

/// A deviation that could matter.
pub(crate) struct Candidate {
    pub(crate) deviation: Deviation,
    /// It concerns only tasks that the failure concerns too.
    pub(crate) is_near: bool,
}

impl Places {
    pub(crate) fn of(outcome: &Outcome<Result<()>>) -> Self {
        Places { steps: steps_of(outcome), paths: Paths::in_order(&outcome.tasks) }
    }

    fn spot(&self, step: &Step) -> Option<Spot> {
        let path = self.paths.get((step.task as usize).checked_sub(1)?)?.clone();
        Some(Spot { path, step: step.nth })
    }

    /// Where a step stands among all.
    pub(crate) fn index_of(&self, spot: &Spot) -> usize {
        let is_it = |step: &Step| self.spot(step).is_some_and(|other| other == *spot);
        self.steps.iter().position(is_it).unwrap_or(0)
    }

    /// Single deviations from the step at `start` on, those first that concern only the tasks that
    /// `best` concerns.
    pub(crate) fn candidates(&self, start: usize, best: &[Deviation]) -> Vec<Candidate> {
        let mut all: Vec<Deviation> = Vec::new();
        for (index, step) in self.steps.iter().enumerate().skip(start) {
            let Some(at) = self.spot(step) else { continue };
            for nth in 0..step.switches {
                let deed = Deed::Choose { kind: ChoiceKind::Switch, nth, value: 1 };
                all.push(Deviation { at: at.clone(), deed });
            }
            all.push(Deviation { at: at.clone(), deed: Deed::Hold });
            for head in before(&self.steps, start, index) {
                if let Some(head) = self.spot(&self.steps[head]) {
                    all.push(Deviation { at: head, deed: Deed::Pick(at.path.clone()) });
                }
            }
        }
        let mut concerned: BTreeSet<&SpawnPath> = BTreeSet::new();
        for Deviation { at, deed } in best {
            concerned.insert(&at.path);
            if let Deed::Pick(path) = deed {
                concerned.insert(path);
            }
        }
        // Of a pick, it is the task that comes earlier which matters.
        let is_near = |deviation: &Deviation| match &deviation.deed {
            Deed::Pick(path) => concerned.contains(path),
            _ => concerned.contains(&deviation.at.path),
        };
        let mut seen = BTreeSet::new();
        all.retain(|deviation| seen.insert(deviation.to_string()));
        let candidate = |deviation| {
            let is_near = is_near(&deviation);
            Candidate { deviation, is_near }
        };
        let mut all: Vec<Candidate> = all.into_iter().map(candidate).collect();
        // A stable sort: what comes first in the run stays first.
        all.sort_by_key(|candidate| !candidate.is_near);
        all
    }
}

/// The steps before which the one at `index` could run to come before an operation that it meets:
/// the first and the last of them, from `start` on.
fn before(steps: &[Step], start: usize, index: usize) -> Vec<usize> {
    let step = &steps[index];
    let own = steps[..index].iter().rposition(|other| other.task == step.task);
    let first = own.map_or(0, |own| own + 1).max(start);
    let meets = |other: &Step| {
        other.task != step.task
            && step.touched.iter().any(|(resource, writes)| {
                other.touched.get(resource).is_some_and(|other| *other || *writes)
            })
    };
    let mut found: Vec<usize> = (first..index).filter(|at| meets(&steps[*at])).collect();
    if found.len() > 2 {
        found = vec![found[0], found[found.len() - 1]];
    }
    found
}

fn steps_of(outcome: &Outcome<Result<()>>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut counts: BTreeMap<TaskNumber, u32> = BTreeMap::new();
    for record in &outcome.records {
        match record.event {
            Event::StepStarted { task } => {
                let count = counts.entry(task).or_default();
                *count += 1;
                steps.push(Step { task, nth: *count, ..Step::default() });
            }
            Event::Resource { operation, resource, by: Source::Task(task) } => {
                if let Some(step) = steps.last_mut().filter(|step| step.task == task) {
                    *step.touched.entry(resource).or_default() |= operation != "read";
                }
            }
            Event::Chosen { kind: ChoiceKind::Switch, .. } => {
                if let Some(step) = steps.last_mut() {
                    step.switches += 1;
                }
            }
            _ => {}
        }
    }
    steps
}
