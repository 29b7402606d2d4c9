//! `asyncio.run` and `asyncio.Runner`: a loop's whole life, with its clean-up.

use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use super::simulation::Ambient;
use crate::base::{
    Deadlock, Error, ForeignWake, Interrupt, LimitExceeded, Panicked, Result, RuntimeError,
};
use crate::combine::{cancel_all_tasks, shutdown_generators};
use crate::event_loop::{
    FutureId, Interrupts, Shared, Variables, cancel_future, catch, connections, queue_plain, with,
};
use crate::task::{EventLoop, set_current, spawn_on};

/// Runs `main` on a new loop, cleans up and closes the loop: `asyncio.run(main())`.
///
/// When `main` has ended, the tasks that are left are cancelled and waited for, without limit; then
/// async generators are closed and the default executor is shut down. That is asyncio's promise
/// that no stray task outlives the run, and its order is asyncio's.
///
/// Virtual time starts at zero and nothing is random: without a [`Simulation`](crate::Simulation)
/// around it, every run is the FIFO run.
///
/// ```
/// use seedloop::{run, sleep};
/// use std::time::Duration;
///
/// let result = run(async {
///     sleep(Duration::from_secs(3600)).await?;
///     Ok("an hour later, at once")
/// });
/// assert_eq!(result.unwrap(), "an hour later, at once");
/// ```
///
/// # Errors
///
/// What `main` ends with; a [`RuntimeError`] inside a running loop; what broke the loop: [`Exit`]
/// and [`Interrupt`] after the clean-up, [`Deadlock`],
/// [`LimitExceeded`] and [`Panicked`] at once.
///
/// [`Exit`]: crate::error::Exit
///
/// Source: Python docs, asyncio-runner.
#[doc(alias = "asyncio.run")]
#[track_caller]
pub fn run<T, F>(main: F) -> Result<T>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    run_at(main, Location::caller())
}

/// Runs `main`, whose task was made at `location`.
pub(crate) fn run_at<T, F>(main: F, location: &'static Location<'static>) -> Result<T>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    if with(|core| core.running_loop()).is_some() {
        let text = "run() cannot be called from a running event loop; await the future instead";
        return Err(Error::new(RuntimeError::new(text)));
    }
    let ambient = Ambient::enter();
    let runner = Runner::new();
    let result = runner.run_at(main, location);
    let closed = runner.close();
    drop(ambient);
    // An error of the clean-up replaces that of `main`, as an exception in `finally` does.
    closed.and(result)
}

/// A loop for several calls of [`run`](Self::run), cleaned up once in the end: `asyncio.Runner`.
/// Clones are the same runner. Dropping the last one closes it.
#[doc(alias = "asyncio.Runner")]
#[derive(Clone, Debug)]
pub struct Runner {
    state: Shared<State>,
}

struct State {
    event_loop: Option<EventLoop>,
    closed: bool,
    /// The context variables in which its main tasks run, one after the other.
    variables: Variables,
}

impl Default for Runner {
    fn default() -> Self {
        Runner::new()
    }
}

impl Runner {
    /// Makes a runner; its loop is made when it is needed.
    pub fn new() -> Self {
        let state = State { event_loop: None, closed: false, variables: None };
        Runner { state: Shared::new("runner", state) }
    }

    /// Returns the loop: `runner.get_loop()`.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] when the runner is closed.
    #[doc(alias = "get_loop")]
    pub fn event_loop(&self) -> Result<EventLoop> {
        self.state.check()?;
        let known = self.state.with(|state| {
            if state.closed {
                return Err(Error::new(RuntimeError::new("Runner is closed")));
            }
            Ok(state.event_loop.clone())
        })?;
        if let Some(known) = known {
            return Ok(known);
        }
        let made = EventLoop::new();
        made.set_current();
        let variables = with(|core| core.variables.clone());
        self.state.with(|state| {
            state.event_loop = Some(made.clone());
            state.variables = variables;
        });
        Ok(made)
    }

