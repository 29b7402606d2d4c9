//! The scenarios: what each prints, and that its check holds under every schedule.

use std::fmt::Write;
use std::panic::catch_unwind;
use std::time::Duration;

use scenarios::ALL;
use seedloop::{Error, Instant, Outcome, Report, ReportKind, Result, Simulation};
use seedloop_cli::Scenario;

/// How many schedules each check is put to.
const SEEDS: u64 = 200;

/// The transcript with virtual times, what the loops reported, and how the run ended.
fn text_of(outcome: &Outcome<Result<()>>) -> String {
    let mut text = String::new();
    for line in &outcome.lines {
        writeln!(text, "{:<6} {}", line.time, line.text).expect("a String takes all");
    }
    text.push('\n');
    for report in &outcome.reports {
        // Without its place in the source, which moves with every edit.
        let mut report = report.clone();
        report.location = None;
        writeln!(text, "{:<6} reported: {report}", report.time).expect("a String takes all");
    }
    match &outcome.result {
        Ok(Ok(())) => write!(text, "{:<6} ended", outcome.time),
        Ok(Err(error)) | Err(error) => write!(text, "{:<6} failed: {error}", outcome.time),
    }
    .expect("a String takes all");
    text
}

/// Compares the runs without a seed with their snapshots; says which differ, after showing how.
#[test]
fn every_scenario_prints_its_snapshot() {
    let differs = |scenario: &&Scenario| catch_unwind(|| check_snapshot(scenario)).is_err();
    let different: Vec<&str> = ALL.iter().filter(differs).map(|scenario| scenario.name).collect();
    assert!(different.is_empty(), "not as in their snapshots: {}", different.join(", "));
}

fn check_snapshot(scenario: &Scenario) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/scenarios"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(format!("{}: {}", scenario.section, scenario.summary));
    let text = text_of(&scenario.run());
    settings.bind(|| insta::assert_snapshot!(scenario.name, text));
}

#[test]
fn every_check_holds_under_every_schedule() {
    let failed: Vec<String> = ALL.iter().filter_map(first_failure).collect();
    assert!(failed.is_empty(), "checks failed:\n{}", failed.join("\n"));
}

fn first_failure(scenario: &Scenario) -> Option<String> {
    std::iter::once(None).chain((0..SEEDS).map(Some)).find_map(|seed| {
        let what = (scenario.check)(&run_with(scenario, seed)).err()?;
        Some(format!("{}, seed {seed:?}: {what}", scenario.name))
    })
}

fn run_with(scenario: &Scenario, seed: Option<u64>) -> Outcome<Result<()>> {
    let simulation = Simulation::new();
    scenario.run_in(match seed {
        Some(seed) => simulation.seed(seed),
        None => simulation,
    })
}

/// A way to spoil a run. Most spoil one line, and are tried at each; they return whether they
/// changed anything.
type Spoil = fn(&mut Outcome<Result<()>>, usize) -> bool;

/// What no check may be content with.
const SPOILS: &[(&str, Spoil)] = &[
    ("an error at the end", |outcome, _| {
        outcome.result = Ok(Err(Error::msg("spoilt")));
        true
    }),
    ("all times doubled", |outcome, _| {
        let twice = |time: &mut Instant| *time = Instant::from_nanos(2 * time.as_nanos());
        outcome.lines.iter_mut().for_each(|line| twice(&mut line.time));
        outcome.reports.iter_mut().for_each(|report| twice(&mut report.time));
        twice(&mut outcome.time);
        outcome.time > Instant::START
    }),
    ("an end five seconds later", |outcome, _| {
        outcome.time += Duration::from_secs(5);
        true
    }),
    ("a report too many", |outcome, _| {
        outcome.reports.push(Report::new(ReportKind::Custom, "spoilt"));
        true
    }),
    ("a report missing", |outcome, _| outcome.reports.pop().is_some()),
    ("no lines", |outcome, _| {
        outcome.lines.clear();
        true
    }),
    ("a line missing", |outcome, line| {
        outcome.lines.remove(line);
        true
    }),
    ("a line twice", |outcome, line| {
        outcome.lines.insert(line, outcome.lines[line].clone());
        true
    }),
    ("a line garbled", |outcome, line| {
        outcome.lines[line].text.pop();
        true
    }),
    ("the texts of two moments swapped", |outcome, line| {
        let [.., a, b] = &mut outcome.lines[..=line] else { return false };
        std::mem::swap(&mut a.text, &mut b.text);
        a.time != b.time && a.text != b.text
    }),
];

#[test]
fn every_check_refuses_every_spoilt_run() {
    let accepted: Vec<String> = ALL.iter().flat_map(accepted_spoils).collect();
    assert!(accepted.is_empty(), "checks are content with a wrong run:\n{}", accepted.join("\n"));
}

fn accepted_spoils(scenario: &Scenario) -> Vec<String> {
    let mut outcome = run_with(scenario, Some(1));
    let (lines, reports, time) = (outcome.lines.clone(), outcome.reports.clone(), outcome.time);
    let mut accepts = |spoil: Spoil, at: usize| {
        (outcome.lines, outcome.reports) = (lines.clone(), reports.clone());
        (outcome.time, outcome.result) = (time, Ok(Ok(())));
        assert_eq!((scenario.check)(&outcome), Ok(()), "{} as it is", scenario.name);
        spoil(&mut outcome, at) && (scenario.check)(&outcome).is_ok()
    };
    let mut accepted = Vec::new();
    for (what, spoil) in SPOILS {
        if let Some(at) = (0..lines.len()).find(|at| accepts(*spoil, *at)) {
            accepted.push(format!("{}: {what}, at `{}`", scenario.name, lines[at].text));
        }
    }
    accepted
}

/// Runs everything again on a thread of its own, where nothing is left of the first run.
#[test]
#[expect(clippy::disallowed_methods, reason = "each thread holds whole runs, and neither waits")]
fn every_run_repeats_itself() {
    let fingerprints = || -> Vec<(&str, Option<u64>, u64)> {
        let seeds = [None, Some(1), Some(2)];
        let runs = ALL.iter().flat_map(|scenario| seeds.map(|seed| (scenario, seed)));
        runs.map(|(s, seed)| (s.name, seed, run_with(s, seed).fingerprint)).collect()
    };
    let again = std::thread::spawn(fingerprints).join().expect("the runs don't panic");
    assert_eq!(fingerprints(), again);
}
