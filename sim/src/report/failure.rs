//! The report of a failure: what failed, how it comes about, and how to see it again.

use std::fmt::Write;

use super::divergence::divergence_text;
use super::race::race_text;
use super::table::push_table;
use super::text::one_line;
use crate::base::Result;
use crate::explore::{Failure, FaultKind, Statistics};
use crate::runner::Outcome;

/// How many lines of the message are shown.
const MESSAGE_MAX: usize = 14;
/// How many lines of the transcript are shown, the last ones.
const TRANSCRIPT_MAX: usize = 4;

/// How a failure was found, and how it can be seen again.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Found {
    /// The strategy and the seed, in words.
    pub strategy: String,
    /// What was counted until then.
    pub statistics: Statistics,
    /// The command that replays the case.
    pub replay: String,
    /// The line of Rust that makes the case a test.
    pub regression: String,
}

/// Returns the report of a failure: at most forty lines, without real times and addresses.
pub fn failure_text(failure: &Failure, found: &Found) -> String {
    let mut text = String::new();
    push_message(&mut text, failure);
    push_found(&mut text, failure, found);
    push_run(&mut text, failure);
    if !found.replay.is_empty() {
        push(&mut text, format_args!("replay:     {}", found.replay));
    }
    if !found.regression.is_empty() {
        push(&mut text, format_args!("regression: {}", found.regression));
    }
    text
}

/// Appends a line. Writing into a string can't fail.
fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{line}");
}

fn push_message(text: &mut String, failure: &Failure) {
    let lines: Vec<&str> = failure.fault.message.lines().collect();
    for line in lines.iter().take(MESSAGE_MAX) {
        push(text, format_args!("{line}"));
    }
    if lines.len() > MESSAGE_MAX {
        push(text, format_args!("... and {} lines more", lines.len() - MESSAGE_MAX));
    }
}

fn push_found(text: &mut String, failure: &Failure, found: &Found) {
    let Failure { run, found_with, case, replays, .. } = failure;
    if *run > 0 && failure.fault.kind != FaultKind::Never {
        let Statistics { distinct, .. } = found.statistics;
        let orders = if distinct == 1 { "order" } else { "orders" };
        let by = match found.strategy.is_empty() {
            true => String::new(),
            false => format!(" ({})", found.strategy),
        };
        push(text, format_args!("found in run {run}{by}, after {distinct} distinct {orders}"));
    }
    match (case.len(), *found_with) {
        _ if failure.fault.kind == FaultKind::Never => {}
        (0, _) => push(text, format_args!("it fails in the order of the queue: nothing deviates")),
        (left, with) if *replays > 0 && left != with => push(
            text,
            format_args!("shrunk from {with} to {} in {replays} replays", deviations(left)),
        ),
        (left, _) => push(text, format_args!("it takes {}", deviations(left))),
    }
    for missed in &failure.missed {
        push(text, format_args!("the run never came to '{missed}': the program is another one"));
    }
}

fn deviations(count: usize) -> String {
    match count {
        1 => "1 deviation from the order of the queue".to_owned(),
        _ => format!("{count} deviations from the order of the queue"),
    }
}

fn push_run(text: &mut String, failure: &Failure) {
    if let Some(twin) = &failure.twin {
        text.push('\n');
        match divergence_text(&failure.outcome, twin) {
            Some(divergence) => text.push_str(&divergence),
            None => push(text, format_args!("the two runs that were recorded do not differ")),
        }
        push(
            text,
            format_args!(
                "look for HashMap, Instant::now, statics, thread-locals, and threads of the \
                 program's own there"
            ),
        );
        text.push('\n');
        return;
    }
    if matches!(failure.fault.kind, FaultKind::Never) {
        return;
    }
    text.push('\n');
    push_table(text, &failure.outcome);
    if let Some(race) = failure.dull.as_ref().and_then(|dull| race_text(&failure.outcome, dull)) {
        push(text, format_args!("race: {race}"));
    }
    push_transcript(text, &failure.outcome);
    text.push('\n');
}

fn push_transcript(text: &mut String, outcome: &Outcome<Result<()>>) {
    let lines = &outcome.lines;
    if lines.is_empty() {
        return;
    }
    let first = lines.len().saturating_sub(TRANSCRIPT_MAX);
    let before =
        if first > 0 { format!(", the last {TRANSCRIPT_MAX} lines") } else { String::new() };
    push(text, format_args!("it printed{before}:"));
    for line in &lines[first..] {
        push(text, format_args!("  {}", one_line(&line.text)));
    }
}
