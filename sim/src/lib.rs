//! seedloop
#![allow(dead_code)]
mod base;
mod event_loop;
mod task;
mod world;
pub use base::*;
pub use event_loop::*;
pub use task::*;
pub use world::*;
