//! The job queue on the command line: the scenario, and the mistakes that exploring has to find.

use seedloop::{Outcome, Result, run};
use seedloop_cli::{Scenario, Verdict};

use super::fault::Faults;
use super::mistake::Mistake;
use super::system::survive;
use crate::verdict::ended_with_last_line;

/// The job queue as it should be.
pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "job-queue",
    section: "a worked system",
    summary: "a job queue with leases, under crashes, partitions, losses, clocks and bad disks",
    body: || run(survive(Faults::ALL, None)),
    check,
}];

fn check(outcome: &Outcome<Result<()>>) -> Verdict {
    ended_with_last_line(outcome)?;
    match outcome.lines.as_slice() {
        [line] if line.text == "4 jobs are done, each once" => Ok(()),
        lines => Err(format!("expected one line, found {lines:?}")),
    }
}

/// The job queue with each of the mistakes.
pub const PLANTED: &[Scenario] = &[
    planted(Mistake::AnswersBeforeSync, || build(Mistake::AnswersBeforeSync)),
    planted(Mistake::RenamesWithoutDirectorySync, || build(Mistake::RenamesWithoutDirectorySync)),
    planted(Mistake::TrustsTornRecord, || build(Mistake::TrustsTornRecord)),
    planted(Mistake::WritesBehindTornRecord, || build(Mistake::WritesBehindTornRecord)),
    planted(Mistake::TrustsPageCache, || build(Mistake::TrustsPageCache)),
    planted(Mistake::RetriesFailedSync, || build(Mistake::RetriesFailedSync)),
    planted(Mistake::ForgetsLeases, || build(Mistake::ForgetsLeases)),
    planted(Mistake::CompletesWithoutFencing, || build(Mistake::CompletesWithoutFencing)),
    planted(Mistake::ComparesClocks, || build(Mistake::ComparesClocks)),
];

const fn planted(mistake: Mistake, body: fn() -> Result<()>) -> Scenario {
    let (name, summary) = (mistake.name(), mistake.summary());
    Scenario { name, section: "planted mistake", summary, body, check: |_| Ok(()) }
}

fn build(mistake: Mistake) -> Result<()> {
    run(survive(Faults::ALL, Some(mistake)))
}
