//! Locks, events, conditions, semaphores, barriers, queues and channels.

mod barrier;
mod condition;
mod event;
mod lock;
mod permits;
mod scope;
mod semaphore;
mod wait_queue;
mod waiter;

pub use barrier::{Barrier, BarrierWait, ChangeBarrier};
pub use condition::{Condition, ConditionWait, ConditionWaitFor};
pub use event::{Event, EventWait};
pub use lock::{Acquire, AcquireGuard, Lock, LockGuard};
pub use permits::{AcquirePermit, Permit, TakePermit};
pub use semaphore::{BoundedSemaphore, Semaphore};
