//! The event loop as an object: made, run, stopped and closed by hand.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use super::future::LoopFuture;
use super::join::JoinHandle;
use super::raw::{FutureRef, closed};
use super::spawn::{check_open, ensure_future, spawn_on};
use crate::base::{Error, Instant, Result, RuntimeError, ValueError, deadline_after};
use crate::event_loop::{
    Call, Handle, HandleId, Handler, Kind, LoopId, NOWHERE, Report, ReportKind, TimerHandle,
    cancel_handle, close_loop, context_id, drop_call, new_loop, release_loop, report, report_to,
    retain_loop, run_loop, try_with, with,
};

/// A loop: `asyncio.AbstractEventLoop`.
///
/// A handle; clones are the same loop. Prefer [`run`](crate::run): it makes, runs, cleans up and
/// closes a loop. A loop made here is closed by [`close`](Self::close), without any clean-up of its
/// tasks.
///
/// Source: Python docs, asyncio-eventloop.
#[doc(alias = "asyncio.EventLoop")]
pub struct EventLoop {
    context: u32,
    id: LoopId,
}

/// What is wrong with a future that is given to another loop than its own.
pub(super) const OTHER_LOOP: &str = "the future belongs to a different loop";

const ELSEWHERE: &str = "the loop belongs to another thread; a simulation runs on one thread, let \
     its pools and outside events do what other threads would";

/// What a callback of the loop may return: nothing, or a result whose error goes to the loop's
/// exception handler.
pub trait CallbackOutput: sealed::Sealed {
    /// Turns it into a result.
    fn into_result(self) -> Result<()>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl Sealed for super::Result<()> {}
}

impl CallbackOutput for () {
    fn into_result(self) -> Result<()> {
        Ok(())
    }
}

impl CallbackOutput for Result<()> {
    fn into_result(self) -> Result<()> {
        self
    }
}

/// Gives the error of a callback to the exception handler, or breaks the loop with it.
pub(crate) fn settle_callback(result: Result<()>, location: &'static Location<'static>) {
    let Err(error) = result else { return };
    if error.is_fatal() {
        with(|core| core.break_loop(error));
    } else {
        let mut failed = Report::new(ReportKind::Callback, "Exception in callback");
        failed.location = Some(location.into());
        report(failed.with_error(error));
    }
}

/// Returns the running loop: `asyncio.get_running_loop()`.
///
/// # Errors
///
/// A [`RuntimeError`] when no loop runs on this thread.
#[doc(alias = "get_running_loop")]
pub fn running_loop() -> Result<EventLoop> {
    match with(|core| core.running_loop()) {
        Some(id) => Ok(EventLoop::from_id(id)),
        None => Err(Error::new(RuntimeError::new("no running event loop"))),
    }
}

/// Returns the running loop, else the current one; makes one when there is none:
/// `asyncio.get_event_loop()`.
///
/// Deprecated in asyncio for the last case, which reports a warning here too; use
/// [`running_loop`] inside a task and [`run`](crate::run) outside.
#[doc(alias = "get_event_loop")]
#[deprecated = "use `running_loop` inside a task, `run` or `EventLoop::new` outside"]
pub fn event_loop() -> EventLoop {
    let found = with(|core| core.running_loop().or(core.current_loop()));
    if let Some(id) = found {
        return EventLoop::from_id(id);
    }
    let text = "DeprecationWarning: There is no current event loop";
    report(Report::new(ReportKind::Deprecated, text));
    let made = EventLoop::new();
    made.set_current();
    made
}

impl EventLoop {
    /// Makes a loop: `asyncio.new_event_loop()`. It is not current until
    /// [`set_current`](Self::set_current).
    #[doc(alias = "new_event_loop")]
    #[expect(clippy::new_without_default, reason = "a loop is made on purpose, never by default")]
    pub fn new() -> Self {
        EventLoop { context: context_id(), id: new_loop() }
    }

    pub(crate) fn from_id(id: LoopId) -> Self {
        retain_loop(id);
        EventLoop { context: context_id(), id }
    }

