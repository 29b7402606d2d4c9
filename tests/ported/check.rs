//! Loops to run a ported test in, and the errors that such tests raise.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use seedloop::error::{GeneratorExit, InvalidStateError};
use seedloop::{
    Error, EventLoop, LoopFuture, Report, ReportKind, Result, RuntimeError, Simulation, run,
    running_loop,
};

/// Runs `main` in asyncio's order and returns what was logged; it must succeed.
#[track_caller]
pub(super) fn check<F>(main: F) -> Vec<Report>
where
    F: Future<Output = Result<()>> + 'static,
{
    let outcome = Simulation::new().run(|| run(main));
    outcome.result.and_then(|result| result).expect("the program to succeed");
    logged(outcome.reports)
}

/// Runs a program that turns a loop by hand and returns what was logged; it must succeed. The loop
/// is the current one, and closed in the end.
#[track_caller]
pub(super) fn by_hand(body: impl FnOnce(&EventLoop) -> Result<()>) -> Vec<Report> {
    let outcome = Simulation::new().run(|| {
        let event_loop = EventLoop::new();
        event_loop.set_current();
        body(&event_loop)?;
        event_loop.close()
    });
    outcome.result.and_then(|result| result).expect("the program to succeed");
    logged(outcome.reports)
}

/// What asyncio would have logged too: not our own hints.
fn logged(reports: Vec<Report>) -> Vec<Report> {
    let is_hint =
        |report: &Report| matches!(report.kind, ReportKind::Stray | ReportKind::NeverAwaited);
    reports.into_iter().filter(|report| !is_hint(report)).collect()
}

/// Lets everything that is ready now run, and what that makes ready: `test_utils.run_briefly`.
#[track_caller]
pub(super) fn run_briefly(event_loop: &EventLoop) {
    event_loop.run_until_complete(async { Ok(()) }).expect("an empty task to succeed");
}

/// The virtual time since the start of the run.
pub(super) fn now() -> Duration {
    running_loop().expect("a running loop").time().since_start()
}

/// What happened, in order.
pub(super) struct Log<T = u32>(Rc<RefCell<Vec<T>>>);

impl<T> Log<T> {
    pub(super) fn new() -> Self {
        Log(Rc::default())
    }

    pub(super) fn push(&self, what: T) {
        self.0.borrow_mut().push(what);
    }

    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Takes the last one out.
    pub(super) fn take(&self) -> Option<T> {
        self.0.borrow_mut().pop()
    }

    pub(super) fn each(&self, look: impl FnMut(&T)) {
        self.0.borrow().iter().for_each(look);
    }

    #[track_caller]
    pub(super) fn is(&self, expected: &[T])
    where
        T: fmt::Debug + PartialEq,
    {
        assert_eq!(*self.0.borrow(), expected);
    }
}

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Log(Rc::clone(&self.0))
    }
}

/// Something that is set once and looked at by several.
#[derive(Clone, Default)]
pub(super) struct Flag(Rc<Cell<bool>>);

impl Flag {
    pub(super) fn new() -> Self {
        Flag::default()
    }

    pub(super) fn set(&self) {
        self.0.set(true);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.get()
    }
}

/// Declares errors without content.
macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) struct $name;

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
        impl std::error::Error for $name {}
    )*};
}

errors! {
    /// What most of CPython's tests raise to fail.
    ZeroDivision
    /// Another error.
    OtherError
}

/// An error that no `except Exception` catches and that does not break the loop.
pub(super) type BaseError = GeneratorExit;

#[track_caller]
pub(super) fn is_cancelled<T: fmt::Debug, E: Into<Error>>(result: Result<T, E>) {
    match result.map_err(Into::into) {
        Err(error) if error.is_cancelled() => {}
        other => panic!("{other:?} is no cancel"),
    }
}

#[track_caller]
pub(super) fn is_timeout<T: fmt::Debug>(result: Result<T>) {
    assert!(matches!(&result, Err(error) if error.is_timeout()), "{result:?} is no timeout");
}

#[track_caller]
pub(super) fn is_zero_division<T: fmt::Debug>(result: Result<T>) {
    let is = matches!(&result, Err(error) if error.is::<ZeroDivision>());
    assert!(is, "{result:?} is another error");
}

#[track_caller]
pub(super) fn is_invalid_state<T: fmt::Debug>(result: Result<T>) {
    let is = matches!(&result, Err(error) if error.is::<InvalidStateError>());
    assert!(is, "{result:?} is no invalid state");
}

/// A refusal of the loop whose text has `words` in it.
#[track_caller]
pub(super) fn is_refused<T: fmt::Debug>(result: Result<T>, words: &str) {
    match &result {
        Err(error) if error.is::<RuntimeError>() && error.to_string().contains(words) => {}
        other => panic!("{other:?} does not refuse with {words:?}"),
    }
}

/// Fails with the error that most tests use.
pub(super) fn divide() -> Result<()> {
    Err(Error::new(ZeroDivision))
}

/// Adds a done-callback that tells nothing but the order.
pub(super) fn on_done<T: 'static>(future: &LoopFuture<T>, log: &Log, what: u32) {
    let log = log.clone();
    future.add_done_callback(move |_| log.push(what)).expect("the loop is open");
}

/// Waits for a future in a coroutine, which becomes a task of its own where the future would not.
pub(super) async fn awaiting<T: 'static>(future: LoopFuture<T>) -> Result<T> {
    future.await
}

/// Polls a future where no task runs; it must not wait.
#[track_caller]
pub(super) fn outside_of_tasks<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}
