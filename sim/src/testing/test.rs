//! What `#[seedloop::test]` calls, and [`Explorer::check`].

use std::env;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::environment::{Environment, package};
use super::jobs::{
    Crew, Failed, Workshop, decline, is_worker, serve, test_arguments, this_program,
};
use super::named::Test;
use super::pages::{Explored, shown, write_page};
use super::regressions::Regressions;
use super::stack::own_frames;
use crate::base::{Panicked, Result};
use crate::explore::{
    Case, Explorer, Failure, FaultKind, Odds, Replayed, Statistics, TestOutput, runs_of,
};
use crate::report::{Found, failure_text};

/// Runs a test of the attribute.
#[doc(hidden)]
#[track_caller]
pub fn run_test<F, Fut>(test: &Test, explorer: Explorer, body: F)
where
    F: Fn() -> Fut + Sync,
    Fut: Future<Output: TestOutput> + 'static,
{
    let path = test.path();
    let subject = Subject {
        regressions: Regressions::beside(test.file, test.folder.as_ref(), &path),
        path,
        page: test.page(),
        command: &|case| test.command(case),
        regression: &|case| test.regression(case),
        expect_failure: test.expect_failure,
        aborts: test.aborts,
        has_siblings: false,
        worker: Some(test.path()),
        is_isolated: test.is_isolated,
    };
    let explorer = test.cases.iter().fold(explorer, |explorer, case| explorer.case(case));
    subject.run(explorer, &runs_of(body, Location::caller()));
}

impl Explorer {
    /// Explores `body` as `#[seedloop::test]` does, and panics with a report if a run fails.
    ///
    /// The environment variables of tests have their effect, and the cases that failed before, in
    /// the file beside the test's source, are replayed first.
    ///
    /// # Panics
    ///
    /// When a run fails.
    #[track_caller]
    pub fn check<F, Fut>(self, body: F)
    where
        F: Fn() -> Fut + Sync,
        Fut: Future<Output = Result<()>> + 'static,
    {
        let location = Location::caller();
        // The test harness names the thread of a test after it, unless all run on its main thread.
        let named = thread::current().name().filter(|name| *name != "main").map(str::to_owned);
        let path =
            named.clone().unwrap_or_else(|| format!("{}:{}", location.file(), location.line()));
        let (package, folder) = package();
        let command = |case: &Case| {
            let package = package.as_ref().map(|name| format!(" -p {name}")).unwrap_or_default();
            let test = match &named {
                Some(name) => format!("-- --exact {name}"),
                None => format!("NAME, with the name of the test at {path}"),
            };
            format!("SEEDLOOP_CASE='{case}' cargo test{package} {test}")
        };
        let subject = Subject {
            regressions: Regressions::beside(location.file(), &folder, &path),
            path: path.clone(),
            page: package.iter().map(|name| format!("{name}::")).collect::<String>() + &path,
            command: &command,
            regression: &|case| format!("explorer.case(\"{case}\").check(body)"),
            expect_failure: None,
            aborts: cfg!(panic = "abort"),
            has_siblings: true,
            worker: None,
            is_isolated: false,
        };
        subject.run(self, &runs_of(body, location));
    }
}

/// How long it may take to find out when a failure became inevitable, of real time: bodies that
/// compute for long are run some hundred times for that.
const ODDS_TAKE: Duration = Duration::from_secs(3);

type Tell<'a> = &'a (dyn Fn(&Case) -> String + Sync);

/// A test, however it was written.
struct Subject<'a> {
    path: String,
    /// The name of its page.
    page: String,
    regressions: Option<Regressions>,
    command: Tell<'a>,
    regression: Tell<'a>,
    expect_failure: Option<&'a str>,
    aborts: bool,
    /// There may be other explorations in the same test, to which a case may belong.
    has_siblings: bool,
    /// What the test harness calls it; none where nobody knows.
    worker: Option<String>,
    is_isolated: bool,
}

