//! Every program of the corpus gives CPython's trace, letter for letter.

use super::corpus::{self, replay};
use super::coverage::{Coverage, Phase, impossible};
use scenarios::conform::program::Stmt;

/// The part of the random programs that a test replays: several tests use several cores.
fn replay_part(part: usize, parts: usize) {
    let cases = corpus::random().expect("the corpus can be read");
    let size = cases.len().div_ceil(parts);
    let part = cases.chunks(size).nth(part).expect("there are programs for each part");
    replay(part).unwrap_or_else(|differences| panic!("{differences}"));
}

#[test]
fn the_first_random_programs_give_cpythons_traces() {
    replay_part(0, 4);
}

#[test]
fn the_second_quarter_of_the_random_programs_gives_cpythons_traces() {
    replay_part(1, 4);
}

#[test]
fn the_third_quarter_of_the_random_programs_gives_cpythons_traces() {
    replay_part(2, 4);
}

#[test]
fn the_last_random_programs_give_cpythons_traces() {
    replay_part(3, 4);
}

#[test]
fn the_named_programs_give_cpythons_traces() {
    let named = corpus::named().expect("the corpus can be read");
    replay(&named).unwrap_or_else(|differences| panic!("{differences}"));
}

#[test]
fn the_corpus_reaches_every_operation_in_every_phase() {
    let mut coverage = Coverage::default();
    for case in corpus::all().expect("the corpus can be read") {
        coverage.count(&case.program().expect("recorded programs are valid"));
    }
    let cells = Stmt::OPS.iter().flat_map(|op| Phase::ALL.map(|phase| (*op, phase)));
    let wrong: Vec<_> = cells
        .filter(|&(op, phase)| (coverage.of((op, phase)) > 0) == impossible(op, phase).is_some())
        .collect();
    assert!(wrong.is_empty(), "empty, or filled though impossible: {wrong:?}\n{coverage}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/conformance"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description("How many programs of the corpus reach an operation in a phase");
    settings.bind(|| insta::assert_snapshot!("coverage", coverage));
}
