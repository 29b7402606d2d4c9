//! The command line of the scenarios.

use std::io::{self, BufReader, BufWriter};

fn main() -> io::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("conform") => {
            scenarios::conform::conform(BufReader::new(io::stdin()), BufWriter::new(io::stdout()))
        }
        _ => Ok(()),
    }
}
