//! Instructions per event, by callgrind: the difference of two sizes, so that what comes before and
//! after cancels out.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;
use crate::arguments::Arguments;
use crate::build::Program;
use crate::compare::{present, print_by};
use crate::participants::workload_names;
use crate::sample::arguments as arguments_of;
use crate::table::grouped;
use crate::workloads::{Size, workload};

pub fn run(arguments: &Arguments) -> Result<()> {
    check_valgrind()?;
    let usual = ["floor", "floor-radix", "seedloop"];
    let present = present(arguments, |participant| usual.contains(&participant.name));
    let names: Vec<_> =
        workload_names().filter(|name| arguments.asks_for("--only", name)).collect();
    let mut counts = Vec::new();
    for (participant, program) in &present {
        for name in &names {
            if participant.lack_of(name).is_none() {
                let count = per_event(program, &format!("{name}{}", participant.suffix))?;
                counts.push(((participant.name, *name), count));
            }
        }
    }
    println!("Instructions per event, by callgrind\n");
    print_by(&present, &names, |participant, workload| {
        let found = counts.iter().find(|(key, _)| *key == (participant, workload));
        found.map(|(_, count)| grouped(*count))
    });
    Ok(())
}

/// Says what to do where valgrind is missing.
///
/// # Errors
///
/// When it is.
pub fn check_valgrind() -> Result<()> {
    let mut command = Command::new("valgrind");
    let output = command.arg("--version").stdout(Stdio::null()).status();
    let found = output.is_ok_and(|status| status.success());
    found.then_some(()).ok_or_else(|| "valgrind is missing; install it to count".to_owned())
}

/// Counts the instructions of an event.
///
/// # Errors
///
/// When the program fails under valgrind.
pub fn per_event(program: &Program, name: &str) -> Result<u64> {
    let [small, large] = workload(name).counted.map(|size| count(program, name, size));
    let ((few, few_events), (many, many_events)) = (small?, large?);
    Ok(many.saturating_sub(few) / many_events.saturating_sub(few_events).max(1))
}

/// The instructions and the events of one run.
fn count(program: &Program, name: &str, size: Size) -> Result<(u64, u64)> {
    let arguments: Vec<String> =
        program.first.iter().cloned().chain(arguments_of(name, size)).collect();
    let (counted, said) = counted(&program.path, &arguments)?;
    let events = number_after(&said, "events=");
    Ok((counted, events.ok_or_else(|| format!("{name} does not say how many events it had"))?))
}

/// The instructions of a process, and what it printed.
///
/// # Errors
///
/// When it fails.
pub fn counted(program: &Path, arguments: &[String]) -> Result<(u64, String)> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    command.args(arguments).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("valgrind: {error}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    let counted = number_after(&told, "Collected :").filter(|_| output.status.success());
    let failed = || format!("{} fails under valgrind: {}", arguments.join(" "), told.trim_end());
    Ok((counted.ok_or_else(failed)?, String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// The number that follows a mark in a text.
pub fn number_after(text: &str, mark: &str) -> Option<u64> {
    let rest = &text[text.find(mark)? + mark.len()..];
    rest.trim_start().split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
