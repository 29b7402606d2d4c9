//! The clean-up at the end of a run: the tasks that are left, then the generators.
//!
//! Source: CPython 3.13, `runners._cancel_all_tasks`, `BaseEventLoop.shutdown_asyncgens`.

use super::gather::{gather_any, gather_return_exceptions};
use crate::base::{Event, Result};
use crate::event_loop::{LoopId, Report, ReportKind, report_to, with};
use crate::task::{EventLoop, tasks_of};

/// Cancels the tasks of a loop that have not ended, waits for their clean-up and reports those
/// that fail in it.
pub(crate) fn cancel_all_tasks(event_loop: &EventLoop) -> Result<()> {
    // Step 1: collect the tasks that are left.
    let left = tasks_of(event_loop.id());
    if left.is_empty() {
        return Ok(());
    }
    with(|core| {
        core.session.emit(Event::Phase { name: "cancel the tasks that are left" });
        core.note_strays(event_loop.id());
    });
    // Step 2: request their cancel.
    for task in &left {
        task.cancel();
    }
    // Steps 3 and 4: gather them, and wait for them all.
    event_loop.run_until_complete(gather_any(event_loop.id(), left.clone()))?;
    for task in left.iter().filter(|task| !task.cancelled()) {
        if let Ok(Some(error)) = task.exception() {
            let text = "unhandled exception during asyncio.run() shutdown";
            let mut failed = Report::new(ReportKind::Shutdown, text).with_error(error);
            failed.task = task.name();
            report_to(event_loop.id(), failed);
        }
    }
    Ok(())
}

/// Closes the async generators that are open, all at once, and reports those that fail.
pub(crate) async fn shutdown_generators(owner: LoopId) -> Result<()> {
    let open = with(|core| {
        let Some(cell) = core.loops.get_mut(owner) else { return Default::default() };
        cell.generators_closed = true;
        std::mem::take(&mut cell.generators)
    });
    if open.is_empty() {
        return Ok(());
    }
    with(|core| core.session.emit(Event::Phase { name: "close the generators" }));
    let closings: Vec<_> = open.values().map(|generator| generator.close()).collect();
    for result in gather_return_exceptions(closings).await? {
        if let Err(error) = result
            && error.is_exception()
        {
            let text = "an error occurred during closing of an asynchronous generator";
            report_to(owner, Report::new(ReportKind::AsyncGenerator, text).with_error(error));
        }
    }
    Ok(())
}

impl crate::event_loop::Core {
    /// Keeps a report of each task that is left when the main one has ended, but for those of the
    /// world around it. Not for the exception handler: asyncio does not call it for these.
    fn note_strays(&mut self, owner: LoopId) {
        let mut left = self.live_tasks(owner);
        left.sort_by_key(|(number, _)| *number);
        for (_, task) in left {
            let cell = &self.tasks[task];
            let place_of = self.session.place_of;
            if place_of.and_then(|place_of| place_of(&cell.variables)).is_some() {
                continue;
            }
            let text = "Task was still running when the clean-up of the run began";
            let mut stray = Report::new(ReportKind::Stray, text);
            (stray.task, stray.location) = (Some(cell.name()), Some(cell.location.into()));
            stray.time = self.session.now;
            self.session.reports.push(stray);
        }
    }
}
