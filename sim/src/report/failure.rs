//! The report of a failure: what failed, how it comes about, and how to see it again.

use std::fmt::Write;

use super::divergence::divergence_text;
use super::forgotten::comparable;
use super::names::{Names, fault_text};
use super::odds::odds_text;
use super::race::find_race;
use super::table::push_table;
use super::text::one_line;
use crate::base::{Deadlock, Event, Result};
use crate::explore::{Failure, FaultKind, Odds, Statistics};
use crate::runner::Outcome;

/// How many lines there are in all, if the table needs no more.
const LINES_MAX: usize = 40;
/// How many lines of the table are shown in any case.
const TABLE_MIN: usize = 10;
/// How many lines of the message are shown.
const MESSAGE_MAX: usize = 14;
/// How many lines of the transcript are shown, the last ones.
const TRANSCRIPT_MAX: usize = 4;
/// How many ends of connections are shown, the first ones.
const CONNECTIONS_MAX: usize = 4;
/// How many faults are listed, the first ones.
const FAULTS_MAX: usize = 6;

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
    /// When the failure became inevitable, if [`Explorer::odds`] has found that out.
    ///
    /// [`Explorer::odds`]: crate::explore::Explorer::odds
    pub odds: Option<Odds>,
}

/// Returns the report of a failure, without real times and addresses: forty lines at most, but for
/// ten that the table has in any case.
pub fn failure_text(failure: &Failure, found: &Found) -> String {
    let mut text = String::new();
    push_message(&mut text, failure);
    push_found(&mut text, failure, found);
    let mut end = String::new();
    if !found.replay.is_empty() {
        push(&mut end, format_args!("replay:     {}", found.replay));
    }
    if !found.regression.is_empty() {
        push(&mut end, format_args!("regression: {}", found.regression));
    }
    if failure.twin.is_some() {
        push_divergence(&mut text, failure);
    } else if failure.fault.kind != FaultKind::Never {
        let taken = text.lines().count() + end.lines().count();
        push_run(&mut text, failure, found.odds.as_ref(), LINES_MAX.saturating_sub(taken));
    }
    text.push_str(&end);
    text
}

/// Appends a line. Writing into a string can't fail.
fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{line}");
}

fn push_message(text: &mut String, failure: &Failure) {
    let message = message(failure);
    let lines: Vec<&str> = message.lines().collect();
    for line in lines.iter().take(MESSAGE_MAX) {
        push(text, format_args!("{line}"));
    }
    if lines.len() > MESSAGE_MAX {
        push(text, format_args!("... and {} lines more", lines.len() - MESSAGE_MAX));
    }
}

/// The message, with the names that the table has too.
pub(super) fn message(failure: &Failure) -> String {
    let Failure { fault, outcome, .. } = failure;
    let deadlock = fault.error.as_ref().and_then(|error| error.downcast_ref::<Deadlock>());
    match (deadlock, fault.kind) {
        (Some(deadlock), _) if !outcome.tasks.is_empty() => {
            let names = Names::of(outcome);
            deadlock.with_names(|number| names.task(number))
        }
        (_, FaultKind::Error) => format!("the test returned an error: {}", fault.message),
        _ => fault.message.clone(),
    }
}

/// How a failure was found, in lines.
pub(super) fn found_text(failure: &Failure, found: &Found) -> String {
    let mut text = String::new();
    push_found(&mut text, failure, found);
    text
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
        _ if matches!(failure.fault.kind, FaultKind::Never | FaultKind::Nondeterminism) => {}
        (0, _) => push(text, format_args!("it fails in the order of the queue: nothing deviates")),
        (left, with) if *replays > 0 && left != with => push(
            text,
            format_args!("shrunk from {with} to {} in {replays} replays", deviations(left)),
        ),
        (left, _) => push(text, format_args!("it takes {}", deviations(left))),
    }
    push_faults(text, &failure.outcome);
    for missed in &failure.missed {
        push(text, format_args!("the run never came to '{missed}': the program is another one"));
    }
}

/// Appends the faults that struck, each with its time: the table has steps, and whoever looks for
/// what went wrong in a world of hosts thinks of times.
fn push_faults(text: &mut String, outcome: &Outcome<Result<()>>) {
    let faults = outcome.records.iter().filter_map(|record| match record.event {
        Event::Faulted { class, detail } => Some((record.time, class, detail)),
        _ => None,
    });
    let faults: Vec<_> = faults.collect();
    for (time, class, detail) in faults.iter().take(FAULTS_MAX) {
        let fault = fault_text(class, &outcome.fault_details, *detail);
        push(text, format_args!("fault at {time}: {fault}"));
    }
    if faults.len() > FAULTS_MAX {
        push(text, format_args!("... and {} faults more", faults.len() - FAULTS_MAX));
    }
}

fn deviations(count: usize) -> String {
    match count {
        1 => "1 deviation from the order of the queue".to_owned(),
        _ => format!("{count} deviations from the order of the queue"),
    }
}

fn push_divergence(text: &mut String, failure: &Failure) {
    let Some(twin) = &failure.twin else { return };
    text.push('\n');
    match divergence_text(&failure.outcome, twin) {
        Some(divergence) => text.push_str(&divergence),
        None => push(text, format_args!("the two runs that were recorded do not differ")),
    }
    push(
        text,
        format_args!(
            "look for HashMap, Instant::now, statics, thread-locals, and threads of the program's \
             own there"
        ),
    );
    text.push('\n');
}

/// Appends the table, the race and what was printed, with an empty line before and behind.
fn push_run(text: &mut String, failure: &Failure, odds: Option<&Odds>, lines_max: usize) {
    let Failure { outcome, dull, case, .. } = failure;
    let dull = comparable(outcome, dull.as_deref());
    let race = find_race(outcome, dull);
    let mut below = String::new();
    if let Some(race) = &race {
        let told = race.text(&Names::of(outcome), dull.is_some());
        push(&mut below, format_args!("race: {told}"));
    }
    if let Some(odds) = odds {
        push(&mut below, format_args!("inevitable {}", odds_text(odds, outcome)));
    }
    push_connections(&mut below, outcome);
    push_transcript(&mut below, outcome);
    text.push('\n');
    let taken = below.lines().count() + 2;
    push_table(text, outcome, case, race.as_ref(), lines_max.saturating_sub(taken).max(TABLE_MIN));
    text.push_str(&below);
    text.push('\n');
}

/// Appends what stood open between hosts when the run failed.
fn push_connections(text: &mut String, outcome: &Outcome<Result<()>>) {
    let connections = &outcome.connections;
    if connections.is_empty() {
        return;
    }
    push(text, format_args!("connections at the end:"));
    for connection in connections.iter().take(CONNECTIONS_MAX) {
        push(text, format_args!("  {}", one_line(connection)));
    }
    if connections.len() > CONNECTIONS_MAX {
        push(text, format_args!("  ... and {} more", connections.len() - CONNECTIONS_MAX));
    }
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
