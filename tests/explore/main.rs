//! Prints the table of known bugs with 200 trials: `just known-bugs`. Some minutes.

mod table;

use std::io::{self, Write};

use scenarios::known_bugs::SAFE_STACK;
use table::{Effort, alone, table};

const EFFORT: Effort = Effort { trials: 200, single_max: 200, portfolio_max: 10_000 };

/// Twenty of them, of one bug that takes many schedules.
const MANY: Effort = Effort { trials: 20, single_max: 0, portfolio_max: 100_000 };

fn main() -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(table(EFFORT).as_bytes())?;
    stdout.write_all(alone(&SAFE_STACK, MANY).as_bytes())
}
