//! Whole runs: `run` with its clean-up, the runner behind it, and the simulation around both.

mod print;
mod random;
mod run;
mod simulation;
#[cfg(feature = "tracing")]
pub(crate) mod tracing;

pub use print::print_line;
pub use random::{Rng, choose, rng, take_entropy};
pub(crate) use run::run_at;
pub use run::{Runner, interrupt, run};
pub use simulation::{Outcome, Simulation, in_simulation};
