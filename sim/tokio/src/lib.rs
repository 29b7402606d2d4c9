//! Stands in for tokio by a rename in `Cargo.toml`, so that code that was written for tokio runs in
//! a [`seedloop`] simulation, and no line of it changes:
//!
//! ```toml
//! [dependencies]
//! tokio = { package = "seedloop-tokio", version = "0.1", features = ["full"] }
//! ```
//!
//! To have both, the simulation behind a flag (`RUSTFLAGS="--cfg simulation"`):
//!
//! ```toml
//! [target.'cfg(not(simulation))'.dependencies]
//! tokio = { version = "1", features = ["full"] }
//!
//! [target.'cfg(simulation)'.dependencies]
//! tokio = { package = "seedloop-tokio", version = "0.1", features = ["full"] }
//! ```
//!
//! A test then runs the code in a simulation:
//!
//! ```
//! # use seedloop_tokio as tokio;
//! async fn answer() -> u32 {
//!     tokio::time::sleep(tokio::time::Duration::from_secs(3600)).await;
//!     42
//! }
//!
//! for seed in 0..10 {
//!     let outcome = seedloop::Simulation::new().seed(seed).block_on(async { Ok(answer().await) });
//!     assert_eq!(outcome.result.unwrap(), 42);
//! }
//! ```
//!
//! Everything but [`sync`] is [`seedloop::tokio`], whose page says what compiles and what differs.
//! [`sync`] is tokio's own, the real one: it needs no runtime, and has every method of it. So is
//! what [`io`] holds, and streams and files have its traits.
//! tokio's features that have a counterpart are features here, and do nothing.

pub use seedloop::tokio::{fs, io, join, net, pin, runtime, select, spawn, task, time, try_join};
pub use tokio::sync;

/// The README's program is tried as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
