#![doc = include_str!("guide/crate.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod base;
mod combine;
mod event_loop;
pub mod explore;
pub mod report;
mod runner;
pub mod sync;
mod task;
#[doc(hidden)]
pub mod testing;
mod world;

pub use base::{Cancelled, Elapsed, Error, Instant, Result, RuntimeError};
pub use combine::{
    AsCompleted, AsyncGen, CloseGenerator, Co, Droppable, GatherInput, NextCompleted, NextItem,
    ReturnWhen, Sleep, TaskGroup, Timeout, WaitMany, YieldItem, as_completed, droppable, gather,
    gather_into, gather_return_exceptions, gather_return_exceptions_into, shield, sleep,
    sleep_until, timeout, timeout_at, wait, wait_for,
};
pub use event_loop::{Condition, Handle, Limits, Report, ReportKind, TimerHandle};
pub use runner::{Outcome, Rng, Runner, Simulation, choose, in_simulation, interrupt, rng, run};
#[expect(deprecated, reason = "asyncio has it, deprecated as well")]
pub use task::event_loop;
pub use task::{
    AnyFuture, AsFuture, Attempt, CallbackId, CallbackOutput, Cancellable, ContextVar, EventLoop,
    JoinHandle, LoopFuture, Token, YieldNow, all_tasks, attempt, cancellable, create_future,
    current_task, running_loop, spawn, spawn_named, yield_now,
};

pub use world::{
    Executor, Pool, PoolFuture, ProcessPool, Ratio, ThreadPool, ThreadPoolBuilder, ToThread,
    blocking, cores, fs, host, net, run_in_executor, set_cores, strikes, to_thread,
};

/// Makes a test of an `async fn`: explores it, and fails with a report if a run does.
///
/// The function takes nothing and returns `()` or a `Result` with any error that has `{:?}`. Its
/// arguments, each of which may be left out:
///
/// | argument | takes | default |
/// |---|---|---|
/// | `runs` | how many runs | 200; exhaustive strategies end by themselves |
/// | `jobs` | on how many [threads](explore::Explorer::jobs) runs are made | all cores |
/// | `isolated` | nothing: runs are made in [processes](#processes) of their own | |
/// | `seed` | a number | 0 |
/// | `model` | `any`, or `asyncio` for asyncio's own order | `any` |
/// | `strategy` | a [`Strategy`](explore::Strategy) by name, as `"pct:3"` | the portfolio |
/// | `cancel` | `never`, `random`, `everywhere`, `pairs` | `never` |
/// | `lateness` | how late a loop with timers may be | not at all |
/// | `leaks` | `report`, or `fail` if tasks still run at the end | `report` |
/// | `unretrieved` | `report`, or `fail` if nobody asks for an error | `report` |
/// | `panics` | `fail`, or `join_error` for whoever awaits the task | `fail` |
/// | `steps`, `steps_at_one_instant` | when to give up | 500,000 and 50,000 |
/// | `limits` | the same as [`Limits`] | |
/// | `around` | what is [called around each run](explore::Explorer::around) | nothing |
/// | `case` | a case that is replayed first; may be given again | |
/// | `expect_failure` | passes only if a run fails, with the text that is given: a known bug | |
/// | `crate` | the path of this library, if it is not `::seedloop` | |
///
/// ```
/// # // The attribute makes a test of it, which a doc test does not run.
/// #[seedloop::test(runs = 500, cancel = everywhere)]
/// async fn nothing_is_lost() -> seedloop::Result<()> {
///     let queue = seedloop::sync::Queue::new(0);
///     queue.put_nowait(1)?;
///     assert_eq!(queue.get().await?, 1);
///     Ok(())
/// }
/// ```
///
/// # Processes
///
/// A panic in a destructor that runs while another one unwinds, a stack that overflows, an abort or
/// a poll that never ends take the whole process with them, and so all other tests of the program.
/// With `isolated` the runs are made in other processes of the same test, as many as
/// [`jobs`](explore::Explorer::jobs) says. What ends one of them is a failure of that run, with a
/// case; so is a run that takes longer than `SEEDLOOP_PATIENCE`. What comes of the exploration
/// is the same otherwise. On Unix only, and with the standard test harness.
///
/// `SIGKILL` is taken for what the system does where memory is short: where it comes again and
/// again the test ends with an error, and no run is blamed, also if a run has sent it to itself.
/// What a run reads from the standard input is empty.
///
/// # Environment
///
/// The environment has its say, in every test:
///
/// | variable | takes | effect |
/// |---|---|---|
/// | `SEEDLOOP_RUNS` | a number | how many runs every test makes |
/// | `SEEDLOOP_JOBS` | a number | on how many threads, or in how many processes, runs are made |
/// | `SEEDLOOP_SEED` | a number | the seed of every test |
/// | `SEEDLOOP_STRATEGY` | a strategy | how choices are taken in every test |
/// | `SEEDLOOP_MODEL` | any or asyncio | what may run next in every test |
/// | `SEEDLOOP_CANCEL` | never, random, everywhere or pairs | whether tasks are cancelled |
/// | `SEEDLOOP_CASE` | a case | replays the case in place of exploring; name one test with it |
/// | `SEEDLOOP_ISOLATED` | on or off | on: each `#[seedloop::test]` is `isolated`; off: none is |
/// | `SEEDLOOP_PATIENCE` | seconds | how long a run in a process of its own may take, 60 s |
/// | `SEEDLOOP_REGRESSIONS` | on or off | off: neither read nor write regression files |
/// | `SEEDLOOP_PAGES` | on or off | off: write no pages of failures |
/// | `NEXTEST_STRESS_CURRENT` | a number, of nextest | is added to the seed of every test |
///
/// The page of a failure is a file to look at in a browser, in the folder `seedloop` of the one in
/// which cargo builds: every step of the failing run, who woke whom, what else could have run, and
/// the passing run that is nearest to it. It asks nobody for anything.
pub use seedloop_macros::test;

