//! Explorations: many runs of one body, until one fails.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::body::runs_of;
use super::case::Case;
use super::fault::{Fault, FaultKind, Strictness};
use super::misfit::misfits;
use super::search::nondeterministic;
use super::shrink::shrink;
use super::strategy::{Portfolio, Strategy};
use super::tally::Statistics;
use super::threads::on_own_thread;
use super::trial::{Around, Check, Subject, Trial};
use crate::base::{Model, Policy, Result};
use crate::event_loop::{Limits, Point, Strikes};
use crate::runner::Outcome;

/// How many replays a failure may be shrunk with, unless said otherwise.
const REPLAYS: u32 = 300;
/// How many runs an exploration has that does not end by itself.
const RUNS: u64 = 200;

/// Whether tasks are cancelled or dropped at their awaits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancel {
    /// Never but by the program.
    #[default]
    Never,
    /// At random: at one await in sixteen.
    Random,
    /// At each await of each task but the main one at which it waits, in the order of the queue:
    /// when the task has come to wait, and when it was woken and has not run yet; and before the
    /// task begins. Then, in any order, the same where every await gives way that can; then at
    /// random. Each place is a run, up to ten times as many as [`runs`](Explorer::runs) says.
    Everywhere,
    /// The same, and at each two of them.
    Pairs,
}

impl fmt::Display for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cancel::Never => "never",
            Cancel::Random => "random",
            Cancel::Everywhere => "everywhere",
            Cancel::Pairs => "pairs",
        })
    }
}

impl FromStr for Cancel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Cancel::Never, Cancel::Random, Cancel::Everywhere, Cancel::Pairs];
        let named = all.into_iter().find(|cancel| cancel.to_string() == text);
        named.ok_or_else(|| format!("'{text}' is none of never, random, everywhere, pairs"))
    }
}

/// Explores a body: runs it again and again with other choices, until a run fails.
///
/// What is not said has the default of a test: 200 runs, in any order, by the
/// [portfolio](Strategy::Portfolio), from seed 0.
///
/// ```
/// use seedloop::explore::Explorer;
/// use seedloop::{spawn, sync::Tracked};
///
/// let exploration = Explorer::new().explore(|| async {
///     let counter = Tracked::new(0);
///     let add_one = async move |counter: Tracked<u32>| {
///         let seen = counter.read().await?;
///         counter.write(seen + 1).await?;
///         Ok(())
///     };
///     let one = spawn(add_one(counter.clone()));
///     let other = spawn(add_one(counter.clone()));
///     one.await?;
///     other.await?;
///     assert_eq!(counter.get(), 2, "an update is lost");
///     Ok(())
/// });
/// assert!(exploration.failure.is_some());
/// ```
#[derive(Clone)]
#[must_use = "an explorer does nothing before `explore` or `check`"]
pub struct Explorer {
    /// None: 200, or as many as an exhaustive strategy needs.
    pub(crate) runs: Option<u64>,
    /// None: as many as the machine has cores.
    pub(crate) jobs: Option<usize>,
    pub(crate) seed: u64,
    pub(crate) strategy: Strategy,
    pub(crate) model: Model,
    pub(crate) limits: Limits,
    pub(crate) cancel: Cancel,
    pub(crate) lateness: Duration,
    pub(crate) panics_join: bool,
    pub(crate) strictness: Strictness,
    pub(crate) replays: u32,
    pub(crate) expected: Vec<String>,
    /// What takes the choices, if it is no strategy of ours.
    pub(super) policy: Option<MakePolicy>,
    /// Cases that are replayed before all else.
    pub(crate) cases: Vec<Case>,
    pub(crate) around: Option<Around>,
}

/// Makes a policy of the user's.
type MakePolicy = Arc<dyn Fn() -> Box<dyn Policy> + Send + Sync>;

impl fmt::Debug for Explorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explorer")
            .field("runs", &self.runs_max())
            .field("seed", &self.seed)
            .field("strategy", &self.strategy)
            .field("model", &self.model)
            .field("cancel", &self.cancel)
            .finish_non_exhaustive()
    }
}

/// What came of an exploration.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exploration {
    /// What was counted.
    pub statistics: Statistics,
    /// What was to happen in some run, over all runs.
    pub points: Vec<Point>,
    /// The first failure, if a run failed.
    pub failure: Option<Box<Failure>>,
}

