//! The ready queue: first in, first out, with a choice of what runs next for other models.

use std::collections::VecDeque;

use async_task::Runnable;

use super::cell::{TaskMeta, WaitId};
use super::handle::HandleId;
use super::picks::Picks;
use super::session::Session;
use crate::base::Model;

/// One hop: what the loop runs next.
pub(crate) enum Entry {
    /// A step of a task.
    Step(Runnable<TaskMeta>),
    /// A callback that stands in a handle.
    Call(HandleId),
    /// A sleep is over: the wait is told, unless it was told something before.
    Elapsed(WaitId),
}

/// What is ready, in the order in which it became so.
pub(crate) struct Ready {
    /// In asyncio's order: everything.
    queue: VecDeque<Entry>,
    /// In any order, where steps of tasks stand apart from the loop's own calls, which keep their
    /// order among themselves. Numbers tell which of two is the older.
    any: Option<Box<AnyOrder>>,
}

#[derive(Default)]
struct AnyOrder {
    steps: Picks<Runnable<TaskMeta>>,
    calls: VecDeque<(u64, Entry)>,
    pushed: u64,
}

impl Ready {
    pub(crate) const fn new() -> Self {
        Ready { queue: VecDeque::new(), any: None }
    }

    /// Keeps the entries as `model` needs them.
    pub(crate) fn arrange(&mut self, model: Model) {
        let is_arranged = self.any.is_some() == (model == Model::AnyOrder);
        if is_arranged {
            return;
        }
        let entries = self.take_all();
        self.any = (model == Model::AnyOrder).then(Box::default);
        entries.into_iter().for_each(|entry| self.push(entry));
    }

    pub(crate) fn len(&self) -> usize {
        match &self.any {
            None => self.queue.len(),
            Some(any) => any.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn push(&mut self, entry: Entry) {
        match &mut self.any {
            None => self.queue.push_back(entry),
            Some(any) => any.push(entry),
        }
    }

    /// Takes the next entry: the oldest, or in any order one that the session chooses among the
    /// ready steps and the oldest call.
    ///
    /// Choice 0 is the oldest entry, then come the other steps; the call stands before or behind
    /// them all, whichever keeps the oldest first.
    #[inline]
    pub(crate) fn next(&mut self, session: &mut Session) -> Option<Entry> {
        match &mut self.any {
            None => self.queue.pop_front(),
            Some(any) => any.next(session),
        }
    }

    /// Takes everything, in order.
    pub(crate) fn take_all(&mut self) -> Vec<Entry> {
        if self.is_empty() {
            return Vec::new();
        }
        let queue = std::mem::take(&mut self.queue);
        let any = self.any.as_mut().map(|any| any.take_all()).unwrap_or_default();
        queue.into_iter().chain(any).collect()
    }
}

impl AnyOrder {
    fn len(&self) -> usize {
        self.steps.len() + self.calls.len()
    }

    fn push(&mut self, entry: Entry) {
        self.pushed += 1;
        match entry {
            Entry::Step(runnable) => self.steps.push(self.pushed, runnable),
            call => self.calls.push_back((self.pushed, call)),
        }
    }

    fn next(&mut self, session: &mut Session) -> Option<Entry> {
        let call = self.calls.front().map(|(number, _)| *number);
        let steps = self.steps.len();
        let span = steps + usize::from(call.is_some());
        // The call stands before all steps or behind them.
        let call_at = call.map(|call| match self.steps.first() {
            Some(step) if step < call => steps,
            _ => 0,
        });
        let chosen = match span {
            0 => return None,
            1 => 0,
            _ => session.choose_ready(u32::try_from(span).unwrap_or(u32::MAX)) as usize,
        };
        if call_at == Some(chosen) {
            return self.calls.pop_front().map(|(_, entry)| entry);
        }
        self.steps.take(chosen - usize::from(call_at == Some(0))).map(Entry::Step)
    }

    fn take_all(&mut self) -> Vec<Entry> {
        let steps = self.steps.take_all().into_iter();
        let steps = steps.map(|(number, step)| (number, Entry::Step(step)));
        let mut all: Vec<_> = steps.chain(std::mem::take(&mut self.calls)).collect();
        all.sort_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, entry)| entry).collect()
    }
}
