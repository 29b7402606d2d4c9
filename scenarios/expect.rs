//! What the checks of scenarios have in common. They hold in any order of what is ready, so none
//! compares a whole transcript where the schedule may change it.

use seedloop::{Outcome, ReportKind, Result};
use seedloop_cli::Verdict;

/// The program returned without an error, and nothing had to be reported.
pub(crate) fn ended_well(outcome: &Outcome<Result<()>>) -> Verdict {
    ended_with_reports(outcome, &[])
}

/// The program returned without an error, and exactly this was reported, in this order.
pub(crate) fn ended_with_reports(
    outcome: &Outcome<Result<()>>,
    expected: &[ReportKind],
) -> Verdict {
    match &outcome.result {
        Err(error) | Ok(Err(error)) => return Err(format!("ended with an error: {error}")),
        Ok(Ok(())) => {}
    }
    let kinds: Vec<ReportKind> = outcome.reports.iter().map(|report| report.kind).collect();
    match kinds == expected {
        true => Ok(()),
        false => Err(format!("reported {:?}, not {expected:?}", outcome.reports)),
    }
}

/// The transcript is exactly this, each line with its virtual time before it (`"1.5s text"`).
pub(crate) fn lines_are(outcome: &Outcome<Result<()>>, expected: &[&str]) -> Verdict {
    same(&timed_lines(outcome), expected)
}

/// The same, but lines of one moment may stand in any order.
pub(crate) fn lines_by_moment(outcome: &Outcome<Result<()>>, expected: &[&str]) -> Verdict {
    let mut lines = timed_lines(outcome);
    let mut expected = expected.to_vec();
    lines.chunk_by_mut(|a, b| time_of(a) == time_of(b)).for_each(<[_]>::sort);
    expected.chunk_by_mut(|a, b| time_of(a) == time_of(b)).for_each(<[_]>::sort);
    same(&lines, &expected)
}

fn time_of(line: &str) -> &str {
    line.split_once(' ').map_or(line, |(time, _)| time)
}

fn timed_lines(outcome: &Outcome<Result<()>>) -> Vec<String> {
    outcome.lines.iter().map(|line| format!("{} {}", line.time, line.text)).collect()
}

fn same(lines: &[String], expected: &[&str]) -> Verdict {
    match lines.iter().zip(expected).find(|(line, expected)| line != *expected) {
        Some((line, expected)) => Err(format!("printed `{line}` in place of `{expected}`")),
        None if lines.len() == expected.len() => Ok(()),
        None => Err(format!("printed {} lines, not {}", lines.len(), expected.len())),
    }
}

/// The lines of each pair stand in the transcript in this order: the second is caused by the first.
pub(crate) fn causes(outcome: &Outcome<Result<()>>, pairs: &[(&str, &str)]) -> Verdict {
    let place = |text: &str| {
        let found = outcome.lines.iter().position(|line| line.text == text);
        found.ok_or_else(|| format!("did not print `{text}`"))
    };
    for (cause, effect) in pairs {
        if place(cause)? > place(effect)? {
            return Err(format!("printed `{effect}` before `{cause}`"));
        }
    }
    Ok(())
}
