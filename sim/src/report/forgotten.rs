//! Runs that were longer than their record.

use crate::base::Forgotten;
use crate::runner::Outcome;

/// Tells which steps are not in the record, if some are not.
pub(super) fn forgotten_text(forgotten: &Forgotten) -> Option<String> {
    let Forgotten { events, steps, .. } = *forgotten;
    let first = match steps {
        0 => String::new(),
        1 => "the first step".to_owned(),
        _ => format!("the first {steps} steps"),
    };
    let partly = forgotten.is_within_step.then(|| format!("a part of step {}", steps + 1));
    match (steps, partly) {
        _ if events == 0 => None,
        (0, None) => Some(format!("the first {events} events were not kept")),
        (0, Some(partly)) => Some(format!("{partly} was not kept")),
        (1, None) => Some(format!("{first} was not kept")),
        (_, None) => Some(format!("{first} were not kept")),
        (_, Some(partly)) => Some(format!("{first} and {partly} were not kept")),
    }
}

/// A run with which another one can be compared step by step: both were kept from the beginning.
pub(super) fn comparable<'a, T, U>(
    one: &Outcome<T>,
    other: Option<&'a Outcome<U>>,
) -> Option<&'a Outcome<U>> {
    other.filter(|other| one.forgotten.events == 0 && other.forgotten.events == 0)
}
