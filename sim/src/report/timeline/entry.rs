//! What a timeline is made of.

use std::collections::BTreeSet;

use super::lanes::{Lane, LaneKind};
use super::texts::{TextId, Texts};
use crate::base::{Forgotten, Instant, StepEnd, TaskNumber};

/// A lane, by its position among the timeline's lanes.
pub(in crate::report) type LaneId = u32;

/// A run as a picture.
#[derive(Debug)]
pub(in crate::report) struct Timeline {
    pub(in crate::report) texts: Texts,
    /// In the order in which they were made; [`Timeline::order`] is that in which they are drawn.
    pub(in crate::report) lanes: Vec<Lane>,
    /// What is called `lock#1`, by number from 1.
    pub(in crate::report) resources: Vec<TextId>,
    pub(in crate::report) columns: Vec<Column>,
    /// Column by column.
    pub(in crate::report) entries: Vec<Entry>,
    /// What came before the columns.
    pub(in crate::report) forgotten: Forgotten,
}

/// A moment of the run in which one lane acts: a step of a task, a callback, a turn of the loop in
/// which timers are due, something outside.
#[derive(Clone, Debug)]
pub(in crate::report) struct Column {
    /// The number of the step, as the table of a report has it; 0 for what is no step.
    pub(in crate::report) number: u64,
    /// When it began.
    pub(in crate::report) time: Instant,
    pub(in crate::report) lane: LaneId,
    /// What is not as in the dull run.
    pub(in crate::report) deviates: Vec<TextId>,
    /// The tasks that are held back from here on, and what is said of it.
    pub(in crate::report) held: Vec<(LaneId, TextId)>,
    /// It is one of those that tell how the failure comes about.
    pub(in crate::report) is_key: bool,
    /// The position of its first entry.
    pub(in crate::report) first: usize,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub(in crate::report) struct Entry {
    /// Who does it.
    pub(in crate::report) lane: LaneId,
    /// What, in the words of the trace.
    pub(in crate::report) text: TextId,
    /// At which line of the program; empty where nobody knows.
    pub(in crate::report) place: TextId,
    pub(in crate::report) kind: Kind,
}

/// What a task waits on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum On {
    /// A timer, a bare future, something foreign.
    Nothing,
    Lane(LaneId),
    Resource(u32),
}

/// What kind of thing happens. What leads to another column names it, if the run came to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::report) enum Kind {
    /// A task starts to run.
    Start,
    /// A task stops running.
    End(StepEnd),
    Spawn {
        lane: LaneId,
    },
    /// A task begins to wait; what it waits for comes in the column `until`.
    Wait {
        on: On,
        until: Option<u32>,
    },
    /// A task becomes ready, and runs in the column `at`.
    Wake {
        lane: LaneId,
        at: Option<u32>,
    },
    /// A task is asked to stop, and runs next in the column `at`.
    Cancel {
        lane: LaneId,
        at: Option<u32>,
    },
    /// The exploration's own cancel or drop.
    Strike {
        lane: LaneId,
        at: Option<u32>,
    },
    /// A task takes a resource for itself.
    Hold {
        resource: u32,
    },
    /// It gives it back.
    Free {
        resource: u32,
    },
    /// It does something else with it.
    Use {
        resource: u32,
    },
    /// A choice; it is dull if it is that of the run in which nothing deviates.
    Choice {
        dull: bool,
        taken: TextId,
        others: Vec<TextId>,
    },
    /// A line of the transcript, which is the text.
    Say,
    /// An entry of the log: its level, and what it says.
    Log,
    Fault,
    /// A task goes on with the result of one that has ended already.
    Join {
        lane: LaneId,
    },
    /// A task that has not ended is dropped.
    Drop {
        lane: LaneId,
    },
    /// Virtual time moves on to that of the column.
    Clock,
    /// A worker has a job until it ends in the column `until`.
    Job {
        until: Option<u32>,
    },
    /// A host crashes, or loses its power.
    Down,
    /// It comes back.
    Up,
    /// A loop begins a part of its end.
    Phase,
    /// Whatever else there is to say.
    Note,
}

impl Timeline {
    /// The lanes as they are drawn: host by host, first what the test itself runs; the loop and
    /// what is outside come last.
    pub(in crate::report) fn order(&self) -> Vec<LaneId> {
        let mut order: Vec<LaneId> = (0..self.lanes.len() as LaneId).collect();
        order.sort_by_key(|id| {
            let lane = &self.lanes[*id as usize];
            (lane.kind.is_last(), lane.host, lane.kind, *id)
        });
        order
    }

    /// The column in which the last of the loops begins to end, if one does.
    pub(in crate::report) fn last_loop_ends(&self) -> Option<usize> {
        let columns = 0..self.columns.len();
        let is_of_loop = |lane: LaneId| self.lanes[lane as usize].kind == LaneKind::Loop;
        let begins =
            |entry: &Entry| matches!(entry.kind, Kind::Spawn { .. }) && is_of_loop(entry.lane);
        let begun = columns.clone().rev().find(|at| self.entries_of(*at).iter().any(begins));
        let ends = |entry: &Entry| entry.kind == Kind::Phase;
        let mut after = columns.skip(begun.unwrap_or(0));
        after.find(|at| self.entries_of(*at).iter().any(ends))
    }

    /// The lane of a task, if it has one.
    pub(in crate::report) fn lane_of(&self, task: TaskNumber) -> Option<LaneId> {
        let position = self.lanes.iter().position(|lane| lane.task == task)?;
        LaneId::try_from(position).ok()
    }

    /// The lanes of the columns that tell how the failure comes about.
    pub(in crate::report) fn telling(&self) -> BTreeSet<LaneId> {
        let key = self.columns.iter().filter(|column| column.is_key);
        let held = |column: &Column| column.held.iter().map(|(lane, _)| *lane).collect::<Vec<_>>();
        key.flat_map(|column| held(column).into_iter().chain([column.lane])).collect()
    }

    /// The column of a step, by its number; the first one for 0.
    pub(in crate::report) fn column_of(&self, step: u64) -> usize {
        let fits = |column: &Column| column.number == step && step > 0;
        self.columns.iter().position(fits).unwrap_or(0)
    }

    /// The entries of a column.
    pub(in crate::report) fn entries_of(&self, column: usize) -> &[Entry] {
        let first = self.columns[column].first;
        let end = self.columns.get(column + 1).map_or(self.entries.len(), |next| next.first);
        &self.entries[first..end]
    }
}
