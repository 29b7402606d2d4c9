//! The small typed errors, one for each thing that can go wrong at an await or a call.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::error::Error as StdError;
use std::fmt;
use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Deadlock, Error, Instant};

/// The text that a cancel can carry.
pub type Message = Arc<str>;

/// Somebody asked the task to stop: `asyncio.CancelledError`.
///
/// Not an ordinary error: [`Error::is_exception`] is false for it, and swallowing it keeps a task
/// alive that was meant to end. Clean up, then hand it on with `?`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cancelled {
    message: Option<Message>,
}

impl Cancelled {
    /// Makes a cancel without a message.
    pub const fn new() -> Self {
        Cancelled { message: None }
    }

    /// Makes a cancel that carries `message`.
    pub fn with_message(message: impl Into<Message>) -> Self {
        Cancelled { message: Some(message.into()) }
    }

    pub(crate) const fn from_option(message: Option<Message>) -> Self {
        Cancelled { message }
    }

    /// Tells whether both carry the message that was given once, or none.
    pub(super) fn is_same(&self, other: &Cancelled) -> bool {
        match (&self.message, &other.message) {
            (Some(message), Some(other)) => Arc::ptr_eq(message, other),
            (None, None) => true,
            _ => false,
        }
    }

    /// Returns the message given to `cancel`, if one was.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            None => f.write_str("cancelled"),
            Some(message) => write!(f, "cancelled: {message}"),
        }
    }
}
impl StdError for Cancelled {}

/// Declares leaf errors that are a fixed text.
macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name;

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }
        impl StdError for $name {}
    )*};
}

fixed! {
    /// A deadline passed: `TimeoutError`.
    Elapsed = "deadline has elapsed";
    /// Ctrl-C: `KeyboardInterrupt`. It breaks the loop at once.
    Interrupt = "interrupted";
    /// An async generator is being closed: `GeneratorExit`, given to the body at its `yield_`.
    GeneratorExit = "generator is being closed";
    /// An async generator that has ignored its closing was closed again: Python's
    /// `StopAsyncIteration`.
    StopAsyncIteration = "generator was closed before";
    /// A queue that must not wait has no item: `asyncio.QueueEmpty`.
    QueueEmpty = "queue is empty";
    /// A queue that must not wait has no room: `asyncio.QueueFull`.
    QueueFull = "queue is full";
    /// The queue was shut down: `asyncio.QueueShutDown`.
    QueueShutDown = "queue is shut down";
    /// The barrier was aborted or reset while waiting: `asyncio.BrokenBarrierError`.
    BrokenBarrierError = "barrier is broken";
}

/// Declares leaf errors that carry a text of their own.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            text: Arc<str>,
        }

        impl $name {
            /// Makes the error with its text: a lowercase fragment that names the fix.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                $name { text: text.into() }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }
        impl StdError for $name {}
    )*};
}

texts! {
    /// A result was asked for too early or set twice: `asyncio.InvalidStateError`.
    InvalidStateError;
    /// The loop was used in a way that it refuses: Python's `RuntimeError`.
    RuntimeError;
    /// What asyncio takes for granted does not hold: Python's `AssertionError`.
    AssertionError;
    /// An argument has a value that makes no sense: Python's `ValueError`.
    ValueError;
    /// A worker of a pool died: `concurrent.futures.BrokenExecutor`.
    BrokenPoolError;
    /// A task was woken from another thread, which no seed can repeat; it ends the run.
    ForeignWake;
    /// A limit of the simulation ended the run; the text names the limit and the task that
    /// ran, and then the first others with what they wait for.
    LimitExceeded;
}

/// The program asks to end: `SystemExit`. It breaks the loop at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    code: i32,
}

impl Exit {
    /// Makes the request to end with `code`.
    pub const fn new(code: i32) -> Self {
        Exit { code }
    }

    /// Returns the exit code.
    pub const fn code(&self) -> i32 {
        self.code
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit with code {}", self.code)
    }
}
impl StdError for Exit {}

/// A task panicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    pub(crate) task: Arc<str>,
    pub(crate) message: Arc<str>,
    pub(crate) location: Option<Arc<str>>,
    pub(crate) time: Instant,
    pub(crate) stack: Stack,
    pub(crate) payload: Payload,
}

/// The stack of a panic, if one was captured. For people: it tells no two panics apart.
#[derive(Clone, Default)]
pub(crate) struct Stack(Option<Arc<Backtrace>>);

impl Stack {
    /// Captures the stack of the caller, if the environment asks for that.
    pub(crate) fn capture() -> Self {
        let stack = Backtrace::capture();
        Stack((stack.status() == BacktraceStatus::Captured).then(|| Arc::new(stack)))
    }
}

impl PartialEq for Stack {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Stack {}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "captured" } else { "not captured" })
    }
}

/// What a panic carried, for the first who asks; kept only where panics go to the awaiters.
#[derive(Clone, Default)]
pub(crate) struct Payload(Option<Arc<Mutex<PayloadSlot>>>);

#[derive(Default)]
struct PayloadSlot(Option<Box<dyn Any + Send>>);

impl Payload {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        Payload(Some(Arc::new(Mutex::new(PayloadSlot(Some(payload))))))
    }

    pub(crate) fn take(&self) -> Option<Box<dyn Any + Send>> {
        self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).0.take()
    }
}

impl Drop for PayloadSlot {
    fn drop(&mut self) {
        // Its destructor may panic in turn, which nobody asked for.
        if let Some(payload) = self.0.take() {
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
            dropped.unwrap_or_else(forget);
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "kept" } else { "not kept" })
    }
}