/// A run that failed, made as small as it gets.
#[non_exhaustive]
pub struct Failure {
    /// How it failed.
    pub fault: Fault,
    /// Which run it was, from 1; 0 for a case that was replayed.
    pub run: u64,
    /// How many deviations it had when it was found.
    pub found_with: usize,
    /// The smallest case that fails in the same way.
    pub case: Case,
    /// How many replays that took.
    pub replays: u32,
    /// The run of that case, with all its events.
    pub outcome: Outcome<Result<()>>,
    /// The run in which nothing deviates, if that does not fail, with all its events.
    pub dull: Option<Box<Outcome<Result<()>>>>,
    /// A second run of the same choices that was not the same, with all its events.
    pub twin: Option<Box<Outcome<Result<()>>>>,
    /// The deviations of a replayed case that nothing in the run came up to.
    pub missed: Vec<String>,
}

impl fmt::Debug for Failure {
    /// Without the recorded runs, of which nobody reads the events in this form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("fault", &format_args!("{:?}: {}", self.fault.kind, self.fault))
            .field("run", &self.run)
            .field("case", &format_args!("{}", self.case))
            .finish_non_exhaustive()
    }
}

impl Failure {
    /// Whether one run shows it, so that a case can replay it.
    pub fn is_of_a_run(&self) -> bool {
        self.twin.is_none() && self.fault.kind != FaultKind::Never && self.run > 0
    }

    /// A run that failed, as it was found, with the case in which nothing deviates.
    pub(super) fn found(trial: Trial, dull: Case, run: u64) -> Self {
        let fault = trial.fault.expect("seedloop bug: a run that did not fail");
        let (missed, outcome) = (Vec::new(), trial.outcome);
        let (replays, twin) = (0, None);
        Failure {
            fault,
            run,
            found_with: 0,
            case: dull,
            replays,
            outcome,
            dull: None,
            twin,
            missed,
        }
    }

    /// A case that failed when it was replayed.
    pub(crate) fn replayed(
        fault: Fault,
        case: Case,
        outcome: Outcome<Result<()>>,
        missed: Vec<String>,
    ) -> Self {
        let (dull, twin, found_with) = (None, None, case.len());
        Failure { fault, run: 0, found_with, case, replays: 0, outcome, dull, twin, missed }
    }
}

impl Default for Explorer {
    fn default() -> Self {
        Explorer::new()
    }
}

impl Explorer {
    /// Explores as a test does by default.
    pub fn new() -> Self {
        let limits = Limits { steps_at_one_instant: 50_000, steps: 500_000, ..Limits::default() };
        Explorer {
            runs: None,
            jobs: None,
            seed: 0,
            strategy: Strategy::Portfolio,
            model: Model::AnyOrder,
            limits,
            cancel: Cancel::Never,
            lateness: Duration::ZERO,
            panics_join: false,
            strictness: Strictness::default(),
            replays: REPLAYS,
            expected: Vec::new(),
            policy: None,
            cases: Vec::new(),
            around: None,
        }
    }

    /// How many runs: 200, or as many as it takes where the strategy ends by itself.
    ///
    /// # Panics
    ///
    /// When there are to be none: every test would pass.
    #[track_caller]
    pub fn runs(mut self, runs: u64) -> Self {
        assert!(runs > 0, "an exploration of 0 runs shows nothing; leave `runs` out for 200");
        self.runs = Some(runs);
        self
    }

    /// On how many threads the runs are made: as many as the machine has cores. What comes of the
    /// exploration is the same for any number.
    ///
    /// Runs are made in rounds, each on one thread: 256 runs, and from run 4,096 on as many as
    /// that. Fewer runs, exhaustive strategies and policies of one's own take one thread. A program
    /// that keeps something in statics, which all threads share, takes 1.
    ///
    /// # Panics
    ///
    /// When there are to be none.
    #[track_caller]
    pub fn jobs(mut self, jobs: usize) -> Self {
        assert!(jobs > 0, "an exploration of 0 jobs makes no run; leave `jobs` out for all cores");
        self.jobs = Some(jobs);
        self
    }

