//! Which waits of a task are open. The record tells when one begins, and who wakes the task; which
//! of several has ended follows from what was done just before.

use std::collections::BTreeMap;

use super::entry::On;
use crate::base::{Source, TaskNumber};

/// A wait that nothing has ended yet.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// The position of its entry.
    entry: usize,
    on: On,
    /// The column in which it began.
    column: u32,
    is_over: bool,
}

/// The open waits of all tasks.
#[derive(Debug, Default)]
pub(super) struct Waits {
    open: BTreeMap<TaskNumber, Vec<Open>>,
    /// What was done last to a resource, or whose end it was, and by whom.
    last: Option<(Source, On)>,
}

impl Waits {
    /// A task begins to wait. What it began to wait for in an earlier step is over: it was not
    /// polled again, for all that the record tells.
    pub(super) fn begin(
        &mut self,
        task: TaskNumber,
        entry: usize,
        on: On,
        column: u32,
    ) -> Vec<usize> {
        let open = self.open.entry(task).or_default();
        let (over, kept): (Vec<Open>, Vec<Open>) =
            open.iter().partition(|other| other.column != column);
        *open = kept;
        open.push(Open { entry, on, column, is_over: false });
        over.iter().filter(|other| !other.is_over).map(|other| other.entry).collect()
    }

    /// Something was done that may end waits.
    pub(super) fn did(&mut self, by: Source, on: On) {
        self.last = Some((by, on));
    }

    /// A task was woken: returns the wait that has ended.
    pub(super) fn wake(&mut self, task: TaskNumber, by: Source) -> Option<usize> {
        let last = self.last.filter(|(source, _)| *source == by).map(|(_, on)| on);
        let open = self.open.get_mut(&task)?;
        let is_open = |open: &&mut Open| !open.is_over;
        let meant = open.iter_mut().filter(is_open).find(|open| Some(open.on) == last);
        if let Some(open) = meant {
            open.is_over = true;
            return Some(open.entry);
        }
        let mut left = open.iter_mut().filter(is_open);
        match (left.next(), left.next()) {
            (Some(only), None) => {
                only.is_over = true;
                Some(only.entry)
            }
            _ => None,
        }
    }

    /// A task has ended: returns what was open.
    pub(super) fn end(&mut self, task: TaskNumber) -> Vec<usize> {
        let open = self.open.remove(&task).unwrap_or_default();
        open.iter().filter(|open| !open.is_over).map(|open| open.entry).collect()
    }
}
