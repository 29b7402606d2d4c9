//! The command line as data.

use clap::{Parser, Subcommand};
use seedloop::explore::Case;

use crate::campaign::{CampaignArguments, MergeArguments};
use crate::explore::ExploreArguments;
use crate::trace::TraceArguments;

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
    /// Run scenarios again and again with other choices, until one fails
    #[command(after_help = EXPLORE_NOTES)]
    Explore {
        /// The scenarios to explore; all of them if none is named
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        arguments: ExploreArguments,
    },
    /// Make runs for another process of this program
    #[command(hide = true)]
    Worker {
        /// The scenario
        name: String,
        #[command(flatten)]
        arguments: ExploreArguments,
    },
    /// Run a scenario for a range of seeds, and keep what comes of it in files
    #[command(after_help = CAMPAIGN_NOTES)]
    Campaign {
        /// The scenario
        name: String,
        #[command(flatten)]
        arguments: CampaignArguments,
    },
    /// Tell what the files of a campaign know together
    #[command(after_help = MERGE_NOTES)]
    Merge {
        #[command(flatten)]
        arguments: MergeArguments,
    },
    /// Replay a case of a scenario, and report how it fails
    Replay {
        /// The scenario
        name: String,
        /// The case, as a report prints it
        case: Case,
    },
    /// Make a case of a scenario smaller, and print it
    Shrink {
        /// The scenario
        name: String,
        /// The case, as a report prints it
        case: Case,
    },
    /// Draw a scenario's run, or print every event of it
    #[command(after_help = TRACE_NOTES)]
    Trace {
        /// The scenario to run
        name: String,
        #[command(flatten)]
        arguments: TraceArguments,
    },
}

// Wrapped by hand: clap would need to ask the terminal for its width.

const RUN_NOTES: &str = "\
The outcome of each scenario is checked. With several, each transcript stands
below a heading. What the loop reported goes to the standard error.";

const EXPLORE_NOTES: &str = "\
The check of each scenario has to hold in every run; of a known bug, some run
has to fail. A failure is made as small as it gets and printed with its case,
which 'replay' shows again. Unless '--model' says otherwise, scenarios are
explored as asyncio could run them, and known bugs in any order.

Runs are made in processes of their own. What comes of it is the same for any
number of them; a run that ends its process, or does not end, is a failure.
What runs print there by themselves is not shown: 'replay' shows it.";

const CAMPAIGN_NOTES: &str = "\
Each run depends on its number alone. The runs of a shard go into a file of
DIR; when it was killed, at whatever moment, the same command goes on where it
was. All shards are run one after the other, unless '--shard' says which one,
or SEEDLOOP_SHARD, SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX or
AWS_BATCH_JOB_ARRAY_INDEX, the first that is set; then say how many there are.
'merge DIR' tells what came of all.";

const MERGE_NOTES: &str = "\
The same is told in whatever order and grouping files are merged, and of a
shard that is there twice what is known further. A failure is told once, with
its smallest seed. It is one if the same failed at the same place.";

const TRACE_NOTES: &str = "\
The drawing has a row for each task, host and worker, and a cell for each step.
It is coloured on a terminal, unless NO_COLOR is set. Below that of a case
that fails stands what a test would report of it.

With '--events' each line is an event: the virtual time, how many steps had
been started, who acted (a task by its name, the loop, or the outside), what
happened, and at which line of the program.";
