//! The runs of an exploration, one after the other, until one fails.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use super::case::Case;
use super::exhaustive::Exhaustive;
use super::explorer::{Cancel, Explorer, Failure, Statistics};
use super::fault::{Fault, FaultKind};
use super::trial::{Subject, Trial};
use crate::base::{ChoiceKind, Fifo, Policy, Result};
use crate::event_loop::Point;
use crate::runner::Outcome;

/// Every so many runs one is taken again and compared.
const RECHECK: u64 = 64;
/// How often the last run is taken again.
const LAST_RECHECKS: usize = 3;
/// How many places are struck at most, for each run that there is to be.
const STRIKES: u64 = 10;
/// And how many in any case.
const STRIKES_MIN: u64 = 2_000;
/// The stack of the thread that explores, in bytes: a debug build needs more than an optimised one.
const STACK: usize = 16 << 20;

/// An exploration that goes on.
pub(super) struct Search<'a> {
    pub(super) explorer: &'a Explorer,
    pub(super) subject: &'a Subject<'a>,
    pub(super) statistics: Statistics,
    /// How often each order of operations came about, and in runs that were drawn apart.
    pub(super) orders: BTreeMap<u64, (u64, u64)>,
    /// The results that were seen.
    pub(super) outcomes: BTreeSet<u64>,
    /// Some task could have given way at an await where it need not wait.
    pub(super) can_give_way: bool,
    /// The runs are drawn independently of each other, all in the same way.
    pub(super) is_drawn: bool,
    pub(super) points: Vec<Point>,
}