    pub(crate) fn id(&self) -> LoopId {
        self.id
    }

    fn check(&self) -> Result<()> {
        if self.is_here() { Ok(()) } else { Err(Error::new(RuntimeError::new(ELSEWHERE))) }
    }

    fn is_here(&self) -> bool {
        self.context == context_id()
    }

    /// The same for what cannot fail.
    #[track_caller]
    fn assert_here(&self) {
        assert!(self.is_here(), "{ELSEWHERE}");
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        self.check()?;
        check_open(self.id)
    }

    /// Makes this the current loop of the thread: `asyncio.set_event_loop(loop)`.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[doc(alias = "set_event_loop")]
    #[track_caller]
    pub fn set_current(&self) {
        self.assert_here();
        set_current(Some(self.id));
    }

    /// Tells whether it runs.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn is_running(&self) -> bool {
        self.assert_here();
        with(|core| core.loops.get(self.id).is_some_and(|cell| cell.running))
    }

    /// Tells whether it was closed.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn is_closed(&self) -> bool {
        self.assert_here();
        check_open(self.id).is_err()
    }

    /// Tells whether a panic, a deadlock or a limit has ended it: nothing may run on it any more.
    pub(crate) fn is_broken(&self) -> bool {
        with(|core| core.loops.get(self.id).is_none_or(|cell| cell.broken))
    }

    /// Returns the virtual time: `loop.time()`.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn time(&self) -> Instant {
        self.assert_here();
        with(|core| core.session.now)
    }

    /// Spawns a task on this loop, which need not run yet.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] when the loop is closed.
    #[track_caller]
    pub fn create_task<T, F>(&self, future: F) -> Result<JoinHandle<T>>
    where
        T: 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        let location = Location::caller();
        self.check_open()?;
        Ok(spawn_on(self.id, future, None, location))
    }

    /// Makes a pending future of this loop.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] on another thread than the loop's.
    #[track_caller]
    pub fn create_future<T: 'static>(&self) -> Result<LoopFuture<T>> {
        let location = Location::caller();
        self.check()?;
        Ok(LoopFuture::from_raw(FutureRef::new_of(self.id, Kind::Plain), location))
    }

    /// Runs until `future` is done and returns its result: `loop.run_until_complete(future)`.
    ///
    /// A future or task of this loop is waited for; anything else becomes a task first. Everything
    /// that is ready in the iteration in which it ends still runs.
    ///
    /// # Errors
    ///
    /// The future's; a [`RuntimeError`] when the loop is closed or runs already, when another loop
    /// runs, or when the loop was stopped before the future was done; a [`ValueError`] for a future
    /// of another loop; what broke the loop.
    #[track_caller]
    pub fn run_until_complete<T, F>(&self, future: F) -> Result<T>
    where
        T: 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        let location = Location::caller();
        self.check_open()?;
        self.check_not_running()?;
        let future = ensure_future(self.id, future, location)?;
        let this = self.clone();
        let key = future.raw().add_done_callback(
            "run until complete",
            Box::new(move |done| {
                let fatal = with(|core| core.failed_fatally(done));
                if !fatal {
                    this.stop();
                }
            }),
        )?;
        let ran = run_loop(self.id);
        future.raw().remove_done_callback(key);
        if let Err(error) = ran {
            future.raw().mark_retrieved();
            return Err(error);
        }
        if !future.done() {
            let text = "Event loop stopped before Future completed.";
            return Err(Error::new(RuntimeError::new(text)));
        }
        future.take_result()
    }

    fn check_not_running(&self) -> Result<()> {
        let text = with(|core| match core.running_loop() {
            Some(id) if id == self.id => Some("This event loop is already running"),
            Some(_) => Some("Cannot run the event loop while another loop is running"),
            None => None,
        });
        text.map_or(Ok(()), |text| Err(Error::new(RuntimeError::new(text))))
    }

    /// Runs until [`stop`](Self::stop): `loop.run_forever()`.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] as for [`run_until_complete`](Self::run_until_complete); what broke the
    /// loop; a [`Deadlock`](crate::error::Deadlock) when nothing can happen any more, where asyncio
    /// would wait for ever.
    pub fn run_forever(&self) -> Result<()> {
        self.check_open()?;
        self.check_not_running()?;
        run_loop(self.id)
    }

    /// Lets the loop stop at the end of its iteration: `loop.stop()`. Called before it runs, the
    /// loop runs one iteration.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn stop(&self) {
        self.assert_here();
        with(|core| {
            core.meets_everything();
            if let Some(cell) = core.loops.get_mut(self.id) {
                cell.stopping = true;
                core.look_again();
            }
        });
    }

    /// Closes the loop: `loop.close()`. Tasks that are pending are dropped, and reported; callbacks
    /// and timers are forgotten. A second close does nothing.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] when the loop runs.
    pub fn close(&self) -> Result<()> {
        self.check()?;
        close_loop(self.id)
    }

    /// Queues a callback, behind all that is ready: `loop.call_soon(callback)`.
    ///
    /// An error that it returns goes to the exception handler.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] when the loop is closed.
    #[track_caller]
    pub fn call_soon<R: CallbackOutput>(
        &self,
        call: impl FnOnce() -> R + 'static,
    ) -> Result<Handle> {
        self.queue("call_soon", boxed(call), Location::caller())
    }

    /// Queues a callback from outside of the loop, such as a pool's job:
    /// `loop.call_soon_threadsafe(callback)`.
    ///
    /// Real threads are not part of a simulation: from one, this is an error. The jobs of pools run
    /// on the loop's own thread, and may call what the loop's own code may: there is no
    /// `run_coroutine_threadsafe`, a job calls [`create_task`](Self::create_task) and returns the
    /// handle, or queues a callback that spawns.
    ///
    /// ```
    /// use seedloop::{blocking, run, run_in_executor, running_loop, sleep};
    /// use std::time::Duration;
    ///
    /// let answer = run(async {
    ///     let event_loop = running_loop()?;
    ///     let job = run_in_executor(None, move || {
    ///         blocking::sleep(Duration::from_secs(1));
    ///         event_loop.create_task(async {
    ///             sleep(Duration::from_secs(1)).await?;
    ///             Ok(42)
    ///         })
    ///     });
    ///     job.await?.await
    /// });
    /// assert_eq!(answer.unwrap(), 42);
    /// ```
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] when the loop is closed or belongs to another thread.
    #[track_caller]
    pub fn call_soon_threadsafe<R: CallbackOutput>(
        &self,
        call: impl FnOnce() -> R + 'static,
    ) -> Result<Handle> {
        self.queue("call_soon_threadsafe", boxed(call), Location::caller())
    }

    fn queue(
        &self,
        operation: &'static str,
        call: Box<dyn FnOnce() -> Result<()>>,
        location: &'static Location<'static>,
    ) -> Result<Handle> {
        self.check_open()?;
        let queued = with(|core| {
            let id = core.queue_call(self.id, Call::Plain(call), operation, location)?;
            core.handles[id].refs += 1;
            Ok((id, core.is_gone(&core.variables)))
        });
        queued.map(handle_of).map_err(refuse)
    }

    /// Sets a callback for `delay` from now: `loop.call_later(delay, callback)`.
    ///
    /// Callbacks of one deadline are called in the order in which they were set.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] when the loop is closed.
    ///
    /// # Panics
    ///
    /// When the deadline lies past the end of virtual time, 584 years.
    #[track_caller]
    pub fn call_later<R: CallbackOutput>(
        &self,
        delay: Duration,
        call: impl FnOnce() -> R + 'static,
    ) -> Result<TimerHandle> {
        self.check_open()?;
        let when = deadline_after(self.time(), delay);
        self.set_timer(when, "call_later", boxed(call), Location::caller())
    }

    /// Sets a callback for `when`: `loop.call_at(when, callback)`. One that is past is called in
    /// the next iteration, behind all that is ready.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] when the loop is closed.
    #[track_caller]
    pub fn call_at<R: CallbackOutput>(
        &self,
        when: Instant,
        call: impl FnOnce() -> R + 'static,
    ) -> Result<TimerHandle> {
        self.set_timer(when, "call_at", boxed(call), Location::caller())
    }

    fn set_timer(
        &self,
        when: Instant,
        operation: &'static str,
        call: Box<dyn FnOnce() -> Result<()>>,
        location: &'static Location<'static>,
    ) -> Result<TimerHandle> {
        self.check_open()?;
        let set = with(|core| {
            let id = core.set_timer(self.id, when, Call::Plain(call), operation, location)?;
            core.handles[id].refs += 1;
            Ok((id, core.is_gone(&core.variables)))
        });
        set.map(|set| TimerHandle { handle: handle_of(set), when }).map_err(refuse)
    }

    /// Hands reports (errors that nobody retrieved, failed callbacks, ...) to `handler`, in place
    /// of the default, which keeps them for the outcome of the run: `loop.set_exception_handler`.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn set_exception_handler<R: CallbackOutput>(
        &self,
        handler: impl Fn(&Report) -> R + 'static,
    ) {
        let handler: Handler = Rc::new(move |report| handler(report).into_result());
        self.replace_handler(Some(handler));
    }

    /// Goes back to the default handling of reports.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn clear_exception_handler(&self) {
        self.replace_handler(None);
    }

    #[track_caller]
    fn replace_handler(&self, handler: Option<Handler>) {
        self.assert_here();
        let old = with(|core| {
            let cell = core.loops.get_mut(self.id)?;
            std::mem::replace(&mut cell.handler, handler)
        });
        drop(old);
    }

    /// Gives a report to the exception handler: `loop.call_exception_handler(context)`.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn call_exception_handler(&self, report: Report) {
        self.assert_here();
        report_to(self.id, report);
    }

    /// Sets how long a step may hold up the loop before it is reported; 0.1 s unless set:
    /// `loop.slow_callback_duration`.
    ///
    /// # Errors
    ///
    /// A [`ValueError`] for zero, which every step would pass.
    pub fn set_slow_callback_duration(&self, duration: Duration) -> Result<()> {
        self.check_open()?;
        if duration.is_zero() {
            return Err(Error::new(ValueError::new(
                "slow_callback_duration must be longer than zero",
            )));
        }
        with(|core| core.loops[self.id].slow_callback = duration);
        Ok(())
    }
}

