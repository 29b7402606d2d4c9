//! The operations whose order makes the difference between a failing run and the dull one; where
//! there is nothing to compare with, those that come between what another task meant to be one.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Names, at};
use super::operations::{
    Operation, OperationKey, WAIT, has_ended, is_ordered, keys_of, operations_of,
};
use crate::base::{Deadlock, Event, Result, TaskKey, TaskNumber};
use crate::runner::Outcome;

/// How many pairs are looked at, the most telling first.
const LOOKED_AT_MAX: usize = 64;

/// Operations whose order tells how the failure came about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Race {
    /// One of another task comes between what a task has read and what it makes of it.
    Between { read: Operation, other: Operation, write: Operation },
    /// Two that conflict, in this order.
    Order { first: Operation, second: Second, dull: Dull },
}

/// The second of two operations.
#[derive(Clone, Copy, Debug)]
pub(super) enum Second {
    Happened(Operation),
    /// It was still to come when the run ended; from the dull run, but with the task's number in
    /// this one.
    ToCome(Operation),
}

/// What the dull run does instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dull {
    OtherWay,
    NotAtAll,
}

/// A race, and how much it tells.
struct Candidate {
    weight: u32,
    /// Where it stands in the run: of those that tell as much, the last one is taken.
    position: usize,
    race: Race,
}

impl Race {
    /// The resource that it is about.
    pub(super) fn resource(&self) -> u32 {
        match self {
            Race::Between { other, .. } => other.resource,
            Race::Order { first, .. } => first.resource,
        }
    }

    /// The steps of its operations.
    pub(super) fn steps(&self) -> Vec<usize> {
        match self {
            Race::Between { read, other, write } => vec![read.step, other.step, write.step],
            Race::Order { first, second: Second::Happened(second), .. } => {
                vec![first.step, second.step]
            }
            Race::Order { first, .. } => vec![first.step],
        }
    }

    /// The tasks whose operations they are.
    pub(super) fn tasks(&self) -> [TaskNumber; 2] {
        match self {
            Race::Between { read, other, .. } => [read.task, other.task],
            Race::Order { first, second, .. } => {
                let (Second::Happened(second) | Second::ToCome(second)) = second;
                [first.task, second.task]
            }
        }
    }

    /// Tells it in a sentence; `compared` says whether there is a dull run to compare with.
    pub(super) fn text(&self, names: &Names, compared: bool) -> String {
        let resource = names.resource(self.resource()).1;
        let tell = |operation: &Operation, what: &str| {
            let (task, verb) = (names.task(operation.task), verb(operation.name));
            format!("{task} {verb} {what}{}", at(operation.place))
        };
        let (text, dull) = match self {
            Race::Between { read, other, write } => {
                let (task, noun) = (names.task(read.task), write.name);
                let (read, write) = (at(read.place), at(write.place));
                let between = format!("between {task}'s read{read} and its {noun}{write}");
                (format!("{} {between}", tell(other, &resource)), Dull::NotAtAll)
            }
            Race::Order { first, second, dull } => {
                let (Second::Happened(second) | Second::ToCome(second)) = second;
                (format!("{} before {}", tell(first, &resource), tell(second, "it")), *dull)
            }
        };
        match (compared, dull) {
            (false, _) => text,
            (true, Dull::OtherWay) => {
                format!("{text}; in the order of the queue it is the other way round")
            }
            (true, Dull::NotAtAll) => {
                format!("{text}; in the order of the queue it does not come to that")
            }
        }
    }
}

/// Finds what tells most. Without a dull run that passes only the failing one is looked at.
pub(super) fn find_race(
    failing: &Outcome<Result<()>>,
    dull: Option<&Outcome<Result<()>>>,
) -> Option<Race> {
    let own = operations_of(failing);
    let others = dull.map(operations_of);
    let mut candidates = between(&own, &last_touched(&own));
    if let Some(others) = &others {
        let as_well: BTreeSet<_> = between(others, &BTreeSet::new())
            .iter()
            .filter_map(|candidate| between_keys(&candidate.race))
            .collect();
        candidates.retain(|candidate| {
            between_keys(&candidate.race).is_none_or(|keys| !as_well.contains(&keys))
        });
        candidates.extend(swapped(&own, others));
        candidates.extend(to_come(failing, &own, others));
    }
    if matches!(&failing.result, Err(e) | Ok(Err(e)) if e.is::<Deadlock>()) {
        candidates.iter_mut().for_each(Candidate::weigh_for_deadlock);
    }
    candidates.sort_by_key(|candidate| (candidate.weight, candidate.position));
    let told = candidates.into_iter().rev().take(LOOKED_AT_MAX);
    told.map(|candidate| candidate.race).find(|race| could_be_otherwise(failing, dull, race))
}

