//! seedloop
#![allow(dead_code)]
mod base;
mod event_loop;
pub mod sync;
mod task;
pub use base::*;
pub use event_loop::*;
pub use task::*;
