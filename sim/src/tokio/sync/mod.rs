//! Channels and locks: `tokio::sync`, as far as the library has its own.
//!
//! Those are [`mpsc`], [`oneshot`], [`watch`], [`Mutex`] and [`RwLock`] of
//! [`seedloop::sync`](crate::sync), whose waits a deadlock report can name.

pub use crate::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use crate::sync::{mpsc, oneshot, watch};
