//! How the cost of everything grows with how many there are: nothing may be quadratic.
//!
//! An exponent is how a cost grows from one size to a larger one: 1 is in proportion, 2 is
//! quadratic. Instructions tell what the library does, and decide. Time grows faster than that,
//! because what no longer fits into a cache takes longer to get (1.2 to 1.5 for tasks that are
//! picked at random); over its larger span it would show what is quadratic with a small factor.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::Result;
use crate::build::build_own;
use crate::instructions::{check_valgrind, counted, number_after};
use crate::table::{Table, grouped};

/// By how much the larger size is larger, in instructions and in time.
const COUNTED_FACTOR: u64 = 8;
const TIMED_FACTOR: u64 = 16;
/// What grows faster is flagged. An exponent of n log n is 1.13 here.
const COUNTED_MAX: f64 = 1.2;
const TIMED_MAX: f64 = 1.7;

/// A case, and what was measured of it.
struct Growth {
    name: String,
    /// The larger size that was counted, its instructions for each, and the exponent.
    counted: (u64, f64, f64),
    /// The same by the clock, in nanoseconds.
    timed: (u64, f64, f64),
}

pub fn run() -> Result<ExitCode> {
    check_valgrind()?;
    let program = build_own("growth")?;
    let list = Command::new(&program).arg("list").output().map_err(|error| error.to_string())?;
    let (base, _) = counted(&program, &["once".to_owned()])?;
    let heads = ["n of", "n", "instructions each", "exponent", "n", "ns each", "exponent"];
    let (mut table, mut flagged) = (Table::new(heads), Vec::new());
    for line in String::from_utf8_lossy(&list.stdout).lines() {
        let Growth { name, counted, timed } = measured(&program, line, base)?;
        let is_flagged = counted.2 > COUNTED_MAX || timed.2 > TIMED_MAX;
        table.row([
            name.clone(),
            grouped(counted.0),
            grouped(counted.1 as u64),
            format!("{:.2}", counted.2),
            grouped(timed.0),
            grouped(timed.1 as u64),
            format!("{:.2}{}", timed.2, if is_flagged { " (!)" } else { "" }),
        ]);
        if is_flagged {
            flagged.push(name);
        }
    }
    table.print();
    if flagged.is_empty() {
        println!("nothing grows faster than n^{COUNTED_MAX} in instructions");
        return Ok(ExitCode::SUCCESS);
    }
    println!("grows too fast: {}", flagged.join("; "));
    Ok(ExitCode::FAILURE)
}

/// Measures a case, given as its line of the list.
fn measured(program: &Path, line: &str, base: u64) -> Result<Growth> {
    let mut words = line.splitn(3, ' ');
    let (Some(index), Some(small), Some(name)) = (words.next(), words.next(), words.next()) else {
        return Err(format!("'{line}' is no case"));
    };
    eprintln!("{name}");
    let small: u64 = small.parse().map_err(|_| format!("'{line}' has no size"))?;
    let count = |n: u64| {
        let arguments = ["once".to_owned(), index.to_owned(), n.to_string()];
        counted(program, &arguments).map(|(count, _)| count.saturating_sub(base) as f64)
    };
    let time = |n: u64| {
        let mut command = Command::new(program);
        let output = command.args(["time", index, &n.to_string()]).output();
        let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let time = said.ok().and_then(|said| number_after(&said, "cpu_ns="));
        time.map(|ns| ns as f64).ok_or_else(|| format!("{name} fails with n = {n}"))
    };
    let counted_few = small / 4;
    Ok(Growth {
        name: name.to_owned(),
        counted: growth(counted_few, COUNTED_FACTOR, count)?,
        timed: growth(small, TIMED_FACTOR, time)?,
    })
}

/// The larger size, the cost of each there, and the exponent.
fn growth(few: u64, factor: u64, cost: impl Fn(u64) -> Result<f64>) -> Result<(u64, f64, f64)> {
    let many = few * factor;
    let (cost_of_few, cost_of_many) = (cost(few)?.max(1.0), cost(many)?.max(1.0));
    let exponent = (cost_of_many / cost_of_few).log2() / (factor as f64).log2();
    Ok((many, cost_of_many / many as f64, exponent))
}
