//! The loop: one iteration, one step of a task, and what ends a loop.
//!
//! Source: CPython 3.13, `BaseEventLoop._run_once`, `run_forever`, `close`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use async_task::Runnable;

use super::cancel::pass_on_pending;
use super::cell::{LoopId, Order, Outcome, State, TaskId, TaskMeta};
use super::complete::{release, set_result_unless_done};
use super::context::{try_with_context, with};
use super::core::Core;
use super::extension::end_outside;
use super::handle::{Call, HandleId, drop_call};
use super::outside::happen_outside;
use super::panics::{catch, catch_quietly};
use super::ready::Entry;
use super::report::{Report, ReportKind, report};
use super::waits::Step;
use crate::base::{ChoiceKind, Error, Event, Id, Instant, Model, Result, RuntimeError, StepEnd};

/// The schedule function of every task: its runnable becomes ready.
///
/// A wake from another thread is not part of the simulation. The runnable is then forgotten, since
/// dropping it here would drop the task's future on this thread; the loop ends with an error.
pub(crate) fn schedule(runnable: Runnable<TaskMeta>) {
    let meta = *runnable.metadata();
    let mut slot = Some(runnable);
    try_with_context(|context| {
        if context.is(meta.context)
            && let Some(runnable) = slot.take()
        {
            context.enqueue(runnable);
        }
    });
    if let Some(runnable) = slot {
        std::mem::forget(runnable);
        let mut wakes = FOREIGN_WAKES.lock().unwrap_or_else(PoisonError::into_inner);
        wakes.push(meta);
        FOREIGN_WAKE.store(true, Ordering::Release);
    }
}

/// Set when a task was woken from a thread that is not its own.
static FOREIGN_WAKE: AtomicBool = AtomicBool::new(false);
static FOREIGN_WAKES: Mutex<Vec<TaskMeta>> = Mutex::new(Vec::new());

/// Ends the loop when one of its tasks was woken from another thread.
#[cold]
fn check_foreign_wakes() {
    let context = super::context::context_id();
    let mut wakes = FOREIGN_WAKES.lock().unwrap_or_else(PoisonError::into_inner);
    let (ours, others): (Vec<_>, Vec<_>) = wakes.drain(..).partition(|w| w.context == context);
    *wakes = others;
    FOREIGN_WAKE.store(!wakes.is_empty(), Ordering::Release);
    drop(wakes);
    with(|core| {
        for wake in ours {
            let Some(cell) = core.tasks.get(wake.task) else { continue };
            let text = format!(
                "task '{}' was woken from another thread, which no seed can repeat; run blocking \
                 work with `run_in_executor`, and let the simulation do what threads would",
                cell.name(),
            );
            core.break_loop(Error::new(RuntimeError::new(text)));
        }
    });
}

/// Runs a loop until it is stopped or broken.
pub(crate) fn run_loop(id: LoopId) -> Result<()> {
    with(|core| core.enter_loop(id))?;
    let running = Running { id };
    let result = loop {
        if let Err(error) = run_once(id) {
            break Err(error);
        }
        if with(|core| core.loops[id].stopping) {
            break Ok(());
        }
    };
    drop(running);
    result
}

/// Marks the loop as running for as long as it lives.
struct Running {
    id: LoopId,
}

impl Drop for Running {
    fn drop(&mut self) {
        with(|core| {
            core.running = Id::NONE;
            core.step = Step::NONE;
            let cell = &mut core.loops[self.id];
            cell.running = false;
            cell.stopping = false;
        });
    }
}

impl Core {
    fn enter_loop(&mut self, id: LoopId) -> Result<()> {
        let refuse = |text: &str| Err(Error::new(RuntimeError::new(text)));
        match self.loops.get(id) {
            None => return refuse("event loop is closed"),
            Some(cell) if cell.closed => return refuse("event loop is closed"),
            Some(cell) if cell.running => return refuse("this event loop is already running"),
            Some(_) => {}
        }
        if self.source_outside {
            return refuse("a job of a pool cannot run an event loop; let it return, and await it");
        }
        if !self.running.is_none() {
            return refuse("cannot run the event loop while another loop is running");
        }
        self.running = id;
        self.loops[id].running = true;
        Ok(())
    }
}

