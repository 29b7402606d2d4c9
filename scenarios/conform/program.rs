//! Scheduling programs: small asyncio programs as data.
//!
//! The language is described in `tests/conformance/LANGUAGE.md`; this is its syntax tree. One
//! table, [`Stmt`]'s, says which operations there are and which fields each has: the type, the
//! parser and [`Program::to_json`] are all made from it, so that they cannot disagree.
//!
//! A [`Program`] that came out of [`Program::parse`] is valid as far as that can be seen without
//! running it. One that was built by hand can be held to the same rules with [`Program::check`].

use smol_str::SmolStr;

use super::json::{Field, Fields};
pub use super::number::Number;
pub use super::parse::ParseError;

/// A whole number of the loop's clock.
pub type Ticks = u64;

/// The statements of a block, in order.
pub type Body = Vec<Stmt>;

/// A scheduling program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The name under which its trace is reported.
    pub name: SmolStr,
    /// The coroutine functions; the one called `main` is run.
    pub coros: Vec<Routine>,
    /// The async generator functions.
    pub gens: Vec<Routine>,
}

impl Program {
    /// Returns the body of the coroutine function `name`.
    #[must_use]
    pub fn coro(&self, name: &str) -> Option<&[Stmt]> {
        Routine::find(&self.coros, name)
    }

    /// Returns the body of the async generator function `name`.
    #[must_use]
    pub fn generator(&self, name: &str) -> Option<&[Stmt]> {
        Routine::find(&self.gens, name)
    }
}

/// A coroutine function or an async generator function, without parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routine {
    /// Its name, unique among the functions of its sort.
    pub name: SmolStr,
    /// What it does.
    pub body: Body,
}

impl Routine {
    fn find<'a>(routines: &'a [Self], name: &str) -> Option<&'a [Stmt]> {
        let found = routines.iter().find(|routine| routine.name == name)?;
        Some(&found.body)
    }
}

/// A value that programs pass around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Python's `None`, printed as `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number, printed as Python does.
    Number(Number),
    /// A string, printed bare.
    Text(SmolStr),
}

/// A field that is always written, if only as `null`: no timeout, no limit, the default pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrNull<T>(pub Option<T>);

/// What is waited for: something that exists, or a new coroutine object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The task or future in this variable.
    Task(SmolStr),
    /// A new coroutine object of this function.
    Coro(SmolStr),
}

/// What a `raise` raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RaiseKind {
    /// `Boom`, a subclass of `Exception`.
    Boom,
    /// `asyncio.CancelledError`.
    Cancelled,
}

/// Which exceptions a handler catches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchKind {
    /// `asyncio.CancelledError`.
    Cancelled,
    /// `Boom`.
    Boom,
    /// `TimeoutError`.
    Timeout,
    /// Any exception group.
    Group,
    /// `Exception`: neither cancellation nor a generator's exit.
    Exception,
    /// `BaseException`: everything.
    Base,
}

/// A handler of a `try`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// What it catches.
    pub catch: CatchKind,
    /// What it does.
    pub body: Body,
}

/// When `asyncio.wait` returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// When all are done.
    AllCompleted,
    /// When the first is done.
    FirstCompleted,
    /// When the first has failed, or all are done.
    FirstException,
}

/// What a `new` makes. The numbers are passed on as they are: asyncio decides what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// `asyncio.Lock()`.
    Lock,
    /// `asyncio.Event()`.
    Event,
    /// `asyncio.Condition()`, with a lock of its own.
    Condition,
    /// `asyncio.Semaphore(value)`.
    Semaphore(i64),
    /// `asyncio.BoundedSemaphore(value)`.
    BoundedSemaphore(i64),
    /// `asyncio.Barrier(parties)`.
    Barrier(i64),
    /// `asyncio.Queue(maxsize)`.
    Queue(i64),
    /// `asyncio.LifoQueue(maxsize)`.
    LifoQueue(i64),
    /// `asyncio.PriorityQueue(maxsize)`.
    PriorityQueue(i64),
    /// A pool of so many workers.
    ThreadPool(i64),
}

