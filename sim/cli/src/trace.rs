//! The command `trace`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use seedloop::explore::{Case, Explorer, Failure, Replayed};
use seedloop::report::{self, Found, GanttStyle, Picture};
use seedloop::{Outcome, Result, Simulation};

use crate::explore::replay_command;
use crate::output::Output;
use crate::run::conclude;
use crate::scenario::Scenario;
use crate::status::Status;

/// What to trace, and in which form.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TraceArguments {
    /// Run this case, in place of asyncio's own order
    #[arg(long, value_name = "CASE")]
    pub(crate) case: Option<Case>,
    /// Print every event, in place of a drawing
    #[arg(long)]
    pub(crate) events: bool,
    /// Draw with letters of ASCII alone
    #[arg(long)]
    pub(crate) ascii: bool,
    /// How many cells a line of the drawing takes
    #[arg(long, value_name = "CELLS", default_value_t = 100)]
    pub(crate) width: usize,
    /// Write a page to look at in a browser
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write a trace for Perfetto
    #[arg(long, value_name = "FILE")]
    pub(crate) perfetto: Option<PathBuf>,
    /// Write lines of JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl TraceArguments {
    /// Whether it is drawn in the terminal: nothing else was asked for.
    fn draws(&self) -> bool {
        let TraceArguments { html, perfetto, json, events, .. } = self;
        html.is_none() && perfetto.is_none() && json.is_none() && !events
    }
}

/// Runs a scenario, and prints or writes its events.
pub(crate) fn trace(
    scenario: &Scenario,
    arguments: &TraceArguments,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    let Some(case) = &arguments.case else {
        let outcome = scenario.run_in(Simulation::new().record());
        let picture = Picture::of_run(scenario.name, &outcome);
        let written = show(&outcome, picture, arguments, output)?;
        let status = conclude(scenario, &outcome, output)?;
        return Ok(if written == Status::Success { status } else { written });
    };
    let check = |outcome: &_| scenario.judge(outcome);
    let explorer = Explorer::new();
    let replayed = explorer.replay_runs(case, &scenario.body, &check);
    let missed = replayed.missed.join(", ");
    if !missed.is_empty() {
        output.complain(format_args!(
            "warning: the case does not fit: the run never came to {missed}"
        ))?;
    }
    let Replayed { fault: Some(_), .. } = &replayed else {
        let picture = Picture::of_run(scenario.name, &replayed.outcome);
        return show(&replayed.outcome, picture, arguments, output);
    };
    let Some(failure) = failure_of(replayed, case, scenario) else { return Ok(Status::Failed) };
    let mut found = Found::default();
    found.replay = replay_command(scenario, case);
    found.odds = explorer.odds(&failure, &scenario.body, &check);
    let passing = explorer.nearest_passing(case, &scenario.body, &check);
    let picture = Picture::of_failure(scenario.name, &failure, &found).beside(passing.as_ref());
    let written = show(&failure.outcome, picture, arguments, output)?;
    if arguments.draws() {
        // The same that a test reports: the message with who waits for whom, and the table.
        write!(output, "\n{}", report::failure_text(&failure, &found))?;
    }
    let first = failure.fault.message.lines().next().unwrap_or_default().to_owned();
    output.complain(format_args!("error: the case fails: {first}"))?;
    Ok(if written == Status::Success { Status::Failed } else { written })
}

/// The failure of a case, with the dull run if that passes.
fn failure_of(replayed: Replayed, case: &Case, scenario: &Scenario) -> Option<Failure> {
    let mut failure = replayed.into_failure(case.clone())?;
    let check = |outcome: &_| scenario.judge(outcome);
    let dull = Case::dull(case.model);
    let dull = Explorer::new().replay_runs(&dull, &scenario.body, &check);
    failure.dull = dull.fault.is_none().then(|| Box::new(dull.outcome));
    Some(failure)
}

/// Draws the run, prints its events, or writes the forms that were asked for.
fn show(
    outcome: &Outcome<Result<()>>,
    picture: Picture<'_>,
    arguments: &TraceArguments,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    let TraceArguments { html, perfetto, json, .. } = arguments;
    if arguments.events {
        write!(output, "{}", report::trace_text(outcome))?;
    } else if arguments.draws() {
        let mut style = GanttStyle::default();
        (style.width, style.ascii, style.colors) =
            (arguments.width, arguments.ascii, output.has_colors());
        write!(output, "{}", picture.gantt(style))?;
    }
    let mut status = Status::Success;
    if let Some(file) = html {
        status = write_file(file, picture.html().as_bytes(), status, output)?;
    }
    if let Some(file) = perfetto {
        status = write_file(file, &picture.perfetto(), status, output)?;
    }
    if let Some(file) = json {
        status = write_file(file, picture.json_lines().as_bytes(), status, output)?;
    }
    Ok(status)
}

/// Writes a file, and says where it is; complains if it cannot be written.
fn write_file(
    file: &Path,
    content: &[u8],
    status: Status,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    match fs::write(file, content) {
        Ok(()) => {
            writeln!(output, "wrote {}", file.display())?;
            Ok(status)
        }
        Err(error) => {
            output.complain(format_args!("error: cannot write {}: {error}", file.display()))?;
            Ok(Status::Unwritable)
        }
    }
}
