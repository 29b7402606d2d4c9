//! Known bugs, rebuilt as small programs, each with its corrected twin: what exploring has to find.

mod asyncio_cancel;
mod asyncio_queue;
mod asyncio_sync;
mod flags;
mod locks;
mod order;
mod rust;
mod safe_stack;
mod table;
mod updates;

pub use safe_stack::SAFE_STACK;
pub use table::{ALL, KnownBug, Version};
