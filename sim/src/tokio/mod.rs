//! draft

mod error;
mod id;
mod join_handle;
mod join_set;
mod local_set;
mod macros;
pub mod runtime;
mod spawn;
pub mod sync;
pub mod task;
pub mod time;

pub use macros::pin;
pub use spawn::spawn;

pub use crate::combine::join::{join, try_join};
pub use crate::combine::select::select;
