//! What compares seedloop with CPython, for whoever works on it.
//!
//!     cargo run --release --example conformance -- compare N [--from SEED] [--profile NAME]
//!     cargo run --release --example conformance -- coverage [N] [--from SEED] [--profile NAME]
//!     cargo run --release --example conformance -- record [named|edges|random]
//!     cargo run --release --example conformance -- replay
//!
//! `compare` generates N programs over all profiles, runs both sides and prints every difference,
//! shrunk to the smallest program, side by side. The seed of the first program is drawn from the
//! clock unless it is given, and printed, so that a run can be repeated. It ends with an error if
//! there is a difference, or no CPython 3.13.
//!
//! `coverage` prints which operations are met by a cancel in which phase: in the recorded corpus,
//! or in N fresh programs.
//!
//! `record` makes the corpus anew: the random programs are chosen again, those of `named.py` and
//! `edges.py` are written again, and CPython runs them all; or only one of the parts. `replay`
//! compares with what was recorded, as the tests do.

mod compare;
mod corpus;
mod coverage;
mod fresh;
mod generate;
mod oracle;
mod record;

use std::io::{self, Write};
use std::process::ExitCode;

use coverage::Coverage;
use fresh::{Programs, compare_all};
use generate::{Profile, sample};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut out = io::stdout().lock();
    let result = match arguments.next().as_deref() {
        Some("compare") => programs(arguments).and_then(|programs| match programs.count {
            0 => Err("say how many programs are to be compared".to_owned()),
            _ => compare_all(&programs, &mut out),
        }),
        Some("coverage") => programs(arguments).and_then(|programs| {
            let table = coverage_of(&programs)?;
            writeln!(out, "{table}").map_err(|error| error.to_string())?;
            Ok(0)
        }),
        Some("replay") => {
            let parts = [corpus::all(), corpus::edges()];
            let replay = |part: Result<Vec<_>, String>| corpus::replay(&part?);
            parts.into_iter().try_for_each(replay).map(|()| 0)
        }
        Some("record") => record::record(arguments.next().as_deref(), &mut out).map(|()| 0),
        _ => Err("say compare, coverage, record or replay".to_owned()),
    };
    match result {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // There is nowhere else to tell it.
            drop(writeln!(io::stderr(), "conformance: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn programs(mut arguments: impl Iterator<Item = String>) -> Result<Programs, String> {
    let mut programs = Programs { count: 0, from: seed(), profiles: Profile::ALL.to_vec() };
    while let Some(argument) = arguments.next() {
        let number = |text: Option<String>| {
            let text = text.ok_or_else(|| format!("{argument} needs a number"))?;
            text.replace('_', "").parse::<u64>().map_err(|error| format!("{text}: {error}"))
        };
        match argument.as_str() {
            "--from" => programs.from = number(arguments.next())?,
            "--profile" => {
                let name = arguments.next().unwrap_or_default();
                let named = Profile::ALL.into_iter().find(|profile| profile.name() == name);
                let names = Profile::ALL.map(Profile::name).join(", ");
                let named = named.ok_or(format!("--profile takes one of {names}"))?;
                programs.profiles = vec![named];
            }
            _ => programs.count = number(Some(argument.clone()))?,
        }
    }
    Ok(programs)
}

/// A seed that is another one each time.
#[expect(clippy::disallowed_methods, reason = "fresh programs are the point; it is printed")]
fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs() * 1_000_000)
}

fn coverage_of(programs: &Programs) -> Result<Coverage, String> {
    let mut coverage = Coverage::default();
    if programs.count == 0 {
        for case in corpus::all()? {
            coverage.count(&case.program()?);
        }
        return Ok(coverage);
    }
    for index in 0..programs.count {
        let (profile, seed) = programs.at(index);
        coverage.count(&sample(profile, seed));
    }
    Ok(coverage)
}
