//! The command `campaign`.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use seedloop::explore::Cancel;

use super::code;
use super::engine::Engine;
use super::lines::{FORMAT, Header, Hex, ShardOf};
use super::plan::Plan;
use super::seeds::{SHARDS_MAX, Seeds, parse_seeds};
use super::shards::Shards;
use super::source::Source;
use super::ways::Ways;
use super::wrong::Wrong;
use crate::explore::Subject;
use crate::output::Output;
use crate::status::Status;

/// What a campaign runs, and where it keeps what comes of it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CampaignArguments {
    /// Which runs: A..B, without B, or N for 0..N
    #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
    seeds: Seeds,
    /// The folder for the files of the campaign: it goes on where these end
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Into how many shards the runs are divided; SEEDLOOP_SHARDS or 1 unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MOST))]
    shards: Option<u32>,
    /// Make the runs of this shard alone, from 0
    #[arg(long, value_name = "I")]
    shard: Option<u32>,
    /// How many processes make the runs; as many as there are cores unless given
    #[arg(long, value_name = "J")]
    jobs: Option<NonZero<usize>>,
    #[command(flatten)]
    ways: Ways,
}

const MOST: i64 = SHARDS_MAX as i64;

/// Runs a scenario for a range of seeds, or a shard of it.
pub(crate) fn campaign(
    subject: Subject<'_>,
    arguments: &CampaignArguments,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    #[expect(clippy::disallowed_methods, reason = "the engine says which shard this is")]
    let variable =
        |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let plan = match plan(subject, arguments, &variable) {
        Ok(plan) => plan,
        Err(wrong) => return wrong.tell(output),
    };
    let program = output.program().map(Path::to_owned);
    let mut start = || -> Result<Box<dyn Source>, Wrong> {
        let program = program.clone().ok_or_else(|| {
            Wrong::usage("the runs are made in processes of a program that has these commands")
                .tip("end its 'main' with 'Cli::run'")
        })?;
        Ok(Box::new(Engine::new(subject, &arguments.ways, arguments.jobs, program)))
    };
    let clock = real_clock();
    match plan.run(&mut start, &clock, output) {
        Ok(summary) => {
            write!(output, "{summary}")?;
            Ok(summary.own_status())
        }
        Err(wrong) => wrong.tell(output),
    }
}

fn plan(
    subject: Subject<'_>,
    arguments: &CampaignArguments,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Plan, Wrong> {
    let CampaignArguments { seeds, out, shards, shard, jobs: _, ways } = arguments;
    check_goes_on(subject.scenario.name, ways)?;
    let shards = Shards::choose(*shards, *shard, variable)?;
    let seeds = seeds.0.clone();
    let code = code::of_this_program();
    let code = code.map_err(|error| Wrong::usage(format!("cannot read this program: {error}")))?;
    let options = [
        ("seed", ways.seed.to_string()),
        ("strategy", ways.strategy.to_string()),
        ("model", ways.model(subject).to_string()),
        ("cancel", ways.cancel.to_string()),
    ];
    let options = options.map(|(name, value)| (name.to_owned(), value));
    let header = Header {
        format: FORMAT,
        tool: concat!("seedloop ", env!("CARGO_PKG_VERSION")).to_owned(),
        scenario: subject.scenario.name.to_owned(),
        code: Hex(code),
        options: BTreeMap::from(options),
        campaign: seeds.clone().into(),
        shard: ShardOf { from: seeds.start, to: seeds.end, index: 0, count: 1 },
    };
    Plan::new(out, header, shards)
}

/// Each run of a campaign stands for itself, so what tries one thing after the other has no place
/// in it.
fn check_goes_on(scenario: &str, ways: &Ways) -> Result<(), Wrong> {
    let Ways { strategy, cancel, .. } = ways;
    let (option, value) = match (strategy.is_exhaustive(), cancel) {
        (true, _) => ("--strategy", strategy.to_string()),
        (false, Cancel::Never | Cancel::Random) => return Ok(()),
        (false, cancel) => ("--cancel", cancel.to_string()),
    };
    let wrong = Wrong::usage(format!("'{option} {value}' ends by itself, and a campaign does not"));
    Err(wrong.tip(&format!("explore {scenario} {option} {value}")))
}

/// The real time that has passed: it decides when lines are written, and nothing of the runs.
fn real_clock() -> impl Fn() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "it says nothing of runs")]
    let began = Instant::now();
    #[expect(clippy::disallowed_methods, reason = "it says nothing of runs")]
    move || began.elapsed()
}
