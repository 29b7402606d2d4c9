//! The loop: one step of a task after the other.
//!
//! Source: CPython 3.13, `BaseEventLoop._run_once`, `run_forever`.
//!
//! A step of a task is the hot path: one borrow of the kernel to take the next entry, then the
//! task's own poll. Whatever is out of the ordinary (the task failed, a cancel is on its way, a
//! limit was passed) sets `attention`, and is dealt with before the next entry is taken.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use async_task::Runnable;

use super::cancel::pass_on_pending;
use super::cell::{BoundaryId, FutureId, LoopId, Order, Outcome, State, Told, Variables};
use super::complete::release;
use super::context::{Hot, set_hot, with};
use super::core::Core;
use super::handle::{Call, HandleId};
use super::iteration::begin_iteration;
use super::panics::{Catching, catch, describe};
use super::points::check_invariants;
use super::ready::Entry;
use super::report::{Report, ReportKind, report};
use super::strike::{Strike, strike};
use super::tasks::TaskId;
use super::waits::Step;
use super::waker::TaskMeta;
use crate::base::{
    Deadlock, Error, Event, ForeignWake, Id, Instant, LimitExceeded, Operation, Panicked, Result,
    RuntimeError, StepEnd,
};

/// What is to be done next.
enum Next {
    Step(Runnable<TaskMeta>),
    /// A step of a task that something strikes before.
    Struck(Strike, Runnable<TaskMeta>),
    Call(HandleId),
    /// A wait is over that was polled with a waker of the user's.
    Wake(Waker),
    /// Something is out of the ordinary.
    Attend,
    /// The iteration has ended.
    Iterate,
}

/// Runs a loop until it is stopped or broken.
pub(crate) fn run_loop(id: LoopId) -> Result<()> {
    let running = Running { id, variables: with(|core| core.enter_loop(id))? };
    let catching = Catching::new();
    let result = drive(id);
    drop(catching);
    drop(running);
    result
}

/// Marks the loop as running for as long as it lives.
struct Running {
    id: LoopId,
    /// The context variables of the code that runs the loop.
    variables: Variables,
}

impl Drop for Running {
    fn drop(&mut self) {
        let variables = self.variables.take();
        let last = with(|core| {
            core.running = Id::NONE;
            core.step = Step::NONE;
            core.attention = false;
            core.todo = 0;
            let cell = &mut core.loops[self.id];
            cell.running = false;
            cell.stopping = false;
            std::mem::swap(&mut core.ready, &mut cell.ready);
            std::mem::replace(&mut core.variables, variables)
        });
        set_hot(Hot::OUTSIDE);
        drop(last);
    }
}

/// Takes entry after entry; a panic of user code, wherever it was called, ends the run.
fn drive(id: LoopId) -> Result<()> {
    let mut begun = false;
    loop {
        match catch_unwind(AssertUnwindSafe(|| drive_on(id, &mut begun))) {
            Ok(result) => return result,
            Err(payload) => {
                let panicked = describe(payload);
                with(|core| core.break_loop(Error::new(panicked)));
            }
        }
    }
}

fn drive_on(id: LoopId, begun: &mut bool) -> Result<()> {
    if !std::mem::replace(begun, true) {
        begin_iteration(id, false)?;
    }
    loop {
        if let Some(runnable) = with(Core::next_plainly) {
            runnable.run();
            continue;
        }
        match with(Core::next) {
            Next::Step(runnable) => {
                runnable.run();
            }
            Next::Struck(what, runnable) => {
                strike(runnable.metadata().task(), what);
                with(|core| core.begin_step(&runnable));
                runnable.run();
            }
            Next::Call(handle) => run_call(handle),
            Next::Wake(waker) => waker.wake(),
            Next::Attend => attend(id)?,
            Next::Iterate => {
                if !begin_iteration(id, true)? {
                    return Ok(());
                }
            }
        }
    }
}

impl Core {
    /// Makes a loop the running one; returns the context variables that were set outside of it.
    fn enter_loop(&mut self, id: LoopId) -> Result<Variables> {
        let refuse = |text: &str| Err(Error::new(RuntimeError::new(text)));
        match self.loops.get(id) {
            None => return refuse("Event loop is closed"),
            Some(cell) if cell.closed => return refuse("Event loop is closed"),
            Some(cell) if cell.running => return refuse("This event loop is already running"),
            Some(_) => {}
        }
        if self.source_outside {
            return refuse("a job of a pool cannot run an event loop; let it return, and await it");
        }
        if !self.running.is_none() {
            return refuse("Cannot run the event loop while another loop is running");
        }
        self.running = id;
        self.attention = false;
        let Core { loops, ready, tasks, session, .. } = self;
        let cell = &mut loops[id];
        cell.running = true;
        std::mem::swap(ready, &mut cell.ready);
        ready.arrange(session, |task| tasks[task].candidate());
        Ok(self.variables.take())
    }

