//! Runs that are longer than what is kept of them: an exploration keeps the last 262,144 events.

use seedloop::explore::{Explorer, Failure};
use seedloop::report::{self, Found, GanttStyle, Picture, failure_text};
use seedloop::trace::Event;
use seedloop::{Limits, Result, out, yield_now};

/// How many steps a run may have; one that passes that has as many again.
const STEPS: u64 = 30_000;

async fn livelock() -> Result<()> {
    for turn in 1..10 * STEPS {
        tracing::debug!("turn {turn}");
        out!("{turn}");
        yield_now().await?;
    }
    Ok(())
}

fn failure_of<F>(body: fn() -> F) -> Box<Failure>
where
    F: Future<Output = Result<()>> + 'static,
{
    let limits = Limits { steps: STEPS, ..Limits::default() };
    let exploration = Explorer::new().runs(1).limits(limits).explore(body);
    exploration.failure.expect("it fails")
}

/// The step that prints a number is the step of that number, in every drawing.
#[test]
fn steps_have_their_numbers_of_the_whole_run() {
    let failure = failure_of(livelock);
    let (first, last) = (failure.outcome.forgotten.steps, 2 * STEPS);
    assert!((1..last).contains(&first), "{:?}", failure.outcome.forgotten);
    let told = format!("the first {first} steps were not kept");
    let found = Found::default();
    let report = failure_text(&failure, &found);
    assert!(report.contains(&format!("\n     ..  {told}\n")), "{report}");
    assert!(report.contains(&format!("\n  {last}  prints: {last}; gives way ")), "{report}");
    let picture = Picture::of_failure("livelock", &failure, &found);
    let gantt = picture.gantt(GanttStyle::default());
    assert!(gantt.starts_with(&format!("{told}\n\nstep ")), "{}", &gantt[..200]);
    assert!(gantt.ends_with(&format!("  step {last}, 0.0s, Task-1: {last}\n")), "{gantt}");
    let json = picture.json_lines();
    let lines = |kind: &str| json.lines().filter(move |line| line.starts_with(kind)).collect();
    let (head, lanes): (Vec<_>, Vec<_>) = (lines("[\"seedloop\""), lines("[\"lane\""));
    assert!(head[0].contains(&format!("\"forgotten\":\"{told}\"")), "{head:?}");
    assert!(lanes[0].ends_with(&format!(",-1,{first}]")), "{lanes:?}");
    let columns: Vec<_> = lines("[\"at\"");
    assert!(columns[0].starts_with(&format!("[\"at\",{},", first + 1)), "{}", columns[0]);
    let steps = columns.iter().rfind(|line| !line.starts_with("[\"at\",0,"));
    assert!(steps.expect("some").starts_with(&format!("[\"at\",{last},")), "{steps:?}");
    let events = failure.outcome.forgotten.events;
    let trace = report::trace_text(&failure.outcome);
    assert!(trace.starts_with(&format!("{events} earlier events were not kept\n\ntime ")));
    assert!(!trace.contains(" starts\n"), "it has begun long before");
}

/// What is logged near the failure is there, and what is not kept takes no memory.
#[test]
fn the_log_has_the_entries_of_the_events() {
    let outcome = &failure_of(livelock).outcome;
    let named = outcome.records.iter().filter_map(|record| match record.event {
        Event::Logged { entry, .. } => Some(entry as usize),
        _ => None,
    });
    assert!(named.eq(1..=outcome.log.len()));
    let turns = outcome.forgotten.steps + 1..=2 * STEPS;
    let ends = |(entry, turn): (&str, u64)| entry.ends_with(&format!(": turn {turn}"));
    let texts = outcome.log.iter().map(|entry| entry.text.as_str());
    assert!(texts.zip(turns.clone()).all(ends), "{:?}", outcome.log.first());
    assert_eq!(outcome.log.len() as u64, turns.end() - turns.start() + 1);
}

async fn talkative() -> Result<()> {
    yield_now().await?;
    (0..300_000).for_each(|line| out!("{line}"));
    panic!("one")
}

#[test]
fn a_step_that_is_longer_than_what_is_kept_has_its_row() {
    let report = failure_text(&failure_of(talkative), &Found::default());
    let rows: Vec<&str> = report.lines().skip_while(|line| !line.contains("  step  ")).collect();
    assert_eq!(rows[1], "    ..  the first step and a part of step 2 were not kept");
    assert!(rows[2].starts_with("     2  prints: "), "{report}");
    assert!(rows[2].ends_with("; prints: 299999; panics"), "{report}");
}
