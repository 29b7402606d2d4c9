//! Exploring: one run after the other, with other choices, until one fails; then the small case that
//! shows why.

mod case;
mod convert;
mod exhaustive;
mod explorer;
mod fault;
mod follow;
mod hold;
mod priorities;
mod profile;
mod shrink;
mod strategy;
mod trial;
mod walks;
mod weights;

pub use crate::base::{
    Access, Candidate, Candidates, Choice, ChoiceKind, Ended, Fifo, Model, Moment, Operation,
    Policy, Question, Replay, ResourceKey, TaskKey, Uniform,
};
pub use case::{Case, CaseError, EPOCH};
pub use exhaustive::Exhaustive;
pub use explorer::{Exploration, Explorer, Failure, Statistics};
pub use fault::{Fault, FaultKind};
pub use hold::Hold;
pub use priorities::{Pct, Pos};
pub use strategy::Strategy;
pub use walks::{Surw, Urw};