    /// Takes the next entry of this iteration.
    #[inline(never)]
    fn next(&mut self) -> Next {
        loop {
            if self.attention {
                return Next::Attend;
            }
            if self.todo == 0 {
                return Next::Iterate;
            }
            self.todo -= 1;
            let entry = self.ready.next(&mut self.session);
            self.session.step += 1;
            let next = match entry {
                Some(Entry::Step(runnable)) => {
                    let task = runnable.metadata().task();
                    match self.choose_strike_before(task) {
                        None => {
                            self.begin_step(&runnable);
                            Some(Next::Step(runnable))
                        }
                        Some(strike) => {
                            self.leave_step();
                            Some(Next::Struck(strike, runnable))
                        }
                    }
                }
                Some(Entry::Call(handle)) => {
                    self.leave_step();
                    Some(Next::Call(handle))
                }
                Some(Entry::Elapsed(wait)) => {
                    self.leave_step();
                    self.tell(wait, Told::GoOn).1.map(Next::Wake)
                }
                None => Some(Next::Iterate),
            };
            // Afterwards, so that the limit's text names the task.
            self.check_step_limits();
            if let Some(next) = next {
                return next;
            }
        }
    }

    /// No task runs from now on.
    fn leave_step(&mut self) {
        self.step = Step::NONE;
        set_hot(Hot::OUTSIDE);
    }

    /// Makes a task the current one. A cancel that the step before was to deliver, and the boundary
    /// that it polled, are gone by then: a step with the one is dealt with when it has ended, and
    /// whoever sets the other takes it back.
    #[inline(always)]
    pub(super) fn begin_step(&mut self, runnable: &Runnable<TaskMeta>) {
        let task = runnable.metadata().task();
        let cell = self.tasks.of(runnable.metadata());
        cell.scheduled = false;
        cell.steps += 1;
        cell.before = std::mem::replace(&mut cell.since, self.polls);
        let (number, plain) = (cell.number, cell.is_plain());
        self.step.task = task;
        self.step.number = number;
        (self.step.waits, self.step.yielding) = (false, false);
        self.step.began = self.session.now;
        if plain && !self.session.observed {
            set_hot(Hot::PLAIN);
        } else {
            self.begin_step_aside(task, plain);
        }
        self.session.fold_step(number);
    }

    /// The rest of [`begin_step`](Self::begin_step) where someone looks on or something waits for
    /// the step.
    #[inline(never)]
    fn begin_step_aside(&mut self, task: TaskId, plain: bool) {
        let cell = &mut self.tasks[task];
        let started = cell.steps > 1;
        let next = std::mem::replace(&mut cell.next, Operation::UNKNOWN);
        set_hot(if plain || cell.takes_no_notice() { Hot::PLAIN } else { Hot::SPECIAL });
        self.meets_task(task);
        if next == Operation::UNKNOWN {
            self.touch_order(next);
        }
        if !plain || self.session.is_attentive() {
            self.begin_special_step(task, started);
        }
        self.session.note(Event::StepStarted { task: self.step.number });
    }

    /// The rest of it where it is not enough to poll.
    fn begin_special_step(&mut self, task: TaskId, started: bool) {
        self.attention = true;
        if self.session.is_recording() {
            // So that leaves have something to report of.
            set_hot(Hot::SPECIAL);
        }
        let cell = &mut self.tasks[task];
        self.variables = cell.variables.take();
        // The pending cancel moves to where leaves find it.
        self.step.deliver = cell.must_cancel.take();
        if self.step.deliver.is_some() && !started && !cell.closes_generator {
            // Cancelled before its first step: the body never runs.
            cell.order = Order::DropBody;
        }
    }

    fn how_step_ended(&self, task: TaskId) -> StepEnd {
        let Some(cell) = self.tasks.get(task) else { return StepEnd::Returned };
        match self.futures.get(cell.future) {
            Some(future) if future.state == State::Pending => match cell.scheduled {
                true => StepEnd::Yields,
                false => StepEnd::Waits,
            },
            Some(future) if future.state == State::Cancelled => StepEnd::Cancelled,
            Some(future) => match &future.outcome {
                Outcome::Error(error) if error.is::<Panicked>() => StepEnd::Panicked,
                Outcome::Error(_) => StepEnd::Failed,
                _ => StepEnd::Returned,
            },
            None => StepEnd::Returned,
        }
    }

    /// Ends the step that needs attention; puts a cancel that no leaf took back onto the task.
    fn end_step(&mut self) -> Option<(Step, Option<BoundaryId>)> {
        let step = std::mem::replace(&mut self.step, Step::NONE);
        let variables = self.variables.take();
        self.attention = false;
        if step.task.is_none() {
            return None;
        }
        if self.session.is_recording() {
            let end = self.how_step_ended(step.task);
            self.session.note(Event::StepEnded { task: step.number, end });
        }
        let Some(cell) = self.tasks.get_mut(step.task) else {
            self.discard(variables);
            return None;
        };
        // Its own were taken when the step began.
        cell.variables = variables;
        if let Some(scope) = step.deliver
            && !step.delivered
        {
            cell.must_cancel.get_or_insert(scope);
        }
        self.settle_owed(step.task);
        Some((step, self.has_pending_cancel(step.task)))
    }

