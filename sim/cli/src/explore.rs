//! The commands `explore`, `replay` and `shrink`.

use std::io;
use std::num::NonZero;
use std::process;
use std::time::Duration;

use seedloop::explore::{Cancel, Case, Explorer, Failure, Model, Statistics, Strategy, cores};
use seedloop::report::{self, Found};
use seedloop::testing;
use seedloop::testing::jobs::Crew;
use unicode_width::UnicodeWidthStr;

use crate::campaign::PATIENCE_S;
use crate::output::{Output, StartProgram};
use crate::scenario::Scenario;
use crate::status::Status;

/// How to explore.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExploreArguments {
    /// How many runs of each scenario: 200, or as many as an exhaustive strategy needs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) runs: Option<u64>,
    /// How many processes make the runs: as many as there are cores unless given
    #[arg(long, value_name = "J")]
    pub(crate) jobs: Option<NonZero<usize>>,
    /// How long a run may take, in seconds of real time
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE_S)]
    pub(crate) patience: NonZero<u64>,
    /// The seed from which those of the runs follow
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub(crate) seed: u64,
    /// How choices are taken: portfolio, fifo, random, pct:3, pos, urw, surw, hold, rush,
    /// revisit, exhaustive:2, full, dpor
    #[arg(long, value_name = "NAME", default_value_t = Strategy::Portfolio)]
    pub(crate) strategy: Strategy,
    /// What may run next, any or asyncio; each scenario's own unless given
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<Model>,
    /// Whether tasks are cancelled at their awaits: never, random, everywhere or pairs
    #[arg(long, value_name = "WHERE", default_value_t = Cancel::Never)]
    pub(crate) cancel: Cancel,
    /// Try all runs with at most D deviations from the order of the queue
    #[arg(long, value_name = "D", conflicts_with_all = ["strategy", "runs", "seed"])]
    pub(crate) exhaustive: Option<u32>,
}

/// A scenario with what is expected of its exploration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) scenario: &'a Scenario,
    /// It is a known bug: some run has to fail.
    pub(crate) is_bug: bool,
}

impl ExploreArguments {
    fn strategy(&self) -> Strategy {
        match self.exhaustive {
            Some(deviations) => Strategy::Exhaustive { deviations },
            None => self.strategy,
        }
    }

    pub(crate) fn explorer(&self, subject: Subject<'_>) -> Explorer {
        let own = if subject.is_bug { Model::AnyOrder } else { Model::Asyncio };
        let model = self.model.unwrap_or(own);
        let explorer = Explorer::new().seed(self.seed).model(model).cancel(self.cancel);
        let explorer = explorer.strategy(self.strategy());
        let explorer = explorer.jobs(self.jobs());
        match self.runs {
            Some(runs) => explorer.runs(runs),
            None => explorer,
        }
    }

    fn jobs(&self) -> usize {
        self.jobs.map_or_else(cores, NonZero::get)
    }

    /// The command of a worker that explores as these arguments say.
    pub(crate) fn worker(&self, program: StartProgram, name: &str) -> io::Result<process::Command> {
        let mut command = program()?;
        command.args(["worker", name]);
        command.arg(format!("--seed={}", self.seed));
        command.arg(format!("--strategy={}", self.strategy()));
        command.arg(format!("--cancel={}", self.cancel));
        let model = self.model.map(|model| format!("--model={model}"));
        command.args(model.into_iter().chain(self.runs.map(|runs| format!("--runs={runs}"))));
        Ok(command)
    }

    fn crew<'a>(&self, launch: &'a (dyn Fn() -> io::Result<process::Command> + Sync)) -> Crew<'a> {
        Crew { launch, jobs: self.jobs(), patience: Duration::from_secs(self.patience.get()) }
    }
}

/// What came of the exploration of a subject, in this process or in others.
struct Explored<'a> {
    statistics: Statistics,
    failed: Option<Failed>,
    /// Tells of the failure at length, and where its page is.
    tell: Box<dyn FnOnce() -> Told + 'a>,
}

struct Failed {
    case: Option<Case>,
}

/// A failure, at length.
pub(crate) struct Told {
    pub(crate) report: String,
    /// Where its page is, or why there is none.
    pub(crate) page: Option<String>,
}

