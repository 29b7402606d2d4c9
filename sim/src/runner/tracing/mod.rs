//! What a program logs with `tracing`, in the record of its run.

mod at;
mod layer;
mod recorded;
mod time;

pub use at::At;
pub use layer::{Layer, layer};
pub(crate) use recorded::logged;
pub use time::VirtualTime;
