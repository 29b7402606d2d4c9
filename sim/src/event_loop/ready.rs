//! The ready queue: first in, first out, with a choice of what runs next for other models.

use std::collections::VecDeque;

use async_task::Runnable;

use super::cell::WaitId;
use super::handle::HandleId;
use super::picks::Picks;
use super::prefetch::prefetch;
use super::session::Session;
use super::tasks::TaskId;
use super::waker::TaskMeta;
use crate::base::{Candidate, Candidates, Model, Moment, Operation, TaskKey, TaskNumber};

/// One hop: what the loop runs next.
pub(crate) enum Entry {
    /// A step of a task.
    Step(Runnable<TaskMeta>),
    /// A callback that stands in a handle.
    Call(HandleId),
    /// A sleep is over: the wait is told, unless it was told something before.
    Elapsed(WaitId),
}

/// What stands in the ready queue, for [`next_plainly`](Ready::next_plainly).
pub(super) enum Plain {
    /// A step, which was taken.
    Step(Runnable<TaskMeta>),
    /// The same where so many are ready that the next one is not likely to be in the processor's
    /// cache.
    OneOfMany(Runnable<TaskMeta>),
    Nothing,
    /// Something else.
    Other,
}

/// How many entries an empty queue keeps room for.
const KEPT: usize = 1024;

/// What is ready, in the order in which it became so.
#[derive(Default)]
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
    /// How many were left when one was taken last.
    left: usize,
    watched: Option<Watched>,
    /// The memory of what was watched in the simulation before.
    spare: Watched,
}

/// What a policy is told of the steps, as they stand.
#[derive(Default)]
struct Watched {
    steps: Vec<Candidate>,
    /// Where the step of a task stands, by the task's number.
    index: Vec<u32>,
    /// How many of the loop's own calls were run.
    calls: u32,
}

/// From so many ready steps on the next one is not likely to be in the processor's cache.
const MANY: usize = 2048;

/// How many steps before a step its place in the queue is fetched, less one; its task; its future.
/// Each takes about as long to come as a step or two.
const PLACE_AHEAD: usize = 5;
const TASK_AHEAD: usize = 3;
const FUTURE_AHEAD: usize = 1;

/// Marks a task that is not ready.
const ABSENT: u32 = u32::MAX;

impl Ready {
    pub(super) const fn new() -> Self {
        Ready { queue: VecDeque::new(), any: None }
    }

    /// Keeps the entries as the session needs them.
    pub(crate) fn arrange(
        &mut self,
        session: &mut Session,
        candidate: impl Fn(TaskId) -> Candidate,
    ) {
        let (any, watched) = (session.model == Model::AnyOrder, session.is_watched());
        if self.any.is_some() == any && self.is_watched() == (any && watched) {
            return;
        }
        let entries = self.take_all();
        if self.any.is_some() != any {
            self.any = any.then(Box::default);
        }
        if let Some(any) = &mut self.any {
            // What the loops before have called counts too.
            let spare = Watched { calls: session.calls, ..std::mem::take(&mut any.spare) };
            any.watched = watched.then_some(spare);
            // Whoever watches may ask for the order.
            match watched {
                true => any.steps.link(),
                false => any.steps.unlink(),
            }
        }
        for entry in entries {
            if let (Entry::Step(runnable), true) = (&entry, self.is_watched()) {
                let candidate = candidate(runnable.metadata().task());
                session.became_ready(&candidate);
                self.announce(candidate);
            }
            self.push(entry);
        }
    }