#[doc(hidden)]
pub use event_loop::{always, sometimes, touch};
#[doc(hidden)]
pub use runner::print_line;

pub use combine::{Interval, MissedTickBehavior, Tick, interval, interval_at};
#[doc(hidden)]
pub use combine::{branches, eventually};

pub mod tokio;
pub use tokio::task::{AbortHandle, JoinError, JoinSet};

/// Errors that a program meets less often than those at the root, and what they consist of.
///
/// Those of asyncio under their own names, those that end a run ([`Deadlock`], [`LimitExceeded`],
/// [`Panicked`], [`ForeignWake`]), and [`Group`], several errors at once. The errors of one
/// primitive stand beside it, in [`sync`].
///
/// [`Deadlock`]: error::Deadlock
/// [`LimitExceeded`]: error::LimitExceeded
/// [`Panicked`]: error::Panicked
/// [`ForeignWake`]: error::ForeignWake
/// [`Group`]: error::Group
pub mod error {
    pub use crate::base::{
        AssertionError, BlockedJob, BlockedTask, BlockedWait, BrokenPoolError, Deadlock, Exit,
        ForeignWake, GeneratorExit, Group, HolderName, Interrupt, InvalidStateError, LimitExceeded,
        Message, Panicked, StopAsyncIteration, ValueError,
    };
}

/// What an [`Outcome`] holds of a run: its events, its tasks and the lines that it printed.
///
/// Plain data, for tests and tools; [`report`] makes texts of it.
pub mod trace {
    pub use crate::base::{
        Awaited, Event, Forgotten, LogEntry, Place, Record, Source, StepEnd, TaskNumber,
    };
    pub use crate::event_loop::{Line, Point, TaskInfo};
}

/// What a program logs with `tracing`, between the other events of its run (feature `tracing`).
///
/// A recorded run keeps what is logged up to the level `DEBUG`, at the step in which that happens:
/// the page of a failure and `seedloop trace` show it with what the program prints and with its
/// events, and the table of a report shows warnings and errors. Nothing has to be set up. The many
/// runs of an exploration that nobody looks at log nothing.
///
/// Who sets a subscriber decides what it gets and where it goes: [`layer`](tracing::layer) does the
/// above as one layer of several, behind whatever filter, and [`VirtualTime`](tracing::VirtualTime)
/// gives [`tracing_subscriber::fmt`](mod@tracing_subscriber::fmt) virtual timestamps, with host,
/// task and step.
///
/// ```
/// use std::time::Duration;
/// use seedloop::{Simulation, report, sleep, spawn_named};
/// use tracing::{Instrument, info, info_span};
///
/// let outcome = Simulation::new().record().block_on(async {
///     let work = async {
///         sleep(Duration::from_millis(5)).await?;
///         info!(rows = 3, "committed");
///         Ok(())
///     };
///     spawn_named("writer", work.instrument(info_span!("request", id = 7))).await
/// });
/// let text = report::trace_text(&outcome);
/// assert!(text.contains("logs: INFO request{id=7}: "), "{text}");
/// assert!(text.contains(": committed rows=3"), "{text}");
/// ```
///
/// What is logged is no part of a run: it is in no fingerprint, and a run is the same with and
/// without it, unless the arguments of a log statement do something: they are computed in recorded
/// runs alone, so that `debug!(next = queue.pop())` makes of a replay another run.
///
/// A span that is entered with a guard stays entered over an `await`, for all that runs meanwhile,
/// as everywhere; `Instrument` is the way around. The same is true for a job of a pool that waits
/// inside of a span.
#[cfg(feature = "tracing")]
pub mod tracing {
    pub use crate::runner::tracing::{At, Layer, VirtualTime, layer};
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Guides: how to debug a failure, what is controlled, what is not found, and what names become for
/// those who come from elsewhere.
///
/// Begin with the [crate's own page](crate), which shows a test, a bug and its report.
pub mod guide {
    #[doc = include_str!("guide/asyncio.md")]
    pub mod asyncio {}

    #[doc = include_str!("guide/campaigns.md")]
    pub mod campaigns {}

    #[doc = include_str!("guide/ci.md")]
    pub mod ci {}

    #[doc = include_str!("guide/control.md")]
    pub mod control {}

    #[doc = include_str!("guide/debugging.md")]
    pub mod debugging {}

    #[doc = include_str!("guide/limitations.md")]
    pub mod limitations {}

    #[doc = include_str!("guide/peers.md")]
    pub mod peers {}

    #[doc = include_str!("guide/stability.md")]
    pub mod stability {}

    #[doc = include_str!("guide/strategies.md")]
    pub mod strategies {}

    #[doc = include_str!("guide/tokio.md")]
    pub mod tokio {}
}
