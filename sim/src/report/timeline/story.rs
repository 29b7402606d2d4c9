//! Marks the columns that tell how a failure comes about: where the run deviates, the operations
//! of the race, and the end.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{LaneId, Timeline};
use crate::base::TaskNumber;
use crate::report::race::Race;
use crate::report::steps::Step;

/// How many columns are marked because they deviate.
const DEVIATING_MAX: usize = 16;

/// Puts the steps of the failure's table into the timeline of the same run.
pub(in crate::report) fn mark(timeline: &mut Timeline, steps: &[Step], race: Option<&Race>) {
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
