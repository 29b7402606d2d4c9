//! What takes longer than a test may: `known-bugs` prints the table of known bugs with 200 trials,
//! `known-bugs safe-stack` the one that takes many schedules, and `known-bugs twins 100000` puts
//! each corrected twin to so many schedules.

mod table;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use scenarios::known_bugs::{ALL, SAFE_STACK};
use seedloop::explore::Explorer;
use table::{Effort, alone, explored, table};

const EFFORT: Effort = Effort { trials: 200, single_max: 200, portfolio_max: 10_000 };

/// Twenty of them, of one bug that takes many schedules.
const MANY: Effort = Effort { trials: 20, single_max: 0, portfolio_max: 100_000 };

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut stdout = io::stdout();
    match arguments[..] {
        [] => stdout.write_all(table(EFFORT).as_bytes())?,
        ["safe-stack"] => stdout.write_all(alone(&SAFE_STACK, MANY).as_bytes())?,
        ["twins", runs] if runs.parse::<u64>().is_ok_and(|runs| runs > 0) => {
            return twins(runs.parse().unwrap_or(1));
        }
        _ => {
            writeln!(io::stderr(), "known-bugs: say nothing, safe-stack, or twins and a number")?;
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Explores each corrected twin; none may fail.
fn twins(runs: u64) -> io::Result<ExitCode> {
    let mut stdout = io::stdout();
    let mut code = ExitCode::SUCCESS;
    for bug in ALL {
        match explored(&Explorer::new().runs(runs), bug.fixed) {
            None => writeln!(stdout, "{}-fixed: {runs} schedules, 0 failures", bug.name)?,
            Some(failure) => {
                writeln!(stdout, "{}-fixed, run {}: {}", bug.name, failure.run, failure.fault)?;
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
