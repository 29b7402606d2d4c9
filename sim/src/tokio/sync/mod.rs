//! Channels and locks: `tokio::sync`, as far as the library has its own.
//!
//! Those are [`mpsc`], [`oneshot`], [`watch`], [`Mutex`] and [`RwLock`] of
//! [`seedloop::sync`](crate::sync), whose waits a deadlock report can name.

pub use crate::sync::{
    Mutex, MutexGuard, Notify, RwLock, RwLockReadGuard, RwLockWriteGuard, broadcast, mpsc, oneshot,
    watch,
};
