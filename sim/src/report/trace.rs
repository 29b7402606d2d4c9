//! Every event of a run as a line of text.

use super::text::{Times, end_line, push_left, push_right, width};
use super::wording::{Row, Teller, nexts};
use crate::runner::Outcome;

/// What stands above the columns.
const HEAD: [&str; 4] = ["time", "step", "who", "what"];

/// What stands between two columns.
const GAP: &str = "  ";

/// Returns every event of the run as a line of aligned text: the virtual time, how many steps had
/// been started, who acted, and what happened.
///
/// Who acts is a task by its name (with its number behind it, where the name alone would not tell
/// which), `loop` for a callback or the loop itself, or `outside`. The line of the program that
/// caused an event stands behind it. Without [`Simulation::record`](crate::Simulation::record)
/// there are no events, and the text says so.
///
/// ```
/// use seedloop::{Simulation, out, report, sleep};
/// use std::time::Duration;
///
/// let outcome = Simulation::new().record().block_on(async {
///     sleep(Duration::from_secs(2)).await?;
///     out!("done");
///     Ok(())
/// });
/// let trace = report::trace_text(&outcome);
/// let lines: Vec<&str> = trace.lines().collect();
/// assert_eq!(lines[0], "time  step  who     what");
/// assert!(lines[4].starts_with("0.0s     1  Task-1  waits for sleep at "));
/// assert_eq!(lines[5], "0.0s     1  Task-1  suspends");
/// assert_eq!(lines[6], "2.0s     1  loop    moves the clock on by 2.0s");
/// ```
pub fn trace_text<T>(outcome: &Outcome<T>) -> String {
    if outcome.records.is_empty() {
        return "no events were kept: ask for them with `Simulation::record`\n".to_owned();
    }
    let mut teller = Teller::new(outcome);
    let told = outcome
        .records
        .iter()
        .zip(nexts(&outcome.records))
        .map(|(record, next)| teller.tell(record, next));
    let rows: Vec<Row> = told.collect();
    let times = Times::of(rows.iter().map(|row| row.time));
    let widest = |head: &str, cells: Option<usize>| cells.unwrap_or(0).max(head.len());
    let time_cells = widest(HEAD[0], Some(times.cells()));
    let step_cells = widest(HEAD[1], rows.iter().map(|row| row.step.to_string().len()).max());
    let who_cells = widest(HEAD[2], rows.iter().map(|row| width(&row.who)).max());
    let mut text = String::new();
    match outcome.forgotten.events {
        0 => {}
        1 => text.push_str("1 earlier event was not kept\n\n"),
        events => text.push_str(&format!("{events} earlier events were not kept\n\n")),
    }
    let mut push = |time: &str, step: &str, who: &str, what: &str| {
        let mut line = String::new();
        push_right(&mut line, time, time_cells);
        line.push_str(GAP);
        push_right(&mut line, step, step_cells);
        line.push_str(GAP);
        push_left(&mut line, who, who_cells);
        line.push_str(GAP);
        line.push_str(what);
        end_line(&mut text, &line);
    };
    let [time, step, who, what] = HEAD;
    push(time, step, who, what);
    for row in rows {
        push(&times.text(row.time), &row.step.to_string(), &row.who, &row.what);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Awaited, ChoiceKind, Event, Instant, Place, Record, Source, StepEnd};
    use crate::event_loop::Line;

    /// A record of a step at a time in milliseconds.
    fn record(millis: u64, step: u64, event: Event) -> Record {
        let time = Instant::from_nanos(millis * 1_000_000);
        Record { step, time, event, place: None }
    }

    fn check(outcome: &Outcome<()>, expected: &[&str]) {
        let text = trace_text(outcome);
        assert_eq!(text.lines().collect::<Vec<_>>(), expected, "the trace is\n{text}");
        assert!(text.ends_with('\n'));
    }

    /// A run of the tasks `main` and `受信` with a lock.
    fn outcome(records: Vec<Record>) -> Outcome<()> {
        let spawned_at = std::panic::Location::caller().into();
        let task = |name: &str| {
            let name = name.to_owned();
            crate::event_loop::TaskInfo { name, parent: 0, child_index: 0, spawned_at }
        };
        let tasks = ["main", "受信"].map(task).to_vec();
        Outcome { records, tasks, resources: vec!["runner", "lock", "queue"], ..Outcome::default() }
    }

    #[test]
    fn a_run_that_kept_nothing_says_so() {
        check(
            &Outcome::default(),
            &["no events were kept: ask for them with `Simulation::record`"],
        );
    }

    #[test]
    fn a_life_of_two_tasks() {
        let [main, other] = [1, 2].map(Source::Task);
        let mut records = vec![
            record(0, 0, Event::Spawned { task: 1, by: Source::Loop }),
            record(0, 0, Event::Woken { task: 1, by: Source::Loop }),
            record(0, 1, Event::StepStarted { task: 1 }),
            record(0, 1, Event::Spawned { task: 2, by: main }),
            record(0, 1, Event::Woken { task: 2, by: main }),
            record(0, 1, Event::Printed { text: 0 }),
            record(0, 1, Event::Waits { task: 1, operation: "task", on: Awaited::Task(2) }),
            record(0, 1, Event::StepEnded { task: 1, end: StepEnd::Waits }),
            record(0, 2, Event::StepStarted { task: 2 }),
            record(0, 2, Event::StepEnded { task: 2, end: StepEnd::Yields }),
            record(0, 3, Event::StepStarted { task: 2 }),
            record(0, 3, Event::Waits { task: 2, operation: "sleep", on: Awaited::Unnumbered }),
            record(0, 3, Event::StepEnded { task: 2, end: StepEnd::Waits }),
            record(1_500, 4, Event::ClockMoved),
            record(1_500, 4, Event::Woken { task: 2, by: Source::Loop }),
            record(1_500, 5, Event::StepStarted { task: 2 }),
            record(1_500, 5, Event::CancelRequested { task: 1, by: other }),
            record(1_500, 5, Event::StepEnded { task: 2, end: StepEnd::Returned }),
            record(1_500, 5, Event::Woken { task: 1, by: other }),
            record(1_500, 6, Event::StepStarted { task: 1 }),
            record(1_500, 6, Event::StepEnded { task: 1, end: StepEnd::Cancelled }),
            record(1_500, 6, Event::Phase { name: "close the loop" }),
            record(1_500, 6, Event::Dropped { task: 2 }),
        ];
        records[3].place = Some(Place { file: "app.rs", line: 3 });
        records[6].place = Some(Place { file: "app.rs", line: 4 });
        let line = Line { time: Instant::START, task: 1, step: 1, text: "始めます".to_owned() };
        check(
            &Outcome { lines: vec![line], ..outcome(records) },
            &[
                "time  step  who   what",
                "0.0s     0  loop  spawns main",
                "0.0s     0  loop  makes main ready",
                "0.0s     1  main  starts",
                "0.0s     1  main  spawns 受信 at app.rs:3",
                "0.0s     1  main  makes 受信 ready",
                "0.0s     1  main  prints: 始めます",
                "0.0s     1  main  waits for 受信 at app.rs:4",
                "0.0s     1  main  suspends",
                "0.0s     2  受信  starts",
                "0.0s     2  受信  gives way",
                "0.0s     3  受信  goes on",
                "0.0s     3  受信  waits for sleep",
                "0.0s     3  受信  suspends",
                "1.5s     4  loop  moves the clock on by 1.5s",
                "1.5s     4  loop  wakes 受信",
                "1.5s     5  受信  goes on",
                "1.5s     5  受信  cancels main",
                "1.5s     5  受信  returns",
                "1.5s     5  受信  wakes main",
                "1.5s     6  main  goes on",
                "1.5s     6  main  ends cancelled",
                "1.5s     6  loop  begins to close the loop",
                "1.5s     6  loop  drops 受信",
            ],
        );
    }

    #[test]
    fn resources_callbacks_and_the_outside_have_names() {
        let waits = |operation, on| Event::Waits { task: 1, operation, on };
        let resource =
            |operation, resource| Event::Resource { operation, resource, by: Source::Task(1) };
        let records = vec![
            record(0, 1, Event::StepStarted { task: 1 }),
            record(0, 1, resource("acquired", 2)),
            record(0, 1, waits("lock", Awaited::Resource(2))),
            record(0, 1, waits("get", Awaited::Resource(3))),
            record(0, 1, waits("future", Awaited::Unnumbered)),
            record(0, 1, waits("wait", Awaited::Unnumbered)),
            record(0, 1, waits("future", Awaited::Gather)),
            record(0, 1, Event::CancelRequested { task: 1, by: Source::Task(1) }),
            record(0, 1, Event::Woken { task: 1, by: Source::Task(1) }),
            record(250, 1, Event::ClockMoved),
            record(250, 1, Event::StepEnded { task: 1, end: StepEnd::Failed }),
            record(250, 2, Event::Callback { operation: "gather" }),
            record(250, 2, Event::Outside { operation: "job started", number: 7 }),
            record(250, 2, Event::Woken { task: 2, by: Source::Outside }),
        ];
        check(
            &outcome(records),
            &[
                " time  step  who      what",
                "0.00s     1  main     starts",
                "0.00s     1  main     lock#1: acquired",
                "0.00s     1  main     waits for lock#1",
                "0.00s     1  main     waits for queue#1 (get)",
                "0.00s     1  main     waits for a future",
                "0.00s     1  main     waits for several futures",
                "0.00s     1  main     waits for gather",
                "0.00s     1  main     cancels itself",
                "0.00s     1  main     wakes itself",
                "0.25s     1  main     blocks the loop for 0.25s",
                "0.25s     1  main     fails",
                "0.25s     2  loop     runs a callback: gather",
                "0.25s     2  outside  job started #7",
                "0.25s     2  outside  makes 受信 ready",
            ],
        );
    }

    #[test]
    fn a_choice_names_what_else_was_ready() {
        let ready = |value| Event::Chosen { kind: ChoiceKind::Ready, bound: 3, value };
        let woken = |task| Event::Woken { task, by: Source::Loop };
        let records = vec![
            record(0, 0, woken(1)),
            record(0, 0, woken(2)),
            record(0, 0, ready(2)),
            record(0, 1, Event::Callback { operation: "call_soon" }),
            record(0, 1, ready(1)),
            record(0, 2, Event::StepStarted { task: 2 }),
            record(0, 2, Event::Chosen { kind: ChoiceKind::Switch, bound: 2, value: 0 }),
            record(0, 2, Event::Chosen { kind: ChoiceKind::Delay, bound: 10, value: 3 }),
            record(0, 2, Event::StepEnded { task: 2, end: StepEnd::Panicked }),
            record(0, 2, ready(0)),
            record(0, 3, Event::StepStarted { task: 1 }),
        ];
        check(
            &outcome(records),
            &[
                "time  step  who   what",
                "0.0s     0  loop  makes main ready",
                "0.0s     0  loop  makes 受信 ready",
                "0.0s     0  loop  picks a callback ahead of main, 受信",
                "0.0s     1  loop  runs a callback: call_soon",
                "0.0s     1  loop  picks 受信 ahead of main",
                "0.0s     2  受信  starts",
                "0.0s     2  受信  chooses switch 0 of 0..2",
                "0.0s     2  受信  chooses delay 3 of 0..10",
                "0.0s     2  受信  panics",
                "0.0s     2  loop  picks main",
                "0.0s     3  main  starts",
            ],
        );
    }
}
