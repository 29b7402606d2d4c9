//! Exploring that another harness drives, which has runs and a shrinker of its own.

use std::fmt;
use std::future::Future;
use std::panic::Location;

use super::body::runs_of;
use super::case::Case;
use super::explorer::Explorer;
use super::fault::Fault;
use super::races::Places;
use super::search::{seed_of, warm_up};
use super::strategy::{Portfolio, Strategy};
use super::threads::on_own_thread;
use crate::base::{Policy, Result};

/// A run that failed, as it was found.
#[doc(hidden)]
#[derive(Debug)]
pub struct Finding {
    pub fault: Fault,
    pub case: Case,
}

/// A run of a case.
#[doc(hidden)]
#[derive(Debug)]
pub struct Followed {
    /// None if it did not fail. Its case is without what the run never came to.
    pub finding: Option<Finding>,
    /// Where the run could have deviated, if that was asked for.
    pub clue: Option<Clue>,
}

/// Where a run could have deviated: what [`Steps`](super::Steps) learn of it.
#[doc(hidden)]
pub struct Clue(pub(super) Places);

impl fmt::Debug for Clue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clue(..)")
    }
}

impl Explorer {
    /// Runs `body` until a run fails, and leaves that run as it is. With the portfolio the first
    /// run is the dull one, and the seed tells which strategy is the next.
    ///
    /// Cancels are random ones, also where they are to be everywhere.
    #[doc(hidden)]
    #[track_caller]
    pub fn find<F, Fut>(&self, body: F) -> Option<Finding>
    where
        F: Fn() -> Fut + Sync,
        Fut: Future<Output = Result<()>> + 'static,
    {
        let body = runs_of(body, Location::caller());
        let subject = self.subject(&body, &|_| Ok(()));
        on_own_thread(|| {
            warm_up(&subject);
            let mut policy: Box<dyn Policy> = match self.strategy {
                Strategy::Portfolio => Box::new(Portfolio::beginning_with(self.seed)),
                strategy => strategy.policy(),
            };
            for run in 0..self.runs_max() {
                if !policy.begin(seed_of(self.seed, run)) {
                    return None;
                }
                let (trial, back) = subject.explore_once(policy);
                policy = back;
                let Some(fault) = trial.fault else { continue };
                let log = trial.outcome.choices;
                let (again, case) = subject.convert(log);
                let case = case.unwrap_or_else(|| subject.case(Vec::new()));
                let fault = match again.shows(&fault) {
                    true => fault,
                    false => Fault::of_another_run(&fault),
                };
                return Some(Finding { fault, case });
            }
            None
        })
    }

    /// Runs `body` as `case` says, and looks for a clue if one is wanted.
    #[doc(hidden)]
    #[track_caller]
    pub fn follow<F, Fut>(&self, case: &Case, record: bool, body: F) -> Followed
    where
        F: Fn() -> Fut + Sync,
        Fut: Future<Output = Result<()>> + 'static,
    {
        let body = runs_of(body, Location::caller());
        let subject = self.subject(&body, &|_| Ok(())).configured(case);
        on_own_thread(|| {
            let (trial, met) = subject.follow(case, record);
            let clue = record.then(|| Clue(Places::of(&trial.outcome)));
            let finding = trial.fault.map(|fault| Finding { fault, case: case.only(&met) });
            Followed { finding, clue }
        })
    }

    /// Makes a case that fails as small as it gets; none if it does not fail.
    #[doc(hidden)]
    #[track_caller]
    pub fn shrink<F, Fut>(&self, case: &Case, body: F) -> Option<Case>
    where
        F: Fn() -> Fut + Sync,
        Fut: Future<Output = Result<()>> + 'static,
    {
        let body = runs_of(body, Location::caller());
        Some(self.shrink_runs(case, &body, &|_| Ok(()))?.case)
    }
}
