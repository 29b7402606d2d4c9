//! The worked system: that it survives what goes wrong, and that each mistake it can be built with
//! is found by the faults that it takes, and by no others.
//!
//! The full table, of five seeds, is printed by `just job-queue`; CI does that, with 10,000 runs.

mod table;

use std::collections::BTreeSet;

use scenarios::job_queue::{Faults, Mistake, PLANTED, SCENARIOS, survive};
use seedloop::explore::{Case, Explorer, Failure, Model};
use seedloop::report::{Found, failure_text};
use seedloop::run;
use table::{Effort, not_repeated, row};

/// How many schedules the queue is put to, of what goes wrong alone and of any order.
const RUNS: [(Model, u64); 2] = [(Model::Asyncio, 100), (Model::AnyOrder, 20)];

#[test]
fn the_queue_survives_what_goes_wrong() {
    for (model, runs) in RUNS {
        let explorer = Explorer::new().model(model).runs(runs).seed(1);
        let exploration = explorer.explore(|| survive(Faults::ALL, None));
        if let Some(failure) = exploration.failure {
            panic!("{}", failure_text(&failure, &Found::default()));
        }
        assert_eq!(exploration.statistics.runs, runs);
    }
}

#[test]
fn without_a_seed_all_is_well_and_said_in_a_line() {
    let [scenario] = SCENARIOS else { panic!("one scenario") };
    let outcome = scenario.run();
    assert_eq!(scenario.judge(&outcome), Ok(()));
    let lines: Vec<&str> = outcome.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(lines, ["4 jobs are done, each once"]);
}

#[test]
fn a_seed_repeats_its_run() {
    assert_eq!(not_repeated(20), Vec::<u64>::new());
}

/// A mistake, the smallest case that is known to show it, and the invariant that it breaks.
const CASES: &[(Mistake, &str, &str)] = &[
    (Mistake::AnswersBeforeSync, "1.1.1@3#1f1", "an accepted job is never lost"),
    (Mistake::RenamesWithoutDirectorySync, "1.1.2@8f1", "an accepted job is never lost"),
    (Mistake::TrustsTornRecord, "1.2@2v1,1.1.1@8#1f1,@0#26f4", "a job has one result"),
    (
        Mistake::WritesBehindTornRecord,
        "1.2@2v4,1.4@2v5,1.1.1@11#1f1,@0#28f2,1.3@9v5,2.6@9f1",
        "a job that is done is not given out again",
    ),
    (Mistake::TrustsPageCache, "1.1@6f1,1.1.5@9f1", "an accepted job is never lost"),
    (Mistake::RetriesFailedSync, "1.4@2v1,1.1.1@7f1,1.1.1@14#1f1", "an accepted job is never lost"),
    (Mistake::ForgetsLeases, "1.1.5@2f2", "no two workers hold a job"),
    (Mistake::CompletesWithoutFencing, "1.2@2v1,1@3f1", "no stale lease completes a job"),
    (Mistake::ComparesClocks, "1@1#3f1,1@1v7,1.2@2v1,1@2#1f1", "no two workers hold a job"),
];

fn replayed(mistake: Option<Mistake>, faults: Faults, case: &Case) -> Option<Failure> {
    let replayed = Explorer::new().replay(case, move || survive(faults, mistake));
    replayed.into_failure(case.clone())
}

fn case_of(deviations: &str) -> Case {
    format!("sl1.1.asyncio.-:{deviations}").parse().expect("a case")
}

/// What goes wrong in the case harms nobody but who made the mistake.
#[test]
fn each_mistake_has_a_case_that_shows_it_and_that_the_queue_survives() {
    assert_eq!(CASES.iter().map(|(mistake, ..)| *mistake).collect::<Vec<_>>(), Mistake::ALL);
    for (mistake, deviations, invariant) in CASES {
        let (case, name) = (case_of(deviations), mistake.name());
        let failure = replayed(Some(*mistake), Faults::ALL, &case);
        let failure = failure.unwrap_or_else(|| panic!("{name}: {deviations} does not show it"));
        assert_eq!(failure.missed, Vec::<String>::new(), "{name}");
        let message = &failure.fault.message;
        assert!(message.contains(&format!("invariant broken: {invariant}\n")), "{name}: {message}");
        let right = replayed(None, Faults::ALL, &case);
        assert!(right.is_none(), "{name} by none: {}", right.expect("it fails").fault);
    }
}

/// Not even a mistake shows where nothing goes wrong.
#[test]
fn without_faults_no_mistake_shows() {
    for mistake in Mistake::ALL {
        let result = run(survive(Faults::NONE, Some(*mistake)));
        assert!(result.is_ok(), "{}: {result:?}", mistake.name());
    }
}

/// Those that are found soon, from each seed; the others take longer than a test may. Of five cases
/// three have six deviations at most; of twenty half have three.
#[test]
fn what_is_found_soon_gets_small_and_takes_its_faults() {
    let effort = Effort { seeds: 5, runs: 100, runs_without: 10 };
    for mistake in
        [Mistake::AnswersBeforeSync, Mistake::RenamesWithoutDirectorySync, Mistake::ForgetsLeases]
    {
        let (row, wrong) = row(mistake, effort);
        assert_eq!(wrong, Vec::<String>::new(), "{row}");
        let size = row.split_whitespace().nth(4).expect("a median");
        let median: usize = size.parse().expect("a number");
        assert!((1..=6).contains(&median), "{row}");
    }
}

#[test]
fn the_reports_of_two_mistakes_are_these() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/job_queue"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (mistake, deviations, _) in CASES {
        if matches!(mistake, Mistake::AnswersBeforeSync | Mistake::CompletesWithoutFencing) {
            let failure = replayed(Some(*mistake), Faults::ALL, &case_of(deviations));
            let text = failure_text(&failure.expect("it fails"), &Found::default());
            settings.set_description(mistake.summary());
            settings.bind(|| insta::assert_snapshot!(mistake.name(), text));
            let head: Vec<&str> = text.lines().take(5).collect();
            let is_shown = *mistake == Mistake::CompletesWithoutFencing;
            for readme in [include_str!("../README.md"), include_str!("../README.ja.md")] {
                assert_eq!(readme.contains(&head.join("\n")), is_shown, "{text}");
            }
        }
    }
}

#[test]
fn every_mistake_stands_in_the_table_with_its_source() {
    let names: Vec<&str> = PLANTED.iter().map(|scenario| scenario.name).collect();
    let expected: Vec<&str> = Mistake::ALL.iter().map(|mistake| mistake.name()).collect();
    assert_eq!(names, expected);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for mistake in Mistake::ALL {
        assert!(!mistake.source().is_empty() && !mistake.needs().is_empty());
    }
}