    /// Runs `main` until it has ended. Other tasks stay as they are until the runner is closed.
    /// What `main` sets of context variables the next one finds.
    ///
    /// # Errors
    ///
    /// What `main` ends with; [`Interrupt`] when [`interrupt`](Self::interrupt) ended it; a
    /// [`RuntimeError`] when the runner is closed or a loop runs; what broke the loop.
    #[track_caller]
    pub fn run<T, F>(&self, main: F) -> Result<T>
    where
        T: 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        self.run_at(main, Location::caller())
    }

    fn run_at<T, F>(&self, main: F, location: &'static Location<'static>) -> Result<T>
    where
        T: 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        if with(|core| core.running_loop()).is_some() {
            let text = "Runner.run() cannot be called from a running event loop";
            return Err(Error::new(RuntimeError::new(text)));
        }
        let event_loop = self.event_loop()?;
        let task = self.within(|| spawn_on(event_loop.id(), main, None, location));
        let id = task.raw().id();
        with(|core| core.interrupts = Interrupts { main: id, count: 0 });
        let task_again = task.as_any();
        let result = event_loop.run_until_complete(task);
        self.keep_variables(id);
        if result.is_err() && with(|core| core.session.is_recording()) {
            let open = connections();
            with(|core| core.session.connections = open);
        }
        let ended = digest(result.as_ref().err());
        let interrupted = with(|core| {
            core.session.fold_text(&ended);
            std::mem::take(&mut core.interrupts).count > 0
        });
        let Err(error) = result else { return result };
        if error.is_cancelled() && interrupted && task_again.uncancel() == 0 {
            return Err(Error::new(Interrupt));
        }
        Err(error)
    }

    /// Calls `spawn` with the runner's context variables.
    fn within<R>(&self, spawn: impl FnOnce() -> R) -> R {
        let own = self.state.with(|state| state.variables.clone());
        let before = with(|core| std::mem::replace(&mut core.variables, own));
        let result = spawn();
        drop(with(|core| std::mem::replace(&mut core.variables, before)));
        result
    }

    /// What the main task has set is there for the next one.
    fn keep_variables(&self, main: FutureId) {
        let left = with(|core| {
            let task = core.task_of(main)?;
            Some(core.tasks.get(task)?.variables.clone())
        });
        let Some(left) = left else { return };
        drop(self.state.with(|state| std::mem::replace(&mut state.variables, left)));
    }

    /// Ctrl-C: cancels the main task the first time, and breaks the loop with [`Interrupt`] the
    /// second time, at the end of the step that goes on. Does nothing while nothing runs.
    ///
    /// # Panics
    ///
    /// On another thread than the runner's: make it arrive at a virtual moment, with `call_later`.
    #[track_caller]
    pub fn interrupt(&self) {
        self.state.assert_here();
        press();
    }

    /// Cleans up and closes the loop: cancels the tasks that are left and waits for them, closes
    /// async generators, shuts the default executor down. A second close does nothing, nor does one
    /// before anything was run.
    ///
    /// # Errors
    ///
    /// What broke the loop meanwhile; a [`RuntimeError`] while the loop runs.
    pub fn close(&self) -> Result<()> {
        self.state.check()?;
        let open = self.state.with(|state| {
            if state.event_loop.as_ref().is_some_and(EventLoop::is_running) {
                let text = "the runner cannot be closed while its loop runs";
                return Err(Error::new(RuntimeError::new(text)));
            }
            let open = state.event_loop.take();
            // One that was never used can still be, as in CPython.
            state.closed |= open.is_some();
            Ok(open)
        })?;
        let Some(event_loop) = open else { return Ok(()) };
        let cleaned = clean_up(&event_loop);
        set_current(None);
        cleaned.and(event_loop.close())
    }
}

/// What the fingerprint takes of the end of a main task: for the user's own errors their text, for
/// the library's what happened, since their texts name places in the source.
fn digest(error: Option<&Error>) -> String {
    let Some(error) = error else { return String::new() };
    if let Some(deadlock) = error.downcast_ref::<Deadlock>() {
        let blocked: Vec<_> = deadlock.blocked().iter().map(|task| task.number).collect();
        return format!("deadlock of {blocked:?}");
    }
    if let Some(panicked) = error.downcast_ref::<Panicked>() {
        return format!("panic: {}", panicked.message());
    }
    if error.is::<LimitExceeded>() || error.is::<ForeignWake>() {
        return "ended by the library".to_owned();
    }
    // The text is the user's code, and may panic.
    catch(|| error.to_string()).unwrap_or_default()
}

/// How long the default pool may go on after the main task has ended.
/// Source: CPython 3.13, `asyncio.constants.THREAD_JOIN_TIMEOUT`.
const EXECUTOR_LIMIT: Duration = Duration::from_secs(300);

/// The clean-up of a loop that is about to be closed. Source: CPython 3.13, `Runner.close`.
fn clean_up(event_loop: &EventLoop) -> Result<()> {
    if event_loop.is_broken() {
        return Ok(());
    }
    cancel_all_tasks(event_loop)?;
    if with(|core| core.skip_clean_up(event_loop.id())) {
        return Ok(());
    }
    event_loop.run_until_complete(shutdown_generators(event_loop.id()))?;
    event_loop.run_until_complete(event_loop.shutdown_default_executor(EXECUTOR_LIMIT))
}

impl Drop for State {
    fn drop(&mut self) {
        // The last clone is gone; a failure of the clean-up has nowhere to go but the reports.
        if let Some(event_loop) = self.event_loop.take()
            && !event_loop.is_running()
        {
            if !std::thread::panicking() {
                drop(clean_up(&event_loop));
            }
            set_current(None);
            drop(event_loop.close());
        }
    }
}

/// Ctrl-C arrives: see [`Runner::interrupt`].
///
/// # Panics
///
/// When no loop runs on this thread: a simulation gets its Ctrl-C at a virtual moment, not from a
/// thread or a signal handler of the real world.
#[doc(alias = "KeyboardInterrupt")]
#[track_caller]
pub fn interrupt() {
    assert!(
        with(|core| !core.running.is_none()),
        "no running event loop on this thread to interrupt; call `interrupt` from inside \
         `seedloop::run(async {{ .. }})`, such as from `call_later`"
    );
    press();
}

fn press() {
    let main = with(|core| {
        let main = core.interrupts.main;
        core.interrupts.count += 1;
        if core.interrupts.count == 1 && !main.is_none() && !core.is_done(main) {
            return Some((main, core.running));
        }
        core.break_loop(Error::new(Interrupt));
        None
    });
    if let Some((main, running)) = main {
        cancel_future(main, None);
        // As from a signal handler: the loop must look again even if it was about to sleep.
        queue_plain(running, "interrupt", Location::caller(), || Ok(()));
    }
}
