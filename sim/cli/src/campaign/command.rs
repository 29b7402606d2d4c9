//! The command `campaign`.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use seedloop::explore::Cancel;

use super::code;
use super::engine::{Engine, Launch};
use super::limits::Limits;
use super::lines::{FORMAT, Header, Hex, ShardOf};
use super::pace::SHORTEST_MS;
use super::plan::Plan;
use super::seeds::{SHARDS_MAX, Seeds, parse_seeds};
use super::shards::Shards;
use super::source::Source;
use super::ways::Ways;
use super::wrong::Wrong;
use crate::explore::Subject;
use crate::output::Output;
use crate::status::Status;

/// Which runs a campaign makes, and where it keeps what comes of them.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RangeArguments {
    /// Which runs: A..B, without B itself, or N for 0..N
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
    /// How many processes make the runs; SEEDLOOP_JOBS or as many as there are cores unless given
    #[arg(long, value_name = "J")]
    jobs: Option<NonZero<usize>>,
    /// How long a run may take, in seconds of real time; SEEDLOOP_PATIENCE or 60 unless given
    #[arg(long, value_name = "SECONDS")]
    patience: Option<NonZero<u64>>,
    /// How far lines of progress are apart at least: for tests that kill campaigns
    #[arg(long, value_name = "MS", hide = true, default_value_t = SHORTEST_MS)]
    progress_ms: u64,
}

/// What a campaign makes of a scenario.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CampaignArguments {
    #[command(flatten)]
    range: RangeArguments,
    #[command(flatten)]
    ways: Ways,
}

/// What the runs are of.
pub(super) struct Program {
    /// The name of the scenario, or of the test.
    pub(super) name: String,
    /// The hash of the program that makes them.
    pub(super) code: u64,
    /// How they are made: what has to be the same for a campaign to go on.
    pub(super) options: BTreeMap<String, String>,
    /// What replays a case, with `{case}` in its place, if it is not the command `replay`.
    pub(super) replay: Option<String>,
    /// Makes the command that starts a worker.
    pub(super) launch: Launch,
}

const MOST: i64 = SHARDS_MAX as i64;

/// Runs a scenario for a range of seeds, or a shard of it.
pub(crate) fn campaign(
    subject: Subject<'_>,
    arguments: &CampaignArguments,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    match of_scenario(subject, arguments, output) {
        Ok(program) => run(program, &arguments.range, output),
        Err(wrong) => wrong.tell(output),
    }
}

fn of_scenario(
    subject: Subject<'_>,
    arguments: &CampaignArguments,
    output: &Output<'_>,
) -> Result<Program, Wrong> {
    let CampaignArguments { ways, .. } = arguments;
    let name = subject.scenario.name;
    check_goes_on(name, ways)?;
    let code = code::of_this_program();
    let code = code.map_err(|error| Wrong::usage(format!("cannot read this program: {error}")))?;
    let options = [
        ("seed", ways.seed.to_string()),
        ("strategy", ways.strategy.to_string()),
        ("model", ways.model(subject).to_string()),
        ("cancel", ways.cancel.to_string()),
    ];
    let options = options.map(|(name, value)| (name.to_owned(), value));
    let program = output.program();
    let explored = ways.explored(subject);
    let launch = move || {
        let program = program.ok_or_else(|| {
            let text =
                "they are made in processes of a program that ends its 'main' with 'Cli::run'";
            io::Error::new(ErrorKind::Unsupported, text)
        });
        explored.worker(program?, name)
    };
    let (name, options) = (name.to_owned(), BTreeMap::from(options));
    Ok(Program { name, code, options, replay: None, launch: Box::new(launch) })
}

/// Runs a campaign, or a shard of it, and tells what came of it.
pub(super) fn run(
    program: Program,
    range: &RangeArguments,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    #[expect(clippy::disallowed_methods, reason = "the engine says which shard this is")]
    let variable =
        |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let limits = Limits::choose(range.jobs, range.patience, &variable);
    let planned = limits.and_then(|limits| Ok((plan(&program, range, limits, &variable)?, limits)));
    let (plan, limits) = match planned {
        Ok(planned) => planned,
        Err(wrong) => return wrong.tell(output),
    };
    let launch = Arc::new(program.launch);
    // Before a file is begun that would be of another campaign then.
    if let Err(error) = Engine::new(launch.clone(), limits).check() {
        return no_runs(&error).tell(output);
    }
    let mut start =
        || -> Result<Box<dyn Source>, Wrong> { Ok(Box::new(Engine::new(launch.clone(), limits))) };
    let clock = real_clock();
    let plan = plan.with_progress(Duration::from_millis(range.progress_ms));
    match plan.run(&mut start, &clock, output) {
        Ok((summary, status)) => {
            write!(output, "{summary}")?;
            Ok(status)
        }
        Err(wrong) => wrong.tell(output),
    }
}

/// Why a campaign has not begun. What the machine is short of it may have the next time.
fn no_runs(error: &io::Error) -> Wrong {
    let text = format!("no runs can be made: {error}");
    match error.kind() {
        ErrorKind::WouldBlock
        | ErrorKind::OutOfMemory
        | ErrorKind::TimedOut
        | ErrorKind::ExecutableFileBusy => {
            Wrong::incomplete(text).tip("start the same again when there are processes to be had")
        }
        _ => Wrong::usage(text),
    }
}

fn plan(
    program: &Program,
    range: &RangeArguments,
    limits: Limits,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Plan, Wrong> {
    let RangeArguments { seeds, out, shards, shard, .. } = range;
    let shards = Shards::choose(*shards, *shard, variable)?;
    let seeds = seeds.0.clone();
    let mut options = program.options.clone();
    // Whoever waits longer finds other runs that do not end.
    options.insert("patience".to_owned(), format!("{} s", limits.patience));
    let header = Header {
        format: FORMAT,
        tool: concat!("seedloop ", env!("CARGO_PKG_VERSION")).to_owned(),
        scenario: program.name.clone(),
        code: Hex(program.code),
        options,
        replay: program.replay.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The first is what Linux says of a limit of processes: EAGAIN.
    #[test]
    fn what_passes_is_told_from_what_does_not() {
        let code = |error: io::Error| no_runs(&error).text().0;
        assert_eq!(code(io::Error::from_raw_os_error(11)), 4);
        assert_eq!(code(ErrorKind::OutOfMemory.into()), 4);
        assert_eq!(code(ErrorKind::NotFound.into()), 2);
        assert_eq!(code(io::Error::other("its runs follow from each other")), 2);
    }
}
