//! What a property is tried with, beside its inputs.

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proptest::test_runner::{TestCaseError, TestCaseResult};
use seedloop::explore::{Case, CaseError, Clue, Explorer};

/// So many schedules are tried on a smaller input that does not fail as the larger one did: the
/// dull one, and others as the portfolio comes to them.
const SEARCH_RUNS: u64 = 13;

/// How a run's choices are taken.
///
/// Shown by `Debug` as the [`Case`] that failed, or else by the seed that it was drawn with. The
/// text of a case can be parsed, and so tried again.
#[derive(Clone)]
pub struct Schedule {
    explorer: Explorer,
    plan: Plan,
    cell: Arc<Mutex<Cell>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// Runs of a strategy from this seed.
    Draw(u64),
    /// This case; if it does not fail, others from this seed.
    Follow { case: Case, seed: u64, is_small: bool },
    /// This case and no other; whether a clue to its run is wanted.
    Only(Case, bool),
}

/// What runs leave for the strategy.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    /// The case of the last run that failed.
    pub(crate) found: Option<Case>,
    /// Whether a run of the last plan failed; none if there was no run.
    pub(crate) failed: Option<bool>,
    /// Where the last run could have deviated.
    pub(crate) clue: Option<Clue>,
}

impl Schedule {
    pub(crate) fn new(explorer: Explorer, plan: Plan, cell: Arc<Mutex<Cell>>) -> Self {
        Schedule { explorer, plan, cell }
    }

    /// Runs `body` on a thread of its own; in a test of proptest's, `?` belongs behind it.
    ///
    /// The body is called anew for each run and must do the same each time. What it asserts is the
    /// property, beside what makes every simulation fail: a deadlock, a panic, a limit.
    ///
    /// # Errors
    ///
    /// How the run failed.
    ///
    /// # Panics
    ///
    /// When the thread cannot be made.
    #[track_caller]
    pub fn check<F, Fut>(&self, body: F) -> TestCaseResult
    where
        F: Fn() -> Fut + Sync,
        Fut: Future<Output = seedloop::Result<()>> + 'static,
    {
        let explorer = &self.explorer;
        let (finding, clue) = match &self.plan {
            Plan::Draw(seed) => (explorer.clone().seed(*seed).find(&body), None),
            Plan::Only(case, with_clue) => {
                let followed = explorer.follow(case, *with_clue, &body);
                (followed.finding, followed.clue)
            }
            Plan::Follow { case, seed, is_small } => {
                let found = explorer.follow(case, false, &body).finding.or_else(|| {
                    let mut found = explorer.clone().runs(SEARCH_RUNS).seed(*seed).find(&body)?;
                    if *is_small {
                        found.case = explorer.shrink(&found.case, &body).unwrap_or(found.case);
                    }
                    Some(found)
                });
                (found, None)
            }
        };
        let mut cell = lock(&self.cell);
        (cell.failed, cell.clue) = (Some(finding.is_some()), clue);
        match finding {
            None => Ok(()),
            Some(finding) => {
                cell.found = Some(finding.case);
                Err(TestCaseError::fail(finding.fault.to_string()))
            }
        }
    }

    /// Returns the case of the run that failed, if one did.
    pub fn case(&self) -> Option<Case> {
        match &self.plan {
            Plan::Follow { case, .. } | Plan::Only(case, _) => Some(case.clone()),
            Plan::Draw(_) => lock(&self.cell).found.clone(),
        }
    }
}

impl From<Case> for Schedule {
    fn from(case: Case) -> Self {
        Schedule::new(Explorer::new(), Plan::Only(case, false), Arc::default())
    }
}

impl FromStr for Schedule {
    type Err = CaseError;

    /// Reads the text of a case.
    fn from_str(text: &str) -> Result<Self, CaseError> {
        Ok(Schedule::from(text.parse::<Case>()?))
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.case(), &self.plan) {
            (Some(case), _) => write!(f, "{case}"),
            (None, Plan::Draw(seed)) => write!(f, "Schedule(seed {seed})"),
            (None, _) => f.write_str("Schedule"),
        }
    }
}

/// A run that panicked out of `check` has not left anything half done in the cell.
pub(crate) fn lock(cell: &Mutex<Cell>) -> MutexGuard<'_, Cell> {
    cell.lock().unwrap_or_else(PoisonError::into_inner)
}
