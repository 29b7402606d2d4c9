//! The places of a run at which a deviation could matter: operations that meet, steps that others
//! could come before, awaits that could give way.

use std::collections::{BTreeMap, BTreeSet};

use super::case::{Deed, Deviation, SpawnPath, Spot};
use super::convert::Paths;
use crate::base::{ChoiceKind, Event, Place, Result, Source, TaskNumber};
use crate::event_loop::TaskInfo;
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
    /// Each task's kind: the first task with the same parent that was spawned at the same place.
    kinds: Vec<usize>,
}

/// A deviation that could matter.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) deviation: Deviation,
    /// How far it is from what a small case is likely to hold: 0 is the nearest.
    pub(crate) rank: usize,
}

impl Candidate {
    /// It concerns a task that the failure concerns too, or one that stands for its kind.
    pub(crate) fn is_near(&self) -> bool {
        self.rank < FAR
    }
}

/// The rank of a task that neither the failure concerns nor stands for its kind.
pub(crate) const FAR: usize = 3;

/// Of more concerned tasks than these, none is nearer than the others.
const CONCERNED_FEW: usize = 4;

impl Places {
    pub(crate) fn of(outcome: &Outcome<Result<()>>) -> Self {
        let (steps, paths) = (steps_of(outcome), Paths::in_order(&outcome.tasks));
        Places { steps, paths, kinds: kinds_of(&outcome.tasks) }
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

    /// Single deviations from the step at `start` on, the nearest first: those of the tasks that
    /// `best` concerns if these are few, and of the first two of each kind of task, since what one
    /// of them does the others can do as well.
    pub(crate) fn candidates(&self, start: usize, best: &[Deviation]) -> Vec<Candidate> {
        let ranks = self.ranks(best);
        let rank = |step: &Step| ranks[step.task as usize - 1];
        let mut all: Vec<Candidate> = Vec::new();
        for (index, step) in self.steps.iter().enumerate().skip(start) {
            let Some(at) = self.spot(step) else { continue };
            for nth in 0..step.switches {
                let deviation = gives_way(at.clone(), nth);
                all.push(Candidate { deviation, rank: rank(step) });
            }
            let deviation = Deviation { at: at.clone(), deed: Deed::Hold };
            // It is less likely to matter when a step comes that touches nothing known.
            let blank = match step.touched.is_empty() {
                true => 1 + step.nth as usize / 4,
                false => 0,
            };
            all.push(Candidate { deviation, rank: rank(step) + blank });
            for head in before(&self.steps, start, index) {
                let Some(head) = self.spot(&self.steps[head]) else { continue };
                let deviation = Deviation { at: head, deed: Deed::Pick(at.path.clone()) };
                // It is the task that comes earlier which matters.
                all.push(Candidate { deviation, rank: rank(step) + blank });
            }
        }
        let mut seen = BTreeSet::new();
        all.retain(|candidate| seen.insert(candidate.deviation.to_string()));
        // A stable sort: what comes first in the run stays first.
        all.sort_by_key(|candidate| candidate.rank);
        all
    }

    /// What all tasks of a kind could do alike: give way at the same await of the same step.
    pub(crate) fn groups(&self) -> Vec<Vec<Deviation>> {
        let mut groups: BTreeMap<(usize, u32, u32), Vec<Deviation>> = BTreeMap::new();
        for step in &self.steps {
            let Some(at) = self.spot(step) else { continue };
            for nth in 0..step.switches {
                let key = (self.kinds[step.task as usize - 1], step.nth, nth);
                groups.entry(key).or_default().push(gives_way(at.clone(), nth));
            }
        }
        groups.into_values().filter(|group| group.len() > 1).collect()
    }

    /// The rank of each task.
    fn ranks(&self, best: &[Deviation]) -> Vec<usize> {
        let concerned = concerned(best);
        let are_few = concerned.len() <= CONCERNED_FEW;
        let mut met: BTreeMap<usize, usize> = BTreeMap::new();
        let rank = |(kind, path): (&usize, &SpawnPath)| {
            let position = met.entry(*kind).or_default();
            *position += 1;
            match *position {
                _ if are_few && concerned.contains(path) => 0,
                1 => 0,
                2 => 1,
                _ => FAR,
            }
        };
        self.kinds.iter().zip(&self.paths).map(rank).collect()
    }
}

fn gives_way(at: Spot, nth: u32) -> Deviation {
    Deviation { at, deed: Deed::Choose { kind: ChoiceKind::Switch, nth, value: 1 } }
}

/// The tasks that deviations are about.
fn concerned(deviations: &[Deviation]) -> BTreeSet<&SpawnPath> {
    let mut concerned = BTreeSet::new();
    for Deviation { at, deed } in deviations {
        concerned.insert(match deed {
            Deed::Pick(path) => path,
            _ => &at.path,
        });
    }
    concerned
}

/// The kind of each task.
fn kinds_of(tasks: &[TaskInfo]) -> Vec<usize> {
    let mut kinds: BTreeMap<(TaskNumber, &str, u32), usize> = BTreeMap::new();
    let kind = |(index, task): (usize, &TaskInfo)| {
        let Place { file, line, .. } = task.spawned_at;
        *kinds.entry((task.parent, file, line)).or_insert(index)
    };
    tasks.iter().enumerate().map(kind).collect()
}

/// The steps before which the one at `index` could run to come before an operation that it meets:
/// the first two and the last of them, from `start` on; the last one of all for a step of which
/// nothing is known.
fn before(steps: &[Step], start: usize, index: usize) -> Vec<usize> {
    let step = &steps[index];
    let own = steps[..index].iter().rposition(|other| other.task == step.task);
    let first = own.map_or(0, |own| own + 1).max(start);
    if step.touched.is_empty() {
        return (first..index).last().into_iter().collect();
    }
    let meets = |other: &Step| {
        other.task != step.task
            && step.touched.iter().any(|(resource, writes)| {
                other.touched.get(resource).is_some_and(|other| *other || *writes)
            })
    };
    let mut found: Vec<usize> = (first..index).filter(|at| meets(&steps[*at])).collect();
    if found.len() > 3 {
        found = vec![found[0], found[1], found[found.len() - 1]];
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

#[cfg(test)]
mod tests {
    use super::*;

    fn step(task: TaskNumber, nth: u32, touched: &[(u32, bool)]) -> Step {
        Step { task, nth, touched: touched.iter().copied().collect(), switches: 0 }
    }

    fn places(steps: Vec<Step>, kinds: &[usize]) -> Places {
        let paths = (1..=kinds.len() as u32).map(|index| SpawnPath(vec![index]));
        Places { steps, paths: paths.collect(), kinds: kinds.to_vec() }
    }

    #[test]
    fn a_step_could_come_before_the_first_two_and_the_last_that_it_meets() {
        let write = [(7, true)];
        let mut steps: Vec<Step> = (1..=5).map(|task| step(task, 1, &write)).collect();
        steps.insert(1, step(8, 1, &[(9, true)]));
        steps.push(step(6, 1, &[(7, false)]));
        assert_eq!(before(&steps, 0, 6), [0, 2, 5]);
        assert_eq!(before(&steps, 3, 6), [3, 4, 5]);
        // Two that only look don't meet, and none comes before a step of its own task.
        let steps = [step(1, 1, &[(7, false)]), step(2, 1, &[(7, false)]), step(2, 2, &write)];
        assert_eq!(before(&steps, 0, 1), []);
        assert_eq!(before(&steps, 0, 2), []);
    }

    #[test]
    fn a_step_of_which_nothing_is_known_could_come_before_the_last_one() {
        let steps = [step(1, 1, &[]), step(2, 1, &[(7, true)]), step(3, 1, &[])];
        assert_eq!(before(&steps, 0, 2), [1]);
    }

    #[test]
    fn two_of_each_kind_are_near_and_the_concerned_if_they_are_few() {
        let places = places(Vec::new(), &[0, 1, 1, 1, 1]);
        assert_eq!(places.ranks(&[]), [0, 0, 1, FAR, FAR]);
        let best: Vec<Deviation> = vec!["5@1!".parse().unwrap(), "1@1>4".parse().unwrap()];
        assert_eq!(places.ranks(&best), [0, 0, 1, 0, 0]);
        let many = ["1@1!", "2@1!", "3@1!", "4@1!", "5@1!"].map(|text| text.parse().unwrap());
        assert_eq!(places.ranks(&many), [0, 0, 1, FAR, FAR]);
    }

    #[test]
    fn a_group_is_what_all_of_a_kind_can_do() {
        let mut steps = vec![step(1, 1, &[]), step(2, 1, &[]), step(3, 1, &[])];
        steps.iter_mut().for_each(|step| step.switches = 2);
        let groups = places(steps, &[0, 1, 1]).groups();
        let texts: Vec<String> = groups.iter().flatten().map(Deviation::to_string).collect();
        assert_eq!(texts, ["2@1s", "3@1s", "2@1#1s", "3@1#1s"]);
    }
}