/// How a job of a pool ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It returns this value.
    Value(Value),
    /// It raises `Boom` with this message.
    Raise(SmolStr),
}

/// Makes [`Stmt`] and all that depends on the list of operations.
///
/// An entry reads `Variant = "op" { field: Type }`, or `field as "key": Type` where the field's
/// name in JSON is a keyword of Rust. An `Option` may be left out, an [`OrNull`] must be written.
macro_rules! statements {
    ($(
        $(#[$doc:meta])*
        $variant:ident = $op:literal { $($field:ident $(as $key:literal)?: $type:ty),* }
    )*) => {
        /// A statement. Variants and fields are those of LANGUAGE.md's table.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(missing_docs, reason = "LANGUAGE.md's table describes the fields, by these names")]
        pub enum Stmt {
            $($(#[$doc])* $variant { $($field: $type),* }),*
        }

        impl Stmt {
            /// The names of all operations.
            pub const OPS: &'static [&'static str] = &[$($op),*];

            /// Returns the name of the operation, as programs write it.
            #[must_use]
            pub fn op(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $op),*
                }
            }

            /// Reads the fields of the operation `op`; none if there is no such operation.
            pub(super) fn read(
                op: &str,
                fields: &mut Fields<'_>,
            ) -> Result<Option<Self>, ParseError> {
                Ok(Some(match op {
                    $($op => Self::$variant {
                        $($field: Field::read(fields, [$($key,)? stringify!($field)][0])?),*
                    },)*
                    _ => return Ok(None),
                }))
            }

            /// Writes the fields of the operation.
            pub(super) fn write(&self, object: &mut serde_json::Map<String, serde_json::Value>) {
                match self {
                    $(Self::$variant { $($field),* } => {
                        $($field.write([$($key,)? stringify!($field)][0], object);)*
                    })*
                }
            }
        }
    };
}

