//! The programs print here what they print with tokio itself.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use seedloop::tokio::runtime::Runtime;
use seedloop::{Simulation, fs, net};

use super::{fs_programs, net_programs, programs, renamed};

type Program = (&'static str, fn() -> Pin<Box<dyn Future<Output = ()>>>);

/// What tokio 1.54.1 printed for each program.
const REAL: &str = include_str!("real.txt");

fn programs() -> impl Iterator<Item = &'static Program> {
    programs::PROGRAMS.iter().chain(net_programs::PROGRAMS).chain(fs_programs::PROGRAMS)
}

#[test]
fn programs_print_what_they_print_with_tokio() {
    programs().for_each(check);
}

/// The same through the crate, with the real `tokio::sync`.
#[test]
fn programs_print_the_same_with_tokio_renamed() {
    renamed::PROGRAMS.iter().chain(renamed::NET).chain(renamed::FS).for_each(check);
}

#[track_caller]
fn check((name, program): &'static Program) {
    let outcome = Simulation::new().panics_join().run(|| {
        let body = async {
            // As fast as the loopback device and the page cache on a paused clock.
            net::everywhere().latency(Duration::ZERO..=Duration::ZERO);
            fs::set_latency(Duration::ZERO..=Duration::ZERO);
            program().await;
        };
        Runtime::new().expect("a runtime").block_on(body)
    });
    let text =
        |line: &seedloop::trace::Line| format!("{} {line}\n", line.time.since_start().as_millis());
    let printed: String = outcome.lines.iter().map(text).collect();
    outcome.result.unwrap_or_else(|error| panic!("{name}: {error}, after\n{printed}"));
    assert_eq!(printed, real(name), "in {name}");
}

/// Returns the transcript of a program with tokio itself.
fn real(name: &str) -> String {
    let lines = REAL.lines().skip_while(|line| line.strip_suffix(':') != Some(name)).skip(1);
    lines.take_while(|line| !line.ends_with(':')).map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_transcript_is_of_a_program() {
    let names: Vec<&str> = REAL.lines().filter_map(|line| line.strip_suffix(':')).collect();
    let programs: Vec<&str> = programs().map(|(name, _)| *name).collect();
    assert_eq!(names, programs);
}
