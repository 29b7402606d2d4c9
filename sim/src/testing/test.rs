//! What `#[seedloop::test]` calls, and [`Explorer::check`].

use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use super::environment::{Environment, package};
use super::pages::{Explored, write_page};
use super::regressions::Regressions;
use crate::base::{Panicked, Result};
use crate::explore::{
    Case, Explorer, Failure, FaultKind, Odds, Replayed, Statistics, TestOutput, runs_of,
};
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
    /// The test passes only if a run fails, with this in its message.
    pub expect_failure: Option<&'static str>,
    /// The arguments of the attribute, as they stand there.
    pub arguments: &'static str,
    /// The attribute, as it was called.
    pub attribute: &'static str,
    /// The profile of the test aborts at a panic.
    pub aborts: bool,
}

/// Which of a package's targets a test is in.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The crate's name, in which `-` has become `_`.
    pub name: &'static str,
    pub binary: Option<&'static str>,
    /// It is among the package's integration tests or benches.
    pub is_integration: bool,
}

impl Test {
    /// The path by which the test harness knows it.
    fn path(&self) -> String {
        match self.module.split_once("::") {
            Some((_, module)) => format!("{module}::{}", self.function),
            None => self.function.to_owned(),
        }
    }

    /// The name of its page, which no other test of the workspace has.
    fn page(&self) -> String {
        let Test { package, target, .. } = self;
        let is_main = target.name == package.replace('-', "_");
        let target = match target.binary {
            Some(binary) => format!("bin-{binary}::"),
            None if is_main && !target.is_integration => String::new(),
            None => format!("{}::", target.name),
        };
        format!("{package}::{target}{}", self.path())
    }

    fn command(&self, case: &Case) -> String {
        let (package, path) = (self.package, self.path());
        let target = self.target.flag(&self.file_in_package());
        format!("SEEDLOOP_CASE='{case}' cargo test -p {package}{target} -- --exact {path}")
    }

    /// The source, from the folder of the package: the compiler names it from some folder above.
    fn file_in_package(&self) -> String {
        let file = self.file.replace('\\', "/");
        let folder = self.folder.replace('\\', "/");
        let mut above = folder.as_str();
        while let Some((rest, _)) = above.rsplit_once('/') {
            let below = folder[rest.len() + 1..].to_owned() + "/";
            if let Some(inner) = file.strip_prefix(&below) {
                return inner.to_owned();
            }
            above = rest;
        }
        file
    }

    fn regression(&self, case: &Case) -> String {
        let Test { attribute, arguments, .. } = self;
        let comma = if arguments.is_empty() { "" } else { ", " };
        format!("#[{attribute}({arguments}{comma}case = \"{case}\")]")
    }
}

impl Target {
    /// What tells cargo to build this target alone; nothing where its name is not known for sure.
    fn flag(&self, file: &str) -> String {
        // `tests/app.rs` and `tests/app/main.rs` are the target `app`.
        let named = |folder: &str| {
            let stem = file.strip_prefix(folder)?.split(['/', '.']).next()?;
            (stem.replace('-', "_") == self.name).then_some(stem)
        };
        if file.starts_with("examples/") {
            let example = named("examples/").unwrap_or(self.name);
            return format!(" --example {example}");
        }
        if self.is_integration {
            let is_plain = !self.name.contains('_');
            let test = named("tests/").or(is_plain.then_some(self.name));
            return test.map(|test| format!(" --test {test}")).unwrap_or_default();
        }
        match self.binary {
            Some(binary) => format!(" --bin {binary}"),
            None => " --lib".to_owned(),
        }
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
        page: test.page(),
        command: &|case| test.command(case),
        regression: &|case| test.regression(case),
        expect_failure: test.expect_failure,
        aborts: test.aborts,
        has_siblings: false,
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
        };
        subject.run(self, &runs_of(body, location));
    }
}

/// How long it may take to find out when a failure became inevitable, of real time: bodies that
/// compute for long are run some hundred times for that.
const ODDS_TAKE: Duration = Duration::from_secs(3);

