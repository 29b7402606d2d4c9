//! The command line for a table of [`Scenario`]s: list them, run them, look at their events.
//!
//! A *scenario* is a small program with a name, and a check of what must hold of its outcome. A
//! crate that has a table of them has a tool with one call:
//!
//! ```no_run
//! use seedloop::{Outcome, Result, out, run, sleep};
//! use seedloop_cli::{Scenario, Verdict};
//! use std::process::ExitCode;
//! use std::time::Duration;
//!
//! fn tea() -> Result<()> {
//!     run(async {
//!         out!("water on");
//!         sleep(Duration::from_secs(180)).await?;
//!         out!("tea is ready");
//!         Ok(())
//!     })
//! }
//!
//! fn takes_three_minutes(outcome: &Outcome<Result<()>>) -> Verdict {
//!     match outcome.time.since_start().as_secs() {
//!         180 => Ok(()),
//!         other => Err(format!("expected 180 s of virtual time, not {other} s")),
//!     }
//! }
//!
//! const ALL: &[Scenario] = &[Scenario {
//!     name: "tea",
//!     section: "Kitchen",
//!     summary: "waits for the water",
//!     body: tea,
//!     check: takes_three_minutes,
//! }];
//!
//! fn main() -> ExitCode {
//!     seedloop_cli::main(ALL)
//! }
//! ```
//!
//! With that, `cargo run -- list` prints the table, `cargo run -- run tea --times` prints
//!
//! ```text
//!   0.0s  water on
//! 180.0s  tea is ready
//! ```
//!
//! at once, since the three minutes are virtual, and `cargo run -- trace tea` draws the run step by
//! step, or, with `--events`, prints every event of the loop. What the loop reported (an error that
//! nobody retrieved, a stray task) goes to the standard error. A reader who closes the pipe early
//! (`.. trace tea | head`) ends the tool quietly. [`Cli`] adds commands of the crate's own.
//!
//! `campaign tea --seeds 1_000_000 --out DIR` makes a million runs of it, in shards on as many
//! machines as need be, and keeps what comes of them in files; killed at any moment, it goes on
//! where it was. `merge DIR` tells which runs failed, which are missing, and how many orders may be
//! left to see. The files are described in `docs/campaign-format.md`. The program `cargo-seedloop`
//! of this package does both for tests, and needs no table: `cargo seedloop campaign TEST ..`.
//!
//! # Exit codes
//!
//! The same table stands in `--help`.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | all went well, or the reader of the output went away |
//! | 1 | a scenario failed, or its check does not hold |
//! | 2 | the command line is wrong, or a file that it names |
//! | 3 | the output could not be written |
//! | 4 | runs could not be made, or those of a campaign are missing |

mod arguments;
mod campaign;
mod cli;
mod explore;
mod list;
mod nearest;
mod output;
mod run;
mod scenario;
mod status;
mod trace;
mod work;

pub use clap;
pub use cli::{Cli, cargo_main, main};
pub use output::Output;
pub use scenario::{Scenario, Verdict};
pub use status::Status;
