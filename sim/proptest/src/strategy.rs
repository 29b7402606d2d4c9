//! Where schedules come from, and how they become small.

use std::sync::{Arc, Mutex};

use proptest::arbitrary::any;
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use seedloop::explore::{Case, Explorer, Steps};

use crate::schedule::{Cell, Plan, Schedule, lock};

/// Yields schedules in which any ready task may run next: asyncio's order, and one at random, for
/// each input.
///
/// See the [crate's documentation](crate) for what is tried and how it is shrunk.
pub fn schedules() -> Schedules {
    schedules_of(Explorer::new().runs(2))
}

/// Yields what an explorer explores: its strategy, its model, its limits, and as many
/// [`runs`](Explorer::runs) as it says for each input.
///
/// Its seed is proptest's to choose. Where tasks are cancelled everywhere they are cancelled at
/// random here.
///
/// ```
/// use seedloop::explore::{Cancel, Explorer, Strategy};
///
/// let explorer = Explorer::new().runs(3).strategy(Strategy::Pos).cancel(Cancel::Random);
/// let schedules = seedloop_proptest::schedules_of(explorer);
/// # drop(schedules);
/// ```
pub fn schedules_of(explorer: Explorer) -> Schedules {
    Schedules { explorer }
}

/// The strategy that [`schedules`] and [`schedules_of`] make.
#[derive(Clone, Debug)]
#[must_use = "strategies do nothing unless they are used"]
pub struct Schedules {
    explorer: Explorer,
}

impl Strategy for Schedules {
    type Tree = ScheduleTree;
    type Value = Schedule;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let seed = any::<u64>().new_tree(runner)?.current();
        let (explorer, cell) = (self.explorer.clone(), Arc::default());
        Ok(ScheduleTree { explorer, seed, cell, steps: None, tried: None })
    }
}

/// A schedule and what it may become.
#[derive(Debug)]
pub struct ScheduleTree {
    explorer: Explorer,
    seed: u64,
    cell: Arc<Mutex<Cell>>,
    /// Once the schedule is being shrunk.
    steps: Option<Steps>,
    /// The step of it of which nothing is known yet, and whether a clue to it is wanted.
    tried: Option<(Case, bool)>,
}

impl ScheduleTree {
    /// Takes the next step if there is one.
    fn step(&mut self) -> bool {
        self.tried = self.steps.as_mut().and_then(Steps::next_case);
        let mut cell = lock(&self.cell);
        (cell.failed, cell.clue) = (None, None);
        self.tried.is_some()
    }
}

impl ValueTree for ScheduleTree {
    type Value = Schedule;

    fn current(&self) -> Schedule {
        let seed = self.seed;
        let plan = match (&self.tried, lock(&self.cell).found.clone()) {
            (Some((case, with_clue)), _) => Plan::Only(case.clone(), *with_clue),
            (None, Some(case)) => Plan::Follow { case, seed, is_small: self.steps.is_some() },
            (None, None) => Plan::Draw(seed),
        };
        Schedule::new(self.explorer.clone(), plan, self.cell.clone())
    }

    /// Deviates less, after a run that failed.
    fn simplify(&mut self) -> bool {
        match (self.steps.as_mut(), self.tried.take()) {
            (Some(steps), Some((tried, _))) => {
                let mut cell = lock(&self.cell);
                // The test may have failed without it.
                let case = match (cell.failed, &cell.found) {
                    (Some(true), Some(found)) => found.clone(),
                    _ => tried,
                };
                cell.found = Some(case.clone());
                steps.tell(Some(case), cell.clue.take());
            }
            (Some(_), None) => {}
            (None, _) => {
                let Some(found) = lock(&self.cell).found.clone() else { return false };
                self.steps = Some(Steps::new(found));
            }
        }
        self.step()
    }

    /// Takes the last step back, after a run that did not fail, and tries another one; in the end
    /// it is back at the smallest that failed.
    fn complicate(&mut self) -> bool {
        if self.tried.take().is_none() {
            return false;
        }
        if let Some(steps) = &mut self.steps {
            steps.tell(None, lock(&self.cell).clue.take());
        }
        self.step();
        true
    }
}
