//! Rounds: parts of an exploration that know nothing of each other, so that several can be made at
//! a time, and what comes of all is the same however many are.

use std::num::NonZero;
use std::ops::{ControlFlow, Range};
use std::thread;

use super::explorer::{Cancel, Exploration, Explorer, Failure};
use super::kept::{Kept, Kind, Spared};
use super::search::{Search, never_of, never_text, warm_up};
use super::tally::Tally;
use super::threads::{Made, in_order, on_own_thread};
use super::trial::Subject;

/// How many runs a round has at first: an exploration of some hundred runs that take long is one
/// for several cores, too.
const SMALL: u64 = 256;
/// How many it has later on, and how many runs come before: strategies learn as a round goes on.
const LARGE: u64 = 4_096;

/// The round of a run, each with its number from 0: its own number, and the runs that it has.
#[doc(hidden)]
pub fn round_of(run: u64) -> (u64, Range<u64>) {
    let (index, start, size) = match run < LARGE {
        true => (run / SMALL, run / SMALL * SMALL, SMALL),
        false => (LARGE / SMALL + run / LARGE - 1, run / LARGE * LARGE, LARGE),
    };
    (index, start..start.saturating_add(size))
}

/// On how many threads or in how many processes runs are made, where nobody says it.
#[doc(hidden)]
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// A part of an exploration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Strikes at each place, at so many at once.
    Strikes { at_once: u32 },
    /// All runs, where each follows from the ones before.
    All { runs: u64 },
    /// A round, or a part of one that knows nothing of what came before in it.
    Round { index: u64, runs: Range<u64>, is_last: bool },
}

/// What came of a part.
pub(crate) struct Ran {
    pub(crate) tally: Tally,
    pub(crate) failure: Option<Box<Failure>>,
    /// It was looked into: else it is as it was found, and its case is that of no run.
    pub(crate) is_explained: bool,
    /// Those of a campaign.
    pub(crate) kinds: Vec<Kind>,
}

impl Explorer {
    /// Whether its runs are drawn independently of each other, all in the same way.
    pub(super) fn draws_apart(&self) -> bool {
        self.strategy.draws_apart() && self.policy.is_none()
    }

    /// Whether its runs follow from nothing but their round.
    pub(crate) fn is_in_rounds(&self) -> bool {
        self.policy.is_none() && !self.strategy.is_exhaustive()
    }

