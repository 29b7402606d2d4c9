//! Deterministic simulation testing for async Rust, in asyncio's order.
//!
//! A *simulation* runs async code on one thread, with a virtual clock and one source of choices:
//! the same seed gives the same run, step by step, on every machine. Without a seed the order is
//! that of Python's asyncio, hop for hop, and an hour of sleep takes no time at all.
//!
//! # Threads
//!
//! Handles on tasks, futures, loops and primitives are `Send + Sync`, so that code compiles that
//! asks for it, but they belong to the thread of their simulation. On another one, what returns a
//! [`Result`] (or a [`RuntimeError`]) gives a [`RuntimeError`] that names the fix, and what cannot
//! fail panics with the same text. Dropping there is quiet: what a guard holds stays held. Debug
//! output says `on another thread`. A simulated program has its threads in pools: see
//! [`to_thread`] and [`ThreadPool`].

mod base;
mod combine;
mod event_loop;
pub mod report;
mod runner;
pub mod sync;
mod task;
mod world;

pub use base::{
    AssertionError, Awaited, BarrierError, BlockedJob, BlockedTask, BlockedWait,
    BrokenBarrierError, BrokenPoolError, Cancelled, Choice, ChoiceKind, ConditionError, Deadlock,
    Elapsed, Error, Event, Exit, Fifo, ForeignWake, GeneratorExit, GetError, Group, HolderName,
    Instant, Interrupt, InvalidStateError, LimitExceeded, Message, Model, Panicked, Place, Policy,
    PutError, QueueEmpty, QueueError, QueueFull, QueueShutDown, Record, Replay, Result,
    RuntimeError, Source, StepEnd, StopAsyncIteration, TaskNumber, Uniform, ValueError,
};
pub use combine::{
    AsCompleted, AsyncGen, CloseGenerator, Co, GatherInput, NextCompleted, NextItem, ReturnWhen,
    Sleep, TaskGroup, Timeout, WaitMany, YieldItem, as_completed, gather, gather_into,
    gather_return_exceptions, gather_return_exceptions_into, shield, sleep, sleep_until, timeout,
    timeout_at, wait, wait_for,
};
pub use event_loop::{Handle, Limits, Line, Report, ReportKind, TaskInfo, TimerHandle};
pub use runner::{Outcome, Runner, Simulation, in_simulation, interrupt, run};
#[expect(deprecated, reason = "asyncio has it, deprecated as well")]
pub use task::event_loop;
pub use task::{
    AnyFuture, AsFuture, Attempt, CallbackId, CallbackOutput, Cancellable, ContextVar, EventLoop,
    JoinHandle, LoopFuture, Token, YieldNow, all_tasks, attempt, cancellable, create_future,
    current_task, running_loop, spawn, spawn_named, yield_now,
};

pub use world::{
    Executor, Pool, PoolFuture, ProcessPool, ThreadPool, ThreadPoolBuilder, ToThread, blocking,
    cores, fs, net, run_in_executor, set_cores, to_thread,
};

#[doc(hidden)]
pub use runner::print_line;

#[doc(hidden)]
pub use combine::branches as __branches;
pub use combine::{Interval, MissedTickBehavior, Tick, interval, interval_at};

pub mod tokio;
pub use tokio::task::{AbortHandle, JoinError, JoinSet};
