//! One piece of work that a pool does, and the handle that gives its result.

use std::any::Any;
use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::executor::wrap_job;
use super::host::{Life, current_life};
use super::machine::{Awaited, Machine, Ticket, machine};
use crate::base::{
    BlockedJob, BlockedWait, Cancelled, Elapsed, Error, Event, InvalidStateError, Result,
    RuntimeError, deadline_after,
};
use crate::event_loop::{JobOrigin, Report, ReportKind, describe, report, with};
use crate::task::LoopFuture;

/// What a job returns, whatever its type.
pub(super) type Outcome = Result<Box<dyn Any + Send>>;

/// What a worker runs.
pub(super) type Body = Box<dyn FnOnce() -> Outcome + Send>;

type Callback = Box<dyn FnOnce(&Arc<Job>) + Send>;

/// A job of a pool. Reached from any thread, since handles are `Send`; it changes only on its own.
pub(super) struct Job {
    /// The simulation in which it was submitted.
    epoch: u64,
    number: u32,
    /// The host whose task submitted it.
    life: Life,
    pool: Arc<str>,
    location: &'static Location<'static>,
    state: Mutex<State>,
}

struct State {
    stage: Stage,
    body: Option<Body>,
    /// `None` until it has ended, and again once its value was taken.
    outcome: Option<Outcome>,
    callbacks: Vec<Callback>,
    waiters: Vec<Ticket>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Pending,
    /// It can no longer be cancelled: a worker has it, or is about to.
    Running,
    Cancelled,
    Finished,
}

impl Job {
    pub(super) fn new(
        machine: &Machine,
        pool: Arc<str>,
        body: Body,
        location: &'static Location<'static>,
    ) -> Self {
        let (epoch, number) = (machine.epoch(), machine.next_job_number());
        let state = State {
            stage: Stage::Pending,
            body: Some(body),
            outcome: None,
            callbacks: Vec::new(),
            waiters: Vec::new(),
        };
        let life = current_life();
        let origin = || JobOrigin { pool: pool.to_string(), submitted_at: location.into() };
        with(|core| core.session.know_job(number, origin));
        Job { epoch, number, life, pool, location, state: Mutex::new(state) }
    }

    /// No user code runs while this is held.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether its simulation is the one that runs here.
    fn is_here(&self) -> bool {
        self.epoch == machine().epoch()
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn life(&self) -> Life {
        self.life
    }

    pub(super) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    pub(super) fn name(&self) -> String {
        format!("job {} of pool '{}'", self.number, self.pool)
    }

    pub(super) fn description(&self) -> String {
        let (file, line) = (self.location.file(), self.location.line());
        format!("{} (submitted at {file}:{line})", self.name())
    }

    pub(super) fn blocked(&self, what: String, location: &'static Location<'static>) -> BlockedJob {
        let wait = BlockedWait::new(what, location);
        BlockedJob { name: self.name(), submitted_at: self.location.into(), wait }
    }

    pub(super) fn stage(&self) -> Stage {
        self.state().stage
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.stage(), Stage::Cancelled | Stage::Finished)
    }

    /// Reports an event of the job's life.
    pub(super) fn emit(&self, operation: &'static str) {
        with(|core| core.session.emit(Event::Outside { operation, number: self.number }));
    }

    /// Makes it impossible to cancel the job; false if it is cancelled already.
    pub(super) fn set_running(&self) -> bool {
        let mut state = self.state();
        if state.stage == Stage::Pending {
            state.stage = Stage::Running;
        }
        state.stage == Stage::Running
    }

    pub(super) fn take_body(&self) -> Option<Body> {
        self.state().body.take()
    }

    /// Cancels the job if no worker has it; false if it is too late.
    pub(super) fn cancel(self: &Arc<Self>) -> bool {
        if !self.is_here() {
            return self.stage() == Stage::Cancelled;
        }
        let mut state = self.state();
        match state.stage {
            Stage::Cancelled => return true,
            Stage::Running | Stage::Finished => return false,
            Stage::Pending => state.stage = Stage::Cancelled,
        }
        let body = state.body.take();
        drop(state);
        drop(body);
        self.emit("job cancelled");
        self.tell();
        true
    }

    /// Cancels the job wherever it is: its host has crashed.
    pub(super) fn cut_off(self: &Arc<Self>) {
        let mut state = self.state();
        if matches!(state.stage, Stage::Cancelled | Stage::Finished) {
            return;
        }
        state.stage = Stage::Cancelled;
        let body = state.body.take();
        drop(state);
        drop(body);
        self.emit("job cut off");
        self.tell();
    }

