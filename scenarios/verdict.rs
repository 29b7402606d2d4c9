//! What checks say of a run, in the words of its transcript.

use std::ops::Range;
use std::time::Duration;

use seedloop::{Outcome, ReportKind, Result};
use seedloop_cli::Verdict;

/// Holds if the run succeeded, printed exactly these lines, each with its virtual time (`"1.5s
/// text"`), and ended with the last of them: the groups in their order, the lines of a group in any
/// order.
///
/// A group is what happens at one moment; which task comes first in it is up to the schedule.
pub(crate) fn printed_at(outcome: &Outcome<Result<()>>, groups: &[&[&str]]) -> Verdict {
    ended_with_last_line(outcome)?;
    compare(outcome.lines.iter().map(|line| format!("{} {}", line.time, line.text)), groups)
}

/// The same without the times, where they depend on latencies: to be used with [`took`].
pub(crate) fn printed(outcome: &Outcome<Result<()>>, groups: &[&[&str]]) -> Verdict {
    ended_with_last_line(outcome)?;
    compare(outcome.lines.iter().map(|line| line.text.clone()), groups)
}

/// The same where no schedule changes the order of the lines.
pub(crate) fn printed_in_order_at(outcome: &Outcome<Result<()>>, lines: &[&str]) -> Verdict {
    let groups: Vec<&[&str]> = lines.iter().map(std::slice::from_ref).collect();
    printed_at(outcome, &groups)
}

fn compare(mut lines: impl Iterator<Item = String>, groups: &[&[&str]]) -> Verdict {
    for group in groups {
        let mut expected = group.to_vec();
        let mut found: Vec<String> = lines.by_ref().take(group.len()).collect();
        expected.sort_unstable();
        found.sort_unstable();
        if found != expected {
            return Err(format!("expected {group:?} in some order, found {found:?}"));
        }
    }
    match lines.next() {
        Some(line) => Err(format!("expected nothing more, found {line:?}")),
        None => Ok(()),
    }
}

/// Holds if the run printed these lines in this order, among others, and none of them more often.
pub(crate) fn in_order(outcome: &Outcome<Result<()>>, texts: &[&str]) -> Verdict {
    let lines = outcome.lines.iter().map(|line| line.text.as_str());
    let found: Vec<&str> = lines.filter(|line| texts.contains(line)).collect();
    if found == texts {
        return Ok(());
    }
    Err(format!("expected {texts:?} in this order, found {found:?}"))
}

/// Holds if the loops reported exactly these kinds of trouble, each as often as it stands here.
pub(crate) fn reported(outcome: &Outcome<Result<()>>, kinds: &[ReportKind]) -> Verdict {
    let found: Vec<ReportKind> = outcome.reports.iter().map(|report| report.kind).collect();
    if found == kinds {
        return Ok(());
    }
    Err(format!("expected reports {kinds:?}, found {found:?}"))
}

/// Holds if the run took a time within `range`.
pub(crate) fn took(outcome: &Outcome<Result<()>>, range: Range<Duration>) -> Verdict {
    let time = outcome.time.since_start();
    if range.contains(&time) {
        return Ok(());
    }
    Err(format!("expected the run to take {range:?}, it took {time:?}"))
}

/// Holds if the run succeeded, and did nothing more after it printed its last line.
pub(crate) fn ended_with_last_line(outcome: &Outcome<Result<()>>) -> Verdict {
    succeeded(outcome)?;
    match outcome.lines.last() {
        Some(last) if last.time != outcome.time => {
            Err(format!("the last line came at {}, the end at {}", last.time, outcome.time))
        }
        _ => Ok(()),
    }
}

/// Holds if neither a panic nor an error ended the run.
fn succeeded(outcome: &Outcome<Result<()>>) -> Verdict {
    match &outcome.result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) | Err(error) => Err(format!("the run failed: {error}")),
    }
}