type Tell<'a> = &'a dyn Fn(&Case) -> String;

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
        let environment = Environment::read().unwrap_or_else(|why| panic!("{why}"));
        environment.warnings.iter().for_each(|warning| note(warning));
        let explorer = environment.adjust(explorer);
        let is_replay = environment.case.is_some();
        let ground = Ground { explorer: &explorer, body, is_replay };
        if let Some(case) = &environment.case {
            return self.replay(&ground, case);
        }
        if self.expect_failure.is_none() {
            self.replay_known(&ground, &environment);
        }
        let exploration = explorer.explore_runs(body, &|_| Ok(()));
        let Some(failure) = exploration.failure else {
            assert!(
                self.expect_failure.is_none(),
                "the failure that is expected was found in none of {} runs; take \
                 `expect_failure` away if the bug is mended",
                exploration.statistics.runs
            );
            return;
        };
        if self.expect_failure.is_some_and(|text| is_expected(&failure, text)) {
            return;
        }
        if let Some(regressions) = &self.regressions
            && !environment.no_regressions
            && self.expect_failure.is_none()
            && failure.is_of_a_run()
            && let Err(error) = regressions.add(&failure.case, &failure.fault.message)
        {
            note(&format!("{} was not written: {error}", regressions.file().display()));
        }
        if let Some(text) = self.expect_failure {
            note(&format!("the failure that is expected is another one, with '{text}'"));
        }
        self.fail(&ground, &failure, explorer.strategy_name(), exploration.statistics);
    }

    /// Replays the cases that failed before; the first that fails again ends the test. One that
    /// was given with the test has to fit it, too.
    #[track_caller]
    fn replay_known(&self, ground: &Ground<'_>, environment: &Environment) {
        for case in &ground.explorer.cases {
            self.replay_one(ground, case);
        }
        let known = self.regressions.as_ref().filter(|_| !environment.no_regressions);
        for case in known.into_iter().flat_map(Regressions::cases) {
            let case = case.unwrap_or_else(|why| {
                panic!("{why}; mend the line, or delete it if it is of no use any more")
            });
            let replayed = ground.replay(&case);
            if replayed.fault.is_some() {
                self.fail_replayed(ground, replayed, case);
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
            self.fail_replayed(ground, replayed, case.clone());
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
                self.fail_replayed(ground, replayed, case.clone());
            }
        } else {
            self.replay_one(ground, case);
        }
        note(&format!("{}: the case does not fail (any more)", self.path));
    }

    #[track_caller]
    fn fail_replayed(&self, ground: &Ground<'_>, replayed: Replayed, case: Case) -> ! {
        match replayed.into_failure(case) {
            Some(failure) => self.fail(ground, &failure, String::new(), Statistics::default()),
            None => panic!("seedloop bug: a run that did not fail"),
        }
    }

    #[track_caller]
    fn fail(
        &self,
        ground: &Ground<'_>,
        failure: &Failure,
        strategy: String,
        statistics: Statistics,
    ) -> ! {
        let mut found = Found { strategy, statistics, ..Found::default() };
        // Who replays a case, under a debugger perhaps, wants that one run.
        if !ground.is_replay {
            found.odds = ground.odds(failure);
        }
        if failure.is_of_a_run() || failure.run == 0 {
            found.replay = (self.command)(&failure.case);
            found.regression = (self.regression)(&failure.case);
        }
        let text = format!("{} failed\n\n{}", self.path, failure_text(failure, &found));
        note(&text);
        if failure.fault.kind != FaultKind::Never {
            let Ground { explorer, body, .. } = *ground;
            let explored =
                Explored { name: &self.path, file: &self.page, explorer, body, check: &|_| Ok(()) };
            let page = write_page(explored, failure, &found);
            page.iter().for_each(|told| note(told));
        }
        let panicked = failure.fault.error.as_ref().and_then(|e| e.downcast_ref::<Panicked>());
        if failure.run == 0
            && let Some(stack) = panicked.and_then(Panicked::backtrace)
        {
            note(&format!("stack of the panic:\n{}", own_frames(&stack.to_string())));
        }
        // Not a panic of its own: its place would be one of this library.
        std::panic::resume_unwind(Box::new(text));
    }
}

/// What a frame begins with that is nobody's own: the loop, and what runs below every test.
const FOREIGN_FRAMES: [&str; 13] = [
    "seedloop::",
    "core::",
    "std::",
    "alloc::",
    "async_task::",
    "tracing_core::",
    "futures_lite::",
    "test::",
    "__",
    "rust_",
    "_start",
    "clone",
    "start_thread",
];

/// The frames of the user's own code in a stack; all of them if there is none. Dozens of others
/// stand around each.
fn own_frames(stack: &str) -> String {
    let mut own = String::new();
    let mut is_own = false;
    for line in stack.lines() {
        let text = line.trim_start();
        if let Some((number, symbol)) = text.split_once(": ")
            && number.parse::<u32>().is_ok()
        {
            let symbol = symbol.trim_start_matches(['<', '&', '[', '(']);
            is_own = !FOREIGN_FRAMES.iter().any(|foreign| symbol.starts_with(foreign));
        }
        if is_own {
            own.push_str(line);
            own.push('\n');
        }
    }
    match own.is_empty() {
        true => stack.to_owned(),
        false => own.trim_end().to_owned(),
    }
}

