//! Where two runs of the same choices part.

use super::names::{Names, at};
use super::wording::{Teller, nexts};
use crate::base::{Event, Record, Result, TaskNumber};
use crate::runner::Outcome;

/// Tells the first event in which two recorded runs differ; none if they do not.
pub(super) fn divergence_text(
    one: &Outcome<Result<()>>,
    other: &Outcome<Result<()>>,
) -> Option<String> {
    if one.forgotten != other.forgotten {
        return Some("the runs differ already in events that were not kept\n".to_owned());
    }
    let lines = |outcome: &Outcome<Result<()>>| -> Vec<String> {
        let mut teller = Teller::new(outcome);
        let tell = |(record, next)| {
            let row = teller.tell(record, next);
            format!("{} {}", row.who, row.what)
        };
        outcome.records.iter().zip(nexts(&outcome.records)).map(tell).collect()
    };
    let (first, second) = (lines(one), lines(other));
    let index =
        (0..first.len().max(second.len())).find(|index| first.get(*index) != second.get(*index))?;
    let nothing = "nothing more".to_owned();
    let tell = |lines: &[String], outcome: &Outcome<Result<()>>| {
        let told = lines.get(index).unwrap_or(&nothing);
        format!("{told}{}", timer_text(outcome, index).unwrap_or_default())
    };
    let mut text = format!(
        "event {} is\n  {}\nin one run, and in the other\n  {}\n",
        one.forgotten.events + index as u64 + 1,
        tell(&first, one),
        tell(&second, other)
    );
    // Most events have no line of their own; the last one before that has tells where to look.
    let records = &one.records[..index.min(one.records.len())];
    if let Some(record) = records.iter().rev().find(|record| !at(record.place).is_empty()) {
        text.push_str(&format!("after the program was{}\n", at(record.place)));
    }
    Some(text)
}

/// Names the timer to which the clock is moved on, by what it wakes.
fn timer_text(outcome: &Outcome<Result<()>>, index: usize) -> Option<String> {
    let records = &outcome.records;
    let moved = records.get(index).filter(|record| record.event == Event::ClockMoved)?;
    let set_for = records[index + 1..].iter().take_while(|record| record.time == moved.time);
    set_for.into_iter().find_map(|record| match record.event {
        Event::Woken { task, .. } => {
            let name = Names::of(outcome).task(task);
            let wait = last_wait(&records[..index], task)?;
            Some(format!(", to the timer of {name}{}", at(wait.place)))
        }
        Event::Callback { operation } => {
            Some(format!(", to the timer of a callback ({operation}){}", at(record.place)))
        }
        _ => None,
    })
}

fn last_wait(records: &[Record], of: TaskNumber) -> Option<&Record> {
    let waits = |record: &&Record| matches!(record.event, Event::Waits { task, .. } if task == of);
    records.iter().rev().find(waits)
}
