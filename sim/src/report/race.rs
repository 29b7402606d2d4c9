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

/// Tells in a sentence which operations came in another order than in the dull run: the last two of
/// the failing run that do.
pub(super) fn race_text(
    failing: &Outcome<Result<()>>,
    dull: &Outcome<Result<()>>,
) -> Option<String> {
    let (operations, before) = (operations_of(failing), operations_of(dull));
    let positions: BTreeMap<_, usize> =
        before.iter().enumerate().map(|(index, operation)| (operation.key(), index)).collect();
    let mut last: BTreeMap<u32, Vec<Operation>> = BTreeMap::new();
    let mut found = None;
    for second in &operations {
        let earlier = last.entry(second.resource).or_default();
        // The closest one that it conflicts with, of another task.
        let first = earlier
            .iter()
            .rev()
            .find(|first| first.task != second.task && !(first.reads() && second.reads()));
        if let Some(first) = first {
            let places = (positions.get(&first.key()), positions.get(&second.key()));
            match places {
                (Some(one), Some(other)) if one > other => found = Some((*first, *second, true)),
                // In the dull run it never comes to that.
                (None, Some(_)) | (Some(_), None) => {
                    found = found.or(Some((*first, *second, false)));
                }
                _ => {}
            }
        }
        earlier.push(*second);
    }
    let (first, second, reversed) = found?;
    let names = Names::of(failing);
    let tell = |operation: &Operation| {
        let task = names.task(operation.task);
        (task, operation.name, at(operation.place))
    };
    let resource = names.resource(first.resource).1;
    let (one, first_name, first_at) = tell(&first);
    let (other, second_name, second_at) = tell(&second);
    let end = match reversed {
        true => "the other way round in the order of the queue",
        false => "which does not come about in the order of the queue",
    };
    Some(format!(
        "{one}: {first_name} of {resource}{first_at}, \
         before {other}: {second_name}{second_at}; {end}"
    ))
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
