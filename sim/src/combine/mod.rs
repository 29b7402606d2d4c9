//! Combinators over futures and tasks: sleep, gather, wait, timeouts, groups and generators.

mod alarm;
mod as_completed;
pub mod branches;
mod cut;
mod droppable;
mod eventually;
mod finalizer;
mod gather;
mod gather_input;
mod generator;
mod interval;
pub(crate) mod join;
pub(crate) mod select;
mod shield;
mod shutdown;
mod sleep;
mod task_group;
mod timeout;
mod wait;
mod wait_for;

pub use as_completed::{AsCompleted, NextCompleted, as_completed};
pub use droppable::{Droppable, droppable};
pub use eventually::eventually;
pub use gather::{gather, gather_into, gather_return_exceptions, gather_return_exceptions_into};
pub use gather_input::GatherInput;
pub use generator::{AsyncGen, CloseGenerator, Co, NextItem, YieldItem};
pub use interval::{Interval, MissedTickBehavior, Tick, interval, interval_at};
pub use shield::shield;
pub use sleep::{Sleep, sleep, sleep_until};
pub use task_group::TaskGroup;
pub use timeout::{Timeout, timeout, timeout_at};
pub use wait::{ReturnWhen, WaitMany, wait};
pub use wait_for::wait_for;

pub(crate) use alarm::Alarm;
pub(crate) use shutdown::{cancel_all_tasks, shutdown_generators};
