//! The runs of an exploration, one after the other, until one fails.

use std::collections::BTreeMap;
use std::thread;

use super::case::Case;
use super::exhaustive::Exhaustive;
use super::explorer::{Cancel, Explorer, Failure, Statistics};
use super::fault::{Fault, FaultKind};
use super::trial::{Subject, Trial};
use crate::base::{Choice, ChoiceKind, Fifo, Policy};
use crate::event_loop::Point;

/// Every so many runs one is taken again and compared.
const RECHECK: u64 = 64;
/// The stack of the thread that explores, in bytes: a debug build needs more than an optimised one.
const STACK: usize = 16 << 20;

/// An exploration that goes on.
pub(super) struct Search<'a> {
    pub(super) explorer: &'a Explorer,
    pub(super) subject: &'a Subject<'a>,
    pub(super) statistics: Statistics,
    pub(super) orders: BTreeMap<u64, u64>,
    pub(super) points: Vec<Point>,
}

impl Search<'_> {
    pub(super) fn search(&mut self) -> Option<Box<Failure>> {
        let pairs = match self.explorer.cancel {
            Cancel::Never | Cancel::Random => 0,
            Cancel::Everywhere => 1,
            Cancel::Pairs => 2,
        };
        if pairs > 0 {
            let everywhere = Box::new(Exhaustive::of_kind(ChoiceKind::Cancel, pairs));
            let failure = self.runs_of(everywhere, u64::MAX);
            self.statistics.struck = self.statistics.runs.saturating_sub(1);
            if failure.is_some() {
                return failure;
            }
        }
        let found = self.runs_of(self.explorer.strategy.policy(), self.explorer.runs_max());
        found.or_else(|| self.never().map(Box::new))
    }

    fn runs_of(&mut self, mut policy: Box<dyn Policy>, runs: u64) -> Option<Box<Failure>> {
        for run in 0..runs {
            if !policy.begin(seed_of(self.explorer.seed, run)) {
                self.statistics.exhausted = true;
                return None;
            }
            let (mut trial, back) = self.subject.explore_once(policy);
            policy = back;
            self.count(&mut trial);
            let number = self.statistics.runs;
            if trial.fault.is_some() {
                return Some(Box::new(self.explorer.explain(self.subject, trial, number)));
            }
            let chosen = !trial.outcome.choices.is_empty();
            if run % RECHECK == 0
                && let Some(failure) = self.recheck(trial, number)
            {
                return Some(Box::new(failure));
            }
            if !chosen {
                // There is nothing that another run could do otherwise.
                self.statistics.exhausted = true;
                return None;
            }
        }
        None
    }

    fn count(&mut self, trial: &mut Trial) {
        self.statistics.runs += 1;
        self.statistics.steps += trial.outcome.steps;
        *self.orders.entry(trial.outcome.order).or_default() += 1;
        for point in std::mem::take(&mut trial.outcome.points) {
            let same = |known: &&mut Point| known.place == point.place && known.name == point.name;
            match self.points.iter_mut().find(same) {
                Some(known) => {
                    known.hits += point.hits;
                    known.satisfied += point.satisfied;
                }
                None => self.points.push(point),
            }
        }
    }

    /// Takes a run again on another thread, and compares.
    fn recheck(&mut self, trial: Trial, run: u64) -> Option<Failure> {
        self.statistics.rechecked += 1;
        let log = trial.outcome.choices;
        let subject = self.subject;
        let again = on_own_thread(|| {
            warm_up(subject);
            subject.replay(log.clone(), false).outcome.fingerprint
        });
        if again == trial.outcome.fingerprint {
            return None;
        }
        let (again, case) = subject.convert(log.clone());
        let case = case.unwrap_or_else(|| subject.case(Vec::new()));
        let text = "the same choices gave another run".to_owned();
        Some(nondeterministic(subject, log, again, case, text, run))
    }

    /// The failure of something that was to happen in some run.
    fn never(&self) -> Option<Failure> {
        let unsatisfied = self.points.iter().find(|point| point.satisfied == 0);
        let unreached = self.explorer.expected.iter();
        let unreached = unreached.filter(|name| !self.points.iter().any(|p| p.name == **name));
        let runs = self.statistics.runs;
        let text = match (unsatisfied, unreached.into_iter().next()) {
            (Some(Point { name, place, hits, .. }), _) => {
                format!("'{name}' at {place} was so in none of {runs} runs, of {hits} times there")
            }
            (None, Some(name)) => format!("'{name}' was reached in none of {runs} runs"),
            (None, None) => return None,
        };
        Some(Failure {
            fault: Fault::new(FaultKind::Never, text),
            run: runs,
            found_with: 0,
            case: self.subject.case(Vec::new()),
            replays: 0,
            outcome: self.subject.replay(Vec::new(), true).outcome,
            dull: None,
            twin: None,
            missed: Vec::new(),
        })
    }
}

/// Lets what is made once in a process, or once in a thread, be made.
pub(super) fn warm_up(subject: &Subject<'_>) {
    subject.try_with(Box::new(Fifo), false);
}

/// How often two runs of the same choices are compared until they show where they differ.
const TWINS: usize = 8;

pub(super) fn nondeterministic(
    subject: &Subject<'_>,
    log: Vec<Choice>,
    first: Trial,
    case: Case,
    text: String,
    run: u64,
) -> Failure {
    let mut twin = None;
    for _ in 0..TWINS {
        let other = on_own_thread(|| {
            warm_up(subject);
            subject.replay(log.clone(), true).outcome
        });
        let differs = other.fingerprint != first.outcome.fingerprint;
        twin = Some(Box::new(other));
        if differs {
            break;
        }
    }
    Failure {
        fault: Fault::new(FaultKind::Nondeterminism, text),
        run,
        found_with: case.len(),
        case,
        replays: 0,
        outcome: first.outcome,
        dull: None,
        twin,
        missed: Vec::new(),
    }
}

/// Runs `call` on a new thread, which knows nothing of what ran before.
#[expect(
    clippy::disallowed_methods,
    reason = "a thread for the runs, which are one after the other on it"
)]
pub(super) fn on_own_thread<R: Send>(call: impl FnOnce() -> R + Send) -> R {
    let name = thread::current().name().map(str::to_owned);
    thread::scope(|scope| {
        let mut builder = thread::Builder::new().stack_size(STACK);
        if let Some(name) = name {
            // So that what is printed there names the test.
            builder = builder.name(name);
        }
        let spawned = builder.spawn_scoped(scope, call);
        let thread = spawned.unwrap_or_else(|error| panic!("no thread to explore on: {error}"));
        match thread.join() {
            Ok(result) => result,
            Err(payload) => std::panic::resume_unwind(payload),
        }
    })
}

/// The seed of one run.
pub(super) fn seed_of(seed: u64, run: u64) -> u64 {
    let word = seed ^ run.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word.wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(31)
}
