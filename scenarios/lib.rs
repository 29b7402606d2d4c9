//! The examples of the asyncio notes as scenarios.

pub mod conform;

use seedloop_cli::Scenario;

/// All scenarios, in the order of the document.
pub const ALL: &[Scenario] = &[];
