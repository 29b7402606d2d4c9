//! Known bugs, rebuilt as small programs, each with its corrected twin: what exploring has to find.

mod asyncio_cancel;
mod asyncio_queue;
mod asyncio_sync;
mod flags;
mod locks;
mod order;
mod rust;
mod table;
mod updates;

pub use table::{ALL, KnownBug, Version};
