//! Locks, events, conditions, semaphores, barriers, queues and channels.

mod barrier;
mod condition;
mod event;
mod heap;
mod lock;
mod permits;
mod queue;
mod queue_order;
mod queue_state;
mod queue_wait;
mod scope;
mod semaphore;
mod wait_queue;
mod waiter;

pub use barrier::{Barrier, BarrierWait, ChangeBarrier};
pub use condition::{Condition, ConditionWait, ConditionWaitFor};
pub use event::{Event, EventWait};
pub use lock::{Acquire, AcquireGuard, Lock, LockGuard};
pub use permits::{AcquirePermit, Permit, TakePermit};
pub use queue::Queue;
pub use queue_order::{LifoQueue, PriorityQueue};
pub use queue_wait::{Get, Join, Put};
pub use semaphore::{BoundedSemaphore, Semaphore};
