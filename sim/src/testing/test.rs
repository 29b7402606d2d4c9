//! What `#[seedloop::test]` calls, and [`Explorer::check`].

use std::future::Future;
use std::panic::Location;
use std::thread;

use super::environment::{Environment, package};
use super::regressions::Regressions;
use crate::base::{Panicked, Result};
use crate::explore::{Case, Explorer, Failure, Replayed, Statistics, TestOutput, runs_of};
use crate::report::{Found, failure_text};

/// A test, as its attribute names it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// The package and the target, as cargo knows them.
    pub package: &'static str,
    pub target: Target,
    /// The module path, with the crate's name.
    pub module: &'static str,
    pub function: &'static str,
    pub file: &'static str,
    /// The folder of the package.
    pub folder: &'static str,
    /// A case that is replayed first.
    pub cases: &'static [&'static str],
    /// The test passes only if a run fails.
    pub expect_failure: bool,
    /// The profile of the test aborts at a panic.
    pub aborts: bool,
}

/// Which of a package's targets a test is in.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The crate's name.
    pub name: &'static str,
    pub binary: Option<&'static str>,
}

impl Test {
    /// The path by which the test harness knows it.
    fn path(&self) -> String {
        match self.module.split_once("::") {
            Some((_, module)) => format!("{module}::{}", self.function),
            None => self.function.to_owned(),
        }
    }

    fn command(&self, case: &Case) -> String {
        let Target { name, binary } = self.target;
        let file = self.file.replace('\\', "/");
        let target = match binary {
            Some(binary) => format!("--bin {binary}"),
            None if file.starts_with("tests/") || file.contains("/tests/") => {
                format!("--test {name}")
            }
            None if file.starts_with("examples/") || file.contains("/examples/") => {
                format!("--example {name}")
            }
            None => "--lib".to_owned(),
        };
        let (package, path) = (self.package, self.path());
        format!("SEEDLOOP_CASE='{case}' cargo test -p {package} {target} -- --exact {path}")
    }
}

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
        command: &|case| test.command(case),
        regression: &|case| format!("#[seedloop::test(case = \"{case}\")]"),
        cases: test.cases,
        expect_failure: test.expect_failure,
        aborts: test.aborts,
    };
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
        // The test harness names the thread of a test after it.
        let path = thread::current().name().unwrap_or("main").to_owned();
        let (package, folder) = package();
        let command = |case: &Case| {
            let package = package.as_ref().map(|name| format!(" -p {name}")).unwrap_or_default();
            format!("SEEDLOOP_CASE='{case}' cargo test{package} -- --exact {path}")
        };
        let subject = Subject {
            regressions: Regressions::beside(location.file(), &folder, &path),
            path: path.clone(),
            command: &command,
            regression: &|case| format!("Explorer::replay(&explorer, &\"{case}\".parse()?, body)"),
            cases: &[],
            expect_failure: false,
            aborts: cfg!(panic = "abort"),
        };
        subject.run(self, &runs_of(body, location));
    }
}

type Tell<'a> = &'a dyn Fn(&Case) -> String;

/// A test, however it was written.
struct Subject<'a> {
    path: String,
    regressions: Option<Regressions>,
    command: Tell<'a>,
    regression: Tell<'a>,
    cases: &'a [&'a str],
    expect_failure: bool,
    aborts: bool,
}

impl Subject<'_> {
    #[track_caller]
    fn run(&self, explorer: Explorer, body: &(dyn Fn() -> Result<()> + Sync)) {
        assert!(
            !self.aborts,
            "seedloop needs panics that unwind, to go on after a run that fails: take `panic = \
             \"abort\"` out of the profile that the tests are built with"
        );
        let environment = Environment::read().unwrap_or_else(|why| panic!("{why}"));
        environment.warnings.iter().for_each(|warning| note(warning));
        let explorer = environment.adjust(explorer);
        if let Some(case) = &environment.case {
            return self.replay(&explorer, case, body);
        }
        if !self.expect_failure {
            self.replay_known(&explorer, &environment, body);
        }
        let exploration = explorer.explore_runs(body, &|_| Ok(()));
        let Some(failure) = exploration.failure else {
            assert!(
                !self.expect_failure,
                "the failure that is expected was found in none of {} runs; take \
                 `expect_failure` away if the bug is mended",
                exploration.statistics.runs
            );
            return;
        };
        if self.expect_failure {
            return;
        }
        if let Some(regressions) = &self.regressions
            && !environment.no_regressions
            && failure.is_of_a_run()
            && let Err(error) = regressions.add(&failure.case, &failure.fault.message)
        {
            note(&format!("{} was not written: {error}", regressions.file().display()));
        }
        let strategy = format!("{}, seed {}", explorer.strategy, explorer.seed);
        self.fail(&failure, strategy, exploration.statistics);
    }

    /// Replays the cases that failed before; the first that fails again ends the test.
    #[track_caller]
    fn replay_known(
        &self,
        explorer: &Explorer,
        environment: &Environment,
        body: &(dyn Fn() -> Result<()> + Sync),
    ) {
        let known = self.regressions.as_ref().filter(|_| !environment.no_regressions);
        let given = self.cases.iter().map(|case| {
            case.parse::<Case>().map_err(|error| format!("`case = \"{case}\"`: {error}"))
        });
        for case in given.chain(known.into_iter().flat_map(Regressions::cases)) {
            match case {
                Ok(case) => {
                    let replayed = explorer.replay_runs(&case, body, &|_| Ok(()));
                    if replayed.fault.is_some() {
                        self.fail_replayed(replayed, case);
                    }
                }
                Err(why) => note(&why),
            }
        }
    }

    #[track_caller]
    fn replay(&self, explorer: &Explorer, case: &Case, body: &(dyn Fn() -> Result<()> + Sync)) {
        let replayed = explorer.replay_runs(case, body, &|_| Ok(()));
        if replayed.fault.is_some() {
            self.fail_replayed(replayed, case.clone());
        }
        assert!(
            replayed.missed.is_empty(),
            "the case no longer fits: the run never came to {}, and did not fail; the program is \
             another one than that of the case",
            replayed.missed.join(", ")
        );
        note(&format!("{}: the case does not fail (any more)", self.path));
    }

    #[track_caller]
    fn fail_replayed(&self, replayed: Replayed, case: Case) -> ! {
        match replayed.into_failure(case) {
            Some(failure) => self.fail(&failure, String::new(), Statistics::default()),
            None => panic!("seedloop bug: a run that did not fail"),
        }
    }

    #[track_caller]
    fn fail(&self, failure: &Failure, strategy: String, statistics: Statistics) -> ! {
        let mut found = Found { strategy, statistics, ..Found::default() };
        if failure.is_of_a_run() || failure.run == 0 {
            found.replay = (self.command)(&failure.case);
            found.regression = (self.regression)(&failure.case);
        }
        let text = format!("{} failed\n\n{}", self.path, failure_text(failure, &found));
        note(&text);
        let panicked = failure.fault.error.as_ref().and_then(|e| e.downcast_ref::<Panicked>());
        if failure.run == 0
            && let Some(stack) = panicked.and_then(Panicked::backtrace)
        {
            note(&format!("stack of the panic:\n{stack}"));
        }
        // Not a panic of its own: its place would be one of this library.
        std::panic::resume_unwind(Box::new(text));
    }
}

/// Tells the user something, where the test harness shows it.
#[expect(clippy::print_stderr, reason = "the report of a test, which the harness captures")]
fn note(text: &str) {
    eprintln!("{text}");
}
