//! The runs of a part of an exploration, one after the other, until one fails.

use std::ops::Range;

use super::case::Case;
use super::exhaustive::Exhaustive;
use super::explorer::{Explorer, Failure};
use super::fault::{Fault, FaultKind};
use super::kept::{Kept, Spared};
use super::tally::Tally;
use super::threads::on_own_thread;
use super::trial::{Subject, Trial};
use super::watch::Ahead;
use crate::base::{ChoiceKind, Fifo, Policy};
use crate::event_loop::Point;

/// Every so many runs one is taken again and compared.
const RECHECK: u64 = 64;
/// How often the last run is taken again.
const LAST_RECHECKS: usize = 3;
/// How many places are struck at most, for each run that there is to be.
const STRIKES: u64 = 10;
/// And how many in any case.
const STRIKES_MIN: u64 = 2_000;

/// The runs of one part of an exploration.
pub(super) struct Search<'a> {
    pub(super) explorer: &'a Explorer,
    pub(super) subject: &'a Subject<'a>,
    /// Somebody still wants to know what comes of it.
    pub(super) may_go_on: &'a dyn Fn() -> bool,
    pub(super) tally: Tally,
    /// All failures are kept, and the runs go on: a campaign.
    pub(super) kept: Option<Kept>,
    pub(super) spared: Spared,
    /// The failure that was found was looked into.
    pub(super) is_explained: bool,
}

impl Search<'_> {
    /// Strikes at one place after the other, or at two: in asyncio's order of the queue, and then,
    /// in any order, where every await gives way that can.
    pub(super) fn strike_everywhere(&mut self, at_once: u32) -> Option<Box<Failure>> {
        let most = self.explorer.runs_max().saturating_mul(STRIKES).max(STRIKES_MIN);
        let plain = Exhaustive::of_kind(ChoiceKind::Cancel, at_once);
        let giving_way = Exhaustive::of_kind(ChoiceKind::Cancel, at_once).giving_way();
        for (search, is_second) in [(plain, false), (giving_way, true)] {
            if is_second && !self.tally.can_give_way {
                break;
            }
            let before = self.tally.statistics.runs;
            let failure = self.runs_of(Box::new(search), 0..most, true);
            // The first run is the one in which nothing strikes.
            let struck = self.tally.statistics.runs - before;
            self.tally.statistics.struck += struck.saturating_sub(1);
            if failure.is_some() {
                return failure;
            }
        }
        self.tally.statistics.exhausted = false;
        None
    }

    /// Makes some of the runs of a policy; the last of all are compared more often.
    pub(super) fn runs_of(
        &mut self,
        mut policy: Box<dyn Policy>,
        runs: Range<u64>,
        are_last: bool,
    ) -> Option<Box<Failure>> {
        if let Some(watch) = self.subject.watch
            && watch.is_careful()
        {
            policy = Box::new(Ahead::new(policy, watch.clone()));
        }
        let is_drawn = self.explorer.draws_apart();
        let mut last: Option<(Trial, u64, u64)> = None;
        for run in runs {
            if !(self.may_go_on)() {
                return None;
            }
            if let Some(watch) = self.subject.watch {
                watch.begins(run);
            }
            if !policy.begin(seed_of(self.explorer.seed, run)) {
                self.tally.statistics.exhausted = policy.is_complete();
                break;
            }
            let (mut trial, back) = self.subject.explore_once(policy);
            policy = back;
            let is_wanted = self.kept.as_ref().is_none_or(|kept| run >= kept.from);
            if is_wanted {
                self.tally.count(&mut trial, is_drawn);
            }
            let number = self.tally.statistics.runs;
            if trial.fault.is_some() {
                if self.kept.is_none() {
                    return Some(Box::new(self.explain(trial, run, number)));
                }
                if is_wanted {
                    self.keep(trial, run);
                }
                continue;
            }
            if run % RECHECK == 0
                && is_wanted
                && let Some(failure) = self.recheck(&trial, number)
                && let Some(failure) = self.end_or_keep(failure, &trial, run)
            {
                return Some(failure);
            }
            let chosen = !trial.outcome.choices.is_empty();
            last = is_wanted.then_some((trial, run, number));
            // In a campaign each run counts, also where all are the same.
            if !chosen && self.kept.is_none() {
                // There is nothing that another run could do otherwise.
                self.tally.statistics.exhausted = true;
                break;
            }
        }
        // A short exploration is compared as often as a long one.
        let (trial, run, number) = last.filter(|_| are_last || self.tally.statistics.exhausted)?;
        let failure = (0..LAST_RECHECKS).find_map(|_| self.recheck(&trial, number))?;
        self.end_or_keep(failure, &trial, run)
    }

    /// That a run is not always the same ends an exploration; a campaign counts it.
    fn end_or_keep(&mut self, failure: Failure, trial: &Trial, run: u64) -> Option<Box<Failure>> {
        match &mut self.kept {
            None => Some(Box::new(failure)),
            Some(kept) => {
                kept.add(&failure.fault, run, trial.outcome.fingerprint, || None);
                None
            }
        }
    }

    /// Looks into a failure: of the run `index` from 0, to be told as `number`.
    fn explain(&mut self, trial: Trial, index: u64, number: u64) -> Failure {
        if self.spared.unexplained.contains(&index) {
            self.is_explained = false;
            return Failure::found(trial, self.subject.case(Vec::new()), number);
        }
        if let Some(watch) = self.subject.watch {
            watch.explains();
        }
        match self.spared.unshrunk.contains(&index) {
            true => self.explorer.clone().shrink_replays(0).explain(self.subject, trial, number),
            false => self.explorer.explain(self.subject, trial, number),
        }
    }

    /// Counts a failure, and looks into it if it is the first of its kind.
    fn keep(&mut self, trial: Trial, run: u64) {
        let Some(mut kept) = self.kept.take() else { return };
        let fault = trial.fault.clone().expect("seedloop bug: a run that did not fail");
        let fingerprint = trial.outcome.fingerprint;
        kept.add(&fault, run, fingerprint, || {
            self.is_explained = true;
            let failure = self.explain(trial, run, run + 1);
            let case = (self.is_explained && failure.is_of_a_run()).then_some(failure.case);
            Some((failure.fault.message, case))
        });
        self.kept = Some(kept);
    }

    /// Takes a run again on another thread, twice, and compares.
    ///
    /// Twice in a row, so that something which has another value each time, and the same every
    /// second time, cannot hide.
    fn recheck(&mut self, trial: &Trial, run: u64) -> Option<Failure> {
        self.tally.statistics.rechecked += 1;
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
}

