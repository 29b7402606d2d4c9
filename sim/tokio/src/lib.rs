//! draft
pub use seedloop::tokio::{
    join, pin, runtime, select, spawn, task, time, try_join,
};
pub use ::tokio::sync;
