//! Making and forgetting loops.

use super::cell::{FutureId, LoopCell, LoopId, Outcome};
use super::close::close_loop;
use super::context::{try_with, with};
use super::core::Core;
use super::extension::end_outside;
use super::ready::Ready;
use super::timer::Timers;
use crate::base::{Id, Instant};

/// Makes a loop; the caller holds the first reference.
pub(crate) fn new_loop() -> LoopId {
    with(|core| {
        core.loops_made += 1;
        let queues = core.spare_queues.take().unwrap_or_default();
        core.loops.insert(LoopCell::new(core.loops_made, queues))
    })
}

/// Adds a reference.
pub(crate) fn retain_loop(id: LoopId) {
    try_with(|core| {
        if let Some(cell) = core.loops.get_mut(id) {
            cell.refs += 1;
        }
    });
}

/// Gives up a reference; the last one closes the loop.
pub(crate) fn release_loop(id: LoopId) {
    let last = try_with(|core| {
        let cell = core.loops.get_mut(id)?;
        cell.refs -= 1;
        Some(cell.refs == 0 && !cell.running)
    });
    if last == Some(Some(true)) {
        // Cannot fail: it does not run.
        drop(close_loop(id));
        let mut cell = with(|core| core.loops.remove(id));
        if let Some(cell) = &mut cell {
            let queues = (std::mem::take(&mut cell.ready), std::mem::take(&mut cell.timers));
            // What is not kept is dropped here, unborrowed.
            drop(with(|core| core.keep_queues(queues)));
        }
        drop(cell);
    }
}

impl Core {
    /// Tells whether the two tasks that end a run would find nothing to do and nothing beside them;
    /// then they need not run, and only their numbers are spent.
    pub(crate) fn skip_clean_up(&mut self, owner: LoopId) -> bool {
        let now = self.session.now;
        let is_later = |when: Option<Instant>| when.is_none_or(|when| when > now);
        let Some(cell) = self.loops.get(owner) else { return false };
        let skip = cell.generators.is_empty()
            && cell.default_executor.is_none()
            && cell.fatal.is_none()
            && cell.ready.is_empty()
            && is_later(self.outside.next_time())
            && is_later(self.next_timer(owner));
        if skip {
            for _ in 0..2 {
                self.session.skip_task();
            }
        }
        skip
    }

    /// Keeps the memory of the queues of a closed loop for the next one, unless it is much; returns
    /// what it does not keep.
    fn keep_queues(&mut self, mut queues: (Ready, Timers)) -> Option<(Ready, Timers)> {
        let (ready, timers) = &mut queues;
        let is_small = !timers.is_large();
        // What was dropped with the loop may have left its mark, and that is none of the next one.
        timers.take_all();
        match ready.is_empty() && ready.begin_anew() && is_small {
            true => self.spare_queues.replace(queues),
            false => Some(queues),
        }
    }

    /// Gives back the memory of a large simulation once nothing is left of it.
    fn shrink(&mut self) {
        self.futures.shrink();
        self.tasks.shrink();
        self.waits.shrink();
        self.boundaries.shrink();
        self.handles.shrink();
    }

    /// The loop that was made current, if it is still there.
    pub(crate) fn current_loop(&self) -> Option<LoopId> {
        self.loops.contains(self.current).then_some(self.current)
    }

    /// Makes another loop current; returns the one that was.
    pub(crate) fn replace_current(&mut self, id: Option<LoopId>) -> Option<LoopId> {
        let old = std::mem::replace(&mut self.current, id.unwrap_or(Id::NONE));
        (!old.is_none()).then_some(old)
    }

    /// Tells whether a future holds an error that has broken the loop.
    pub(crate) fn failed_fatally(&self, future: FutureId) -> bool {
        match self.futures.get(future).map(|cell| &cell.outcome) {
            Some(Outcome::Error(error)) => error.is_fatal(),
            _ => false,
        }
    }
}

/// Ends whatever is left of a simulation: closes its loops and forgets what was to happen outside.
pub(crate) fn close_all() {
    let mut loops: Vec<(u64, LoopId)> =
        with(|core| core.loops.iter().map(|(id, cell)| (cell.number, id)).collect());
    loops.sort_by_key(|(number, _)| *number);
    for (_, id) in loops {
        // Cannot fail: none runs.
        drop(close_loop(id));
    }
    end_outside();
    with(|core| core.current_loop()).into_iter().for_each(release_loop);
    with(|core| core.replace_current(None));
    // Callbacks hold futures whose callbacks hold them: a gather that never ended would stay for
    // ever. They go by themselves once nothing can call them.
    let callbacks: Vec<_> =
        with(|core| core.futures.values_mut().map(|cell| cell.callbacks.take()).collect());
    super::panics::catch_quietly(|| drop(callbacks));
    with(Core::shrink);
}