/// What was to happen in some run, and did in none of those counted.
pub(crate) fn never_text(explorer: &Explorer, tally: &Tally) -> Option<String> {
    let unsatisfied = tally.points.iter().find(|point| point.satisfied == 0);
    // A name that is the text of a condition may be laid out otherwise.
    let is_same = |one: &str, other: &str| {
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        letters(one) == letters(other)
    };
    let is_reached = |name: &str| tally.points.iter().any(|point| is_same(&point.name, name));
    let unreached = explorer.expected.iter().find(|name| !is_reached(name));
    let runs = counted(tally.statistics.runs, "run");
    if let Some(Point { name, place, hits, .. }) = unsatisfied {
        let times = counted(*hits, "time");
        return Some(format!(
            "'{name}' at {place} was never so, in {runs} that came there {times}"
        ));
    }
    unreached.map(|name| format!("'{name}' was reached in none of {runs}"))
}

/// The failure of something that happened in none of so many runs.
pub(crate) fn never_of(subject: &Subject<'_>, message: String, runs: u64) -> Failure {
    Failure {
        fault: Fault::new(FaultKind::Never, message),
        run: runs,
        found_with: 0,
        case: subject.case(Vec::new()),
        replays: 0,
        outcome: subject.replay(Vec::new(), true).outcome,
        dull: None,
        twin: None,
        missed: Vec::new(),
    }
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Lets what is made once in a process, or once in a thread, be made.
pub(crate) fn warm_up(subject: &Subject<'_>) {
    if subject.watch.is_some_and(|watch| watch.is_cold()) {
        return;
    }
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

/// The seed of one run.
pub(super) fn seed_of(seed: u64, run: u64) -> u64 {
    let word = seed ^ run.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word.wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(31)
}