impl Search<'_> {
    pub(super) fn search(&mut self) -> Option<Box<Failure>> {
        let pairs = match self.explorer.cancel {
            Cancel::Never | Cancel::Random => 0,
            Cancel::Everywhere => 1,
            Cancel::Pairs => 2,
        };
        if pairs > 0
            && let Some(failure) = self.strike_everywhere(pairs)
        {
            return Some(failure);
        }
        let strategy = self.explorer.strategy;
        self.is_drawn = strategy.draws_apart() && self.explorer.policy.is_none();
        let found = self.runs_of(self.explorer.make_policy(), self.explorer.runs_max());
        found.or_else(|| self.never().map(Box::new))
    }

    /// Strikes at one place after the other, or at two: in asyncio's order of the queue, and then,
    /// in any order, where every await gives way that can.
    fn strike_everywhere(&mut self, pairs: u32) -> Option<Box<Failure>> {
        let most = self.explorer.runs_max().saturating_mul(STRIKES).max(STRIKES_MIN);
        let plain = Exhaustive::of_kind(ChoiceKind::Cancel, pairs);
        let giving_way = Exhaustive::of_kind(ChoiceKind::Cancel, pairs).giving_way();
        for (search, is_second) in [(plain, false), (giving_way, true)] {
            if is_second && !self.can_give_way {
                break;
            }
            let before = self.statistics.runs;
            let failure = self.runs_of(Box::new(search), most);
            // The first run is the one in which nothing strikes.
            self.statistics.struck += (self.statistics.runs - before).saturating_sub(1);
            if failure.is_some() {
                return failure;
            }
        }
        self.statistics.exhausted = false;
        None
    }

    fn runs_of(&mut self, mut policy: Box<dyn Policy>, runs: u64) -> Option<Box<Failure>> {
        let mut last: Option<(Trial, u64)> = None;
        for run in 0..runs {
            if !policy.begin(seed_of(self.explorer.seed, run)) {
                self.statistics.exhausted = policy.is_complete();
                break;
            }
            let (mut trial, back) = self.subject.explore_once(policy);
            policy = back;
            self.count(&mut trial);
            let number = self.statistics.runs;
            if trial.fault.is_some() {
                return Some(Box::new(self.explorer.explain(self.subject, trial, number)));
            }
            if run % RECHECK == 0
                && let Some(failure) = self.recheck(&trial, number)
            {
                return Some(Box::new(failure));
            }
            let chosen = !trial.outcome.choices.is_empty();
            last = Some((trial, number));
            if !chosen {
                // There is nothing that another run could do otherwise.
                self.statistics.exhausted = true;
                break;
            }
        }
        let (trial, number) = last?;
        // A short exploration is compared as often as a long one.
        (0..LAST_RECHECKS).find_map(|_| self.recheck(&trial, number)).map(Box::new)
    }

    fn count(&mut self, trial: &mut Trial) {
        self.statistics.runs += 1;
        self.statistics.steps += trial.outcome.steps;
        let (seen, drawn) = self.orders.entry(trial.outcome.order).or_default();
        *seen += 1;
        *drawn += u64::from(self.is_drawn);
        self.statistics.drawn += u64::from(self.is_drawn);
        let choices = &trial.outcome.choices;
        self.can_give_way |= choices.iter().any(|choice| choice.kind == ChoiceKind::Switch);
        self.outcomes.insert(hash_of(&trial.outcome));
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

    /// Takes a run again on another thread, twice, and compares.
    ///
    /// Twice in a row, so that something which has another value each time, and the same every
    /// second time, cannot hide.
    fn recheck(&mut self, trial: &Trial, run: u64) -> Option<Failure> {
        self.statistics.rechecked += 1;
        let subject = self.subject;
        let log = &trial.outcome.choices;
        let differs = on_own_thread(|| {
            warm_up(subject);
            let differs = |_| {
                let again = subject.replay(log.clone(), false);
                again.outcome.fingerprint != trial.outcome.fingerprint
            };
            (0..2).any(differs)
        });
        if !differs {
            return None;
        }
        let (again, case) = subject.convert(log.clone());
        let case = case.unwrap_or_else(|| subject.case(Vec::new()));
        Some(nondeterministic(subject, trial, again, case, run))
    }

    /// The failure of something that was to happen in some run.
    fn never(&self) -> Option<Failure> {
        let unsatisfied = self.points.iter().find(|point| point.satisfied == 0);
        let unreached = self.explorer.expected.iter();
        // A name that is the text of a condition may be laid out otherwise.
        let is_same = |one: &str, other: &str| {
            let letters =
                |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            letters(one) == letters(other)
        };
        let unreached =
            unreached.filter(|name| !self.points.iter().any(|p| is_same(&p.name, name)));
        let runs = self.statistics.runs;
        let text = match (unsatisfied, unreached.into_iter().next()) {
            (Some(Point { name, place, hits, .. }), _) => {
                let (runs, times) = (counted(runs, "run"), counted(*hits, "time"));
                format!("'{name}' at {place} was never so, in {runs} that came there {times}")
            }
            (None, Some(name)) => {
                format!("'{name}' was reached in none of {}", counted(runs, "run"))
            }
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

/// Names what a run came to: what it printed and how it ended.
fn hash_of(outcome: &Outcome<Result<()>>) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let add = |hash: u64, text: &str| text.bytes().chain([b'\n']).fold(hash, step);
    let printed = outcome.lines.iter().map(|line| line.text.as_str());
    // FNV-1a, over each line with its end.
    let hash = printed.fold(0xcbf2_9ce4_8422_2325, add);
    match &outcome.result {
        Err(error) | Ok(Err(error)) => add(hash, &error.to_string()),
        Ok(Ok(())) => hash,
    }
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Lets what is made once in a process, or once in a thread, be made.
pub(super) fn warm_up(subject: &Subject<'_>) {
    subject.try_with(Box::new(Fifo), false);
}

/// How often two runs of the same choices are compared until they show where they differ.
const TWINS: usize = 8;

/// The failure of choices that gave another run than they did before: that run, the same choices
/// again, recorded, and a third run of them that differs from that, if one is found.
pub(super) fn nondeterministic(
    subject: &Subject<'_>,
    before: &Trial,
    first: Trial,
    case: Case,
    run: u64,
) -> Failure {
    let log = &before.outcome.choices;
    let mut twin = None;
    let differs = |other: &Trial| other.outcome.fingerprint != first.outcome.fingerprint;
    for _ in 0..TWINS {
        // Twice in a row, as in a recheck.
        let (one, other) = on_own_thread(|| {
            warm_up(subject);
            (subject.replay(log.clone(), true), subject.replay(log.clone(), true))
        });
        let is_found = differs(&one) || differs(&other);
        twin = Some(if differs(&one) { one } else { other });
        if is_found {
            break;
        }
    }
    let mut ends = vec![end_of(before)];
    for end in [Some(&first), twin.as_ref()].into_iter().flatten().map(end_of) {
        if !ends.contains(&end) {
            ends.push(end);
        }
    }
    let text = match &ends[..] {
        [_] => "the same choices gave another run".to_owned(),
        several => format!("the same choices gave another run: one {}", several.join(", one ")),
    };
    Failure {
        fault: Fault::new(FaultKind::Nondeterminism, text),
        run,
        found_with: case.len(),
        case,
        replays: 0,
        outcome: first.outcome,
        dull: None,
        twin: twin.map(|twin| Box::new(twin.outcome)),
        missed: Vec::new(),
    }
}

/// How a run ended, in a line.
fn end_of(trial: &Trial) -> String {
    match &trial.fault {
        None => "passed".to_owned(),
        Some(fault) => {
            format!("failed ({})", fault.message.lines().next().unwrap_or_default())
        }
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