statements! {
    /// Prints a line.
    Log = "log" { msg: SmolStr }
    /// `await asyncio.sleep(t)`.
    Sleep = "sleep" { t: Ticks }
    /// `VAR = create_task(CORO)`.
    Spawn = "spawn" { var: SmolStr, coro: SmolStr }
    /// `await CORO()` in place.
    Call = "call" { coro: SmolStr }
    /// `await VAR`.
    Await = "await" { var: SmolStr }
    /// `VAR.cancel(msg)`.
    Cancel = "cancel" { var: SmolStr, msg: Option<SmolStr> }
    /// `uncancel()` of the current task, or of a variable's.
    Uncancel = "uncancel" { var: Option<SmolStr> }
    /// `cancelling()` of the current task, or of a variable's.
    Cancelling = "cancelling" { var: Option<SmolStr> }
    /// Returns from the body.
    Return = "return" { value: Value }
    /// Raises a new exception.
    Raise = "raise" { exc: RaiseKind, msg: SmolStr }
    /// Raises again what the handler around it has caught.
    Reraise = "reraise" {}
    /// Does the body `n` times.
    Repeat = "repeat" { n: u64, body: Body }
    /// `try`, with handlers, `finally`, or both.
    Try = "try" { body: Body, handlers: Vec<Handler>, finally: Option<Body> }
    /// `VAR = loop.create_future()`.
    Future = "future" { var: SmolStr }
    /// `VAR.set_result(value)`.
    SetResult = "set_result" { var: SmolStr, value: Value }
    /// `VAR.set_exception(Boom(msg))`.
    SetException = "set_exception" { var: SmolStr, msg: SmolStr }
    /// Prints whether and how a task or future has ended.
    Status = "status" { var: SmolStr }
    /// `VAR.add_done_callback`.
    OnDone = "on_done" { var: SmolStr, tag: SmolStr, then as "do": Option<Box<Stmt>> }
    /// `loop.call_soon`.
    CallSoon = "call_soon" { tag: SmolStr, then as "do": Option<Box<Stmt>> }
    /// `VAR = loop.call_later(t)`.
    CallLater = "call_later" {
        t: Ticks, tag: SmolStr, var: SmolStr, then as "do": Option<Box<Stmt>>
    }
    /// Cancels a timer.
    CancelTimer = "cancel_timer" { var: SmolStr }
    /// `asyncio.gather`, awaited or stored.
    Gather = "gather" { of: Vec<Item>, return_exceptions: bool, var: Option<SmolStr> }
    /// `asyncio.wait`.
    Wait = "wait" { of: Vec<SmolStr>, when: When, timeout: OrNull<Ticks> }
    /// `asyncio.wait_for`.
    WaitFor = "wait_for" { item: Item, timeout: OrNull<Ticks> }
    /// `asyncio.shield`, awaited or stored.
    Shield = "shield" { item: Item, var: Option<SmolStr> }
    /// Awaits what `asyncio.as_completed` gives, one after the other.
    AsCompleted = "as_completed" { of: Vec<SmolStr>, timeout: OrNull<Ticks> }
    /// `async with asyncio.timeout(t)`.
    Timeout = "timeout" { t: OrNull<Ticks>, body: Body }
    /// Moves the deadline of the innermost timeout of the same body.
    Reschedule = "reschedule" { t: OrNull<Ticks> }
    /// `async with TaskGroup() as VAR`.
    TaskGroup = "taskgroup" { var: SmolStr, body: Body }
    /// `VAR = TG.create_task(CORO)`.
    TgSpawn = "tg_spawn" { tg: SmolStr, var: SmolStr, coro: SmolStr }
    /// Makes a synchronisation primitive, a queue or a pool.
    New = "new" { object: Object, var: SmolStr }
    /// `async with VAR`.
    With = "with" { var: SmolStr, body: Body }
    /// `await VAR.acquire()`.
    Acquire = "acquire" { var: SmolStr }
    /// `VAR.release()`.
    Release = "release" { var: SmolStr }
    /// `VAR.locked()`.
    Locked = "locked" { var: SmolStr }
    /// Sets an event.
    EventSet = "event_set" { var: SmolStr }
    /// Clears an event.
    EventClear = "event_clear" { var: SmolStr }
    /// Waits for an event.
    EventWait = "event_wait" { var: SmolStr }
    /// Waits for a condition.
    CondWait = "cond_wait" { var: SmolStr }
    /// Wakes `n` of a condition's waiters; null: all.
    Notify = "notify" { var: SmolStr, n: OrNull<u64> }
    /// `await VAR.put(value)`.
    Put = "put" { var: SmolStr, value: Value }
    /// `VAR.put_nowait(value)`.
    PutNowait = "put_nowait" { var: SmolStr, value: Value }
    /// `await VAR.get()`.
    Get = "get" { var: SmolStr }
    /// `VAR.get_nowait()`.
    GetNowait = "get_nowait" { var: SmolStr }
    /// `VAR.task_done()`.
    TaskDone = "task_done" { var: SmolStr }
    /// `await VAR.join()`.
    Join = "join" { var: SmolStr }
    /// `VAR.qsize()`.
    Qsize = "qsize" { var: SmolStr }
    /// `VAR.shutdown(immediate)`.
    Shutdown = "shutdown" { var: SmolStr, immediate: bool }
    /// Waits at a barrier.
    BarrierWait = "barrier_wait" { var: SmolStr }
    /// Breaks a barrier for good.
    BarrierAbort = "barrier_abort" { var: SmolStr }
    /// Breaks a barrier for those who wait at it now.
    BarrierReset = "barrier_reset" { var: SmolStr }
    /// `loop.run_in_executor`, awaited or stored.
    RunInExecutor = "run_in_executor" {
        pool: OrNull<SmolStr>, tag: SmolStr, dur: Ticks, outcome: Outcome, var: Option<SmolStr>
    }
    /// Hands a value to whoever iterates the generator.
    Yield = "yield" { value: Value }
    /// `async for` over a new generator.
    AsyncFor = "async_for" {
        generator as "gen": SmolStr, limit: OrNull<u64>, aclose: bool, body: Body
    }
}
