//! The two operations whose order makes the difference between a failing run and the dull one.

use std::collections::BTreeMap;

use super::names::{Names, at};
use crate::base::{Event, Place, Result, Source, TaskNumber};
use crate::runner::Outcome;

/// An operation on a resource, named so that it can be found in another run.
#[derive(Clone, Copy, Debug)]
struct Operation {
    task: TaskNumber,
    /// Which of the task's operations on the resource it is.
    nth: u32,
    resource: u32,
    name: &'static str,
    place: Option<Place>,
}

impl Operation {
    fn key(&self) -> (TaskNumber, u32, u32) {
        (self.task, self.resource, self.nth)
    }

    fn reads(&self) -> bool {
        self.name == "read"
    }
}

/// Two conflicting operations of two tasks, in the order in which they came.
#[derive(Clone, Copy, Debug)]
struct Race {
    first: Operation,
    second: Operation,
    /// How much it tells: the program's own values more than primitives, operations that changed
    /// places more than those that the other run does not have.
    weight: u32,
}

/// Tells in a sentence which operations came in another order than in the dull run: the last two of
/// the failing run that do.
pub(super) fn race_text(
    failing: &Outcome<Result<()>>,
    dull: &Outcome<Result<()>>,
) -> Option<String> {
    let names = Names::of(failing);
    let race = find_race(failing, dull, &names)?;
    let resource = names.resource(race.first.resource).1;
    let tell = |operation: &Operation, what: &str| {
        let (task, verb) = (names.task(operation.task), verb(operation.name));
        format!("{task} {verb} {what}{}", at(operation.place))
    };
    let (first, second) = (tell(&race.first, &resource), tell(&race.second, "it"));
    let end = match race.weight % 2 {
        1 => "in the order of the queue it is the other way round",
        _ => "in the order of the queue it does not come to that",
    };
    Some(format!("{first} before {second}; {end}"))
}

fn find_race(
    failing: &Outcome<Result<()>>,
    dull: &Outcome<Result<()>>,
    names: &Names,
) -> Option<Race> {
    let positions: BTreeMap<_, usize> = operations_of(dull)
        .iter()
        .enumerate()
        .map(|(index, operation)| (operation.key(), index))
        .collect();
    let mut earlier: BTreeMap<u32, Vec<Operation>> = BTreeMap::new();
    let mut found: Option<Race> = None;
    for second in operations_of(failing) {
        let earlier = earlier.entry(second.resource).or_default();
        // The closest one that it conflicts with, of another task.
        let conflicts =
            |first: &&Operation| first.task != second.task && !(first.reads() && second.reads());
        if let Some(first) = earlier.iter().rev().find(conflicts).copied() {
            let own = u32::from(names.resource(second.resource).0 == "value") * 2;
            let weight = match (positions.get(&first.key()), positions.get(&second.key())) {
                (Some(one), Some(other)) if one > other => Some(own + 1),
                (Some(_), Some(_)) => None,
                _ => Some(own),
            };
            // Of those that tell as much, the last one.
            if let Some(weight) = weight
                && found.is_none_or(|race| race.weight <= weight)
            {
                found = Some(Race { first, second, weight });
            }
        }
        earlier.push(second);
    }
    found
}

/// What a task does to a resource.
fn verb(operation: &str) -> String {
    match operation {
        "acquired" => "takes".to_owned(),
        "released" => "gives back".to_owned(),
        "put" => "puts into".to_owned(),
        "get" | "recv" => "takes from".to_owned(),
        "send" => "sends to".to_owned(),
        "notify" => "notifies".to_owned(),
        _ => format!("{operation}s"),
    }
}

fn operations_of(outcome: &Outcome<Result<()>>) -> Vec<Operation> {
    let mut counts: BTreeMap<(TaskNumber, u32), u32> = BTreeMap::new();
    let mut operations = Vec::new();
    for record in &outcome.records {
        if let Event::Resource { operation, resource, by: Source::Task(task) } = record.event {
            let count = counts.entry((task, resource)).or_default();
            *count += 1;
            let (nth, place) = (*count, record.place);
            operations.push(Operation { task, nth, resource, name: operation, place });
        }
    }
    operations
}
