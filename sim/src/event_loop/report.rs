//! What the loop has to tell nobody in particular: errors that nobody retrieved, tasks that were
//! dropped, callbacks that failed. asyncio gives these to the loop's exception handler.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::cell::{LoopId, Variables};
use super::context::with;
use super::meets::OUTPUT;
use super::panics::catch;
use crate::base::{Access, Error, Instant, Place};

/// Receives reports in place of the default, which keeps or prints them.
pub(crate) type Handler = Rc<dyn Fn(&Report) -> crate::base::Result<()>>;

/// What a [`Report`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportKind {
    /// A task failed, and its last handle was dropped without anyone asking for the error.
    TaskNeverRetrieved,
    /// The same for a future.
    FutureNeverRetrieved,
    /// A task was still pending when its loop was closed.
    DestroyedPending,
    /// A task was still running when `main` returned: a stray, cancelled by the clean-up.
    Stray,
    /// A callback of the loop returned an error or panicked.
    Callback,
    /// A task failed while the loop's end cancelled it.
    Shutdown,
    /// Closing an async generator failed.
    AsyncGenerator,
    /// A child of a task group failed when the group's own task had already ended.
    TaskGroup,
    /// The default executor did not end in time.
    ExecutorTimeout,
    /// A step blocked the loop for longer than `slow_callback_duration`.
    SlowCallback,
    /// A deprecated way of using the loop.
    Deprecated,
    /// A task returned a value that nobody ever asked for.
    NeverAwaited,
    /// The exception handler failed itself.
    Handler,
    /// Given by the program itself.
    Custom,
}

/// Something that the loop has to report.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// What it is about.
    pub kind: ReportKind,
    /// The text, as asyncio words it where asyncio has one.
    pub message: String,
    /// The error, if there is one.
    pub error: Option<Error>,
    /// The name of the task, if there is one.
    pub task: Option<String>,
    /// Where the task was spawned or the callback was set.
    pub location: Option<Place>,
    /// The virtual time.
    pub time: Instant,
}

impl Report {
    /// Makes a report with a text only.
    pub fn new(kind: ReportKind, message: impl Into<String>) -> Self {
        Report {
            kind,
            message: message.into(),
            error: None,
            task: None,
            location: None,
            time: Instant::START,
        }
    }

    /// Adds the error.
    pub fn with_error(mut self, error: Error) -> Self {
        self.error = Some(error);
        self
    }

    /// Prints what asyncio would log too; some are an addition of ours.
    #[expect(clippy::print_stderr, reason = "asyncio logs these to the standard error")]
    pub(crate) fn log(&self) {
        if matches!(self.kind, ReportKind::Stray | ReportKind::NeverAwaited) {
            return;
        }
        // The error is the user's, and so is what its text may do.
        if let Ok(text) = catch(|| self.to_string()) {
            eprintln!("{text}");
        }
    }

    pub(crate) fn with_task(mut self, name: String, at: &'static Location<'static>) -> Self {
        self.task = Some(name);
        self.location = Some(at.into());
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(task) = &self.task {
            write!(f, ": {task}")?;
        }
        if let Some(location) = self.location {
            write!(f, " ({location})")?;
        }
        if let Some(error) = &self.error {
            write!(f, ": {error}")?;
        }
        Ok(())
    }
}

/// Hands a report to the exception handler of the running loop, or to the default.
pub(crate) fn report(report: Report) {
    let running = with(|core| core.running);
    if running.is_none() {
        let time = with(|core| core.session.now);
        keep(Report { time, ..report });
    } else {
        report_to(running, report);
    }
}

/// Hands a report to the exception handler of a loop with the context variables of what it is
/// about. Source: CPython 3.13, `BaseEventLoop.call_exception_handler`.
pub(crate) fn report_within(id: LoopId, variables: Variables, about: Report) {
    let before = with(|core| std::mem::replace(&mut core.variables, variables));
    report_to(id, about);
    drop(with(|core| std::mem::replace(&mut core.variables, before)));
}

/// Hands a report to the exception handler of a loop, or to the default.
pub(crate) fn report_to(id: LoopId, mut report: Report) {
    let handler = with(|core| {
        core.meets(OUTPUT, Access::Write);
        report.time = core.session.now;
        core.loops.get(id).and_then(|cell| cell.handler.clone())
    });
    let Some(handler) = handler else {
        return keep(report);
    };
    match catch(|| handler(&report)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.is_fatal() => with(|core| core.break_loop(error)),
        Ok(Err(error)) => {
            let text = "unhandled error in exception handler";
            keep(Report::new(ReportKind::Handler, text).with_error(error));
            keep(report);
        }
        Err(panicked) => with(|core| core.break_loop(Error::new(panicked))),
    }
}

/// The default: keeps the report for the outcome of the simulation; outside of one it is logged.
fn keep(report: Report) {
    let mut report = Some(report);
    with(|core| {
        if core.session.active {
            core.session.reports.extend(report.take());
        }
    });
    if let Some(report) = report {
        report.log();
    }
}
