//! One scenario of a table.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use seedloop::{Error, Outcome, Result, Simulation};

/// What a scenario's check says of an outcome: nothing, or what is wrong with it.
pub type Verdict = std::result::Result<(), String>;

/// A small program with a name, and what must hold of its outcome under every schedule.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The name on the command line: lowercase words with hyphens.
    pub name: &'static str,
    /// The section of the document that it shows.
    pub section: &'static str,
    /// What it shows, in one line.
    pub summary: &'static str,
    /// The program. It prints with [`out!`](seedloop::out) and calls [`run`](seedloop::run)
    /// itself.
    pub body: fn() -> Result<()>,
    /// What must hold of the outcome under every schedule.
    pub check: fn(&Outcome<Result<()>>) -> Verdict,
}

impl Scenario {
    /// Runs it in asyncio's own order.
    pub fn run(&self) -> Outcome<Result<()>> {
        self.run_in(Simulation::new())
    }

    /// Runs it in a simulation.
    pub fn run_in(&self, simulation: Simulation) -> Outcome<Result<()>> {
        simulation.run(self.body)
    }

    /// Says whether the body returned `Ok` and the check holds.
    ///
    /// A scenario in which an error is the point takes the error and prints it.
    ///
    /// # Errors
    ///
    /// A text that fits behind "scenario 'x' ": what the body failed with, else what the check
    /// says, or the text of its panic.
    pub fn judge(&self, outcome: &Outcome<Result<()>>) -> Verdict {
        if let Err(error) | Ok(Err(error)) = &outcome.result {
            return Err(format!("failed: {}", with_causes(error)));
        }
        // A check that asserts is wrong about one outcome, and no reason to judge no other.
        match catch_unwind(AssertUnwindSafe(|| (self.check)(outcome))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(wrong)) => Err(format!("does not pass its check: {wrong}")),
            Err(payload) => Err(format!("panicked in its check: {}", text_of(&*payload))),
        }
    }
}

/// The error and what caused it, a line each.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.as_std().source();
    while let Some(cause) = source {
        text.push_str(&format!("\n  caused by: {cause}"));
        source = cause.source();
    }
    text
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<String>() {
        Some(text) => text,
        None => payload.downcast_ref::<&str>().copied().unwrap_or("without a text"),
    }
}