impl Candidate {
    /// In a deadlock it is who comes first at a primitive that matters.
    fn weigh_for_deadlock(&mut self) {
        if let Race::Order { first, .. } = self.race
            && !first.is_on_value()
            && self.weight >= weights::PRIMITIVE
        {
            self.weight += weights::BETWEEN;
        }
    }
}

/// How much a race tells.
mod weights {
    /// The resource is what the last step of all looks at.
    pub(super) const IN_LAST_STEP: u32 = 2;
    pub(super) const BETWEEN: u32 = 100;
    pub(super) const NOTIFIED: u32 = 80;
    pub(super) const READ: u32 = 70;
    pub(super) const VALUE: u32 = 60;
    pub(super) const PRIMITIVE: u32 = 40;
    pub(super) const COMMUTES: u32 = 30;
    pub(super) const NEW_VALUE: u32 = 20;
    pub(super) const NEW: u32 = 10;
}

/// How much two operations tell that come in another order in the dull run.
fn weight_of(first: &Operation, second: &Operation) -> u32 {
    if first.commutes(second) {
        weights::COMMUTES
    } else if first.name == WAIT || second.name == WAIT {
        weights::NOTIFIED
    } else if !first.is_on_value() {
        weights::PRIMITIVE
    } else if first.reads() || second.reads() {
        weights::READ
    } else {
        weights::VALUE
    }
}

/// The resources that the last step touched which touched any.
fn last_touched(operations: &[Operation]) -> BTreeSet<u32> {
    let last = operations.last().map(|operation| operation.step);
    let of_last = operations.iter().rev().take_while(|other| Some(other.step) == last);
    of_last.map(|operation| operation.resource).collect()
}

/// What was done to a resource last: enough to find the closest that conflicts.
#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    /// The last operation, and the last one of another task than that one's.
    any: [Option<Operation>; 2],
    /// The same of those that do not only read.
    writes: [Option<Operation>; 2],
}

impl Latest {
    fn push(&mut self, operation: Operation) {
        let push = |[last, other]: &mut [Option<Operation>; 2]| {
            if last.is_some_and(|last| last.task != operation.task) {
                *other = *last;
            }
            *last = Some(operation);
        };
        push(&mut self.any);
        if !operation.reads() {
            push(&mut self.writes);
        }
    }

    /// The closest one before `second` that conflicts with it.
    fn conflicting(&self, second: &Operation) -> Option<Operation> {
        let latest = if second.reads() { &self.writes } else { &self.any };
        latest.iter().flatten().find(|first| first.conflicts(second)).copied()
    }
}

/// What comes between a task's read of a value and what it writes to it next.
fn between(operations: &[Operation], telling: &BTreeSet<u32>) -> Vec<Candidate> {
    let mut latest: BTreeMap<u32, Latest> = BTreeMap::new();
    let mut own: BTreeMap<(u32, TaskNumber), Operation> = BTreeMap::new();
    let mut found = Vec::new();
    for (position, write) in operations.iter().copied().enumerate() {
        if !write.is_on_value() {
            continue;
        }
        let latest = latest.entry(write.resource).or_default();
        let before = own.insert((write.resource, write.task), write);
        let other = latest.writes.iter().flatten().find(|other| other.task != write.task);
        if let (Some(read), Some(other)) = (before, other)
            && !write.reads()
            && read.reads()
            && other.record > read.record
        {
            // A plain write loses the other one; an update does not, but was decided before it.
            let mut weight = weights::BETWEEN + u32::from(write.name == "write");
            if telling.contains(&write.resource) {
                weight += weights::IN_LAST_STEP;
            }
            let race = Race::Between { read, other: *other, write };
            found.push(Candidate { weight, position, race });
        }
        latest.push(write);
    }
    found
}

fn between_keys(race: &Race) -> Option<[OperationKey; 3]> {
    match race {
        Race::Between { read, other, write } => Some([read.key, other.key, write.key]),
        Race::Order { .. } => None,
    }
}

