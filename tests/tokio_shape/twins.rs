//! The programs print here what they print with tokio itself.

use seedloop::Simulation;
use seedloop::tokio::runtime::Runtime;

use super::programs::PROGRAMS;
use super::renamed;

/// What tokio 1.54.1 printed for each program.
const REAL: &str = include_str!("real.txt");

#[test]
fn programs_print_what_they_print_with_tokio() {
    for (name, program) in PROGRAMS {
        check(name, || Runtime::new().expect("a runtime").block_on(program()));
    }
}

/// The same through the crate, with the real `tokio::sync`.
#[test]
fn programs_print_the_same_with_tokio_renamed() {
    for (name, program) in renamed::PROGRAMS {
        check(name, || Runtime::new().expect("a runtime").block_on(program()));
    }
}

#[track_caller]
fn check(name: &str, program: impl FnOnce()) {
    let outcome = Simulation::new().panics_join().run(program);
    let text =
        |line: &seedloop::trace::Line| format!("{} {line}\n", line.time.since_start().as_millis());
    let printed: String = outcome.lines.iter().map(text).collect();
    assert_eq!(printed, real(name), "in {name}");
    outcome.result.expect("the program to succeed");
}

/// Returns the transcript of a program with tokio itself.
fn real(name: &str) -> String {
    let lines = REAL.lines().skip_while(|line| line.strip_suffix(':') != Some(name)).skip(1);
    lines.take_while(|line| !line.ends_with(':')).map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_transcript_is_of_a_program() {
    let names: Vec<&str> = REAL.lines().filter_map(|line| line.strip_suffix(':')).collect();
    let programs: Vec<&str> = PROGRAMS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, programs);
}
