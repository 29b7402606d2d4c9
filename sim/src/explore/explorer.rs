//! Explorations: many runs of one body, until one fails.

use std::collections::BTreeMap;
use std::time::Duration;

use super::case::Case;
use super::fault::{Fault, FaultKind, Strictness};
use super::shrink::shrink;
use super::strategy::Strategy;
use super::trial::{Subject, Trial};
use crate::base::{Model, Result};
use crate::event_loop::{Limits, Strikes};
use crate::runner::Outcome;

/// How many replays a failure may be shrunk with, unless said otherwise.
const REPLAYS: u32 = 300;
/// Every so many runs one is taken again and compared.
const RECHECK: u64 = 64;

/// How to explore.
#[derive(Clone, Debug)]
pub struct Explorer {
    pub(crate) runs: u64,
    pub(crate) seed: u64,
    pub(crate) strategy: Strategy,
    pub(crate) model: Model,
    pub(crate) limits: Limits,
    pub(crate) strikes: Strikes,
    pub(crate) lateness: Duration,
    pub(crate) panics_join: bool,
    pub(crate) strictness: Strictness,
    pub(crate) shrink: u32,
    pub(crate) recheck: bool,
}

/// What came of an exploration.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exploration {
    /// What was counted.
    pub statistics: Statistics,
    /// The first failure, if a run failed.
    pub failure: Option<Box<Failure>>,
}

/// What an exploration counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Runs, apart from replays.
    pub runs: u64,
    /// Steps of all runs.
    pub steps: u64,
    /// Orders of conflicting operations that were seen, each counted once.
    pub distinct: u64,
    /// Those of them that were seen in a single run: divided by the runs, the chance that the next
    /// run shows a new one. Source: Good, "The population frequencies of species" (1953).
    pub seen_once: u64,
    /// Whether there is nothing left to try within the bounds of the strategy.
    pub exhausted: bool,
    /// Runs that were taken again and compared.
    pub rechecked: u64,
}

/// A run that failed, made as small as it gets.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// How it failed.
    pub fault: Fault,
    /// Which run it was, from 1.
    pub run: u64,
    /// How many deviations it had when it was found.
    pub found_with: usize,
    /// The smallest case that fails in the same way.
    pub case: Case,
    /// How many replays that took.
    pub replays: u32,
    /// The run of that case, with all its events.
    pub outcome: Outcome<Result<()>>,
    /// Whether the case was replayed and failed in the same way.
    pub reproduced: bool,
}

impl Default for Explorer {
    fn default() -> Self {
        Explorer::new()
    }
}

impl Explorer {
    /// Explores with what a test has by default: 200 runs in any order by the portfolio.
    pub fn new() -> Self {
        let limits =
            Limits { steps_at_one_instant: 100_000, steps: 10_000_000, ..Limits::default() };
        Explorer {
            runs: 200,
            seed: 0,
            strategy: Strategy::Portfolio,
            model: Model::AnyOrder,
            limits,
            strikes: Strikes::None,
            lateness: Duration::ZERO,
            panics_join: false,
            strictness: Strictness::default(),
            shrink: REPLAYS,
            recheck: true,
        }
    }

    fn subject<'a>(
        &self,
        body: &'a (dyn Fn() -> Result<()> + Sync),
        check: super::trial::Check<'a>,
    ) -> Subject<'a> {
        Subject {
            body,
            check,
            model: self.model,
            limits: self.limits,
            strikes: self.strikes,
            lateness: self.lateness,
            panics_join: self.panics_join,
            strictness: self.strictness,
        }
    }

    pub(crate) fn explore_on_this_thread(
        &self,
        body: &(dyn Fn() -> Result<()> + Sync),
        check: super::trial::Check<'_>,
    ) -> Exploration {
        let subject = self.subject(body, check);
        let mut statistics = Statistics::default();
        let mut orders: BTreeMap<u64, u64> = BTreeMap::new();
        let mut policy = self.strategy.policy();
        let mut failure = None;
        while statistics.runs < self.runs {
            if !policy.begin(seed_of(self.seed, statistics.runs)) {
                statistics.exhausted = true;
                break;
            }
            let (trial, back) = subject.explore_once(policy);
            policy = back;
            statistics.runs += 1;
            statistics.steps += trial.outcome.steps;
            *orders.entry(trial.outcome.order).or_default() += 1;
            if trial.fault.is_some() {
                failure = Some(Box::new(self.explain(&subject, trial, statistics.runs)));
                break;
            }
            let _ = RECHECK;
        }
        statistics.distinct = orders.len() as u64;
        statistics.seen_once = orders.values().filter(|count| **count == 1).count() as u64;
        Exploration { statistics, failure }
    }

    /// Makes a failure small, and runs it once more with everything recorded.
    fn explain(&self, subject: &Subject<'_>, trial: Trial, run: u64) -> Failure {
        let fault = trial.fault.clone().expect("seedloop bug: a run that did not fail");
        let subject = match fault.kind {
            FaultKind::Limit => subject.patient(),
            _ => *subject,
        };
        let (again, case) = subject.convert(trial.outcome.choices);
        let case = case.unwrap_or_else(|| Case::dull(subject.model));
        let found_with = case.len();
        if !again.shows(&fault) {
            let outcome = again.outcome;
            return Failure {
                fault,
                run,
                found_with,
                case,
                replays: 0,
                outcome,
                reproduced: false,
            };
        }
        let shrunk = shrink(subject, &case, &fault, self.shrink);
        let (last, _) = subject.follow(&shrunk.case, true);
        let reproduced = last.shows(&fault);
        Failure {
            fault: last.fault.unwrap_or(fault),
            run,
            found_with,
            case: shrunk.case,
            replays: shrunk.replays,
            outcome: last.outcome,
            reproduced,
        }
    }
}

/// The seed of one run.
fn seed_of(seed: u64, run: u64) -> u64 {
    (seed ^ run.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        .rotate_left(31)
}
