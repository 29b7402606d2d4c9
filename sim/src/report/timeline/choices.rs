//! What was chosen, and what else could have been, in words.

use crate::base::ChoiceKind;

/// How many alternatives are named.
pub(super) const OTHERS_MAX: usize = 12;

/// What a value of a choice means. What runs next is told by its tasks instead.
fn meaning(kind: ChoiceKind, bound: u32, value: u32) -> String {
    let named = |names: &[&str]| names.get(value as usize).map(|name| (*name).to_owned());
    let counted = format!("{} of {bound}", value + 1);
    let told = match kind {
        ChoiceKind::Switch => named(&["go on", "give way to others first"]),
        ChoiceKind::Cancel => named(&["leave the task alone", "cancel the task", "drop the task"]),
        ChoiceKind::Fault => named(&["no fault", "a fault"]),
        ChoiceKind::Delay => Some(match value {
            0 => "the shortest duration".to_owned(),
            _ => format!("duration {counted}"),
        }),
        ChoiceKind::Lateness => Some(match value {
            0 => "the loop is in time".to_owned(),
            _ => "the loop is late".to_owned(),
        }),
        ChoiceKind::Branch => Some(format!("branch {counted} first")),
        ChoiceKind::Value => Some(format!("value {value} of 0..{bound}")),
        ChoiceKind::Ready | ChoiceKind::Entropy => None,
    };
    told.unwrap_or(counted)
}

/// What was taken, and the alternatives.
pub(super) fn told(kind: ChoiceKind, bound: u32, value: u32) -> (String, Vec<String>) {
    let others = (0..bound).filter(|other| *other != value);
    let mut names: Vec<String> =
        others.take(OTHERS_MAX).map(|other| meaning(kind, bound, other)).collect();
    names.dedup();
    let more = (bound as usize).saturating_sub(OTHERS_MAX + 1);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    (meaning(kind, bound, value), names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_told_with_what_else_there_was() {
        let check = |kind, bound, value, taken: &str, others: &[&str]| {
            assert_eq!(
                told(kind, bound, value),
                (taken.to_owned(), others.iter().map(|other| (*other).to_owned()).collect()),
            );
        };
        check(ChoiceKind::Switch, 2, 1, "give way to others first", &["go on"]);
        check(ChoiceKind::Fault, 2, 0, "no fault", &["a fault"]);
        let others = ["the shortest duration", "duration 2 of 3"];
        check(ChoiceKind::Delay, 3, 2, "duration 3 of 3", &others);
        check(ChoiceKind::Lateness, 9, 0, "the loop is in time", &["the loop is late"]);
        check(ChoiceKind::Branch, 2, 0, "branch 1 of 2 first", &["branch 2 of 2 first"]);
        let (_, many) = told(ChoiceKind::Value, 100, 5);
        assert_eq!(many.len(), 13);
        assert_eq!(many[12], "and 87 more");
    }
}
