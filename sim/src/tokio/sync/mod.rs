//! Channels and locks: `tokio::sync`, as far as the library has its own.
//!
//! They are those of [`seedloop::sync`](crate::sync), whose waits a deadlock report can name.

pub mod broadcast;
pub mod mpsc;
pub mod oneshot;
pub mod watch;

pub use crate::sync::{Mutex, MutexGuard, Notify, RwLock, RwLockReadGuard, RwLockWriteGuard};
