//! The examples of the asyncio notes as scenarios.

use seedloop_cli::Scenario;

mod expect;
pub mod running;

/// All scenarios, in the order of the document.
pub const ALL: &[Scenario] = running::SCENARIOS;
