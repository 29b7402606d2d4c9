//! The kernel: the ready queue, the timers, the step, what waits for what, and how a cancel
//! travels.
//!
//! All state of a thread stands in one [`context`]; handles are ids into it. Functions here take
//! short borrows of it and run no user code (poll, wake, drop, callback) while they hold one.

mod awaited;
mod callback;
mod cancel;
mod cell;
mod clock;
mod close;
mod complete;
mod context;
mod core;
mod deadlock;
mod emitted;
mod extension;
mod foreign;
mod generators;
mod handle;
mod iteration;
#[cfg(feature = "tracing")]
mod log;
mod loops;
mod meets;
mod object;
mod outside;
mod panics;
mod parked;
mod picks;
mod placed;
mod plain;
mod points;
mod prefetch;
mod radix;
mod ready;
mod report;
mod session;
mod setting;
mod shared;
mod step;
mod strike;
mod tasks;
mod timer;
mod touch;
mod value;
mod waits;
mod waker;

pub use handle::{Handle, TimerHandle};
pub use report::{Report, ReportKind};
pub use session::{Limits, Line, TaskInfo};

pub(crate) use callback::{Callback, CallbackKey};
pub(crate) use cancel::{cancel_boundary_scope, cancel_future};
pub(crate) use cell::{
    BoundaryId, CloneValue, Fan, FutureCell, FutureId, Kind, LoopId, Order, Outcome, State, Target,
    TaskCell, Told, Variables, WaitCell, WaitId,
};
pub(crate) use close::close_loop;
pub(crate) use complete::{Finished, finish, queue_done, release, retain};
pub(crate) use context::{
    Hot, NOWHERE, context_id, hot, is_context, set_followed, set_hot, try_with, try_with_idle, with,
};
pub(crate) use core::{Core, Interrupts};
pub(crate) use deadlock::{connections, describe_blocked_loop};
pub(crate) use extension::{Extension, extension};
pub(crate) use generators::{OpenGenerator, forget_generator, queue_plain, register_generator};
pub(crate) use handle::{Call, HandleId, cancel_handle, drop_call};
pub(crate) use loops::{close_all, new_loop, release_loop, retain_loop};
pub(crate) use meets::OUTPUT;
pub(crate) use object::{Notes, ObjectId};
pub(crate) use outside::{
    OutsideKey, Pumped, call_outside_at, cancel_outside, pump_outside, run_outside,
};
pub(crate) use panics::{catch, catch_error, catch_quietly, describe, set_quiet};
pub(crate) use placed::abort_at;
pub(crate) use points::BROKEN;
pub use points::{Condition, Point, always, sometimes};
pub(crate) use points::{break_at, look_after};
pub(crate) use report::{Handler, report, report_to};
pub(crate) use session::Configuration;
pub(crate) use setting::{JobOrigin, Setting};
pub(crate) use shared::{Shared, Uncounted};
pub(crate) use step::{finish_ended, run_loop};
pub(crate) use strike::Strikes;
pub(crate) use tasks::{Held, TaskId};
pub use touch::touch;
pub(crate) use value::Value;
pub(crate) use waits::{
    Delivery, Label, OwnState, PollWaker, Refused, SWITCH, WaitState, YIELD, poll_with,
};
pub(crate) use waker::{TaskBody, TaskMeta, new_task};