/// Explores each subject, and prints a row for each.
pub(crate) fn explore(
    subjects: &[Subject<'_>],
    arguments: &ExploreArguments,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    let widest = subjects.iter().map(|subject| subject.scenario.name.width()).max().unwrap_or(0);
    let mut failed: Vec<&str> = Vec::new();
    let mut runs = 0;
    for (index, subject) in subjects.iter().enumerate() {
        let Subject { scenario, is_bug } = *subject;
        output.progress(format_args!("{}/{}  {}", index + 1, subjects.len(), scenario.name));
        let explored = match output.program() {
            Some(program) => elsewhere(*subject, arguments, program),
            None => Ok(here(*subject, arguments)),
        };
        output.progress("");
        let explored = match explored {
            Ok(explored) => explored,
            Err(error) => {
                output.complain(format_args!(
                    "error: {}: no runs can be made: {error}",
                    scenario.name
                ))?;
                return Ok(Status::Incomplete);
            }
        };
        let statistics = &explored.statistics;
        runs += statistics.runs;
        let gap = widest - scenario.name.width() + 2;
        let claim = arguments.strategy().claim();
        let counts = match claim.filter(|_| statistics.exhausted) {
            Some(claim) => format!("{claim}: {} explored, 0 failures", statistics.runs),
            None => {
                let runs = counted(statistics.runs, "run");
                let unseen = statistics.unseen_per_mille();
                let unseen = unseen.filter(|_| explored.failed.is_none());
                let unseen = unseen.map_or_else(String::new, |unseen| {
                    format!(", the next is new with {}.{} %", unseen / 10, unseen % 10)
                });
                format!("{runs}, {} distinct{unseen}", statistics.distinct)
            }
        };
        let (verdict, is_right) = match (&explored.failed, is_bug) {
            (None, false) => ("holds", true),
            (Some(_), true) => ("found", true),
            (None, true) => ("NOT FOUND", false),
            (Some(_), false) => ("FAILS", false),
        };
        let case = explored.failed.as_ref().and_then(|failed| failed.case.as_ref());
        let case = case.map(|case| format!(", {case}")).unwrap_or_default();
        let name = scenario.name;
        writeln!(output, "{name}{:gap$}{verdict:<9}  {counts}{case}", "")?;
        if !is_right {
            failed.push(name);
            if explored.failed.is_some() {
                let Told { report, page } = (explored.tell)();
                tell(&report, output)?;
                if let Some(page) = page {
                    output.complain(page)?;
                }
            }
        }
    }
    let count = subjects.len();
    let (scenarios, runs) = (counted(count as u64, "scenario"), counted(runs, "run"));
    writeln!(output, "{scenarios}, {runs}, {} not as expected", failed.len())?;
    if failed.is_empty() {
        return Ok(Status::Success);
    }
    output.complain(format_args!("error: not as expected: {}", failed.join(", ")))?;
    Ok(Status::Failed)
}

/// Explores in this process.
fn here<'a>(subject: Subject<'a>, arguments: &'a ExploreArguments) -> Explored<'a> {
    let scenario = subject.scenario;
    let explorer = arguments.explorer(subject);
    let exploration = explorer.explore_runs(&scenario.body, &|outcome| scenario.judge(outcome));
    let statistics = exploration.statistics.clone();
    let case = exploration.failure.as_ref().map(|failure| Some(failure.case.clone()));
    let tell = move || match &exploration.failure {
        Some(failure) => {
            report(scenario, &explorer, arguments, failure, exploration.statistics, true)
        }
        None => Told { report: String::new(), page: None },
    };
    Explored { statistics, failed: case.map(|case| Failed { case }), tell: Box::new(tell) }
}

/// Explores in other processes of this program.
fn elsewhere<'a>(
    subject: Subject<'a>,
    arguments: &'a ExploreArguments,
    program: StartProgram,
) -> io::Result<Explored<'a>> {
    let scenario = subject.scenario;
    let launch = move || arguments.worker(program, scenario.name);
    let explorer = arguments.explorer(subject);
    let mut explored = arguments.crew(&launch).explore(&explorer)?;
    let statistics = explored.statistics.clone();
    let failed = explored.failed.as_ref().map(|failed| Failed { case: failed.case.clone() });
    let tell = move || {
        let text = arguments.crew(&launch).report(&mut explored);
        let case = explored.failed.and_then(|failed| failed.case);
        Told::of(text, case.map(|case| replay_command(scenario, &case)))
    };
    Ok(Explored { statistics, failed, tell: Box::new(tell) })
}

impl Told {
    /// What a worker has told in one piece.
    fn of(text: String, replay: Option<String>) -> Self {
        match text.split_once(PAGE) {
            Some((report, page)) => Told { report: report.to_owned(), page: Some(page.to_owned()) },
            None if text.contains("\nreplay:") => Told { report: text, page: None },
            None => {
                let replay = replay.map(|replay| format!("replay:     {replay}\n"));
                Told { report: text + &replay.unwrap_or_default(), page: None }
            }
        }
    }

    /// In one piece, for who has asked a worker.
    pub(crate) fn into_text(self) -> String {
        match self.page {
            Some(page) => format!("{}{PAGE}{page}", self.report),
            None => self.report,
        }
    }
}

/// What stands between a report and where its page is.
const PAGE: char = '\u{c}';

