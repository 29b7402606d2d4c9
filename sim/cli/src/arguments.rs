//! The command line as data.

use clap::{Parser, Subcommand};

/// Runs scenarios: small async programs in a deterministic simulation, in virtual time.
#[derive(Debug, Parser)]
#[command(name = "seedloop", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the scenarios: name, section, what each shows
    List,
    /// Run scenarios and print their transcripts
    #[command(after_help = RUN_NOTES)]
    Run {
        /// The scenarios to run, in this order
        #[arg(value_name = "NAME", conflicts_with = "all")]
        names: Vec<String>,
        /// Run every scenario, in the order of 'list'
        #[arg(long)]
        all: bool,
        /// Print the virtual time before each line
        #[arg(long)]
        times: bool,
    },
    /// Print every event of a scenario's run
    #[command(after_help = TRACE_NOTES)]
    Trace {
        /// The scenario to run
        name: String,
    },
}

// Wrapped by hand: clap would need to ask the terminal for its width.

const RUN_NOTES: &str = "\
The outcome of each scenario is checked. With several, each transcript stands
below a heading. What the loop reported goes to the standard error.";

const TRACE_NOTES: &str = "\
Each line is an event: the virtual time, how many steps had been started, who
acted (a task by its name, the loop, or the outside), what happened, and at
which line of the program.";