/// Pairs that came in another order than in the dull run, or did not come there.
fn swapped(operations: &[Operation], dull: &[Operation]) -> Vec<Candidate> {
    let positions: BTreeMap<OperationKey, usize> =
        dull.iter().enumerate().map(|(index, operation)| (operation.key, index)).collect();
    let mut latest: BTreeMap<u32, Latest> = BTreeMap::new();
    let mut found = Vec::new();
    for (position, second) in operations.iter().copied().enumerate() {
        let latest = latest.entry(second.resource).or_default();
        if let Some(first) = latest.conflicting(&second) {
            let (weight, dull) = match (positions.get(&first.key), positions.get(&second.key)) {
                (Some(one), Some(other)) if one > other => {
                    (weight_of(&first, &second), Dull::OtherWay)
                }
                (Some(_), Some(_)) => (0, Dull::OtherWay),
                _ if second.is_on_value() => (weights::NEW_VALUE, Dull::NotAtAll),
                _ => (weights::NEW, Dull::NotAtAll),
            };
            let race = Race::Order { first, second: Second::Happened(second), dull };
            found.extend((weight > 0).then_some(Candidate { weight, position, race }));
        }
        latest.push(second);
    }
    found
}

/// Pairs of which one came first in the dull run, and was still to come when this one ended.
fn to_come(
    failing: &Outcome<Result<()>>,
    operations: &[Operation],
    dull: &[Operation],
) -> Vec<Candidate> {
    let positions: BTreeMap<OperationKey, usize> =
        operations.iter().enumerate().map(|(index, operation)| (operation.key, index)).collect();
    let live = live_tasks(failing);
    let mut found = Vec::new();
    // By resource, those of the dull run that this one never came to.
    let mut missing: BTreeMap<u32, Latest> = BTreeMap::new();
    for operation in dull {
        let missing = missing.entry(operation.resource).or_default();
        let Some(position) = positions.get(&operation.key).copied() else {
            if live.contains_key(&operation.key.task()) {
                missing.push(*operation);
            }
            continue;
        };
        let Some(mut second) = missing.conflicting(operation) else { continue };
        let first = operations[position];
        let weight = weight_of(&first, &second);
        second.task = live[&second.key.task()];
        let (second, dull) = (Second::ToCome(second), Dull::OtherWay);
        found.push(Candidate { weight, position, race: Race::Order { first, second, dull } });
    }
    found
}

/// The tasks that had not ended when the run did.
fn live_tasks(outcome: &Outcome<Result<()>>) -> BTreeMap<TaskKey, TaskNumber> {
    let mut live: BTreeMap<TaskKey, TaskNumber> =
        keys_of(&outcome.tasks).into_iter().zip(1..).collect();
    let ended: BTreeSet<TaskNumber> = outcome
        .records
        .iter()
        .filter_map(|record| match record.event {
            Event::StepEnded { task, end } if has_ended(end) => Some(task),
            _ => None,
        })
        .collect();
    live.retain(|_, number| !ended.contains(number));
    live
}

/// Tells whether nothing has put the operations into their order but the order of steps.
fn could_be_otherwise(
    failing: &Outcome<Result<()>>,
    dull: Option<&Outcome<Result<()>>>,
    race: &Race,
) -> bool {
    let is_ordered = |one, other| is_ordered(&failing.records, one, other);
    match race {
        Race::Between { read, other, write } => {
            !is_ordered(read, other) && !is_ordered(other, write)
        }
        // Who gives a lock back wakes who takes it next; that it was the first is what matters.
        Race::Order { first, dull: Dull::OtherWay, .. } if first.name == "acquired" => true,
        Race::Order { first, second: Second::Happened(second), .. } => !is_ordered(first, second),
        Race::Order { first, second: Second::ToCome(second), .. } => dull.is_some_and(|dull| {
            let operations = operations_of(dull);
            let find = |key| operations.iter().find(|operation| operation.key == key);
            match (find(second.key), find(first.key)) {
                (Some(one), Some(other)) => {
                    !super::operations::is_ordered(&dull.records, one, other)
                }
                _ => false,
            }
        }),
    }
}

/// What a task does to a resource.
pub(super) fn verb(operation: &str) -> String {
    match operation {
        "released" => "releases".to_owned(),
        "acquired" => "takes".to_owned(),
        "put" => "puts into".to_owned(),
        "get" | "recv" => "takes from".to_owned(),
        "send" => "sends to".to_owned(),
        "notify" => "notifies".to_owned(),
        "notify all" => "notifies all waiters of".to_owned(),
        "task_done" => "has done one of".to_owned(),
        "shutdown" => "shuts down".to_owned(),
        WAIT => "waits for".to_owned(),
        _ => format!("{operation}s"),
    }
}
