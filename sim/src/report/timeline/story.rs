//! Marks the columns that tell how a failure comes about: where the run deviates, the operations
//! of the race, and the end.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Entry, Kind, LaneId, Timeline};
use crate::base::{StepEnd, TaskNumber};
use crate::report::race::Race;
use crate::report::steps::Step;

/// How many columns are marked because they deviate.
const DEVIATING_MAX: usize = 16;

/// How many columns are marked because something unusual happens in them.
const UNUSUAL_MAX: usize = 8;

/// Puts the steps of the failure's table into the timeline of the same run.
pub(in crate::report) fn mark(
    timeline: &mut Timeline,
    steps: &[Step],
    race: Option<&Race>,
    is_deadlock: bool,
) {
    let held = timeline.texts.id("is held back from here on: others run ahead of it");
    let telling = telling(steps, race);
    let lanes: BTreeMap<TaskNumber, LaneId> =
        timeline.lanes.iter().zip(0..).map(|(lane, id)| (lane.task, id)).collect();
    let numbered = timeline.columns.iter_mut().filter(|column| column.number > 0);
    for (index, (column, step)) in numbered.zip(steps).enumerate() {
        column.is_key = telling.contains(&index);
        column.deviates = step.deviates.iter().map(|text| timeline.texts.id(text)).collect();
        for (task, _) in &step.held {
            column.held.extend(lanes.get(task).map(|lane| (*lane, held)));
        }
    }
    mark_unusual(timeline, is_deadlock);
}

/// Marks also what is out of the ordinary by itself: who cancels, what ends badly, faults, and in a
/// deadlock the waits that nothing ended. What comes after the failure is the loop's clearing up.
fn mark_unusual(timeline: &mut Timeline, is_deadlock: bool) {
    let end = timeline.last_loop_ends().unwrap_or(timeline.columns.len());
    let mut found = Vec::new();
    for column in (0..end).filter(|column| timeline.columns[*column].number > 0) {
        let is_unusual = |entry: &Entry| match entry.kind {
            Kind::Cancel { .. } | Kind::Strike { .. } | Kind::Fault | Kind::Down => true,
            Kind::End(end) => {
                matches!(end, StepEnd::Failed | StepEnd::Cancelled | StepEnd::Panicked)
            }
            Kind::Wait { until, .. } => is_deadlock && until.is_none_or(|at| at as usize >= end),
            _ => false,
        };
        if timeline.entries_of(column).iter().any(is_unusual) {
            found.push(column);
        }
    }
    // The last ones are nearest to the failure.
    for column in found.into_iter().rev().take(UNUSUAL_MAX) {
        timeline.columns[column].is_key = true;
    }
}

/// The positions of the steps that tell most.
fn telling(steps: &[Step], race: Option<&Race>) -> BTreeSet<usize> {
    let deviating = (0..steps.len())
        .filter(|index| !steps[*index].deviates.is_empty() || !steps[*index].held.is_empty());
    let mut telling: BTreeSet<usize> = deviating.take(DEVIATING_MAX).collect();
    telling.extend(race.map(Race::steps).unwrap_or_default());
    telling.extend(steps.len().checked_sub(1));
    telling
}