    /// The parts, in the order in which they count.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part> + Send + use<> {
        let at_once = match self.cancel {
            Cancel::Never | Cancel::Random => None,
            Cancel::Everywhere => Some(1),
            Cancel::Pairs => Some(2),
        };
        let strikes = at_once.map(|at_once| Part::Strikes { at_once });
        let runs = self.runs_max();
        let all = (!self.is_in_rounds()).then_some(Part::All { runs });
        let mut next = if self.is_in_rounds() { 0 } else { runs };
        let rounds = std::iter::from_fn(move || {
            let (index, Range { start, end }) = round_of(next);
            (next < runs).then(|| {
                next = end.min(runs);
                Part::Round { index, runs: start..next, is_last: next == runs }
            })
        });
        strikes.into_iter().chain(all).chain(rounds)
    }

    /// How many threads or processes may make runs.
    pub(crate) fn jobs_max(&self) -> usize {
        self.jobs.unwrap_or_else(cores)
    }

    /// How many make the runs: no more than there are parts.
    pub(crate) fn threads(&self) -> usize {
        self.parts().take(self.jobs_max()).count()
    }

    /// Makes the runs of a part.
    pub(crate) fn make(
        &self,
        subject: &Subject<'_>,
        part: Part,
        kept: Option<Kept>,
        spared: Spared,
        may_go_on: &dyn Fn() -> bool,
    ) -> Ran {
        let tally = Tally::default();
        let mut search =
            Search { explorer: self, subject, may_go_on, tally, kept, spared, is_explained: true };
        let failure = match part {
            Part::Strikes { at_once } => search.strike_everywhere(at_once),
            Part::All { runs } => search.runs_of(self.make_policy(0, 0), 0..runs, true),
            Part::Round { index, runs, is_last } => {
                let behind = runs.start - round_of(runs.start).1.start;
                search.runs_of(self.make_policy(index, behind), runs, is_last)
            }
        };
        let kinds = search.kept.map(|kept| kept.kinds).unwrap_or_default();
        Ran { tally: search.tally, failure, is_explained: search.is_explained, kinds }
    }

    pub(super) fn explore_in_rounds(&self, subject: &Subject<'_>) -> Exploration {
        let make = |(): &mut (), part, may_go_on: &dyn Fn() -> bool| {
            let ran = self.make(subject, part, None, Spared::default(), may_go_on);
            let is_last = ran.failure.is_some() || ran.tally.statistics.exhausted;
            Made { is_last, value: ran }
        };
        let mut total = Tally::default();
        let mut failure = None;
        in_order(
            self.threads(),
            self.parts(),
            || warm_up(subject),
            make,
            |ran| {
                failure = ran.failure.map(|mut failure| {
                    failure.run += total.statistics.runs;
                    failure
                });
                total.add(ran.tally);
                ControlFlow::Continue(())
            },
        );
        let never = || {
            let text = never_text(self, &total)?;
            let runs = total.statistics.runs;
            Some(Box::new(on_own_thread(|| never_of(subject, text, runs))))
        };
        let failure = failure.or_else(never);
        let (statistics, points) = total.into_counted();
        Exploration { statistics, points, failure }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::explore::{Statistics, Strategy};
    use crate::runner::{choose, print_line};
    use crate::sync::Tracked;
    use crate::task::spawn;

    #[test]
    fn each_run_is_in_one_round() {
        let mut next = 0;
        for index in 0..40 {
            let (number, runs) = round_of(next);
            assert_eq!((number, runs.start), (index, next));
            assert_eq!(round_of(runs.end - 1), (index, runs.clone()));
            assert_eq!(runs.end - runs.start, if next < LARGE { SMALL } else { LARGE });
            next = runs.end;
        }
        assert_eq!(round_of(u64::MAX).1.end, u64::MAX);
    }

    /// What a round ends with is compared once more, and counts in a campaign, too.
    #[test]
    fn a_last_run_that_is_never_the_same_is_kept() {
        let count = AtomicU32::new(0);
        let body = || {
            choose(2);
            print_line(format_args!("{}", count.fetch_add(1, Ordering::Relaxed)));
            Ok(())
        };
        let explorer = Explorer::new().strategy(Strategy::Random);
        let part = Part::Round { index: 0, runs: 1..4, is_last: true };
        let kept = Some(Kept::new(2, BTreeSet::new()));
        let subject = explorer.subject(&body, &|_| Ok(()));
        let ran = explorer.make(&subject, part, kept, Spared::default(), &|| true);
        assert!(ran.failure.is_none());
        let kinds: Vec<_> = ran.kinds.iter().map(|kind| (kind.kind.as_str(), kind.run)).collect();
        assert_eq!(kinds, [("nondeterminism", 3)]);
    }

    /// The run that failed, with its case, or none; and what was counted.
    fn explored(explorer: &Explorer, of: u32) -> (Option<(u64, String)>, Statistics) {
        let exploration = explorer.explore(move || async move {
            let value = Tracked::new(0);
            let tasks = [1, 2, 3].map(|number| {
                let value = value.clone();
                spawn(async move { Ok(value.update(|value| *value = *value * 4 + number).await?) })
            });
            for task in tasks {
                task.await?;
            }
            let drawn = choose(4_000);
            assert!(drawn >= of || value.get() != 3 * 16 + 2 * 4 + 1, "backwards, with {drawn}");
            Ok(())
        });
        let failure = exploration.failure.map(|failure| (failure.run, failure.case.to_string()));
        (failure, exploration.statistics)
    }

    #[test]
    fn what_comes_of_it_is_the_same_for_any_number_of_threads() {
        for strategy in [Strategy::Portfolio, Strategy::Random] {
            for of in [0, 60, 4_000] {
                let explorer = Explorer::new().runs(6_000).strategy(strategy);
                let alone = explored(&explorer.clone().jobs(1), of);
                assert_eq!(alone.0.is_some(), of > 0, "{strategy}, {of}");
                // What is rare is in a later round.
                let run = alone.0.as_ref().map_or(0, |(run, _)| *run);
                assert_eq!(run > SMALL, of == 60, "{strategy}, {of}: run {run}");
                for jobs in [2, 3, 8] {
                    let among = explored(&explorer.clone().jobs(jobs), of);
                    assert_eq!(among, alone, "{strategy}, {of}, {jobs} jobs");
                }
            }
        }
    }
}
