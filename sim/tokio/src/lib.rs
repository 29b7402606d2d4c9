//! Stands in for tokio by a rename in `Cargo.toml`, so that code that was written for tokio runs in
//! a [`seedloop`] simulation, and no line of it changes:
//!
//! ```toml
//! [dependencies]
//! tokio = { package = "seedloop-tokio", version = "0.1", features = ["full"] }
//! ```
//!
//! To have both, the real one in the program and the simulation in its unit tests, make this a
//! dev-dependency, and write one line at the root of the crate, under `#[cfg(test)]`:
//!
//! ```standalone_crate
//! extern crate seedloop_tokio as tokio;
//!
//! mod clock {
//!     pub async fn tick() -> u32 {
//!         tokio::time::sleep(tokio::time::Duration::from_secs(1)).await;
//!         1
//!     }
//! }
//!
//! fn main() {
//!     let outcome = seedloop::Simulation::new().block_on(async { Ok(clock::tick().await) });
//!     assert_eq!(outcome.result.unwrap(), 1);
//! }
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
