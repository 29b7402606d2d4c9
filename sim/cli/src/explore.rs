//! The commands `explore`, `replay` and `shrink`.

use std::io;

use seedloop::explore::{Cancel, Case, Explorer, Failure, Model, Strategy};
use seedloop::report::{self, Found};
use seedloop::testing::{Explored, write_page};
use unicode_width::UnicodeWidthStr;

use crate::output::Output;
use crate::scenario::Scenario;
use crate::status::Status;

/// How to explore.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExploreArguments {
    /// How many runs of each scenario: 200, or as many as an exhaustive strategy needs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) runs: Option<u64>,
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

    fn explorer(&self, subject: Subject<'_>) -> Explorer {
        let own = if subject.is_bug { Model::AnyOrder } else { Model::Asyncio };
        let model = self.model.unwrap_or(own);
        let explorer = Explorer::new().seed(self.seed).model(model).cancel(self.cancel);
        let explorer = explorer.strategy(self.strategy());
        match self.runs {
            Some(runs) => explorer.runs(runs),
            None => explorer,
        }
    }
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
        let explorer = arguments.explorer(*subject);
        let check = |outcome: &_| scenario.judge(outcome);
        let exploration = explorer.explore_runs(&scenario.body, &check);
        output.progress("");
        let statistics = &exploration.statistics;
        runs += statistics.runs;
        let gap = widest - scenario.name.width() + 2;
        let claim = arguments.strategy().claim();
        let counts = match claim.filter(|_| statistics.exhausted) {
            Some(claim) => format!("{claim}: {} explored, 0 failures", statistics.runs),
            None => {
                let runs = counted(statistics.runs, "run");
                let unseen = statistics.unseen_per_mille();
                let unseen = unseen.filter(|_| exploration.failure.is_none());
                let unseen = unseen.map_or_else(String::new, |unseen| {
                    format!(", the next is new with {}.{} %", unseen / 10, unseen % 10)
                });
                format!("{runs}, {} distinct{unseen}", statistics.distinct)
            }
        };
        let (verdict, is_right) = match (&exploration.failure, is_bug) {
            (None, false) => ("holds", true),
            (Some(_), true) => ("found", true),
            (None, true) => ("NOT FOUND", false),
            (Some(_), false) => ("FAILS", false),
        };
        let (name, failure) = (scenario.name, exploration.failure.as_ref());
        let case = failure.map(|failure| format!(", {}", failure.case)).unwrap_or_default();
        writeln!(output, "{name}{:gap$}{verdict:<9}  {counts}{case}", "")?;
        if !is_right {
            failed.push(name);
            if let Some(failure) = failure {
                let statistics = exploration.statistics.clone();
                let mut found = found(scenario, failure, arguments, statistics);
                found.odds = explorer.odds(failure, &scenario.body, &check);
                tell(failure, &found, output)?;
                let body = &scenario.body;
                let explored =
                    Explored { name, file: name, explorer: &explorer, body, check: &check };
                if let Some(page) = write_page(explored, failure, &found) {
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

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn found(
    scenario: &Scenario,
    failure: &Failure,
    arguments: &ExploreArguments,
    statistics: seedloop::explore::Statistics,
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

fn tell(failure: &Failure, found: &Found, output: &mut Output<'_>) -> io::Result<()> {
    for line in report::failure_text(failure, found).lines() {
        writeln!(output, "{}", format!("  {line}").trim_end())?;
    }
    Ok(())
}

/// Replays a case of a scenario; it fails if the case does.
pub(crate) fn replay(
    subject: Subject<'_>,
    case: &Case,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    let scenario = subject.scenario;
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
    tell(&failure, &Found::default(), output)?;
    Ok(Status::Failed)
}

/// Makes a case of a scenario smaller.
pub(crate) fn shrink(
    subject: Subject<'_>,
    case: &Case,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    let scenario = subject.scenario;
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
