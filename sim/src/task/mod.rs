//! Futures and tasks: spawning, awaiting, cancelling, and what stands around a foreign future.

mod any;
mod body;
mod boundary;
mod cancellable;
mod event_loop;
mod future;
mod generator_place;
mod join;
mod local;
mod raw;
mod spawn;
mod wait;
mod yields;

pub use any::{AnyFuture, AsFuture};
pub use boundary::{Attempt, attempt};
pub use cancellable::{Cancellable, cancellable};
#[expect(deprecated, reason = "asyncio has it, deprecated as well")]
pub use event_loop::event_loop;
pub use event_loop::{CallbackOutput, EventLoop, running_loop};
pub use future::{CallbackId, LoopFuture, create_future};
pub use join::JoinHandle;
pub(crate) use join::abort_of;
pub use local::{ContextVar, Token};
pub use spawn::{all_tasks, current_task, spawn, spawn_named};
pub(crate) use yields::{SwitchPoint, Turn, take_turn, yield_at};
pub use yields::{YieldNow, yield_now};

pub(crate) use body::release_adopted;
pub(crate) use boundary::Boundary;
pub(crate) use event_loop::{set_current, settle_callback};
pub(crate) use generator_place::{BodyState, GeneratorPlace};
pub(crate) use raw::FutureRef;
pub(crate) use spawn::{
    check_open, ensure_future, ensure_future_anywhere, spawn_at, spawn_on, tasks_of, to_handle,
};
#[cfg(feature = "tokio-io")]
pub(crate) use wait::without_cancel;
pub(crate) use wait::{Wait, WaitUnit, await_location, settle};
