//! The ready queue: first in, first out, with a choice of what runs next for other models.

use std::collections::VecDeque;

use async_task::Runnable;

use super::cell::{FutureId, TaskMeta};
use super::handle::HandleId;
use super::session::Session;

/// One hop: what the loop runs next.
pub(crate) enum Entry {
    /// A step of a task.
    Step(Runnable<TaskMeta>),
    /// A callback that stands in a handle.
    Call(HandleId),
    /// A sleep is over: the future gets its result, unless it is done.
    Elapsed(FutureId),
    /// Was taken out of the middle.
    Gone,
}

/// A ring whose entries keep their order when one is taken from the middle.
///
/// That leaves a gap and costs no move; gaps are skipped at the head and swept when they outnumber
/// the entries.
struct Ring {
    entries: VecDeque<(u64, Entry)>,
    gaps: usize,
}

impl Ring {
    const fn new() -> Self {
        Ring { entries: VecDeque::new(), gaps: 0 }
    }

    fn len(&self) -> usize {
        self.entries.len() - self.gaps
    }

    /// Drops the gaps at the head; returns the number of the entry that stands there then.
    fn head(&mut self) -> Option<u64> {
        while let Some((_, Entry::Gone)) = self.entries.front() {
            self.entries.pop_front();
            self.gaps -= 1;
        }
        self.entries.front().map(|(number, _)| *number)
    }

    fn pop(&mut self) -> Option<Entry> {
        self.head()?;
        self.entries.pop_front().map(|(_, entry)| entry)
    }

    fn is_gap(&self, position: usize) -> bool {
        matches!(self.entries.get(position), None | Some((_, Entry::Gone)))
    }

    fn take(&mut self, position: usize) -> Option<Entry> {
        if position == 0 {
            return self.pop();
        }
        let (_, entry) = self.entries.get_mut(position)?;
        let entry = std::mem::replace(entry, Entry::Gone);
        self.gaps += 1;
        if self.gaps > 16 && self.gaps * 2 > self.entries.len() {
            self.entries.retain(|(_, entry)| !matches!(entry, Entry::Gone));
            self.gaps = 0;
        }
        Some(entry)
    }
}

/// What is ready, in the order in which it became so.
///
/// Steps of tasks stand apart from the loop's own calls, which keep their order among themselves
/// whatever the model; numbers tell which of the two heads is the older.
pub(crate) struct Ready {
    steps: Ring,
    calls: Ring,
    pushed: u64,
}

impl Ready {
    pub(crate) const fn new() -> Self {
        Ready { steps: Ring::new(), calls: Ring::new(), pushed: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.steps.len() + self.calls.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.pushed += 1;
        let ring = match entry {
            Entry::Step(_) => &mut self.steps,
            _ => &mut self.calls,
        };
        ring.entries.push_back((self.pushed, entry));
    }

    /// Tells whether the oldest entry is a call.
    fn is_call_first(&mut self) -> bool {
        match (self.steps.head(), self.calls.head()) {
            (Some(step), Some(call)) => call < step,
            (None, Some(_)) => true,
            _ => false,
        }
    }

    /// Takes the oldest entry.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        if self.is_call_first() { self.calls.pop() } else { self.steps.pop() }
    }

    /// Takes the entry that the session chooses among the ready steps and the oldest call.
    ///
    /// Position 0 is the oldest entry. The others are the steps in their order, gaps included, and
    /// the call before or behind them, whichever keeps the oldest first.
    pub(crate) fn pick(&mut self, session: &mut Session) -> Option<Entry> {
        if session.is_fifo() {
            return self.pop();
        }
        let call_first = self.is_call_first();
        let has_call = self.calls.len() > 0;
        let span = self.steps.entries.len() + usize::from(has_call);
        if span <= 1 {
            return self.pop();
        }
        let (call_at, first_step) = if call_first { (0, 1) } else { (span - 1, 0) };
        let is_call = |position: usize| has_call && position == call_at;
        let steps = &self.steps;
        let bound = u32::try_from(span).unwrap_or(u32::MAX);
        let position = session.choose_ready(bound, |position| {
            let position = position as usize;
            is_call(position) || !steps.is_gap(position - first_step)
        }) as usize;
        if is_call(position) { self.calls.pop() } else { self.steps.take(position - first_step) }
    }

    /// Takes everything, in order.
    pub(crate) fn take_all(&mut self) -> Vec<Entry> {
        let mut all: Vec<(u64, Entry)> = Vec::new();
        for ring in [&mut self.steps, &mut self.calls] {
            ring.gaps = 0;
            all.extend(std::mem::take(&mut ring.entries));
        }
        all.sort_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, entry)| entry).collect()
    }
}
