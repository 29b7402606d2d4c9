//! The run that passes and is nearest to one that fails, for who wants to see where they part.

use super::case::Case;
use super::explorer::Explorer;
use super::search::on_own_thread;
use super::trial::{Check, Subject, Trial};
use crate::base::Result;
use crate::runner::Outcome;

/// How many cases are tried.
const TRIED_MAX: usize = 24;
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
    /// of its deviations, or without another one, or the one in which nothing deviates. None if
    /// all of these fail.
    pub fn nearest_passing(
        &self,
        case: &Case,
        body: &(dyn Fn() -> Result<()> + Sync),
        check: Check<'_>,
    ) -> Option<Passing> {
        if case.is_empty() {
            return None;
        }
        let subject = self.subject(body, check).configured(case);
        on_own_thread(|| nearest(&subject, case))
    }
}

fn nearest(subject: &Subject<'_>, case: &Case) -> Option<Passing> {
    let count = case.deviations.len();
    let mut steps = 0;
    for left_out in (0..count).rev().take(TRIED_MAX) {
        let met: Vec<bool> = (0..count).map(|index| index != left_out).collect();
        let without = case.only(&met);
        let differs = match count {
            1 => "the run in the order of the queue".to_owned(),
            _ => format!("the same case without its deviation {}", case.deviations[left_out]),
        };
        let (trial, _) = subject.follow(&without, true);
        steps += trial.outcome.steps;
        if trial.fault.is_none() {
            return Some(Passing { outcome: trial.outcome, case: without, differs });
        }
        if count == 1 || steps > STEPS_MAX {
            break;
        }
    }
    if count == 1 {
        return None;
    }
    let dull = case.with(Vec::new());
    let (Trial { outcome, fault }, _) = subject.follow(&dull, true);
    let differs = "the run in the order of the queue".to_owned();
    fault.is_none().then_some(Passing { outcome, case: dull, differs })
}
