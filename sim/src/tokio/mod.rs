//! tokio's names and shapes on the simulation: code that was written for tokio runs in it as it is.
//!
//! ```
//! use seedloop::tokio;
//! use tokio::sync::mpsc;
//! use tokio::time::{Duration, sleep, timeout};
//!
//! async fn ping(pings: mpsc::Sender<u32>) {
//!     for number in 1.. {
//!         sleep(Duration::from_secs(number.into())).await;
//!         if pings.send(number).await.is_err() {
//!             break;
//!         }
//!     }
//! }
//!
//! let outcome = seedloop::Simulation::new().block_on(async {
//!     let (pings, mut received) = mpsc::channel(1);
//!     let pinging = tokio::spawn(ping(pings));
//!     while let Ok(Some(number)) = timeout(Duration::from_secs(3), received.recv()).await {
//!         assert!(number <= 3);
//!     }
//!     pinging.abort();
//!     Ok(pinging.await.unwrap_err().is_cancelled())
//! });
//! assert!(outcome.result.unwrap());
//! // Pings came after 1, 3 and 6 seconds, and then none for 3.
//! assert_eq!(outcome.time.since_start(), Duration::from_secs(9));
//! ```
//!
//! There are two ways to it:
//!
//! - `use seedloop::tokio;` in a file: `tokio::spawn(..)`, `tokio::time::sleep(..)` and
//!   `tokio::select!` in it are those of this module. In a real program the same file says
//!   `#[cfg(not(test))] use tokio;` beside `#[cfg(test)] use seedloop::tokio;`.
//! - A rename in `Cargo.toml`, and no line of code changes: `tokio = { package = "seedloop-tokio",
//!   version = "0.1" }`. That crate is this module, with the real `tokio::sync` in it.
//!
//! # What compiles, and what differs
//!
//! The order of events and their times are held to tokio's own by programs that are run by both
//! (tokio 1.54 on one thread, its clock paused, with sockets on the loopback device of Linux and
//! files in a folder).
//!
#![doc = include_str!("differences.md")]
//!
//! # The real `tokio::sync`
//!
//! Its channels and locks need no runtime: with `tokio = { version = "1", default-features = false,
//! features = ["sync"] }` they work inside a simulation, and repeat. A deadlock report can only say
//! that such a wait is not seedloop's. Without other features of tokio in the build: with `rt` or
//! `macros` its `watch` wakes in an order that it draws at random.
//!
//! # Cancelling
//!
//! Nothing here knows asyncio's [`cancel`](crate::LoopFuture::cancel), only `abort` and drop: a
//! `sleep` has no error that could tell it. A task that is cancelled in such a wait is treated as
//! in any foreign one: what lies inside the innermost [`attempt`](crate::attempt), timeout, scope
//! or group is dropped, or else the whole task. A cancel does not travel through a
//! [`JoinHandle`](task::JoinHandle) to the task that is awaited.

mod error;
#[cfg(feature = "tokio-io")]
pub mod fs;
mod id;
#[cfg(feature = "tokio-io")]
pub mod io;
mod join_handle;
mod join_set;
mod local_set;
mod macros;
#[cfg(feature = "tokio-io")]
pub mod net;
#[cfg(feature = "tokio-io")]
mod plain;
pub mod runtime;
mod spawn;
pub mod sync;
pub mod task;
pub mod time;

pub use macros::pin;
pub use spawn::spawn;

pub use crate::combine::join::{join, try_join};
pub use crate::combine::select::select;
