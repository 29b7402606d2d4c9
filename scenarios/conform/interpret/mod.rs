//! Runs scheduling programs on the library, through nothing but its public API.

mod body;
mod callbacks;
mod combine;
mod cycles;
mod flow;
mod generators;
mod instant;
mod pools;
mod queues;
mod run;
mod sync;
mod tasks;
mod transcript;
mod value;
mod vars;

pub use run::watch;
pub(super) use run::{Trace, interpret};
pub use transcript::Mark;
