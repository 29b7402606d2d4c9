//! A job queue with leases, as a worked system: a broker with a log on its disk, workers, a client,
//! and what has to hold of them whatever goes wrong around them.
//!
//! Clients submit jobs under names of their own choice, so that asking twice changes nothing.
//! Workers lease a job for a time, tell the broker that they are still at it, and complete it.
//! Each lease has a token higher than all before, and only the token of the lease that runs
//! completes a job: one that has run out is refused. The broker answers when what it says is on the
//! disk.
//!
//! Read on in this order: [`survive`] is the test; `broker`, `jobs` and `log` are the server,
//! `connection`, `worker` and `client` those who talk to it, `history` is what has to hold, `fault`
//! what goes wrong. [`Mistake`] lists what the queue can be built wrong with.

mod broker;
mod client;
mod codec;
mod connection;
mod fault;
mod history;
mod jobs;
mod log;
mod mistake;
mod protocol;
mod system;
mod table;
mod worker;

pub use broker::serve;
pub use client::{audit, submit};
pub use fault::{Fault, Faults, wreck};
pub use history::History;
pub use mistake::Mistake;
pub use system::{System, survive};
pub use table::{PLANTED, SCENARIOS};
pub use worker::work;