    /// Forgets what it knows of a simulation that has ended, and keeps its memory; false if that
    /// is more than is worth keeping.
    pub(crate) fn begin_anew(&mut self) -> bool {
        let mut room = self.queue.capacity();
        if let Some(any) = &mut self.any {
            if let Some(watched) = any.watched.take() {
                any.spare = watched.emptied();
            }
            any.pushed = 0;
            any.steps.unlink();
            room = room
                .max(any.spare.index.capacity())
                .max(any.steps.capacity())
                .max(any.calls.capacity());
        }
        room <= KEPT
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

    /// Whether a policy wants to know what is ready.
    pub(crate) fn is_watched(&self) -> bool {
        self.any.as_ref().is_some_and(|any| any.watched.is_some())
    }

    /// Takes note of what a policy is told of the step that is pushed next.
    pub(crate) fn announce(&mut self, candidate: Candidate) {
        if let Some(watched) = self.any.as_mut().and_then(|any| any.watched.as_mut()) {
            watched.push(candidate);
        }
    }

    #[inline(always)]
    pub(crate) fn push_step(&mut self, runnable: Runnable<TaskMeta>) {
        match &mut self.any {
            None => self.queue.push_back(Entry::Step(runnable)),
            Some(any) => {
                any.pushed += 1;
                any.steps.push(any.pushed, runnable);
            }
        }
    }

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

    /// Takes the next step, in any order, if there is no call that it stands in a choice with.
    #[inline(always)]
    pub(super) fn next_plainly(&mut self, session: &mut Session) -> Plain {
        let Some(any) = &mut self.any else { return Plain::Other };
        if !any.calls.is_empty() || any.watched.is_some() {
            return Plain::Other;
        }
        match any.next_step(session, Session::choose_ready_plainly) {
            Some(step) if any.steps.len() >= MANY => Plain::OneOfMany(step),
            Some(step) => Plain::Step(step),
            None => Plain::Nothing,
        }
    }

    /// Lets the processor fetch what is needed of tasks that are likely to run soon; returns one
    /// whose cell was fetched before.
    pub(super) fn fetch_ahead(&mut self, session: &Session) -> Option<&TaskMeta> {
        self.any.as_mut()?.fetch_ahead(session)
    }

    /// The calls that were pushed last, at most so many.
    pub(crate) fn latest_calls(&self, count: usize) -> impl Iterator<Item = &Entry> {
        let queue = self.queue.iter().rev().take(count);
        let calls = self.any.iter().flat_map(|any| any.calls.iter().rev().map(|(_, call)| call));
        queue.chain(calls.take(count))
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

    /// The choice that stands for the oldest call: before all steps or behind them.
    fn call_at(&self) -> Option<usize> {
        let (call, _) = self.calls.front()?;
        Some(match self.steps.first() {
            Some(step) if step < *call => self.steps.len(),
            _ => 0,
        })
    }

    #[inline]
    fn next(&mut self, session: &mut Session) -> Option<Entry> {
        if !self.calls.is_empty() || self.watched.is_some() {
            return self.next_of_both(session);
        }
        self.next_step(session, Session::choose_ready).map(Entry::Step)
    }

    /// Takes one of the steps, where there is nothing else.
    #[inline(always)]
    fn next_step(
        &mut self,
        session: &mut Session,
        choose: impl FnOnce(&mut Session, u32) -> u32,
    ) -> Option<Runnable<TaskMeta>> {
        let position = match self.steps.len() {
            0 => return None,
            1 => 0,
            several => choose(session, u32::try_from(several).unwrap_or(u32::MAX)) as usize,
        };
        self.steps.take_at(self.steps.index_of(position))
    }

    /// Lets the processor fetch what steps after this one are likely to need from memory while it
    /// runs: of one its place in the queue, of an earlier one, whose place was fetched, its task.
    /// Returns one whose task was.
    fn fetch_ahead(&mut self, session: &Session) -> Option<&TaskMeta> {
        let left = self.steps.len();
        // Tasks that have run are ready again, or not, as those before them.
        let is_steady = left >= std::mem::replace(&mut self.left, left);
        let likely = |behind: usize| {
            let ready = if is_steady { left + 1 } else { left - behind };
            let next = session.foresee_ready(behind, u32::try_from(ready).ok()?)?;
            self.steps.get(self.steps.index_of(next as usize))
        };
        if let Some(place) = likely(PLACE_AHEAD) {
            prefetch(place);
        }
        if let Some(runnable) = likely(TASK_AHEAD) {
            runnable.metadata().prefetch();
        }
        likely(FUTURE_AHEAD).map(Runnable::metadata)
    }

    fn next_of_both(&mut self, session: &mut Session) -> Option<Entry> {
        let call_at = self.call_at();
        let span = self.steps.len() + usize::from(call_at.is_some());
        let chosen = match span {
            0 => return None,
            1 => 0,
            _ => match &self.watched {
                None => session.choose_ready(u32::try_from(span).unwrap_or(u32::MAX)) as usize,
                Some(watched) => session.pick(&View { any: self, watched, call_at }) as usize,
            },
        };
        if call_at == Some(chosen) {
            if let Some(watched) = &mut self.watched {
                session.runs(&watched.call());
                watched.calls += 1;
                session.calls = watched.calls;
            }
            return self.calls.pop_front().map(|(_, entry)| entry);
        }
        let index = self.steps.index_of(chosen - usize::from(call_at == Some(0)));
        if let Some(watched) = &mut self.watched {
            session.runs(&watched.take(index));
        }
        self.steps.take_at(index).map(Entry::Step)
    }

    fn take_all(&mut self) -> Vec<Entry> {
        if let Some(watched) = &mut self.watched {
            *watched = Watched { calls: watched.calls, ..Watched::default() };
        }
        let steps = self.steps.take_all().into_iter();
        let steps = steps.map(|(number, step)| (number, Entry::Step(step)));
        let mut all: Vec<_> = steps.chain(std::mem::take(&mut self.calls)).collect();
        all.sort_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, entry)| entry).collect()
    }
}