/// Tells whether a failure is the one that a test expects. That a test is not deterministic, or
/// never came to something, is no known bug.
fn is_expected(failure: &Failure, text: &str) -> bool {
    let unlike = matches!(failure.fault.kind, FaultKind::Nondeterminism | FaultKind::Never);
    !unlike && failure.fault.message.contains(text)
}

/// Tells the user something, where the test harness shows it.
#[expect(clippy::print_stderr, reason = "the report of a test, which the harness captures")]
fn note(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(name: &'static str, is_integration: bool, file: &'static str) -> Test {
        Test {
            package: "shop",
            target: Target { name, binary: None, is_integration },
            module: "x::inner",
            function: "sells",
            file,
            folder: "/home/ann/shop",
            cases: &[],
            expect_failure: None,
            arguments: "leaks = fail",
            attribute: "seedloop::test",
            aborts: false,
        }
    }

    #[test]
    fn the_command_names_the_target() {
        let case = Case::dull(crate::base::Model::AnyOrder);
        let told = |test: &Test| test.command(&case);
        let whole = |target: &str| {
            format!("SEEDLOOP_CASE='{case}' cargo test -p shop{target} -- --exact inner::sells")
        };
        for (name, is_integration, file, target) in [
            ("shop", false, "src/lib.rs", " --lib"),
            // A folder of the library that happens to be called so.
            ("shop", false, "shop/src/tests/mod.rs", " --lib"),
            ("app", true, "tests/app.rs", " --test app"),
            ("app", true, "work/shop/tests/app/main.rs", " --test app"),
            ("my_test", true, "shop/tests/my-test.rs", " --test my-test"),
            // A module of the target `all`.
            ("all", true, "tests/parts/one.rs", " --test all"),
            // It may be called `it-all` or `it_all`.
            ("it_all", true, "tests/parts/one.rs", ""),
            ("demo", false, "shop/examples/demo.rs", " --example demo"),
        ] {
            assert_eq!(told(&test(name, is_integration, file)), whole(target), "{file}");
        }
        let mut binary = test("shop", false, "src/main.rs");
        binary.target.binary = Some("shop-cli");
        assert_eq!(told(&binary), whole(" --bin shop-cli"));
    }

    /// The library's, an integration test's, a binary's, and that of one called as the package is.
    #[test]
    fn no_two_tests_of_a_workspace_have_one_page() {
        let mut binary = test("shop", false, "src/main.rs");
        binary.target.binary = Some("shop");
        let tests = [
            test("shop", false, "src/lib.rs"),
            test("app", true, "tests/app.rs"),
            binary,
            test("shop", true, "tests/shop.rs"),
        ];
        let pages = tests.map(|test| test.page());
        assert_eq!(
            pages,
            [
                "shop::inner::sells",
                "shop::app::inner::sells",
                "shop::bin-shop::inner::sells",
                "shop::shop::inner::sells"
            ]
        );
    }

    #[test]
    fn a_stack_shows_what_is_the_users() {
        let stack = "   0: std::backtrace::Backtrace::force_capture\n\
                     \x20  1: <core::future::Ready<T> as core::future::Future>::poll\n\
                     \x20            at /rustc/5980/library/core/src/future.rs:1:1\n\
                     \x20  2: app::lost::{{closure}}\n\
                     \x20            at ./tests/app.rs:14:5\n\
                     \x20  3: seedloop::task::body::Body::poll";
        let own = "   2: app::lost::{{closure}}\n             at ./tests/app.rs:14:5";
        assert_eq!(own_frames(stack), own);
        assert_eq!(own_frames("   0: core::one"), "   0: core::one");
    }

    #[test]
    fn the_regression_keeps_what_the_test_says() {
        let case = Case::dull(crate::base::Model::AnyOrder);
        let mut test = test("shop", false, "src/lib.rs");
        let expected = "#[seedloop::test(leaks = fail, case = \"sl1.1.any.-:\")]";
        assert_eq!(test.regression(&case), expected);
        test.arguments = "";
        assert_eq!(test.regression(&case), "#[seedloop::test(case = \"sl1.1.any.-:\")]");
    }
}