/// What the start of an iteration came to.
enum Begin {
    /// So many entries are to be run.
    Run(usize),
    /// Something outside is due: call it and look again.
    Outside(Box<dyn FnOnce()>),
    /// Nothing is ready, no timer is set and nothing outside goes on.
    Stuck,
}

/// One iteration.
fn run_once(id: LoopId) -> Result<()> {
    if FOREIGN_WAKE.load(Ordering::Acquire) {
        check_foreign_wakes();
    }
    let mut todo = loop {
        match with(|core| core.begin_iteration(id)) {
            Begin::Run(todo) => break todo,
            Begin::Outside(call) => happen_outside(call),
            Begin::Stuck => return Err(super::deadlock::describe(id)),
        }
    };
    loop {
        match with(|core| core.next_entry(id, &mut todo))? {
            None => return Ok(()),
            Some(Entry::Step(runnable)) => run_step(runnable),
            Some(Entry::Call(handle)) => run_call(handle),
            Some(Entry::Elapsed(future)) => {
                set_result_unless_done(future);
            }
            Some(Entry::Gone) => {}
        }
    }
}

impl Core {
    /// Moves the clock if nothing is ready, and takes in what is due by then.
    fn begin_iteration(&mut self, id: LoopId) -> Begin {
        if self.loops[id].fatal.is_some() {
            return Begin::Run(0);
        }
        if self.loops[id].ready.is_empty() && !self.loops[id].stopping {
            let now = self.session.now;
            let outside = self.outside.next_time();
            if outside.is_none_or(|when| when > now) {
                match [outside, self.next_timer(id)].into_iter().flatten().min() {
                    Some(when) => self.move_clock(when),
                    None => return Begin::Stuck,
                }
            }
        }
        let now = self.session.now;
        if let Some((_, call)) = self.outside.pop_due(now) {
            return Begin::Outside(call);
        }
        let cell = &mut self.loops[id];
        cell.take_due(now);
        Begin::Run(match self.session.model {
            Model::Asyncio => cell.ready.len(),
            // Each step is its own iteration: what has become due since may run before the rest.
            Model::AnyOrder => cell.ready.len().min(1),
        })
    }

    /// Moves the clock, within the limit on virtual time.
    pub(crate) fn move_clock(&mut self, to: Instant) {
        let limit = self.session.limits.time;
        if to > limit {
            self.session.move_clock(limit);
            let busy: Vec<String> = self.extensions.iter().flat_map(|e| e.busy()).collect();
            // Nobody runs when the clock moves: what goes on outside is what the run waits for.
            let who = if busy.is_empty() { self.current_name() } else { busy.join(" and ") };
            self.break_by_limit_of(&format!("{limit} of virtual time"), &who);
        } else {
            self.session.move_clock(to);
        }
    }

    /// Takes the next entry of this iteration; an error when the loop is broken.
    fn next_entry(&mut self, id: LoopId, todo: &mut usize) -> Result<Option<Entry>> {
        self.step = Step::NONE;
        let cell = &mut self.loops[id];
        if let Some(error) = cell.fatal.take() {
            return Err(error);
        }
        if *todo == 0 {
            return Ok(None);
        }
        *todo -= 1;
        let entry = match self.session.model {
            Model::Asyncio => cell.ready.pop(),
            Model::AnyOrder => {
                let session = &mut self.session;
                cell.ready.pick(|span, is_candidate| {
                    session.choose_where(ChoiceKind::Ready, span, is_candidate)
                })
            }
        };
        self.count_step();
        if let Some(Entry::Step(runnable)) = &entry {
            let task = runnable.metadata().task;
            self.begin_step(task);
        }
        // A limit that was just passed ends the loop before the step, not after it; the entry
        // goes back so that its task is found when the loop is closed.
        if self.loops[id].fatal.is_some()
            && let Some(entry) = entry
        {
            self.loops[id].ready.push(entry);
            return self.next_entry(id, todo);
        }
        Ok(entry)
    }

