//! What a program leaves open, and who decides it.
//!
//! A *choice* is a decision that the program leaves open: which of the ready tasks runs next, how
//! long a download takes. A [`Policy`] takes each of them, and the run's outcome has their log,
//! which [`Replay`] takes again. Choice 0 is always the dull one, so that a run without a policy is
//! asyncio's own.

pub use crate::base::{Choice, ChoiceKind, Fifo, Model, Policy, Replay, Uniform};
