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
    touched: Vec<Touched>,
    /// How often it could have given way.
    switches: u32,
}

/// An operation on a resource.
#[derive(Clone, Copy, Debug)]
struct Touched {
    resource: u32,
    writes: bool,
    /// How often the step could have given way before.
    switches: u32,
}

/// The steps of a recorded run.
pub(crate) struct Places {
    steps: Vec<Step>,
    paths: Vec<SpawnPath>,
    /// Each task's kind: the first task with the same parent that was spawned at the same place.
    kinds: Vec<usize>,
    /// By resource, the steps that touched it and those that changed it, each once.
    touching: BTreeMap<u32, Touching>,
    /// By step, where the step of the same task before it is.
    own: Vec<Option<usize>>,
}

#[derive(Debug, Default)]
struct Touching {
    all: Vec<usize>,
    writes: Vec<usize>,
}

/// A deviation that could matter.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) deviation: Deviation,
    /// The step at which it deviates, by its place in the run.
    pub(crate) at: usize,
    /// How far it is from what a small case is likely to hold: 0 is the nearest.
    pub(crate) rank: usize,
}

/// The rank of a task that neither the failure concerns nor stands for its kind.
pub(crate) const FAR: usize = 3;

/// Of more concerned tasks than these, none is nearer than the others.
const CONCERNED_FEW: usize = 4;

impl Places {
    pub(crate) fn of(outcome: &Outcome<Result<()>>) -> Self {
        let (steps, paths) = (steps_of(outcome), Paths::in_order(&outcome.tasks));
        Places::new(steps, paths, kinds_of(&outcome.tasks))
    }

