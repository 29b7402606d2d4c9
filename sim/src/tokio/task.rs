//! Tasks: `tokio::task`.

pub use super::error::JoinError;
pub use super::id::{Id, id, try_id};
pub use super::join_handle::{AbortHandle, JoinHandle};
pub use super::join_set::{JoinNext, JoinSet};
pub use super::local_set::LocalSet;
pub use super::spawn::{YieldNow, block_in_place, spawn, spawn_blocking, spawn_local, yield_now};
