//! One run of what is explored.

use std::sync::Arc;
use std::time::Duration;

use super::case::Case;
use super::convert::{Convert, Paths};
use super::fault::{Fault, Strictness, judge};
use super::follow::Follow;
use super::threads::on_own_thread;
use super::watch::Watch;
use crate::base::{Choice, Ended, Model, Policy, Replay, Result};
use crate::event_loop::{Limits, Strikes};
use crate::runner::{Outcome, Simulation};

/// The check of an outcome.
pub type Check<'a> = &'a (dyn Fn(&Outcome<Result<()>>) -> Result<(), String> + Sync);

/// What is done around a run: it is given the run, and calls it once.
pub type Around = fn(&mut dyn FnMut());

/// What is explored, and how its runs are made.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) body: &'a (dyn Fn() -> Result<()> + Sync),
    pub(crate) check: Check<'a>,
    pub(crate) model: Model,
    pub(crate) limits: Limits,
    pub(crate) strikes: Strikes,
    pub(crate) lateness: Duration,
    pub(crate) panics_join: bool,
    pub(crate) strictness: Strictness,
    pub(crate) around: Option<Around>,
    /// Who looks on from another process.
    pub(crate) watch: Option<&'a Arc<dyn Watch>>,
}

/// Runs a simulation inside of `around`.
fn run_within(
    around: Around,
    simulation: Simulation,
    body: &(dyn Fn() -> Result<()> + Sync),
) -> (Outcome<Result<()>>, Option<Box<dyn Policy>>) {
    let (mut simulation, mut result) = (Some(simulation), None);
    around(&mut || {
        let Some(simulation) = simulation.take() else {
            panic!("what is called around a run must call the run once, and has called it again");
        };
        result = Some(simulation.run_with_policy(body));
    });
    result.expect("what is called around a run must call the run once, and did not")
}

/// A run and what came of it.
pub(crate) struct Trial {
    pub(crate) outcome: Outcome<Result<()>>,
    pub(crate) fault: Option<Fault>,
}

impl Trial {
    pub(crate) fn shows(&self, fault: &Fault) -> bool {
        self.fault.as_ref().is_some_and(|own| own.is_like(fault))
    }
}

impl Subject<'_> {
    /// Runs with a policy, and gives it back.
    pub(crate) fn try_with(
        &self,
        policy: Box<dyn Policy>,
        record: bool,
    ) -> (Trial, Box<dyn Policy>) {
        if let Some(watch) = self.watch {
            watch.tries();
        }
        let mut simulation = Simulation::new()
            .model(self.model)
            .limits(self.limits)
            .explored(self.strikes, self.lateness, true)
            .boxed_policy(policy);
        if record {
            simulation = simulation.record();
        }
        if self.panics_join {
            simulation = simulation.panics_join();
        }
        let (outcome, policy) = match self.around {
            None => simulation.run_with_policy(self.body),
            Some(around) => on_own_thread(|| run_within(around, simulation, self.body)),
        };
        let fault = judge(&outcome, self.strictness, self.check);
        let policy = policy.unwrap_or_else(|| Box::new(Replay::new(Vec::new())));
        (Trial { outcome, fault }, policy)
    }

    /// Runs with a strategy, which has begun, and lets it learn.
    pub(crate) fn explore_once(&self, policy: Box<dyn Policy>) -> (Trial, Box<dyn Policy>) {
        let (trial, mut policy) = self.try_with(policy, false);
        policy.end(&Ended::new(&trial.outcome.choices, trial.fault.is_some()));
        (trial, policy)
    }

    /// Replays a log; what comes after it is the dull run.
    pub(crate) fn replay(&self, log: Vec<Choice>, record: bool) -> Trial {
        self.try_with(Box::new(Replay::new(log)), record).0
    }

    /// Follows a case, and tells which of its deviations were met.
    pub(crate) fn follow(&self, case: &Case, record: bool) -> (Trial, Vec<bool>) {
        let follow = Follow::new(case);
        let met = follow.met();
        let trial = self.try_with(Box::new(follow), record).0;
        let met = met.borrow();
        let met = (0..case.deviations.len()).map(|index| met.contains(&index)).collect();
        (trial, met)
    }

    /// Replays a log, and tells it as a case.
    pub(crate) fn convert(&self, log: Vec<Choice>) -> (Trial, Option<Case>) {
        let convert = Convert::log(log);
        let noted = convert.noted();
        let trial = self.try_with(Box::new(convert), true).0;
        let deviations = Paths::of(&trial.outcome.tasks).name(&noted.borrow());
        (trial, deviations.map(|deviations| self.case(deviations)))
    }

    /// The case of these deviations.
    pub(crate) fn case(&self, deviations: Vec<super::case::Deviation>) -> Case {
        let Subject { model, strikes, lateness, .. } = *self;
        Case { model, strikes, lateness, deviations }
    }

    /// As a case wants it.
    pub(crate) fn configured(&self, case: &Case) -> Self {
        let Case { model, strikes, lateness, .. } = *case;
        Subject { model, strikes, lateness, ..*self }
    }
}