    /// Ends the job, unless it has ended.
    pub(super) fn finish(self: &Arc<Self>, outcome: Outcome) {
        let mut state = self.state();
        if matches!(state.stage, Stage::Cancelled | Stage::Finished) {
            drop(state);
            drop(outcome);
            return;
        }
        state.stage = Stage::Finished;
        state.outcome = Some(outcome);
        let body = state.body.take();
        drop(state);
        drop(body);
        self.tell();
    }

    /// Tells those that wait for the end: threads that are blocked, then callbacks, in the order in
    /// which they came.
    fn tell(self: &Arc<Self>) {
        let mut state = self.state();
        let waiters = std::mem::take(&mut state.waiters);
        let callbacks = std::mem::take(&mut state.callbacks);
        drop(state);
        for ticket in waiters {
            machine().wake(ticket);
        }
        for callback in callbacks {
            self.call(callback);
        }
    }

    /// Calls a callback; its panic is reported, and the next one is called all the same.
    fn call(self: &Arc<Self>, callback: Callback) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| callback(self))) {
            if machine().is_ending() {
                machine().unwind_current();
            }
            let error = Error::new(describe(payload));
            let text = format!("exception calling callback for {}", self.name());
            report(Report::new(ReportKind::Callback, text).with_error(error));
        }
    }

    /// Lets `callback` be called when the job has ended; at once if it has.
    pub(super) fn add_callback(self: &Arc<Self>, callback: Callback) {
        let mut state = self.state();
        if matches!(state.stage, Stage::Pending | Stage::Running) {
            state.callbacks.push(callback);
            return;
        }
        drop(state);
        self.call(callback);
    }

    /// Takes the value or copies the error; an error if there is none (any more).
    pub(super) fn take_outcome(&self) -> Outcome {
        let invalid = |text: &str| Err(Error::new(InvalidStateError::new(text)));
        let mut state = self.state();
        match state.stage {
            Stage::Pending | Stage::Running => return invalid("result is not ready"),
            Stage::Cancelled => return Err(Error::new(Cancelled::new())),
            Stage::Finished => {}
        }
        if let Some(Err(error)) = &state.outcome {
            return Err(error.clone());
        }
        state.outcome.take().unwrap_or_else(|| invalid("the result was already taken"))
    }

    /// Forgets a job whose simulation has ended; tells nobody.
    pub(super) fn abandon(&self) {
        let text = "the job was dropped when its simulation ended";
        let mut state = self.state();
        if state.stage == Stage::Pending || state.stage == Stage::Running {
            state.stage = Stage::Finished;
            state.outcome = Some(Err(Error::new(RuntimeError::new(text))));
        }
        let dropped = (state.body.take(), std::mem::take(&mut state.callbacks));
        drop(state);
        drop(dropped);
    }
}

/// The result of a job, which will be there later: `concurrent.futures.Future`.
///
/// A handle: clones are the same job, and dropping it cancels nothing. The value is given to the
/// first that asks for it.
///
/// Awaiting it is [`asyncio.wrap_future`][wrap]: the value takes two hops from the job's end, one
/// for the hand-over to the loop and one to resume the task. To cancel the task that awaits is to
/// cancel the job too, one hop later, if no worker has it by then.
///
/// # Cancel safety
///
/// Dropping the future that awaits it forgets the value, not the job.
///
/// # Errors
///
/// Awaiting gives the job's error; [`Panicked`](crate::error::Panicked) when it panicked; a
/// cancelled error when it or the waiting task was cancelled;
/// [`BrokenPoolError`](crate::error::BrokenPoolError) when its worker process died.
///
/// Source: Python docs, concurrent.futures, "Future Objects".
///
/// [wrap]: https://docs.python.org/3.13/library/asyncio-future.html#asyncio.wrap_future
#[doc(alias = "concurrent.futures.Future")]
pub struct PoolFuture<T> {
    job: Arc<Job>,
    of: PhantomData<fn() -> T>,
}