    /// Makes `task` the current one and moves its pending cancel to where leaves find it.
    fn begin_step(&mut self, task: TaskId) {
        let cell = &mut self.tasks[task];
        cell.scheduled = false;
        cell.steps += 1;
        let deliver = cell.must_cancel.take();
        if deliver.is_some() && !cell.started {
            // Cancelled before its first step: the body never runs.
            cell.order = Order::DropBody;
        }
        cell.started = true;
        self.variables = cell.variables.clone();
        let number = cell.number;
        self.step = Step { task, number, deliver, delivered: false, boundary: Id::NONE };
        self.session.emit(Event::StepStarted { task: number });
    }

    fn how_step_ended(&self, task: TaskId, yields: bool) -> StepEnd {
        let future = self.tasks.get(task).and_then(|cell| self.futures.get(cell.future));
        match future {
            Some(cell) if cell.state == State::Pending && yields => StepEnd::Yields,
            Some(cell) if cell.state == State::Pending => StepEnd::Waits,
            Some(cell) if cell.state == State::Cancelled => StepEnd::Cancelled,
            Some(cell) if matches!(cell.outcome, Outcome::Error(_)) => StepEnd::Failed,
            _ => StepEnd::Returned,
        }
    }

    /// Puts a cancel that no leaf took back onto the task.
    fn end_step(&mut self, task: TaskId, end: StepEnd) -> Option<super::cell::BoundaryId> {
        let step = std::mem::replace(&mut self.step, Step::NONE);
        self.session.emit(Event::StepEnded { task: step.number, end });
        let cell = self.tasks.get_mut(task)?;
        cell.variables = self.variables.take();
        if let Some(scope) = step.deliver
            && !step.delivered
        {
            cell.must_cancel.get_or_insert(scope);
        }
        self.has_pending_cancel(task)
    }
}

/// Runs one step of a task.
fn run_step(runnable: Runnable<TaskMeta>) {
    let task = runnable.metadata().task;
    let started = with(|core| core.session.now);
    // The body catches its own panics; this is for a destructor that async-task runs.
    let result = catch(|| runnable.run());
    let pending = with(|core| {
        let end = match &result {
            Err(_) => StepEnd::Panicked,
            Ok(yields) => core.how_step_ended(task, *yields),
        };
        let ended = !matches!(end, StepEnd::Waits | StepEnd::Yields);
        if let Err(panicked) = result {
            core.break_loop(Error::new(panicked));
        }
        let pending = core.end_step(task, end);
        if ended { None } else { pending }
    });
    if let Some(scope) = pending {
        pass_on_pending(task, scope);
    }
    finish_ended(task);
    report_slow(started, || with(|core| core.tasks.get(task).map(|t| (t.name(), t.location))));
}

/// Gives up what the loop held of a task that has ended.
fn finish_ended(task: TaskId) {
    let ended = with(|core| {
        let cell = core.tasks.get_mut(task)?;
        let future = cell.future;
        if !core.is_done(future) {
            return None;
        }
        let cell = &mut core.tasks[task];
        // Taken only once: a task that has ended is not run again.
        let raw = cell.raw.take()?;
        Some((future, raw, cell.waker.take(), cell.variables.take()))
    });
    if let Some((future, raw, waker, variables)) = ended {
        raw.detach();
        drop((waker, variables));
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
        let cell = core.handles.get_mut(id)?;
        cell.gone = true;
        let call = cell.call.take();
        let (operation, location) = (cell.operation, cell.location);
        let variables = cell.variables.take();
        if cell.refs == 0 {
            core.handles.remove(id);
        }
        core.variables = variables;
        core.session.emit(Event::Callback { operation });
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
    with(|core| core.variables = None);
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.is_fatal() => with(|core| core.break_loop(error)),
        Ok(Err(error)) => {
            let mut failed = Report::new(ReportKind::Callback, "Exception in callback");
            failed.location = Some(location);
            report(failed.with_error(error));
        }
        Err(panicked) => with(|core| core.break_loop(Error::new(panicked))),
    }
    report_slow(started, || Some(("a callback".to_owned(), location)));
}

