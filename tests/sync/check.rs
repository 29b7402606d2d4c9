//! Runs a program and compares its transcript with that of the same program in CPython.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;

use seedloop::error::ValueError;
use seedloop::sync::{BrokenBarrierError, QueueEmpty, QueueFull, QueueShutDown};
use seedloop::{Error, Result, RuntimeError, Simulation, run, yield_now};

/// What CPython 3.13.0 printed for each program of `twins.py`.
const TWINS: &str = include_str!("twins.txt");

thread_local! {
    static HOP: Cell<u32> = const { Cell::new(0) };
}

/// Runs `main` in asyncio's order; its transcript must be `expected`, and that the transcript of
/// the program `name` in `twins.py`.
pub(super) fn check_twin<F>(name: &str, expected: &str, main: impl FnOnce() -> F)
where
    F: Future<Output = Result<()>> + 'static,
{
    assert_eq!(expected, twin(name), "the test and the twin of {name} differ");
    assert_eq!(transcript(main), expected, "in {name}");
}

/// Returns the transcript of a program of `twins.py`.
pub(super) fn twin(name: &str) -> &'static str {
    let found = TWINS.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_else(|| panic!("no twin of {name}; run twins.py again"))
}

/// Runs `main` in asyncio's order and returns what it printed.
pub(super) fn transcript<F>(main: impl FnOnce() -> F) -> String
where
    F: Future<Output = Result<()>> + 'static,
{
    HOP.set(0);
    let outcome = Simulation::new().run(|| run(main()));
    outcome.result.and_then(|result| result).expect("the program to succeed");
    let lines: Vec<String> = outcome.lines.into_iter().map(|line| line.text).collect();
    lines.join("; ")
}

/// Runs `main` in asyncio's order, and some other orders; it must succeed in the first.
pub(super) fn check<F>(main: impl FnOnce() -> F)
where
    F: Future<Output = Result<()>> + 'static,
{
    transcript(main);
}

/// Gives way `n` times and counts the hops of the main task.
pub(super) async fn spin(n: u32) -> Result<()> {
    for _ in 0..n {
        yield_now().await?;
        HOP.set(HOP.get() + 1);
    }
    Ok(())
}

/// Returns how many hops the main task has made.
pub(super) fn hop() -> u32 {
    HOP.get()
}

/// Prints a line that begins with the number of hops of the main task.
macro_rules! at {
    ($($arg:tt)*) => {{
        // What is printed may be awaited, so the hops are counted afterwards.
        let text = format!($($arg)*);
        ::seedloop::out!("{} {text}", $crate::sync::check::hop())
    }};
}
pub(super) use at;

/// The result of an await or the name of its error, as a text.
pub(super) async fn attempt<T: Shown, E: Into<Error>>(
    awaitable: impl Future<Output = Result<T, E>>,
) -> String {
    text(awaitable.await)
}

/// A result or the name of its error.
pub(super) fn text<T: Shown, E: Into<Error>>(result: Result<T, E>) -> String {
    match result.map_err(Into::into) {
        Ok(value) => value.shown(),
        Err(error) => name_of(&error).unwrap_or_else(|| error.to_string()),
    }
}

/// What Python calls an error.
fn name_of(error: &Error) -> Option<String> {
    let names = [
        (error.is::<RuntimeError>(), "RuntimeError"),
        (error.is::<ValueError>(), "ValueError"),
        (error.is::<BrokenBarrierError>(), "BrokenBarrierError"),
        (error.is::<QueueEmpty>(), "QueueEmpty"),
        (error.is::<QueueFull>(), "QueueFull"),
        (error.is::<QueueShutDown>(), "QueueShutDown"),
    ];
    names.iter().find(|(is, _)| *is).map(|(_, name)| (*name).to_owned())
}

/// A value as the twins print it.
pub(super) trait Shown {
    fn shown(&self) -> String;
}

impl Shown for () {
    fn shown(&self) -> String {
        "ok".to_owned()
    }
}

impl Shown for usize {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for i32 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for &str {
    fn shown(&self) -> String {
        (*self).to_owned()
    }
}

/// What happened, in order.
#[derive(Clone, Default)]
pub(super) struct Log(Rc<RefCell<Vec<u32>>>);

impl Log {
    pub(super) fn new() -> Self {
        Log::default()
    }

    pub(super) fn push(&self, what: u32) {
        self.0.borrow_mut().push(what);
    }

    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    #[track_caller]
    pub(super) fn is(&self, expected: &[u32]) {
        assert_eq!(*self.0.borrow(), expected);
    }
}
