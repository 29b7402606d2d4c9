//! Finishing futures: the callbacks become ready in the order in which they were added.

use std::panic::Location;
use std::task::Waker;

use super::callback::{Callback, Callbacks};
use super::cell::{
    FutureCell, FutureId, Kind, LoopId, Outcome, State, TaskCell, Variables, WaitId,
};
use super::context::{try_with, with};
use super::core::Core;
use super::handle::Call;
use super::report::{Report, ReportKind, report_within};
use super::value::Value;
use super::waker::TaskMeta;
use crate::base::{Access, Cancelled, Error, Message, Panicked};

/// How a future ends.
pub(crate) enum Finished {
    Value(Value),
    Error(Error),
    /// Cancelled, with the cancel that the first awaiter gets.
    Cancelled {
        saved: Option<Cancelled>,
        message: Option<Message>,
    },
}

/// Ends a pending future; false if it is done already.
pub(crate) fn finish(future: FutureId, finished: Finished) -> bool {
    // What is refused is dropped here, unborrowed.
    let mut refused = Some(finished);
    let callbacks = with(|core| {
        core.meets_future(future, Access::Write);
        let cell = core.futures.get_mut(future).filter(|cell| !cell.is_done())?;
        refused.take().map(|finished| cell.finish(finished))
    });
    let accepted = callbacks.is_some();
    if let Some(callbacks) = callbacks {
        fire(future, callbacks);
    }
    accepted
}

impl FutureCell {
    /// Puts the end into the cell and returns what is to be fired.
    pub(crate) fn finish(&mut self, finished: Finished) -> Callbacks {
        self.state = State::Finished;
        match finished {
            Finished::Value(value) => self.outcome = Outcome::Value(value),
            Finished::Error(error) => {
                // A panic is told by the run that it ended.
                self.unretrieved = !error.is::<Panicked>();
                self.outcome = Outcome::Error(error);
            }
            Finished::Cancelled { saved, message } => {
                self.state = State::Cancelled;
                self.outcome = saved.map_or(Outcome::Empty, Outcome::Cancelled);
                self.message = message;
            }
        }
        self.callbacks.take()
    }
}

/// Fires the callbacks of a future: waits are woken, calls are queued, each at its turn.
pub(crate) fn fire(future: FutureId, callbacks: Callbacks) {
    match callbacks {
        Callbacks::None => {}
        Callbacks::Wait { wait, .. } => fire_wait(wait),
        Callbacks::Many(all) => all.into_iter().for_each(|callback| fire_one(future, callback)),
    }
}

fn fire_one(future: FutureId, callback: Callback) {
    match callback {
        Callback::Wait { wait, .. } => fire_wait(wait),
        Callback::Call { operation, run, variables, .. } => {
            queue_done(future, operation, run, variables);
        }
        Callback::Removed { .. } => {}
    }
}

fn fire_wait(wait: WaitId) {
    if let Some(waker) = with(|core| core.wake_wait(wait)) {
        waker.wake();
    }
}

/// Queues a done-callback of a future that is done, with the context variables of whoever added it;
/// false if its loop is closed.
#[track_caller]
pub(crate) fn queue_done(
    future: FutureId,
    operation: &'static str,
    run: Box<dyn FnOnce(FutureId)>,
    mut variables: Variables,
) -> bool {
    let location = Location::caller();
    let refused = with(|core| {
        let cell = core.futures.get_mut(future)?;
        let owner = cell.owner;
        cell.refs += 1;
        cell.watched = true;
        std::mem::swap(&mut core.variables, &mut variables);
        let refused = core.queue_call(owner, Call::Done(run, future), operation, location).err();
        std::mem::swap(&mut core.variables, &mut variables);
        refused
    });
    drop(variables);
    let accepted = refused.is_none();
    super::handle::drop_call(refused);
    accepted
}

/// Adds a handle's reference.
pub(crate) fn retain(future: FutureId) {
    try_with(|core| {
        if let Some(cell) = core.futures.get_mut(future) {
            cell.refs += 1;
        }
    });
}

/// A task that has ended with a value, and what is left to do about it unborrowed.
pub(crate) struct Ended {
    future: FutureId,
    callbacks: Callbacks,
    waker: Option<Waker>,
}

impl Ended {
    /// Fires the callbacks.
    pub(crate) fn finish(self) {
        if let Some(waker) = self.waker {
            waker.wake();
        }
        fire(self.future, self.callbacks);
    }
}

/// Gives up a reference; the last one frees the future and reports an error nobody asked for.
pub(crate) fn release(future: FutureId) {
    let freed = try_with(|core| {
        let cell = core.futures.get_mut(future)?;
        cell.refs -= 1;
        if cell.refs > 0 || core.free_if_empty(future) {
            return None;
        }
        let never_retrieved = core.never_retrieved(future);
        core.note_never_awaited(future);
        let cell = core.futures.remove(future)?;
        let mut task = match cell.kind {
            Kind::Task(task) => core.tasks.remove(task),
            _ => None,
        };
        let variables = task.as_mut().and_then(|task| task.variables.take());
        Some((cell, task, never_retrieved, variables))
    });
    if let Some(Some((cell, task, never_retrieved, variables))) = freed {
        let owner = cell.owner;
        // The value is the user's: it is dropped here, unborrowed.
        drop((cell, task));
        match never_retrieved {
            Some(never_retrieved) => report_within(owner, variables, never_retrieved),
            None => drop(variables),
        }
    }
}