impl Watched {
    fn emptied(mut self) -> Self {
        self.steps.clear();
        self.index.clear();
        self
    }

    fn push(&mut self, candidate: Candidate) {
        let number = candidate.number as usize;
        if self.index.len() <= number {
            self.index.resize(number + 1, ABSENT);
        }
        self.index[number] = u32::try_from(self.steps.len()).unwrap_or(ABSENT);
        self.steps.push(candidate);
    }

    fn take(&mut self, index: usize) -> Candidate {
        let taken = self.steps.swap_remove(index);
        self.index[taken.number as usize] = ABSENT;
        if let Some(moved) = self.steps.get(index) {
            self.index[moved.number as usize] = index as u32;
        }
        taken
    }

    /// The oldest of the loop's own calls.
    fn call(&self) -> Candidate {
        let moment = Moment { task: TaskKey::LOOP, step: self.calls + 1 };
        Candidate { moment, number: 0, parent: 0, next: Operation::UNKNOWN }
    }
}

/// The entries, as a policy sees them.
struct View<'a> {
    any: &'a AnyOrder,
    watched: &'a Watched,
    call_at: Option<usize>,
}

impl View<'_> {
    /// How many choices stand before the steps.
    fn before(&self) -> usize {
        usize::from(self.call_at == Some(0))
    }

    fn choice_at(&self, index: usize) -> u32 {
        (self.any.steps.position_of(index) + self.before()) as u32
    }
}

impl crate::base::sealed::Sealed for View<'_> {}

impl Candidates for View<'_> {
    fn count(&self) -> u32 {
        let calls = usize::from(self.call_at.is_some());
        u32::try_from(self.any.steps.len() + calls).unwrap_or(u32::MAX)
    }

    fn get(&self, choice: u32) -> Candidate {
        let choice = choice as usize;
        match self.call_at == Some(choice) {
            true => self.watched.call(),
            false => self.watched.steps[self.any.steps.index_of(choice - self.before())],
        }
    }

    fn choice_of(&self, number: TaskNumber) -> Option<u32> {
        if number == 0 {
            return self.call_at.map(|choice| choice as u32);
        }
        let index = *self.watched.index.get(number as usize)?;
        (index != ABSENT).then(|| self.choice_at(index as usize))
    }

    fn after(&self, choice: u32) -> Option<u32> {
        let steps = &self.any.steps;
        let newer = match self.call_at {
            Some(0) if choice == 0 => (steps.len() > 0).then(|| steps.index_of(0)),
            Some(call) if call == choice as usize => return None,
            _ => steps.newer_than(steps.index_of(choice as usize - self.before())),
        };
        match newer {
            Some(index) => Some(self.choice_at(index)),
            None => self.call_at.filter(|call| *call != 0).map(|call| call as u32),
        }
    }
}
