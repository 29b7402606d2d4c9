//! The command `worker`, which another process of the same program gives.

use std::io;

use seedloop::explore::{Failure, Statistics};
use seedloop::testing::jobs::{Workshop, is_worker, serve};

use crate::explore::{ExploreArguments, Subject, report};
use crate::output::Output;
use crate::status::Status;

/// Makes runs of a scenario for the process that has started this one.
pub(crate) fn work(
    subject: Subject<'_>,
    arguments: &ExploreArguments,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    if !is_worker() {
        output.complain(
            "error: 'worker' is what other commands start by themselves\n  \
             tip: 'explore' runs a scenario in processes of its own",
        )?;
        return Ok(Status::Usage);
    }
    let scenario = subject.scenario;
    let explorer = &arguments.explorer(subject);
    let tell = |failure: &Failure, statistics: Statistics, is_long: bool| {
        report(scenario, explorer, arguments, failure, statistics, is_long).into_text()
    };
    let check = |outcome: &_| scenario.judge(outcome);
    match serve(Workshop { explorer, body: &scenario.body, check: &check, tell: &tell }) {
        Ok(()) => Ok(Status::Success),
        // Not what is written to the output, as an error of this function would be.
        Err(error) => {
            output
                .complain(format_args!("error: a worker has nobody to make runs for: {error}"))?;
            Ok(Status::Usage)
        }
    }
}
