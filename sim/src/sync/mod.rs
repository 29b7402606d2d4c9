//! Locks, events, conditions, semaphores, barriers, queues and channels.
//!
//! asyncio's primitives under their own names, with its order of wakeups hop for hop; their waits
//! give [`Cancelled`](crate::Cancelled) when the task is cancelled. Beside them stand the channels
//! and locks that a Rust programmer knows ([`oneshot`], [`mpsc`], [`watch`], [`broadcast`],
//! [`Notify`], [`Mutex`], [`RwLock`]), whose waits cannot fail.

mod barrier;
pub mod broadcast;
mod broadcast_state;
mod condition;
mod event;
mod gate;
mod heap;
mod lock;
pub mod mpsc;
mod mpsc_receiver;
mod mpsc_state;
mod mutex;
mod notify;
pub mod oneshot;
mod permits;
mod queue;
mod queue_order;
mod queue_state;
mod queue_wait;
mod rw_lock;
mod scope;
mod semaphore;
mod tracked;
mod wait_queue;
mod waiter;
pub mod watch;
mod watch_state;

pub use crate::base::{
    BarrierError, BrokenBarrierError, ConditionError, GetError, PutError, QueueEmpty, QueueError,
    QueueFull, QueueShutDown,
};
pub use barrier::{Barrier, BarrierWait, ChangeBarrier};
pub use condition::{Condition, ConditionWait, ConditionWaitFor};
pub use event::{Event, EventWait};
pub use lock::{Acquire, AcquireGuard, Lock, LockGuard};
pub use mutex::{Locking, Mutex, MutexGuard};
pub use notify::{Notified, Notify};
pub use permits::{AcquirePermit, Permit, TakePermit};
pub use queue::Queue;
pub use queue_order::{LifoQueue, PriorityQueue};
pub use queue_wait::{Get, Join, Put};
pub use rw_lock::{Reading, RwLock, RwLockReadGuard, RwLockWriteGuard, Writing};
pub use semaphore::{BoundedSemaphore, Semaphore};
pub use tracked::{ReadTracked, Tracked, UpdateTracked, WriteTracked};
