//! Prints the table of known bugs with 200 trials: `just known-bugs`. Some minutes.

mod table;

use std::io::{self, Write};

use table::{Effort, table};

const EFFORT: Effort = Effort { trials: 200, single_max: 200, portfolio_max: 10_000 };

fn main() -> io::Result<()> {
    io::stdout().write_all(table(EFFORT).as_bytes())
}
