//! The commands of `cargo seedloop`, for whoever has tests and no table of scenarios.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::process::Command;

use clap::{Parser, Subcommand};
use seedloop::explore::{Cancel, Model, Strategy};
use seedloop::testing::jobs::test_arguments;

use super::code::{self, Stamp};
use super::command::{Program, RangeArguments, run};
use super::merge::{MergeArguments, merge};
use super::tested::{Tested, find};
use super::wrong::Wrong;
use crate::output::Output;
use crate::status::Status;

/// Runs tests of seedloop for more seeds than one process can, and tells what came of them.
#[derive(Debug, Parser)]
#[command(name = "cargo seedloop", bin_name = "cargo seedloop", version)]
#[command(arg_required_else_help = true, after_help = Status::table())]
pub(crate) struct CargoArguments {
    #[command(subcommand)]
    command: CargoCommand,
}

#[derive(Debug, Subcommand)]
enum CargoCommand {
    /// Run a test for a range of seeds, and keep what comes of it in files
    #[command(after_help = CAMPAIGN_NOTES)]
    Campaign {
        /// The test, by its path or the end of it
        test: String,
        #[command(flatten)]
        range: RangeArguments,
        #[command(flatten)]
        ways: TestWays,
        /// What 'cargo test' is to build: -p PACKAGE, --test NAME, --release, --features ..
        #[arg(last = true, value_name = "ARGUMENTS OF CARGO TEST")]
        cargo: Vec<OsString>,
    },
    /// Tell what the files of a campaign know together
    Merge {
        #[command(flatten)]
        arguments: MergeArguments,
    },
}

const CAMPAIGN_NOTES: &str = "\
The test is one of #[seedloop::test]. Each run depends on its number alone. When
the command was killed, at whatever moment, the same command goes on where it
was. All shards are run one after the other, unless '--shard' says which one, or
SEEDLOOP_SHARD, SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX or
AWS_BATCH_JOB_ARRAY_INDEX, the first that is set; then say how many there are.
'merge DIR' tells what came of all.";

/// How the choices of runs are taken; as the test says, unless given.
#[derive(Clone, Debug, clap::Args)]
struct TestWays {
    /// The seed from which those of the runs follow; as the test says unless given
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// How choices are taken: portfolio, random, pct:3, pos, urw, surw, hold, rush or revisit
    #[arg(long, value_name = "NAME")]
    strategy: Option<Strategy>,
    /// What may run next: any or asyncio
    #[arg(long, value_name = "MODEL")]
    model: Option<Model>,
    /// Whether tasks are cancelled at their awaits: never or random
    #[arg(long, value_name = "WHERE")]
    cancel: Option<Cancel>,
}

impl TestWays {
    /// Each with the variable that says it to a test.
    fn said(&self) -> [(&'static str, &'static str, Option<String>); 4] {
        [
            ("seed", "SEEDLOOP_SEED", self.seed.map(|seed| seed.to_string())),
            ("strategy", "SEEDLOOP_STRATEGY", self.strategy.map(|strategy| strategy.to_string())),
            ("model", "SEEDLOOP_MODEL", self.model.map(|model| model.to_string())),
            ("cancel", "SEEDLOOP_CANCEL", self.cancel.map(|cancel| cancel.to_string())),
        ]
    }
}

/// Does what the arguments say, of which the first is the name of the program.
pub(crate) fn cargo(
    arguments: impl IntoIterator<Item = OsString>,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    let arguments = match CargoArguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return crate::cli::say(&error, output),
    };
    match arguments.command {
        CargoCommand::Campaign { test, range, ways, cargo } => {
            match of_test(&test, &ways, &cargo) {
                Ok(program) => run(program, &range, output),
                Err(wrong) => wrong.tell(output),
            }
        }
        CargoCommand::Merge { arguments } => merge(&arguments, output),
    }
}

/// What takes the place of the case in the command that replays it.
const CASE: &str = "{case}";

fn of_test(test: &str, ways: &TestWays, cargo: &[OsString]) -> Result<Program, Wrong> {
    let tested = find(test, cargo)?;
    // What is built while it is read is another one than the stamp says.
    let stamp = Stamp::of(&tested.program);
    let code = code::of(&tested.program);
    let code = code.map_err(|error| {
        Wrong::usage(format!("cannot read {}: {error}", tested.program.display()))
    })?;
    let said = ways.said();
    // The rest is as the test says, which is part of the program.
    let options = said.iter().filter_map(|(name, _, value)| {
        let value = value.clone()?;
        Some(((*name).to_owned(), value))
    });
    let options: BTreeMap<String, String> = options.collect();
    let replay = Some(tested.replay(CASE, cargo));
    let name = format!("{}::{}", tested.package, tested.path);
    let variables: Vec<(&'static str, String)> =
        said.into_iter().filter_map(|(_, variable, value)| Some((variable, value?))).collect();
    let launch = move || {
        stamp.check(&tested.program)?;
        Ok(worker(&tested, &variables))
    };
    Ok(Program { name, code, options, replay, launch: Box::new(launch) })
}

/// The command of a worker: the test's program, as cargo would start it.
fn worker(tested: &Tested, variables: &[(&'static str, String)]) -> Command {
    let mut command = tested.command();
    command.args(test_arguments(&tested.path));
    // What is said to all tests is not said to a campaign, whose options are in its files; what is
    // said to campaigns has been read.
    #[expect(clippy::disallowed_methods, reason = "so that no test reads it")]
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"SEEDLOOP_") {
            command.env_remove(name);
        }
    }
    command.env_remove("NEXTEST_STRESS_CURRENT");
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_has_the_exit_codes() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = ["cargo-seedloop", "--help"].map(OsString::from);
        let status = cargo(arguments, &mut Output::new(&mut out, &mut err)).expect("it is written");
        let text = String::from_utf8(out).expect("text");
        assert_eq!((status, err), (Status::Success, Vec::new()));
        assert!(text.ends_with(&format!("\n\n{}\n", Status::table())), "{text}");
    }
}
