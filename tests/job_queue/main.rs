//! What takes longer than a test may: `job-queue` prints how soon each mistake of the job queue is
//! found from several seeds, and fails if one is not, if one is found without the faults that it
//! takes, or if a run is another one when it is taken again.

mod table;

use std::io::{self, Write};
use std::process::ExitCode;

use scenarios::job_queue::Mistake;
use table::{Effort, not_repeated, row};

const EFFORT: Effort = Effort { seeds: 5, runs: 5_000, runs_without: 1_000 };

/// What stands above the rows.
const HEAD: &str = "\
                                            runs              deviations
                                            mean  worst  least  median  most  takes";

/// How many runs are taken twice.
const REPEATED: u64 = 500;

fn main() -> io::Result<ExitCode> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{HEAD}")?;
    let mut wrong = Vec::new();
    for mistake in Mistake::ALL {
        let (row, of_mistake) = row(*mistake, EFFORT);
        writeln!(stdout, "{row}")?;
        wrong.extend(of_mistake);
    }
    let others = not_repeated(REPEATED);
    if !others.is_empty() {
        wrong.push(format!("other runs when they were taken again: seeds {others:?}"));
    }
    for what in &wrong {
        writeln!(stdout, "error: {what}")?;
    }
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
