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
//! (tokio 1.54 on one thread, its clock paused).
//!
//! | tokio | here |
//! |---|---|
//! | [`spawn`], [`task::spawn_local`] | of any output; neither need be `Send`. A panic ends the run, with its task and place; under [`Simulation::panics_join`](crate::Simulation::panics_join) it is the [`JoinError`](task::JoinError) of the handle, as with tokio |
//! | [`task::JoinHandle`], [`task::AbortHandle`] | the same: dropping lets the task go on, `abort` drops its future |
//! | [`task::JoinSet`] | the same, but for `spawn_blocking` and `build_task` |
//! | [`task::LocalSet`] | every task is local: its tasks run without it too |
//! | [`task::spawn_blocking`] | a job of the loop's default pool, of 8 workers (tokio: 512); [`blocking::sleep`](crate::blocking::sleep) takes virtual time in it |
//! | [`task::yield_now`] | the same |
//! | [`time`]: `sleep`, `timeout`, `interval`, `Instant` | virtual, in nanoseconds. `sleep(ZERO)` always gives way once (tokio waits for its timer's next millisecond; on a paused clock it is ready at once). What ends past the end of time (584 years) never ends |
//! | [`time::pause`], `resume`, `advance` | time is always paused; `advance` is `sleep` |
//! | [`select!`](select) | the branch that is polled first is a choice of the seed (tokio draws it); without a seed it is the first. `biased;` is the same |
//! | [`join!`](join), [`try_join!`](try_join) | the branches are polled as written at each turn (tokio begins with another one each time) |
//! | [`pin!`](pin) | the same |
//! | [`sync`] | the library's own `mpsc`, `oneshot`, `watch`, `broadcast`, `Notify`, `Mutex` and `RwLock`, without tokio's rarer methods: no permits, no owned guards, `try_lock` gives an `Option`. The real `tokio::sync` works as well, see below |
//! | [`runtime::Runtime`], `Builder`, `Handle` | one loop on this thread; `block_on` asks for `'static`. No `enter`, no `Handle::block_on` |
//! | `#[tokio::main]`, `#[tokio::test]`, `task_local!`, `net`, `fs`, `io`, `process`, `signal` | not here; `net` and `fs` of this crate are a beginning, in their own shape |
//! | scheduling | first in, first out, as tokio's current-thread runtime; in [any order](crate::Model::AnyOrder) with a seed. No budget: what is ready never gives way, unless a choice says so |
//! | end of `block_on` | tasks that are ready by then may run once more; then all that is left is dropped |
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