    fn new(steps: Vec<Step>, paths: Vec<SpawnPath>, kinds: Vec<usize>) -> Self {
        let mut touching: BTreeMap<u32, Touching> = BTreeMap::new();
        let mut last: BTreeMap<TaskNumber, usize> = BTreeMap::new();
        let mut own = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            own.push(last.insert(step.task, index));
            for touched in &step.touched {
                let Touching { all, writes } = touching.entry(touched.resource).or_default();
                for list in [Some(all), touched.writes.then_some(writes)].into_iter().flatten() {
                    if list.last() != Some(&index) {
                        list.push(index);
                    }
                }
            }
        }
        Places { steps, paths, kinds, touching, own }
    }

    pub(super) fn path(&self, task: TaskNumber) -> Option<&SpawnPath> {
        self.paths.get((task as usize).checked_sub(1)?)
    }

    fn spot(&self, step: &Step) -> Option<Spot> {
        Some(Spot { path: self.path(step.task)?.clone(), step: step.nth })
    }

    /// Single deviations from the step at `start` on, the nearest first: those of the tasks that
    /// `best` concerns if these are few, and of the first two of each kind of task, since what one
    /// of them does the others can do as well.
    pub(crate) fn candidates(&self, start: usize, best: &[Deviation]) -> Vec<Candidate> {
        let ranks = self.ranks(best);
        let rank = |step: &Step| ranks[step.task as usize - 1];
        let mut all: Vec<Candidate> = Vec::new();
        let mut seen: BTreeSet<(usize, TaskNumber)> = BTreeSet::new();
        for (index, step) in self.steps.iter().enumerate().skip(start) {
            let Some(at) = self.spot(step) else { continue };
            for nth in 0..step.switches {
                let deviation = gives_way(at.clone(), nth);
                all.push(Candidate { deviation, at: index, rank: rank(step) });
            }
            // It is less likely to matter when a step comes that touches nothing known.
            let blank = match step.touched.is_empty() {
                true => 1 + step.nth as usize / 4,
                false => 0,
            };
            let deviation = Deviation { at: at.clone(), deed: Deed::Hold };
            all.push(Candidate { deviation, at: index, rank: rank(step) + blank });
            for head in self.before(start, index) {
                let Some(spot) = self.spot(&self.steps[head]) else { continue };
                if seen.insert((head, step.task)) {
                    let deviation = Deviation { at: spot, deed: Deed::Pick(at.path.clone()) };
                    // It is the task that comes earlier which matters.
                    all.push(Candidate { deviation, at: head, rank: rank(step) + blank });
                }
            }
        }
        // A stable sort: what comes first in the run stays first.
        all.sort_by_key(|candidate| candidate.rank);
        all
    }

    /// The steps before which the one at `index` could run to come before an operation that it
    /// meets: the first two and the last of them, from `start` on; the last one of all for a step
    /// of which nothing is known.
    fn before(&self, start: usize, index: usize) -> Vec<usize> {
        let step = &self.steps[index];
        let first = self.own[index].map_or(0, |own| own + 1).max(start);
        if step.touched.is_empty() {
            return (first..index).last().into_iter().collect();
        }
        let mut found = BTreeSet::new();
        for touched in &step.touched {
            let Some(touching) = self.touching.get(&touched.resource) else { continue };
            let list = if touched.writes { &touching.all } else { &touching.writes };
            let from = list.partition_point(|other| *other < first);
            let to = list.partition_point(|other| *other < index);
            if from < to {
                found.extend(list[from..to].iter().take(2));
                found.insert(list[to - 1]);
            }
        }
        let mut found: Vec<usize> = found.into_iter().collect();
        if found.len() > 3 {
            found = vec![found[0], found[1], found[found.len() - 1]];
        }
        found
    }

    /// What tells runs apart: whose step came after whose.
    pub(super) fn order(&self) -> Vec<TaskNumber> {
        self.steps.iter().map(|step| step.task).collect()
    }

    /// What could put operations that meet into the order that they have in another run: for each
    /// of the first few pairs that are not, the ways to let the second come first.
    pub(super) fn towards(&self, other: &Places) -> Vec<Vec<Deviation>> {
        let wanted = other.positions();
        let mut counts: BTreeMap<(u32, TaskNumber), u32> = BTreeMap::new();
        // By resource, what was met so far: where, and where it is in the other run.
        let mut met: BTreeMap<u32, Vec<Met>> = BTreeMap::new();
        let mut pairs: BTreeSet<(usize, usize, u32)> = BTreeSet::new();
        for (index, step) in self.steps.iter().enumerate() {
            for touched in &step.touched {
                let Touched { resource, writes, switches } = *touched;
                let Some(path) = self.path(step.task) else { continue };
                let nth = counts.entry((resource, step.task)).or_default();
                let position = wanted.get(&(resource, path, *nth)).copied();
                *nth += 1;
                let met = met.entry(resource).or_default();
                let is_late = |one: &&Met| {
                    self.steps[one.index].task != step.task
                        && (one.writes || writes)
                        && one.position.is_none_or(|before| Some(before) > position)
                };
                if position.is_some()
                    && let Some(before) = met.iter().find(is_late)
                {
                    pairs.insert((before.index, index, before.switches));
                }
                met.push(Met { index, writes, switches, position });
            }
        }
        let ways = |(before, after, switches)| self.ways(before, after, switches);
        pairs.into_iter().take(PAIRS_MAX).flat_map(ways).collect()
    }

    /// Where each operation is: by resource, task, and which one of its operations on that.
    fn positions(&self) -> BTreeMap<(u32, &SpawnPath, u32), usize> {
        let mut counts: BTreeMap<(u32, TaskNumber), u32> = BTreeMap::new();
        let mut positions = BTreeMap::new();
        for step in &self.steps {
            for Touched { resource, .. } in &step.touched {
                let Some(path) = self.path(step.task) else { continue };
                let nth = counts.entry((*resource, step.task)).or_default();
                positions.insert((*resource, path, *nth), positions.len());
                *nth += 1;
            }
        }
        positions
    }

    /// How the step at `after` could come before the one at `before`, or before what that does
    /// after so many awaits at which it could give way.
    fn ways(&self, before: usize, after: usize, switches: u32) -> Vec<Vec<Deviation>> {
        let task = self.steps[after].task;
        let (Some(at), Some(path)) = (self.spot(&self.steps[before]), self.path(task)) else {
            return Vec::new();
        };
        let mut ways = vec![vec![Deviation { at: at.clone(), deed: Deed::Hold }]];
        if let Some(nth) = switches.checked_sub(1) {
            ways.push(vec![gives_way(at.clone(), nth)]);
        }
        let between = &self.steps[before + 1..=after];
        let many = between.iter().filter(|step| step.task == task).count();
        let pick = Deviation { at, deed: Deed::Pick(path.clone()) };
        ways.push(vec![pick; many]);
        ways
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

/// An operation that was met.
struct Met {
    index: usize,
    writes: bool,
    switches: u32,
    /// None if the other run has no such operation.
    position: Option<usize>,
}

/// Of so many pairs of operations that are not in the order of another run, ways are looked for.
const PAIRS_MAX: usize = 8;

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

fn steps_of(outcome: &Outcome<Result<()>>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut counts: BTreeMap<TaskNumber, u32> = BTreeMap::new();
    for record in &outcome.records {
        match record.event {
            Event::StepStarted { task } => {
                let before = outcome.forgotten.steps_of(task);
                let count = counts.entry(task).or_insert(before);
                *count += 1;
                steps.push(Step { task, nth: *count, ..Step::default() });
            }
            Event::Resource { operation, resource, by: Source::Task(task) } => {
                if let Some(step) = steps.last_mut().filter(|step| step.task == task) {
                    let (writes, switches) = (operation != "read", step.switches);
                    step.touched.push(Touched { resource, writes, switches });
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
        let touched = touched.iter();
        let touched = touched.map(|(resource, writes)| Touched {
            resource: *resource,
            writes: *writes,
            switches: 0,
        });
        Step { task, nth, touched: touched.collect(), switches: 0 }
    }

    fn places(steps: Vec<Step>, kinds: &[usize]) -> Places {
        let paths = (1..=kinds.len() as u32).map(|index| SpawnPath(vec![index]));
        Places::new(steps, paths.collect(), kinds.to_vec())
    }

    fn before(steps: Vec<Step>, start: usize, index: usize) -> Vec<usize> {
        places(steps, &[0; 9]).before(start, index)
    }

    #[test]
    fn a_step_could_come_before_the_first_two_and_the_last_that_it_meets() {
        let write = [(7, true)];
        let mut steps: Vec<Step> = (1..=5).map(|task| step(task, 1, &write)).collect();
        steps.insert(1, step(8, 1, &[(9, true)]));
        steps.push(step(6, 1, &[(7, false)]));
        let places = places(steps, &[0; 9]);
        assert_eq!(places.before(0, 6), [0, 2, 5]);
        assert_eq!(places.before(3, 6), [3, 4, 5]);
        // Two that only look don't meet, and none comes before a step of its own task.
        let steps =
            || vec![step(1, 1, &[(7, false)]), step(2, 1, &[(7, false)]), step(2, 2, &write)];
        assert_eq!(before(steps(), 0, 1), []);
        assert_eq!(before(steps(), 0, 2), []);
    }

    #[test]
    fn a_step_of_which_nothing_is_known_could_come_before_the_last_one() {
        let steps = vec![step(1, 1, &[]), step(2, 1, &[(7, true)]), step(3, 1, &[])];
        assert_eq!(before(steps, 0, 2), [1]);
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