/// Tells of a failure at length, or in few words, without other runs.
pub(crate) fn report(
    scenario: &Scenario,
    explorer: &Explorer,
    arguments: &ExploreArguments,
    failure: &Failure,
    statistics: Statistics,
    is_long: bool,
) -> Told {
    let (name, body) = (scenario.name, &scenario.body);
    let check = |outcome: &_| scenario.judge(outcome);
    let mut found = found(scenario, failure, arguments, statistics);
    if !is_long {
        return Told { report: report::failure_text(failure, &found), page: None };
    }
    found.odds = explorer.odds(failure, body, &check);
    let explored = testing::Explored { name, file: name, explorer, body, check: &check };
    let page = testing::write_page(explored, failure, &found);
    Told { report: report::failure_text(failure, &found), page }
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn found(
    scenario: &Scenario,
    failure: &Failure,
    arguments: &ExploreArguments,
    statistics: Statistics,
) -> Found {
    let mut found = Found::default();
    found.strategy = match arguments.strategy() {
        strategy if strategy.is_exhaustive() => strategy.to_string(),
        strategy => format!("{strategy}, seed {}", arguments.seed),
    };
    found.statistics = statistics;
    if failure.is_of_a_run() {
        found.replay = replay_command(scenario, &failure.case);
    }
    found
}

/// The command that replays a case.
pub(crate) fn replay_command(scenario: &Scenario, case: &Case) -> String {
    format!("cargo run -- replay {} '{case}'", scenario.name)
}

fn tell(report: &str, output: &mut Output<'_>) -> io::Result<()> {
    for line in report.lines() {
        writeln!(output, "{}", format!("  {line}").trim_end())?;
    }
    Ok(())
}

/// How long the run of a case may take that is replayed.
const REPLAY_PATIENCE: Duration = Duration::from_secs(60);

/// Replays a case of a scenario; it fails if the case does.
pub(crate) fn replay(
    subject: Subject<'_>,
    case: &Case,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    let scenario = subject.scenario;
    // Elsewhere first: the case may be one that ends its process.
    match apart(scenario, output, |crew| crew.crash_of(case)) {
        Ok(None) => {}
        Ok(Some(failed)) => {
            tell(&failed.message, output)?;
            return Ok(Status::Failed);
        }
        Err(error) => return cannot_run(scenario, &error, output),
    }
    let check = |outcome: &_| scenario.judge(outcome);
    let replayed = Explorer::new().replay_runs(case, &scenario.body, &check);
    let missed = replayed.missed.join(", ");
    let Some(failure) = replayed.into_failure(case.clone()) else {
        if missed.is_empty() {
            writeln!(output, "the case does not fail")?;
            return Ok(Status::Success);
        }
        output.complain(format_args!(
            "error: the case does not fit: the run never came to {missed}\n  \
             tip: the scenario is another one than when the case was made; explore it again"
        ))?;
        return Ok(Status::Failed);
    };
    tell(&report::failure_text(&failure, &Found::default()), output)?;
    Ok(Status::Failed)
}

/// What other processes of this program say of a case, if there can be such.
fn apart<T>(
    scenario: &Scenario,
    output: &Output<'_>,
    ask: impl FnOnce(Crew<'_>) -> io::Result<Option<T>>,
) -> io::Result<Option<T>> {
    let Some(program) = output.program() else { return Ok(None) };
    let launch = || {
        let mut command = program()?;
        command.args(["worker", scenario.name]);
        Ok(command)
    };
    ask(Crew { launch: &launch, jobs: 1, patience: REPLAY_PATIENCE })
}

fn cannot_run(
    scenario: &Scenario,
    error: &io::Error,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    let name = scenario.name;
    output.complain(format_args!("error: {name}: the case can't be run: {error}"))?;
    Ok(Status::Incomplete)
}

/// Makes a case of a scenario smaller.
pub(crate) fn shrink(
    subject: Subject<'_>,
    case: &Case,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    let scenario = subject.scenario;
    match apart(scenario, output, |crew| crew.shrink_crash_of(case)) {
        Ok(None) => {}
        Ok(Some(small)) => {
            writeln!(output, "{small}")?;
            return Ok(Status::Success);
        }
        Err(error) => return cannot_run(scenario, &error, output),
    }
    let check = |outcome: &_| scenario.judge(outcome);
    match Explorer::new().shrink_runs(case, &scenario.body, &check) {
        Some(failure) => {
            writeln!(output, "{}", failure.case)?;
            Ok(Status::Success)
        }
        None => {
            output.complain("error: the case does not fail, so there is nothing to shrink")?;
            Ok(Status::Failed)
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::cli::Cli;

    /// It is no failure of the scenario.
    #[test]
    fn runs_that_cannot_be_made_are_told() {
        let body = || seedloop::run(async { Ok(()) });
        let scenario = Scenario { name: "tea", section: "", summary: "", body, check: |_| Ok(()) };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let program = || Ok(process::Command::new("/no/such/program"));
        let mut output = Output::new(&mut out, &mut err).with_program(program);
        let status = Cli::new(&[scenario]).run_with(["tool", "explore", "tea"], &mut output);
        assert_eq!(status.code(), 4);
        let text = "error: tea: no runs can be made: the worker /no/such/program did not start: \
                    No such file or directory (os error 2)\n";
        let texts = [out, err].map(|bytes| String::from_utf8(bytes).expect("text"));
        assert_eq!(texts, [String::new(), text.to_owned()]);
    }
}