impl<T: Send + 'static> PoolFuture<T> {
    pub(super) fn new(job: Arc<Job>) -> Self {
        PoolFuture { job, of: PhantomData }
    }

    /// Cancels the job if it still waits for a worker. Returns false when it is too late, true when
    /// it is cancelled, now or before.
    ///
    /// Done-callbacks are called before this returns. On another thread than the simulation's, and
    /// after its end, this does nothing.
    pub fn cancel(&self) -> bool {
        self.job.cancel()
    }

    /// Tells whether the job was cancelled.
    pub fn cancelled(&self) -> bool {
        self.job.stage() == Stage::Cancelled
    }

    /// Tells whether the job can no longer be cancelled and has not ended: a worker runs it, or a
    /// process pool has handed it over.
    pub fn running(&self) -> bool {
        self.job.stage() == Stage::Running
    }

    /// Tells whether the job has ended or was cancelled.
    #[doc(alias = "is_finished")]
    pub fn done(&self) -> bool {
        self.job.is_done()
    }

    /// Waits for the job's end and takes its value.
    ///
    /// This blocks the thread, as in Python: a job that calls it takes up its worker, and a task
    /// that calls it freezes the loop (await the handle there).
    ///
    /// # Errors
    ///
    /// The job's; [`Panicked`](crate::error::Panicked) when it panicked; a cancelled error when it
    /// was cancelled; an [`InvalidStateError`] when the value was taken, and when the job has not
    /// ended but this is called in the middle of a panic or in another simulation.
    ///
    /// # Panics
    ///
    /// Outside of a simulation, when the job has not ended: no virtual time passes there.
    #[track_caller]
    pub fn result(&self) -> Result<T> {
        self.wait(None, Location::caller());
        self.take_result()
    }

    /// The same for `timeout` at most.
    ///
    /// # Errors
    ///
    /// As [`result`](Self::result); [`Elapsed`] when the job goes on for longer.
    ///
    /// # Panics
    ///
    /// As [`result`](Self::result).
    #[track_caller]
    pub fn result_within(&self, timeout: Duration) -> Result<T> {
        self.wait(Some(timeout), Location::caller());
        if self.done() { self.take_result() } else { Err(Error::new(Elapsed)) }
    }

    /// Takes the value without waiting.
    ///
    /// # Errors
    ///
    /// As [`result`](Self::result); an [`InvalidStateError`] while the job has not ended.
    #[doc(alias = "result")]
    pub fn take_result(&self) -> Result<T> {
        let value = self.job.take_outcome()?;
        Ok(*value.downcast::<T>().expect("seedloop bug: a result of another type"))
    }

    #[track_caller]
    fn wait(&self, timeout: Option<Duration>, location: &'static Location<'static>) {
        let machine = machine();
        if self.done() || !machine.may_block("PoolFuture::result") || !self.job.is_here() {
            return;
        }
        let now = with(|core| core.session.now);
        let deadline = timeout.map(|timeout| deadline_after(now, timeout));
        let awaited = Awaited::Job(Arc::clone(&self.job));
        let ticket = machine.begin_wait(awaited, deadline, location);
        self.job.state().waiters.push(ticket);
        machine.block(ticket);
    }

    /// Lets `call` be called when the job has ended: by the worker, before it takes its next job,
    /// or by whoever cancels the job. Called at once if it has ended already.
    ///
    /// Callbacks are called in the order in which they were added. A panic in one is reported, and
    /// the next is called all the same. One that was added on a host which has crashed since is not
    /// called.
    pub fn add_done_callback(&self, call: impl FnOnce(PoolFuture<T>) + Send + 'static) {
        let life = self.job.is_here().then(current_life);
        self.job.add_callback(Box::new(move |job| {
            if !life.is_some_and(Life::has_crashed) {
                call(PoolFuture::new(Arc::clone(job)));
            }
        }));
    }
}

impl<T: Send + 'static> IntoFuture for PoolFuture<T> {
    type Output = Result<T>;
    type IntoFuture = LoopFuture<T>;

    /// # Panics
    ///
    /// When no loop runs.
    #[track_caller]
    fn into_future(self) -> LoopFuture<T> {
        let location = Location::caller();
        let Some(owner) = with(|core| core.running_loop()) else {
            panic!("no running event loop: await a pool's future inside `seedloop::run`");
        };
        wrap_job(owner, self.job, location)
    }
}

impl<T> Clone for PoolFuture<T> {
    fn clone(&self) -> Self {
        PoolFuture { job: Arc::clone(&self.job), of: PhantomData }
    }
}

impl<T> fmt::Debug for PoolFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.job.stage() {
            Stage::Pending => "pending",
            Stage::Running => "running",
            Stage::Cancelled => "cancelled",
            Stage::Finished => "finished",
        };
        write!(f, "<{} {stage}>", self.job.name())
    }
}