    /// Lets a policy of one's own take the choices in place of a strategy. `make` makes one for
    /// each exploration; its [`begin`](Policy::begin) is called before each run.
    pub fn policy<P: Policy + 'static>(
        mut self,
        make: impl Fn() -> P + Send + Sync + 'static,
    ) -> Self {
        self.policy = Some(Arc::new(move || Box::new(make())));
        self
    }

    /// What takes the choices of a round, from 0, of which so many runs are made already.
    pub(super) fn make_policy(&self, round: u64, behind: u64) -> Box<dyn Policy> {
        match (&self.policy, self.strategy) {
            (Some(make), _) => make(),
            (None, Strategy::Portfolio) => Box::new(Portfolio::of_round(round, behind)),
            (None, strategy) => strategy.policy(),
        }
    }

    /// What takes the choices, for people.
    pub(crate) fn strategy_name(&self) -> String {
        match &self.policy {
            Some(_) => "a policy of the test's own".to_owned(),
            None if self.strategy.is_exhaustive() => self.strategy.to_string(),
            None => format!("{}, seed {}", self.strategy, self.seed),
        }
    }

    /// Replays a case first, each time: a regression. [`check`](Self::check) fails if the case
    /// does, and if it no longer fits the program.
    ///
    /// # Panics
    ///
    /// When it is no case.
    #[track_caller]
    pub fn case(mut self, case: &str) -> Self {
        match case.parse() {
            Ok(case) => self.cases.push(case),
            Err(error) => panic!("'{case}' is no case: {error}"),
        }
        self
    }

    pub(super) fn runs_max(&self) -> u64 {
        let default = if self.strategy.is_exhaustive() { u64::MAX } else { RUNS };
        self.runs.unwrap_or(default)
    }

    /// From which the runs' own seeds follow: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How choices are taken: by the portfolio.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// What may run next: any ready task.
    pub fn model(mut self, model: Model) -> Self {
        self.model = model;
        self
    }

    /// When to give up on a run: after 50,000 steps at one instant, or 500,000 in all.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How many steps a run may have: 500,000, and as many again in which every task gets its turn,
    /// since a strategy may only have been unfair.
    pub fn steps(mut self, steps: u64) -> Self {
        self.limits.steps = steps;
        self
    }

    /// How many steps a run may have without time moving on: 50,000, and as many again in which
    /// every task gets its turn.
    pub fn steps_at_one_instant(mut self, steps: u64) -> Self {
        self.limits.steps_at_one_instant = steps;
        self
    }

    /// Whether tasks are cancelled at their awaits, and in any order dropped there too: never.
    pub fn cancel(mut self, cancel: Cancel) -> Self {
        self.cancel = cancel;
        self
    }

    /// How late an iteration of a loop with timers may begin: not at all.
    pub fn lateness(mut self, most: Duration) -> Self {
        self.lateness = most;
        self
    }

    /// What to call around each run: nothing. Each run then has a thread to itself, so that what
    /// the program keeps in thread-locals begins anew; that takes some 50 µs a run.
    pub fn around(mut self, around: Around) -> Self {
        self.around = Some(around);
        self
    }

    /// Whether tasks that still run when the test returns make it fail: no.
    pub fn fail_on_leaks(mut self, fail: bool) -> Self {
        self.strictness.leaks = fail;
        self
    }

    /// Whether errors that nobody retrieved make a run fail: no.
    pub fn fail_on_unretrieved(mut self, fail: bool) -> Self {
        self.strictness.unretrieved = fail;
        self
    }

    /// Whether a task's panic goes to whoever awaits it, in place of ending the run: no.
    pub fn panics_join(mut self, join: bool) -> Self {
        self.panics_join = join;
        self
    }

    /// How many replays a failure may be shrunk with: 300.
    pub fn shrink_replays(mut self, replays: u32) -> Self {
        self.replays = replays;
        self
    }

    /// Names a [`sometimes!`](crate::sometimes) or [`reachable!`](crate::reachable) that some run
    /// has to come to.
    pub fn expect(mut self, name: impl Into<String>) -> Self {
        self.expected.push(name.into());
        self
    }

    /// Explores `body` on a thread of its own.
    ///
    /// # Panics
    ///
    /// When the thread cannot be made.
    #[track_caller]
    pub fn explore<F, Fut>(&self, body: F) -> Exploration
    where
        F: Fn() -> Fut + Sync,
        Fut: Future<Output = Result<()>> + 'static,
    {
        self.explore_runs(&runs_of(body, Location::caller()), &|_| Ok(()))
    }

    /// The same for a body that runs its loops itself, and a check of each outcome.
    pub fn explore_runs(
        &self,
        body: &(dyn Fn() -> Result<()> + Sync),
        check: Check<'_>,
    ) -> Exploration {
        self.explore_in_rounds(&self.subject(body, check))
    }

    /// Replays a case on a thread of its own.
    #[track_caller]
    pub fn replay<F, Fut>(&self, case: &Case, body: F) -> Replayed
    where
        F: Fn() -> Fut + Sync,
        Fut: Future<Output = Result<()>> + 'static,
    {
        self.replay_runs(case, &runs_of(body, Location::caller()), &|_| Ok(()))
    }

    /// The same for a body that runs its loops itself, and a check of its outcome.
    pub fn replay_runs(
        &self,
        case: &Case,
        body: &(dyn Fn() -> Result<()> + Sync),
        check: Check<'_>,
    ) -> Replayed {
        let subject = self.subject(body, check).configured(case);
        on_own_thread(|| {
            let (trial, met) = subject.follow(case, true);
            let missed = misfits(&case.deviations, &met, &trial.outcome);
            Replayed { fault: trial.fault, outcome: trial.outcome, missed }
        })
    }

    /// Makes the case of a failure smaller; none if it does not fail.
    pub fn shrink_runs(
        &self,
        case: &Case,
        body: &(dyn Fn() -> Result<()> + Sync),
        check: Check<'_>,
    ) -> Option<Failure> {
        let subject = self.subject(body, check).configured(case);
        on_own_thread(|| {
            let fault = subject.follow(case, false).0.fault?;
            self.make_small(&subject, case.clone(), fault, 0).ok()
        })
    }

    pub(crate) fn subject<'a>(
        &self,
        body: &'a (dyn Fn() -> Result<()> + Sync),
        check: Check<'a>,
    ) -> Subject<'a> {
        let strikes = match (self.cancel, self.model) {
            (Cancel::Never, _) => Strikes::None,
            (_, Model::Asyncio) => Strikes::Cancels,
            (_, Model::AnyOrder) => Strikes::CancelsAndDrops,
        };
        Subject {
            body,
            check,
            model: self.model,
            limits: self.limits,
            strikes,
            lateness: self.lateness,
            panics_join: self.panics_join,
            strictness: self.strictness,
            around: self.around,
            watch: None,
        }
    }

    /// Makes a failing run small, and runs it once more with everything recorded.
    pub(super) fn explain(&self, subject: &Subject<'_>, trial: Trial, run: u64) -> Failure {
        let fault = trial.fault.clone().expect("seedloop bug: a run that did not fail");
        let (again, case) = subject.convert(trial.outcome.choices.clone());
        let case = case.unwrap_or_else(|| subject.case(Vec::new()));
        if again.outcome.fingerprint != trial.outcome.fingerprint || !again.shows(&fault) {
            return nondeterministic(subject, &trial, again, case, run);
        }
        let (followed, _) = subject.follow(&case, false);
        if !followed.shows(&fault) {
            if subject.replay(trial.outcome.choices.clone(), false).shows(&fault) {
                not_convertible(&case, &fault);
            }
            return nondeterministic(subject, &trial, again, case, run);
        }
        let failure = self.make_small(subject, case, fault, run);
        failure.unwrap_or_else(|case| nondeterministic(subject, &trial, again, case, run))
    }

    /// Shrinks a case; gives it back if it does not fail once more in the end.
    fn make_small(
        &self,
        subject: &Subject<'_>,
        case: Case,
        fault: Fault,
        run: u64,
    ) -> Result<Failure, Case> {
        let shrunk = shrink(*subject, &case, &fault, self.replays);
        let (last, _) = subject.follow(&shrunk.case, true);
        let Some(shown) = last.fault.filter(|shown| shown.is_like(&fault)) else {
            return Err(shrunk.case);
        };
        let dull = subject.replay(Vec::new(), true);
        let dull = dull.fault.is_none().then(|| Box::new(dull.outcome));
        Ok(Failure {
            dull,
            fault: shown,
            run,
            found_with: case.len(),
            case: shrunk.case,
            replays: shrunk.replays,
            outcome: last.outcome,
            twin: None,
            missed: Vec::new(),
        })
    }
}

/// The choices lead to the failure each time, and the case that was made of them does not.
#[cold]
fn not_convertible(case: &Case, fault: &Fault) -> ! {
    panic!(
        "seedloop bug: a failing run was not told as a case that fails; please report it with the \
         test. The failure: {fault}\nThe case: {case}"
    )
}

/// What came of the replay of a case.
#[derive(Debug)]
#[must_use = "a replay that fails says so in what it returns"]
#[non_exhaustive]
pub struct Replayed {
    /// How the run failed, if it did.
    pub fault: Option<Fault>,
    /// The run, with all its events.
    pub outcome: Outcome<Result<()>>,
    /// The deviations of the case that nothing in the run came up to, each with what stood there:
    /// the program is another one.
    pub missed: Vec<String>,
}

impl Replayed {
    /// The failure of `case`, if it failed.
    pub fn into_failure(self, case: Case) -> Option<Failure> {
        let Replayed { fault, outcome, missed } = self;
        Some(Failure::replayed(fault?, case, outcome, missed))
    }
}