/// Makes `id` the current loop of the thread, or none.
pub(crate) fn set_current(id: Option<LoopId>) {
    let old = with(|core| core.replace_current(id));
    if let Some(id) = id {
        retain_loop(id);
    }
    if let Some(old) = old {
        release_loop(old);
    }
}

fn boxed<R: CallbackOutput>(call: impl FnOnce() -> R + 'static) -> Box<dyn FnOnce() -> Result<()>> {
    Box::new(move || call().into_result())
}

/// The handle of a call; one that is `gone` is cancelled at once.
fn handle_of((id, gone): (HandleId, bool)) -> Handle {
    if gone {
        cancel_handle(id);
    }
    Handle::new(id)
}

fn refuse(call: Call) -> Error {
    drop_call(Some(call));
    closed()
}

impl Clone for EventLoop {
    fn clone(&self) -> Self {
        if self.context != context_id() {
            // It cannot be counted from here, and so it must not be given up at home.
            return EventLoop { context: NOWHERE, id: self.id };
        }
        retain_loop(self.id);
        EventLoop { context: self.context, id: self.id }
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        if try_with(|_| ()).is_some() && self.is_here() {
            release_loop(self.id);
        }
    }
}

impl PartialEq for EventLoop {
    fn eq(&self, other: &Self) -> bool {
        self.context == other.context && self.id == other.id
    }
}
impl Eq for EventLoop {}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_here() {
            return f.write_str("<EventLoop on another thread>");
        }
        let (running, closed) = (self.is_running(), self.is_closed());
        write!(f, "<EventLoop running={running} closed={closed}>")
    }
}