/// Closes a loop: drops its tasks, calls and timers. A second close does nothing.
pub(crate) fn close_loop(id: LoopId) -> Result<()> {
    let refused = with(|core| match core.loops.get(id) {
        Some(cell) if cell.running => true,
        Some(cell) if !cell.closed => {
            core.session.emit(Event::Phase { name: "close" });
            false
        }
        _ => false,
    });
    if refused {
        return Err(Error::new(RuntimeError::new("cannot close a running event loop")));
    }
    kill_tasks(id);
    let executor = with(|core| {
        let cell = core.loops.get_mut(id)?;
        cell.closed = true;
        cell.handler = None;
        cell.executor_closed = true;
        Some((cell.default_executor.take(), std::mem::take(&mut cell.generators)))
    });
    drop(executor);
    drop_entries(id);
    let last = with(|core| !core.session.active && core.loops.iter().all(|(_, cell)| cell.closed));
    if last {
        end_outside();
    }
    Ok(())
}

/// How often tasks may be spawned by the destructors of tasks that a closing loop drops.
const KILL_ROUNDS: usize = 1_000;

/// Drops the bodies of all tasks of a loop that is being closed.
///
/// A body is dropped by its own poll: async-task would abort the process if a destructor panicked
/// while it drops the future itself.
fn kill_tasks(id: LoopId) {
    for _ in 0..KILL_ROUNDS {
        let mut tasks = with(|core| core.live_tasks(id));
        if tasks.is_empty() {
            return;
        }
        tasks.sort_by_key(|(number, _)| *number);
        tasks.iter().for_each(|(_, task)| doom(*task));
        drop_entries(id);
        tasks.iter().for_each(|(_, task)| bury(*task));
    }
}

impl Core {
    /// The tasks of a loop that have not ended, with their numbers, in no order.
    pub(crate) fn live_tasks(&self, owner: LoopId) -> Vec<(u32, TaskId)> {
        let live = self.tasks.iter().filter(|(_, cell)| {
            cell.owner == owner && cell.raw.is_some() && !self.is_done(cell.future)
        });
        live.map(|(id, cell)| (cell.number, id)).collect()
    }
}

/// Reports that a task was pending and makes it ready to drop its body.
fn doom(task: TaskId) {
    let pending = with(|core| {
        let cell = core.tasks.get_mut(task)?;
        cell.order = Order::Kill;
        let text = "Task was destroyed but it is pending!";
        let pending =
            Report::new(ReportKind::DestroyedPending, text).with_task(cell.name(), cell.location);
        if !cell.scheduled {
            core.wake_task(task);
        }
        Some(pending)
    });
    pending.into_iter().for_each(report);
}

/// Gives up what the loop held of a task whose body was dropped.
fn bury(task: TaskId) {
    let taken = with(|core| {
        let cell = core.tasks.get_mut(task)?;
        cell.scheduled = false;
        Some((cell.raw.take()?, cell.waker.take(), cell.variables.take(), cell.future))
    });
    if let Some((raw, waker, variables, future)) = taken {
        raw.detach();
        catch_quietly(|| drop((waker, variables)));
        release(future);
    }
}

/// Drops the calls and timers of a loop.
fn drop_entries(id: LoopId) {
    let Some((entries, timers)) = with(|core| {
        let cell = core.loops.get_mut(id)?;
        Some((
            cell.ready.take_all(),
            std::mem::replace(&mut cell.timers, super::timer::Timers::new()),
        ))
    }) else {
        return;
    };
    for entry in entries {
        match entry {
            Entry::Call(handle) => drop_handle(handle),
            // Its poll drops the body; what a destructor does must not end the others' clean-up.
            Entry::Step(runnable) => {
                catch_quietly(|| drop(runnable.run()));
            }
            Entry::Elapsed(_) | Entry::Gone => {}
        }
    }
    for due in timers.into_dues() {
        if let super::timer::Due::Call(handle) = due {
            drop_handle(handle);
        }
    }
}

fn drop_handle(id: HandleId) {
    let call = with(|core| {
        let cell = core.handles.get_mut(id)?;
        cell.gone = true;
        let call = cell.call.take();
        if cell.refs == 0 {
            core.handles.remove(id);
        }
        call
    });
    catch_quietly(|| drop_call(call));
}
