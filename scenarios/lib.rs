//! The examples of the asyncio notes as scenarios.

use seedloop_cli::Scenario;

/// All scenarios, in the order of the document.
pub const ALL: &[Scenario] = &[];
