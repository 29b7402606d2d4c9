//! The library's instructions against the committed baseline: what CI holds a change to, since they
//! are the same in every run, which time is not.

use std::fs;
use std::process::{Command, ExitCode};

use crate::Result;
use crate::arguments::Arguments;
use crate::build::{Program, build, root};
use crate::instructions::{check_valgrind, per_event};
use crate::participants::PARTICIPANTS;
use crate::table::{Table, grouped};

/// How many instructions more there may be, in thousandths of the baseline.
const TOLERANCE_PER_MILLE: u64 = 30;
/// What is held: the workloads, and other ways of ours to do the same.
const HELD: [&str; 13] = [
    "W0",
    "W1",
    "W2",
    "W3",
    "W3-mpsc",
    "W4",
    "W5",
    "W5-cancel",
    "W6",
    "W6-random",
    "W6-portfolio",
    "W6Y",
    "W6Y-portfolio",
];

const HEAD: &str = "\
# Instructions per event of the library's workloads, counted by callgrind. CI fails when one rises
# by more than 3 %. Only `just bench gate --update \"reason\"` writes this file; the reasons stand
# below, the latest last.
";

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    check_valgrind()?;
    let ours = PARTICIPANTS.iter().find(|participant| participant.name == "seedloop");
    let program = build(ours.ok_or("seedloop takes part")?)?;
    let path = root().join("instructions.txt");
    let before = fs::read_to_string(&path).unwrap_or_default();
    let counts = count_all(&program)?;
    let (table, risen) = compare(&before, &counts);
    table.print();
    if let Some(reason) = arguments.get("--update") {
        let text = updated(&before, &counts, reason)?;
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let made_with = before.lines().find_map(|line| line.strip_prefix("compiler "));
    if let Some(made_with) = made_with.filter(|made_with| *made_with != compiler()) {
        println!("the baseline was counted with {made_with}, and this is {}", compiler());
    }
    if risen.is_empty() {
        println!("{} counts are within 3 % of the baseline, or below", counts.len());
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "risen by more than 3 %: {}\nIf that is the price of something, say of what: \
         just bench gate --update \"reason\"",
        risen.join(", ")
    );
    Ok(ExitCode::FAILURE)
}

fn count_all(program: &Program) -> Result<Vec<(&'static str, u64)>> {
    HELD.iter().map(|name| Ok((*name, per_event(program, name)?))).collect()
}

/// The table of all counts, and the names of those that rose too much or have no baseline.
fn compare(before: &str, counts: &[(&'static str, u64)]) -> (Table, Vec<&'static str>) {
    let mut table = Table::new(["", "baseline", "now", "change"]);
    let mut risen = Vec::new();
    for (name, now) in counts {
        let Some(baseline) = baseline_of(before, name) else {
            table.row([*name, "none", &grouped(*now), ""]);
            risen.push(*name);
            continue;
        };
        let change = (*now as f64 / baseline as f64 - 1.0) * 100.0;
        table.row([*name, &grouped(baseline), &grouped(*now), &format!("{change:+.1} %")]);
        if now * 1_000 > baseline * (1_000 + TOLERANCE_PER_MILLE) {
            risen.push(*name);
        }
    }
    (table, risen)
}

fn baseline_of(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(known, _)| *known == name)?.1.trim().parse().ok()
}

fn updated(before: &str, counts: &[(&'static str, u64)], reason: &str) -> Result<String> {
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    if reason.len() < 10 {
        return Err("a reason says what the instructions pay for, in a line".to_owned());
    }
    let mut text = HEAD.to_owned();
    let reasons = before.lines().filter(|line| line.starts_with("reason "));
    let reasons: Vec<_> = reasons.map(str::to_owned).chain([format!("reason {reason}")]).collect();
    text.extend([format!("\ncompiler {}\n\n", compiler())]);
    for (name, count) in counts {
        text.push_str(&format!("{name} {count}\n"));
    }
    text.push('\n');
    text.push_str(&reasons.join("\n"));
    text.push('\n');
    Ok(text)
}

/// The compiler's own name, without its date.
fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let words: Vec<_> =
        text.unwrap_or_default().split_whitespace().take(2).map(str::to_owned).collect();
    words.join(" ")
}
