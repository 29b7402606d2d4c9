//! The run that passes and is nearest to one that fails, for who wants to see where they part.

use super::case::{Case, Deviation};
use super::explorer::Explorer;
use super::threads::on_own_thread;
use super::trial::{Check, Subject, Trial};
use crate::base::{Result, Uniform};
use crate::runner::Outcome;

/// How many cases are tried.
const TRIED_MAX: usize = 24;
/// How many random runs are tried where the order of the queue fails.
const DRAWN_MAX: u64 = 16;
/// How many steps the runs may have in all: a failure that takes long is not to take longer.
const STEPS_MAX: u64 = 400_000;

/// A run that passes.
#[derive(Debug)]
#[non_exhaustive]
pub struct Passing {
    /// The run, with all its events.
    pub outcome: Outcome<Result<()>>,
    /// Its case.
    pub case: Case,
    /// What is not as in the run that fails, in words.
    pub differs: String,
}

impl Explorer {
    /// Finds the passing run that is nearest to the failing one of `case`: that without the last
    /// of its deviations, or without another one, or the one in which nothing deviates. Where that
    /// fails, too, it is one with as few deviations as some random runs lead to. None if all of
    /// these fail.
    pub fn nearest_passing(
        &self,
        case: &Case,
        body: &(dyn Fn() -> Result<()> + Sync),
        check: Check<'_>,
    ) -> Option<Passing> {
        let subject = self.subject(body, check).configured(case);
        on_own_thread(|| {
            let mut nearest = Nearest { subject, case, steps: 0 };
            nearest.without_one().or_else(|| nearest.dull()).or_else(|| nearest.drawn())
        })
    }
}

struct Nearest<'a> {
    subject: Subject<'a>,
    case: &'a Case,
    /// How many steps all runs had.
    steps: u64,
}

impl Nearest<'_> {
    /// Runs a case; none if it fails, or if there were too many steps before.
    fn passes(&mut self, deviations: &[Deviation], record: bool) -> Option<Outcome<Result<()>>> {
        if self.steps > STEPS_MAX {
            return None;
        }
        let case = self.case.with(deviations.to_vec());
        let (Trial { outcome, fault }, _) = self.subject.follow(&case, record);
        self.steps += outcome.steps;
        fault.is_none().then_some(outcome)
    }

    /// The case without one of its deviations, the last ones first: what comes before is the same.
    fn without_one(&mut self) -> Option<Passing> {
        let all = &self.case.deviations;
        if all.len() < 2 {
            return None;
        }
        (0..all.len()).rev().take(TRIED_MAX).find_map(|left_out| {
            let mut others = all.clone();
            let gone = others.remove(left_out);
            let outcome = self.passes(&others, true)?;
            let differs = format!("the same case without its deviation {gone}");
            Some(Passing { outcome, case: self.case.with(others), differs })
        })
    }

    /// The run in which nothing deviates.
    fn dull(&mut self) -> Option<Passing> {
        if self.case.is_empty() {
            return None;
        }
        let outcome = self.passes(&[], true)?;
        let differs = "the run in the order of the queue".to_owned();
        Some(Passing { outcome, case: self.case.with(Vec::new()), differs })
    }

    /// A random run that passes, with as few of its deviations as are needed for that.
    fn drawn(&mut self) -> Option<Passing> {
        let drawn = (0..DRAWN_MAX).find_map(|seed| {
            if self.steps > STEPS_MAX {
                return None;
            }
            let (trial, _) = self.subject.try_with(Box::new(Uniform::new(seed)), false);
            self.steps += trial.outcome.steps;
            trial.fault.is_none().then_some(trial.outcome.choices)
        });
        let (_, case) = self.subject.convert(drawn?);
        let deviations = self.fewest(case?.deviations);
        // Whatever the search took, its result is worth one run more.
        self.steps = 0;
        let outcome = self.passes(&deviations, true)?;
        let differs = match &deviations[..] {
            [one] => format!("with one deviation from the order of the queue, {one}"),
            _ => format!("with {} deviations from the order of the queue", deviations.len()),
        };
        Some(Passing { outcome, case: self.case.with(deviations), differs })
    }

    /// Leaves out what the run passes without, in ever smaller pieces.
    fn fewest(&mut self, mut deviations: Vec<Deviation>) -> Vec<Deviation> {
        let mut size = deviations.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < deviations.len() {
                let mut others = deviations.clone();
                others.drain(at..deviations.len().min(at + size));
                match self.passes(&others, false) {
                    Some(_) => deviations = others,
                    None => at += size,
                }
            }
            size /= 2;
        }
        deviations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Model;
    use crate::runner::run;
    use crate::sync::{Lock, Tracked};
    use crate::task::spawn;

    /// Two tasks read before either writes, unless one is let run first.
    fn lost_update() -> Result<()> {
        run(async {
            let count = Tracked::new(0);
            let add = |count: Tracked<u32>| {
                spawn(async move {
                    let seen = count.read().await?;
                    Ok(count.write(seen + 1).await?)
                })
            };
            let (one, other) = (add(count.clone()), add(count.clone()));
            one.await?;
            other.await?;
            assert_eq!(count.get(), 2, "an update is lost");
            Ok(())
        })
    }

    /// Two tasks take two locks in two orders, which fails only if one gives way in between.
    fn two_locks() -> Result<()> {
        run(async {
            let (first, second) = (Lock::new(), Lock::new());
            let take = |one: Lock, other: Lock| {
                spawn(async move {
                    let _one = one.lock().await?;
                    let _other = other.lock().await?;
                    Ok(())
                })
            };
            let one = take(first.clone(), second.clone());
            let other = take(second, first);
            one.await?;
            other.await
        })
    }

    fn find(body: fn() -> Result<()>, case: &Case) -> Passing {
        let found = Explorer::new().nearest_passing(case, &body, &|_| Ok(()));
        found.expect("a run that passes")
    }

    #[test]
    fn without_its_only_deviation_it_is_the_order_of_the_queue() {
        let failing = Explorer::new().explore_runs(&two_locks, &|_| Ok(()));
        let case = failing.failure.expect("they wait for each other").case;
        assert_eq!(case.len(), 1, "{case}");
        let passing = find(two_locks, &case);
        assert!(passing.outcome.result.is_ok() && !passing.outcome.records.is_empty());
        assert!(passing.case.is_empty());
        assert_eq!(passing.differs, "the run in the order of the queue");
    }

    #[test]
    fn of_two_deviations_the_last_that_matters_is_left_out() {
        let failing = Explorer::new().explore_runs(&two_locks, &|_| Ok(()));
        let case = failing.failure.expect("they wait for each other").case;
        // A second one, at the end of the run, that changes nothing.
        let more: Case = format!("{case},1.2@2!").parse().expect("a case");
        let passing = find(two_locks, &more);
        assert_eq!(passing.case.to_string(), "sl1.1.any.-:1.2@2!");
        let differs = format!("the same case without its deviation {}", case.deviations[0]);
        assert_eq!(passing.differs, differs);
    }

    /// None of the deviations is there for nothing.
    #[test]
    fn where_the_order_of_the_queue_fails_another_one_is_found() {
        let passing = find(lost_update, &Case::dull(Model::AnyOrder));
        assert!(passing.outcome.result.is_ok() && !passing.case.is_empty());
        for left_out in 0..passing.case.len() {
            let mut others = passing.case.deviations.clone();
            others.remove(left_out);
            let case = passing.case.with(others);
            let replayed = Explorer::new().replay_runs(&case, &lost_update, &|_| Ok(()));
            assert!(replayed.fault.is_some(), "{case} passes, too");
        }
    }
}
