//! draft
pub use ::tokio::sync;
pub use seedloop::tokio::{join, pin, runtime, select, spawn, task, time, try_join};
