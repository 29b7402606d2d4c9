//! One scenario of a table.

use seedloop::{Outcome, Result, Simulation};

/// What a scenario's check says of an outcome: nothing, or what is wrong with it.
pub type Verdict = std::result::Result<(), String>;

/// A small program with a name, and what must hold of its outcome under every schedule.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The name on the command line.
    pub name: &'static str,
    /// The section of the document that it shows.
    pub section: &'static str,
    /// What it shows, in one line.
    pub summary: &'static str,
    /// The program. It prints with `out!` and calls `run` itself.
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
}