/// What is explored, and how.
struct Ground<'a> {
    explorer: &'a Explorer,
    body: &'a (dyn Fn() -> Result<()> + Sync),
    /// The environment wants one case and nothing else.
    is_replay: bool,
}

impl Ground<'_> {
    #[track_caller]
    fn replay(&self, case: &Case) -> Replayed {
        self.explorer.replay_runs(case, self.body, &|_| Ok(()))
    }

    /// Whatever goes wrong there, the test has failed already, and for another reason: it is not to
    /// take much longer for that.
    #[expect(clippy::disallowed_methods, reason = "it bounds how long a test that failed takes")]
    fn odds(&self, failure: &Failure) -> Option<Odds> {
        let start = Instant::now();
        let may_go_on = || start.elapsed() < ODDS_TAKE;
        let look = || self.explorer.odds_while(failure, self.body, &|_| Ok(()), &may_go_on);
        catch_unwind(AssertUnwindSafe(look)).unwrap_or_default()
    }
}

impl Subject<'_> {
    #[track_caller]
    fn run(&self, explorer: Explorer, body: &(dyn Fn() -> Result<()> + Sync)) {
        assert!(
            !self.aborts,
            "seedloop needs panics that unwind, to go on after a run that fails: take `panic = \
             \"abort\"` out of the profile that the tests are built with"
        );
        let environment = Environment::read().unwrap_or_else(|why| {
            if is_worker() {
                decline(&why);
            }
            panic!("{why}")
        });
        environment.warnings.iter().for_each(|warning| note(warning));
        let explorer = environment.adjust(explorer);
        let is_replay = environment.case.is_some();
        let ground = Ground { explorer: &explorer, body, is_replay };
        if is_worker() {
            self.serve(&ground);
        }
        let launch = || self.worker_command();
        let is_isolated = environment.is_isolated.unwrap_or(self.is_isolated);
        let crew = (self.worker.is_some() && is_isolated).then(|| Crew {
            launch: &launch,
            jobs: explorer.jobs_max(),
            patience: environment.patience(),
        });
        if let Some(case) = &environment.case {
            self.replay_elsewhere(crew.as_ref(), case, None);
            return self.replay(&ground, case);
        }
        if let Some(crew) = crew {
            return self.run_isolated(&ground, &environment, &crew);
        }
        if self.expect_failure.is_none() {
            self.replay_known(&ground, &environment, None);
        }
        let exploration = explorer.explore_runs(body, &|_| Ok(()));
        let Some(failure) = exploration.failure else {
            return self.assert_none_is_expected(exploration.statistics.runs);
        };
        if self
            .expect_failure
            .is_some_and(|text| is_expected(failure.fault.kind, &failure.fault.message, text))
        {
            return;
        }
        let noted = match failure.is_of_a_run() {
            true => self.keep(&environment, &failure.case, &failure.fault.message),
            false => None,
        };
        if let Some(text) = self.expect_failure {
            note(&format!("the failure that is expected is another one, with '{text}'"));
        }
        self.fail(&ground, &failure, explorer.strategy_name(), exploration.statistics, noted);
    }

    #[track_caller]
    fn assert_none_is_expected(&self, runs: u64) {
        assert!(
            self.expect_failure.is_none(),
            "the failure that is expected was found in none of {runs} runs; take \
             `expect_failure` away if the bug is mended"
        );
    }

    /// Adds a case to those that failed before, and returns where it is noted.
    fn keep(&self, environment: &Environment, case: &Case, message: &str) -> Option<&Regressions> {
        let keeps = !environment.no_regressions && self.expect_failure.is_none();
        let regressions = self.regressions.as_ref().filter(|_| keeps)?;
        if let Err(error) = regressions.add(case, message) {
            note(&format!("{} was not written: {error}", regressions.file().display()));
            return None;
        }
        Some(regressions)
    }

    /// Replays a case in a process of the crew, if there is one: what takes its process with it
    /// ends the test then, and not the process of the test.
    #[track_caller]
    fn replay_elsewhere(&self, crew: Option<&Crew<'_>>, case: &Case, noted: Option<&Regressions>) {
        let Some(crew) = crew else { return };
        let failed = crew.crash_of(case);
        if let Some(failed) = failed.unwrap_or_else(|why| panic!("{}: {why}", self.path)) {
            self.fail_isolated(&failed, format!("{}\n\n", failed.message), noted);
        }
    }

    /// Replays the cases that failed before; the first that fails again ends the test. One that
    /// was given with the test has to fit it, too.
    #[track_caller]
    fn replay_known(
        &self,
        ground: &Ground<'_>,
        environment: &Environment,
        crew: Option<&Crew<'_>>,
    ) {
        for case in &ground.explorer.cases {
            self.replay_elsewhere(crew, case, None);
            self.replay_one(ground, case);
        }
        let known = self.regressions.as_ref().filter(|_| !environment.no_regressions);
        for case in known.into_iter().flat_map(Regressions::cases) {
            let case = case.unwrap_or_else(|why| {
                panic!("{why}; mend the line, or delete it if it is of no use any more")
            });
            self.replay_elsewhere(crew, &case, known);
            let replayed = ground.replay(&case);
            if replayed.fault.is_some() {
                self.fail_replayed(ground, replayed, case, known);
            }
            if !replayed.missed.is_empty() {
                let missed = replayed.missed.join(", ");
                note(&format!("{}: the case {case} no longer fits: {missed}", self.path));
            }
        }
    }

    /// Replays a case, which has to fit.
    #[track_caller]
    fn replay_one(&self, ground: &Ground<'_>, case: &Case) {
        let replayed = ground.replay(case);
        if replayed.fault.is_some() {
            self.fail_replayed(ground, replayed, case.clone(), None);
        }
        assert!(
            replayed.missed.is_empty(),
            "the case {case} no longer fits: the run did not fail, and never came to {}; the \
             program is another one than that of the case",
            replayed.missed.join(", ")
        );
    }

    /// Replays the case of the environment in place of exploring.
    #[track_caller]
    fn replay(&self, ground: &Ground<'_>, case: &Case) {
        if self.has_siblings {
            let replayed = ground.replay(case);
            if replayed.fault.is_some() {
                self.fail_replayed(ground, replayed, case.clone(), None);
            }
        } else {
            self.replay_one(ground, case);
        }
        note(&format!("{}: the case does not fail (any more)", self.path));
    }

    #[track_caller]
    fn fail_replayed(
        &self,
        ground: &Ground<'_>,
        replayed: Replayed,
        case: Case,
        noted: Option<&Regressions>,
    ) -> ! {
        match replayed.into_failure(case) {
            Some(failure) => {
                self.fail(ground, &failure, String::new(), Statistics::default(), noted)
            }
            None => panic!("seedloop bug: a run that did not fail"),
        }
    }

    /// Ends the test with its report; `noted` is the file in which the case stands.
    #[track_caller]
    fn fail(
        &self,
        ground: &Ground<'_>,
        failure: &Failure,
        strategy: String,
        statistics: Statistics,
        noted: Option<&Regressions>,
    ) -> ! {
        // Who replays a case, under a debugger perhaps, wants that one run.
        let (text, page) = self.report(ground, failure, strategy, statistics, !ground.is_replay);
        note(&text);
        page.iter().for_each(|told| note(told));
        tell_noted(noted);
        let panicked = failure.fault.error.as_ref().and_then(|e| e.downcast_ref::<Panicked>());
        if failure.run == 0
            && let Some(stack) = panicked.and_then(Panicked::backtrace)
        {
            let here = env::current_dir().unwrap_or_default();
            note(&format!("stack of the panic:\n{}", own_frames(&stack.to_string(), &here)));
        }
        // Not a panic of its own: its place would be one of this library.
        std::panic::resume_unwind(Box::new(text));
    }

    /// The report of a failure, and where its page is.
    fn report(
        &self,
        ground: &Ground<'_>,
        failure: &Failure,
        strategy: String,
        statistics: Statistics,
        has_odds: bool,
    ) -> (String, Option<String>) {
        let mut found = Found { strategy, statistics, ..Found::default() };
        if has_odds {
            found.odds = ground.odds(failure);
        }
        if failure.is_of_a_run() || failure.run == 0 {
            found.replay = (self.command)(&failure.case);
            found.regression = (self.regression)(&failure.case);
        }
        let text = format!("{} failed\n\n{}", self.path, failure_text(failure, &found));
        if failure.fault.kind == FaultKind::Never {
            return (text, None);
        }
        let Ground { explorer, body, .. } = *ground;
        let explored =
            Explored { name: &self.path, file: &self.page, explorer, body, check: &|_| Ok(()) };
        let page = write_page(explored, failure, &found);
        (text, page)
    }

    /// Makes the runs that another process of the same test wants.
    fn serve(&self, ground: &Ground<'_>) -> ! {
        let tell = |failure: &Failure, statistics: Statistics, is_long: bool| {
            let strategy = ground.explorer.strategy_name();
            let (text, page) = self.report(ground, failure, strategy, statistics, is_long);
            page.into_iter().fold(text, |text, page| text + &page + "\n")
        };
        let Ground { explorer, body, .. } = *ground;
        let served = serve(Workshop { explorer, body, check: &|_| Ok(()), tell: &tell });
        // Who is no worker has a harness that shows it.
        served.unwrap_or_else(|error| panic!("{}: {error}", self.path));
        #[expect(clippy::disallowed_methods, reason = "nobody reads what the harness would print")]
        std::process::exit(0);
    }

    /// What starts a process that makes runs of this test.
    fn worker_command(&self) -> io::Result<Command> {
        let mut command = this_program()?;
        command.args(self.worker.iter().flat_map(|path| test_arguments(path)));
        Ok(command)
    }

    /// Explores in processes of their own.
    #[track_caller]
    fn run_isolated(&self, ground: &Ground<'_>, environment: &Environment, crew: &Crew<'_>) {
        if self.expect_failure.is_none() {
            self.replay_known(ground, environment, Some(crew));
        }
        let explored = crew.explore(ground.explorer);
        let mut explored = explored.unwrap_or_else(|why| panic!("{}: {why}", self.path));
        let Some(failed) = explored.failed.clone() else {
            return self.assert_none_is_expected(explored.statistics.runs);
        };
        let is_expected = |text| is_expected(failed.kind, &failed.message, text);
        if self.expect_failure.is_some_and(is_expected) {
            return;
        }
        let case = failed.case.as_ref();
        let noted = case.and_then(|case| self.keep(environment, case, &failed.message));
        let text = crew.report(&mut explored);
        self.fail_isolated(&failed, text, noted);
    }

    #[track_caller]
    fn fail_isolated(&self, failed: &Failed, mut text: String, noted: Option<&Regressions>) -> ! {
        let head = format!("{} failed\n\n", self.path);
        if !text.starts_with(&head) {
            // Nobody was left to tell.
            text = head + &text;
            if let Some(case) = &failed.case {
                let (replay, regression) = ((self.command)(case), (self.regression)(case));
                text += &format!("replay:     {replay}\nregression: {regression}\n");
            }
        }
        note(&text);
        tell_noted(noted);
        std::panic::resume_unwind(Box::new(text));
    }
}

/// Tells whether a failure is the one that a test expects. That a test is not deterministic, or
/// never came to something, is no known bug.
fn is_expected(kind: FaultKind, message: &str, text: &str) -> bool {
    let unlike = matches!(kind, FaultKind::Nondeterminism | FaultKind::Never);
    !unlike && message.contains(text)
}

/// Tells in which file a case is noted.
fn tell_noted(noted: Option<&Regressions>) {
    if let Some(regressions) = noted {
        note(&format!("noted in:   {}", shown(regressions.file())));
    }
}

/// Tells the user something, where the test harness shows it.
#[expect(clippy::print_stderr, reason = "the report of a test, which the harness captures")]
fn note(text: &str) {
    eprintln!("{text}");
}
