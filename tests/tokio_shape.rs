//! Code in tokio's shape: the module `seedloop::tokio`, and the crate that stands in for tokio.

mod actor;
mod cancel;
mod fs_programs;
mod kv;
mod net_programs;
mod programs;
mod real_sync;
mod renamed;
mod runtime;
mod select;
mod streams;
mod time;
mod twins;

use seedloop::out as say;
use seedloop::tokio;

/// What a program says where tokio has a thread for files: here nothing is over by chance.
fn stall() {}

fn go_on() {}

async fn rest() {}