impl Core {
    /// Ends the running task with a value, and gives up what the loop holds of it, where nothing
    /// else is to be seen to after the step; else gives the value back.
    pub(crate) fn end_plainly(&mut self, own: &TaskMeta, value: Value) -> Result<Ended, Value> {
        let Core { tasks, futures, .. } = self;
        let cell = tasks.of(own);
        let future = cell.future;
        let end = &mut futures[future];
        // With the loop's reference the value would go: that is for when the step has ended.
        let is_plain = !self.attention
            && !self.session.observed
            && cell.adopted() == 0
            && cell.is_plain()
            && end.refs > 1
            && !end.is_done();
        if !is_plain {
            return Err(value);
        }
        let mut callbacks = end.finish(Finished::Value(value));
        let mut waker = None;
        if let Callbacks::Wait { wait, .. } = callbacks {
            callbacks = Callbacks::None;
            waker = self.wake_wait(wait);
        }
        if waker.is_none() && matches!(callbacks, Callbacks::None) {
            self.futures[future].refs -= 1;
            self.tasks.of(own).held = false;
        } else {
            // What is called yet may drop the last handle: the loop keeps the task until then.
            self.attention = true;
        }
        Ok(Ended { future, callbacks, waker })
    }

    /// Frees a future that nobody refers to any more and that holds nothing of the user's; false if
    /// there is something to drop or to report.
    fn free_if_empty(&mut self, future: FutureId) -> bool {
        let cell = &self.futures[future];
        let holds_nothing = match &cell.outcome {
            Outcome::Empty | Outcome::Cancelled(_) => true,
            Outcome::Value(value) => value.is::<()>(),
            Outcome::Error(_) => false,
        };
        if !holds_nothing || !matches!(cell.callbacks, Callbacks::None) {
            return false;
        }
        match cell.kind {
            Kind::Plain => {}
            Kind::Fan(_) => return false,
            Kind::Task(task) => {
                let holds_nothing =
                    |cell: &TaskCell| !cell.held && cell.variables.is_none() && !cell.is_deferred();
                if !self.tasks.get(task).is_none_or(holds_nothing) {
                    return false;
                }
                self.tasks.free(task);
            }
        }
        self.futures.free(future);
        true
    }

    /// Keeps a report of a task whose value is lost: nobody took it and nobody waited for the end.
    /// `()` is no loss. Not for the exception handler: asyncio does not call it for these.
    fn note_never_awaited(&mut self, future: FutureId) {
        let cell = &self.futures[future];
        let Kind::Task(task) = cell.kind else { return };
        let lost = matches!(&cell.outcome, Outcome::Value(value) if !value.is::<()>());
        if !lost || cell.watched || !self.session.active {
            return;
        }
        if let Some(task) = self.tasks.get(task) {
            let text = "Task returned a value that was never awaited";
            let mut report =
                Report::new(ReportKind::NeverAwaited, text).with_task(task.name(), task.location);
            report.time = self.session.now;
            self.session.reports.push(report);
        }
    }

    /// The report of an error that nobody asked for, if the future holds one.
    pub(crate) fn never_retrieved(&self, future: FutureId) -> Option<Report> {
        let cell = self.futures.get(future)?;
        let Outcome::Error(error) = &cell.outcome else { return None };
        if !cell.unretrieved {
            return None;
        }
        let task = match cell.kind {
            Kind::Task(task) => self.tasks.get(task),
            _ => None,
        };
        Some(match task {
            Some(task) => {
                let text = "Task exception was never retrieved";
                Report::new(ReportKind::TaskNeverRetrieved, text)
                    .with_error(error.clone())
                    .with_task(task.name(), task.location)
            }
            None => {
                let text = match cell.kind {
                    Kind::Fan(_) => "_GatheringFuture exception was never retrieved",
                    _ => "Future exception was never retrieved",
                };
                Report::new(ReportKind::FutureNeverRetrieved, text).with_error(error.clone())
            }
        })
    }

    /// Tells whether somebody is to be called when the future is done, and its loop is closed.
    pub(crate) fn refuses_callbacks(&self, future: FutureId) -> bool {
        let Some(cell) = self.futures.get(future) else { return false };
        cell.callbacks.has_calls() && self.loops.get(cell.owner).is_none_or(|cell| cell.closed)
    }

    /// Tells whether the future belongs to another loop than the running one.
    pub(crate) fn is_foreign(&self, owner: LoopId) -> bool {
        owner != self.running
    }
}