/// The text stands for it.
impl PartialEq for Payload {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}
impl Eq for Payload {}

impl Panicked {
    /// Returns the name of the task, or what else ran.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// Returns the text of the panic.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns `file:line:column` of the panic, if the panic hook of the library saw it.
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// Returns the stack of the panic, if `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE` asked for it.
    ///
    /// It is not part of the text, since it is not the same on every machine, and no part of what
    /// makes two panics equal. [`report::backtrace`](crate::report::backtrace) prints it.
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.stack.0.as_deref()
    }

    /// Returns the virtual time of the panic.
    pub fn time(&self) -> Instant {
        self.time
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} panicked", self.task)?;
        if let Some(location) = &self.location {
            write!(f, " at {location}")?;
        }
        write!(f, " after {}: {}", self.time, self.message)
    }
}
impl StdError for Panicked {}

/// Why a wait on a queue ended without an item or a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueError {
    /// The waiting task was cancelled.
    Cancelled(Cancelled),
    /// The queue was shut down.
    ShutDown,
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueueError::Cancelled(cancelled) => cancelled.fmt(f),
            QueueError::ShutDown => QueueShutDown.fmt(f),
        }
    }
}
impl StdError for QueueError {}

impl From<Cancelled> for QueueError {
    fn from(cancelled: Cancelled) -> Self {
        QueueError::Cancelled(cancelled)
    }
}
impl From<QueueShutDown> for QueueError {
    fn from(_: QueueShutDown) -> Self {
        QueueError::ShutDown
    }
}

/// Why a wait for a condition ended without a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConditionError {
    /// The waiting task was cancelled.
    Cancelled(Cancelled),
    /// The lock of the condition was not held.
    NotAcquired,
}

impl ConditionError {
    const NOT_ACQUIRED: &str = "cannot wait on un-acquired lock";
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConditionError::Cancelled(cancelled) => cancelled.fmt(f),
            ConditionError::NotAcquired => f.write_str(ConditionError::NOT_ACQUIRED),
        }
    }
}
impl StdError for ConditionError {}

impl From<Cancelled> for ConditionError {
    fn from(cancelled: Cancelled) -> Self {
        ConditionError::Cancelled(cancelled)
    }
}

/// Why a wait at a barrier ended before all had come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BarrierError {
    /// The waiting task was cancelled.
    Cancelled(Cancelled),
    /// The barrier was aborted, or reset while the task waited.
    Broken,
}

impl fmt::Display for BarrierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BarrierError::Cancelled(cancelled) => cancelled.fmt(f),
            BarrierError::Broken => BrokenBarrierError.fmt(f),
        }
    }
}
impl StdError for BarrierError {}

impl From<Cancelled> for BarrierError {
    fn from(cancelled: Cancelled) -> Self {
        BarrierError::Cancelled(cancelled)
    }
}
impl From<BrokenBarrierError> for BarrierError {
    fn from(_: BrokenBarrierError) -> Self {
        BarrierError::Broken
    }
}

/// Why a queue gave no item without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetError {
    /// There is none.
    Empty,
    /// There is none, and the queue was shut down.
    ShutDown,
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GetError::Empty => QueueEmpty.fmt(f),
            GetError::ShutDown => QueueShutDown.fmt(f),
        }
    }
}
impl StdError for GetError {}

/// Why a queue took no item without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutError {
    /// There is no room.
    Full,
    /// The queue was shut down.
    ShutDown,
}

impl fmt::Display for PutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PutError::Full => QueueFull.fmt(f),
            PutError::ShutDown => QueueShutDown.fmt(f),
        }
    }
}
impl StdError for PutError {}

/// Tells whether `error` is a leaf that stands outside of Python's `Exception`.
pub(super) fn is_base(error: &(dyn StdError + Send + Sync + 'static)) -> bool {
    error.is::<Exit>()
        || error.is::<Interrupt>()
        || error.is::<GeneratorExit>()
        || error.is::<Deadlock>()
        || error.is::<ForeignWake>()
        || error.is::<LimitExceeded>()
        || error.is::<Panicked>()
}

/// Turns the leaf errors that wrap others into what they wrap; none for an error of another type.
pub(super) fn unwrap_leaf(error: &(dyn StdError + 'static)) -> Option<Error> {
    if let Some(error) = error.downcast_ref::<QueueError>() {
        return Some(match error {
            QueueError::Cancelled(cancelled) => Error::cancelled(cancelled.clone()),
            QueueError::ShutDown => Error::new(QueueShutDown),
        });
    }
    if let Some(error) = error.downcast_ref::<ConditionError>() {
        return Some(match error {
            ConditionError::Cancelled(cancelled) => Error::cancelled(cancelled.clone()),
            ConditionError::NotAcquired => {
                Error::new(RuntimeError::new(ConditionError::NOT_ACQUIRED))
            }
        });
    }
    if let Some(error) = error.downcast_ref::<BarrierError>() {
        return Some(match error {
            BarrierError::Cancelled(cancelled) => Error::cancelled(cancelled.clone()),
            BarrierError::Broken => Error::new(BrokenBarrierError),
        });
    }
    if let Some(error) = error.downcast_ref::<GetError>() {
        return Some(match error {
            GetError::Empty => Error::new(QueueEmpty),
            GetError::ShutDown => Error::new(QueueShutDown),
        });
    }
    let error = error.downcast_ref::<PutError>()?;
    Some(match error {
        PutError::Full => Error::new(QueueFull),
        PutError::ShutDown => Error::new(QueueShutDown),
    })
}
