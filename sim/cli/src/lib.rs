//! The command line for a table of scenarios: list them, run them, look at their events.

mod scenario;

pub use scenario::{Scenario, Verdict};