    /// Ends the step, and takes what the loop still holds of its task if that has ended, unless
    /// there is more to see to.
    fn attend(&mut self, id: LoopId) -> Attended {
        let (step, pending) = self.end_step().unwrap_or((Step::NONE, None));
        let is_done = pending.is_none()
            && !self.session.observed
            && (step.task.is_none() || self.session.now == step.began)
            && self.loops[id].fatal.is_none();
        match is_done {
            true => Attended::Done(self.take_held(step.task)),
            false => Attended::Aside(step, pending),
        }
    }

    fn take_fatal(&mut self, id: LoopId) -> Result<()> {
        let cell = &mut self.loops[id];
        match cell.fatal.take() {
            Some(error) => {
                cell.broken = ends_at_once(&error);
                Err(error)
            }
            None => Ok(()),
        }
    }
}

/// Deals with what the last entry left behind.
fn attend(id: LoopId) -> Result<()> {
    set_hot(Hot::OUTSIDE);
    match with(|core| core.attend(id)) {
        Attended::Done(None) => Ok(()),
        Attended::Done(Some(future)) => {
            release(future);
            Ok(())
        }
        Attended::Aside(step, pending) => {
            attend_aside(step, pending);
            with(|core| core.take_fatal(id))
        }
    }
}

/// What is left to be seen to after an entry.
enum Attended {
    /// To give up what the loop held of a task, if it has ended.
    Done(Option<FutureId>),
    /// More than that: after the step, with a cancel that is to be passed on.
    Aside(Step, Option<BoundaryId>),
}

/// Deals with what a step has left behind beside the end of its task.
#[inline(never)]
fn attend_aside(step: Step, pending: Option<BoundaryId>) {
    if step.task.is_none() {
        return;
    }
    if let Some(scope) = pending {
        pass_on_pending(step.task, scope);
    }
    let named = || with(|core| core.tasks.get(step.task).map(|task| (task.name(), task.location)));
    report_slow(step.began, named);
    if with(|core| !core.session.invariants.is_empty()) {
        check_invariants(step.task);
    }
    if let Some(what) = with(|core| core.choose_strike_after(step.task)) {
        strike(step.task, what);
    }
    finish_ended(step.task);
}

impl Core {
    /// Takes back what the loop holds of a task, if that has ended: a reference to its future, to
    /// be released. It is taken only once: a task that has ended is not run again.
    fn take_held(&mut self, task: TaskId) -> Option<FutureId> {
        let Core { tasks, futures, .. } = self;
        let cell = tasks.get_mut(task)?;
        let future = cell.future;
        if futures.get(future).is_some_and(|future| !future.is_done()) {
            return None;
        }
        std::mem::take(&mut cell.held).then_some(future)
    }
}

/// Gives up what the loop held of a task that has ended.
pub(crate) fn finish_ended(task: TaskId) {
    if let Some(future) = with(|core| core.take_held(task)) {
        release(future);
    }
}

type Named = (String, &'static std::panic::Location<'static>);

/// Reports a step that took the loop longer than `slow_callback_duration`.
fn report_slow(started: Instant, name: impl FnOnce() -> Option<Named>) {
    let took = with(|core| {
        let took = core.session.now.duration_since(started);
        let limit = core.loops.get(core.running)?.slow_callback;
        (!took.is_zero() && took >= limit).then_some(took)
    });
    if let Some(took) = took {
        let text = format!("Executing a step took {took:?}");
        let mut slow = Report::new(ReportKind::SlowCallback, text);
        if let Some((name, location)) = name() {
            slow = slow.with_task(name, location);
        }
        report(slow);
    }
}

/// Runs a call from the ready queue, unless it was cancelled.
fn run_call(id: HandleId) {
    let taken = with(|core| {
        core.meets_handle(id);
        let cell = core.handles.get_mut(id)?;
        cell.gone = true;
        let call = cell.call.take();
        let (operation, location) = (cell.operation, cell.location);
        core.variables = cell.variables.take();
        if cell.refs == 0 {
            core.handles.remove(id);
        }
        core.session.emit_at(Event::Callback { operation }, location);
        Some((call?, location, core.session.now))
    });
    let Some((call, location, started)) = taken else { return };
    let result = match call {
        Call::Plain(call) => catch(call),
        Call::Done(call, future) => {
            let result = catch(|| call(future));
            release(future);
            result.map(Ok)
        }
    };
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.is_fatal() => with(|core| core.break_loop(error)),
        Ok(Err(error)) => {
            let mut failed = Report::new(ReportKind::Callback, "Exception in callback");
            failed.location = Some(location.into());
            // Before the variables go: the handler sees those of the callback.
            report(failed.with_error(error));
        }
        Err(panicked) => with(|core| core.break_loop(Error::new(panicked))),
    }
    drop(with(|core| core.variables.take()));
    report_slow(started, || Some(("a callback".to_owned(), location)));
}

/// Tells whether nothing may run any more after this error, not even a clean-up.
pub(super) fn ends_at_once(error: &Error) -> bool {
    error.is::<Deadlock>()
        || error.is::<ForeignWake>()
        || error.is::<LimitExceeded>()
        || error.is::<Panicked>()
}
