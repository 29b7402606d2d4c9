//! When a failure became inevitable, in words, and where in the run.

use crate::base::{ChoiceKind, Event};
use crate::explore::{Odds, OddsAt};
use crate::runner::Outcome;

/// The steps at which the choices of a run take effect, by the numbers that the table has; 0 before
/// the first step.
///
/// A choice of what runs next takes effect with the step that it picks.
pub(super) fn steps_of_choices<T>(outcome: &Outcome<T>) -> Vec<u64> {
    let mut steps = Vec::new();
    let mut step = 0;
    for record in &outcome.records {
        match record.event {
            Event::StepStarted { .. } | Event::Callback { .. } => step += 1,
            Event::Chosen { kind: ChoiceKind::Ready, .. } => steps.push(step + 1),
            Event::Chosen { .. } => steps.push(step),
            _ => {}
        }
    }
    // Of a long run the first events are forgotten.
    let forgotten = outcome.choices.len().saturating_sub(steps.len());
    steps.splice(0..0, vec![0; forgotten]);
    steps
}

/// The step with which so many choices are taken.
pub(super) fn step_after(steps: &[u64], place: OddsAt) -> u64 {
    let last = place.choices.checked_sub(1);
    last.and_then(|last| steps.get(last)).copied().unwrap_or(0)
}

/// The odds in a sentence.
pub(super) fn odds_text<T>(odds: &Odds, outcome: &Outcome<T>) -> String {
    let (before, at) = odds.turn();
    let step = step_after(&steps_of_choices(outcome), at);
    match before {
        None => format!("from the start: {} of {} other runs fail, too", at.failed, at.runs),
        Some(before) => format!(
            "from step {step} on: {} of {} runs that go on from there fail, {} of {} one choice \
             before",
            at.failed, at.runs, before.failed, before.runs
        ),
    }
}
