//! When a failure became inevitable, in words, and where in the run.

use crate::base::{ChoiceKind, Event};
use crate::explore::{Odds, OddsAt};
use crate::runner::Outcome;

/// The steps at which the choices of a run take effect, by the numbers that the table has; 0 for
/// those of steps that are not kept.
///
/// A choice between two steps takes effect with the next one: what runs, and whether that is
/// cancelled before.
pub(super) fn steps_of_choices<T>(outcome: &Outcome<T>) -> Vec<u64> {
    let mut steps = Vec::new();
    let (mut step, mut began) = (outcome.forgotten.steps, None);
    for record in &outcome.records {
        match record.event {
            Event::StepStarted { .. } | Event::Callback { .. } => {
                (step, began) = (step + 1, Some(record.step));
            }
            Event::Chosen { kind, .. } => {
                let is_in_step = kind != ChoiceKind::Ready && began == Some(record.step);
                steps.push(if is_in_step { step } else { step + 1 });
            }
            _ => {}
        }
    }
    // After the last step there is none.
    steps.iter_mut().for_each(|taken| *taken = step.min(*taken));
    // Of a long run the first events are forgotten.
    let forgotten = outcome.choices.len().saturating_sub(steps.len());
    steps.splice(0..0, vec![0; forgotten]);
    steps
}

/// The step with which so many choices are taken; 0 for the start, and where it is not kept.
pub(super) fn step_after(steps: &[u64], place: OddsAt) -> u64 {
    let last = place.choices.checked_sub(1);
    last.and_then(|last| steps.get(last)).copied().unwrap_or(0)
}

/// Which of the choices that take effect with its step the last one of so many is, from 1; 0 for
/// the start.
pub(super) fn nth_of_step(steps: &[u64], place: OddsAt) -> usize {
    let step = step_after(steps, place);
    let taken = steps.get(..place.choices).unwrap_or_default();
    taken.iter().rev().take_while(|other| **other == step).count()
}

/// The odds in a sentence.
pub(super) fn odds_text<T>(odds: &Odds, outcome: &Outcome<T>) -> String {
    let (before, at) = odds.turn();
    let step = step_after(&steps_of_choices(outcome), at);
    match before {
        None => {
            format!("from the start: {} of {} other runs fail like this, too", at.failed, at.runs)
        }
        Some(before) if step == 0 => format!(
            "from before the steps that were kept: {} of {} runs that go on from there fail like \
             this, {} of {} one choice before",
            at.failed, at.runs, before.failed, before.runs
        ),
        Some(before) => format!(
            "from step {step} on: {} of {} runs that go on from there fail like this, {} of {} one \
             choice before",
            at.failed, at.runs, before.failed, before.runs
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Choice, Instant, Record, StepEnd};

    /// A pick and a cancel before the first step, a number in it and a cancel where it has come to
    /// wait, a cancel before the second, a delay in a callback, and a fault when all is over.
    #[test]
    fn a_choice_takes_effect_with_its_step() {
        use ChoiceKind::{Cancel, Delay, Fault, Ready, Value};
        let chosen = |kind| Event::Chosen { kind, bound: 2, value: 1 };
        let starts = Event::StepStarted { task: 1 };
        let ends = Event::StepEnded { task: 1, end: StepEnd::Waits };
        let events = [
            (0, chosen(Ready)),
            (1, chosen(Cancel)),
            (1, starts),
            (1, chosen(Value)),
            (1, ends),
            (1, chosen(Cancel)),
            (3, chosen(Cancel)),
            (3, starts),
            (3, ends),
            (4, Event::Callback { operation: "call_soon" }),
            (4, chosen(Delay)),
            (4, chosen(Ready)),
            (5, starts),
            (5, ends),
            (6, chosen(Fault)),
        ];
        let record = |(step, event)| Record { step, time: Instant::START, event, place: None };
        let mut outcome = Outcome { records: events.map(record).into(), ..Outcome::default() };
        outcome.choices = vec![Choice { kind: Ready, bound: 2, value: 1 }; 8];
        assert_eq!(steps_of_choices(&outcome), [1, 1, 1, 1, 2, 3, 4, 4]);
        // The first events of a long run are forgotten, and its choices are not.
        outcome.choices.push(outcome.choices[0]);
        outcome.forgotten.steps = 500;
        let steps = steps_of_choices(&outcome);
        assert_eq!(steps, [0, 501, 501, 501, 501, 502, 503, 504, 504]);
        let nth = |choices| nth_of_step(&steps, OddsAt { choices, runs: 1, failed: 1 });
        assert_eq!([0, 1, 2, 3, 5, 6, 7, 9].map(nth), [0, 1, 1, 2, 4, 1, 1, 2]);
        let at = |choices, failed| OddsAt { choices, runs: 128, failed };
        let odds = Odds { places: vec![at(0, 60), at(1, 128)], inevitable_at: 1 };
        let told = "from before the steps that were kept: 128 of 128 runs that go on from there \
                    fail like this, 60 of 128 one choice before";
        assert_eq!(odds_text(&odds, &outcome), told);
        let odds = Odds { places: vec![at(5, 60), at(6, 128)], inevitable_at: 1 };
        assert!(odds_text(&odds, &outcome).starts_with("from step 502 on: 128 of 128 runs "));
        let after = |choices| step_after(&steps, OddsAt { choices, runs: 1, failed: 1 });
        assert_eq!([after(0), after(1), after(6)], [0, 0, 502]);
    }
}
