//! Code in tokio's shape: the module `seedloop::tokio`, and the crate that stands in for tokio.

mod actor;
mod cancel;
mod programs;
mod real_sync;
mod renamed;
mod runtime;
mod select;
mod time;
mod twins;

use seedloop::out as say;
use seedloop::tokio;
