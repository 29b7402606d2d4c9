//! What the program printed, and what its loops reported.

use super::text::{Times, end_line};
use crate::base::{Instant, Panicked};
use crate::runner::Outcome;

/// Returns what the program printed with [`out!`](crate::out), each line after the virtual time at
/// which it was printed if `times` says so.
///
/// ```
/// use seedloop::{Simulation, out, report, sleep};
/// use std::time::Duration;
///
/// let outcome = Simulation::new().block_on(async {
///     out!("三分待ちます");
///     sleep(Duration::from_secs(180)).await?;
///     out!("できました");
///     Ok(())
/// });
/// assert_eq!(report::transcript(&outcome, false), "三分待ちます\nできました\n");
/// assert_eq!(report::transcript(&outcome, true), "  0.0s  三分待ちます\n180.0s  できました\n");
/// ```
pub fn transcript<T>(outcome: &Outcome<T>, times: bool) -> String {
    let mut text = String::new();
    if !times {
        for line in &outcome.lines {
            text.push_str(&line.text);
            text.push('\n');
        }
        return text;
    }
    let times = Times::of(outcome.lines.iter().map(|line| line.time));
    for line in &outcome.lines {
        push_timed(&mut text, times, line.time, &line.text);
    }
    text
}

/// Returns what the loops of the run had to report: errors that nobody retrieved, strays, slow
/// callbacks and the like, each after its virtual time.
pub fn reports<T>(outcome: &Outcome<T>) -> String {
    let times = Times::of(outcome.reports.iter().map(|report| report.time));
    let mut text = String::new();
    for report in &outcome.reports {
        push_timed(&mut text, times, report.time, &report.to_string());
    }
    text
}

/// Returns the stack of the panic that ended the run; empty when none did, and where neither
/// `RUST_BACKTRACE` nor `RUST_LIB_BACKTRACE` asked for it.
pub fn backtrace<T>(outcome: &Outcome<T>) -> String {
    let panicked = outcome.result.as_ref().err().and_then(|error| error.downcast_ref::<Panicked>());
    let mut text = String::new();
    if let Some(stack) = panicked.and_then(Panicked::backtrace) {
        text = format!("{}\n", stack.to_string().trim_end());
    }
    text
}

/// Appends what was said at a time; its further lines stand below its first.
fn push_timed(text: &mut String, times: Times, time: Instant, said: &str) {
    let mut prefix = String::new();
    times.push(&mut prefix, time);
    for part in said.split('\n') {
        end_line(text, &format!("{prefix}  {part}"));
        prefix = " ".repeat(times.cells());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Error;
    use crate::event_loop::{Line, Report, ReportKind};

    fn line(millis: u64, text: &str) -> Line {
        let time = Instant::from_nanos(millis * 1_000_000);
        Line { time, task: 1, step: 1, text: text.to_owned() }
    }

    #[test]
    fn a_line_of_several_lines_stays_together() {
        let lines = vec![line(0, "a"), line(0, ""), line(12_500, "第一行\n第二行")];
        let outcome = Outcome { lines, ..Outcome::default() };
        assert_eq!(transcript(&outcome, false), "a\n\n第一行\n第二行\n");
        assert_eq!(transcript(&outcome, true), " 0.0s  a\n 0.0s\n12.5s  第一行\n       第二行\n");
    }

    #[test]
    fn a_run_that_says_nothing_has_empty_texts() {
        assert_eq!(transcript(&Outcome::default(), false), "");
        assert_eq!(transcript(&Outcome::default(), true), "");
        assert_eq!(reports(&Outcome::default()), "");
    }

    #[test]
    fn reports_name_task_and_error() {
        let mut report = Report::new(ReportKind::TaskNeverRetrieved, "nobody asked")
            .with_error(Error::msg("失敗\nof two lines"));
        report.task = Some("受信".to_owned());
        report.time = Instant::from_nanos(1_500_000_000);
        let late = Report { time: Instant::from_nanos(10_000_000_000), ..report.clone() };
        let outcome = Outcome { reports: vec![report, late], ..Outcome::default() };
        assert_eq!(
            reports(&outcome),
            " 1.5s  nobody asked: 受信: 失敗\n       of two lines\n\
             10.0s  nobody asked: 受信: 失敗\n       of two lines\n"
        );
    }
}
