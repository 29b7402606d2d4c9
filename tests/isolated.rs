//! Runs in processes of their own: what ends one of them is a failure of one run, and what comes of
//! all others is the same for any number of processes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seedloop::explore::{Explorer, Model, Strategy};
use seedloop::sync::Tracked;
use seedloop::testing::jobs::{Crew, Taken};
use seedloop::{Result, choose, spawn};

/// Three tasks that run in the order 3, 2, 1 in some runs: then `end` is called.
async fn backwards(end: fn()) -> Result<()> {
    if order().await? == [3, 2, 1] {
        end();
    }
    Ok(())
}

async fn order() -> Result<Vec<u32>> {
    let order = Tracked::new(Vec::new());
    let tasks = [1, 2, 3].map(|number| {
        let order = order.clone();
        spawn(async move { Ok(order.update(|order| order.push(number)).await?) })
    });
    for task in tasks {
        task.await?;
    }
    Ok(order.get())
}

#[expect(clippy::disallowed_methods, reason = "the end of a process is what is tested")]
fn abort() {
    std::process::abort();
}

#[expect(clippy::disallowed_methods, reason = "the end of a process is what is tested")]
fn exit() {
    std::process::exit(0);
}

fn overflow(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 1_000]);
    if depth == u64::MAX { 0 } else { overflow(depth + 1) + room[7] }
}

struct PanicsAgain;

impl Drop for PanicsAgain {
    fn drop(&mut self) {
        panic!("the second panic");
    }
}

#[seedloop::test(isolated, expect_failure = "the run ended its process: signal: 6 (SIGABRT)")]
async fn an_abort_is_a_failure_of_its_run() -> Result<()> {
    backwards(abort).await
}

#[seedloop::test(isolated, expect_failure = "has overflowed its stack")]
async fn so_is_a_stack_that_overflows() -> Result<()> {
    backwards(|| assert_ne!(overflow(0), 1)).await
}

#[seedloop::test(isolated, expect_failure = "the run ended its process: exit status: 0")]
async fn so_is_an_exit() -> Result<()> {
    backwards(exit).await
}

#[seedloop::test(isolated, expect_failure = "non-unwinding panic")]
async fn so_is_a_panic_in_an_unwind() -> Result<()> {
    let panic_twice = || {
        let _guard = PanicsAgain;
        panic!("the first panic");
    };
    backwards(panic_twice).await
}

#[seedloop::test(isolated, expect_failure = "just so")]
async fn a_panic_is_what_it_is_otherwise() -> Result<()> {
    backwards(|| panic!("just so")).await
}

#[seedloop::test(isolated, jobs = 3, runs = 1000)]
async fn what_holds_holds_in_processes() -> Result<()> {
    backwards(|| ()).await
}

/// Is run by `the_report_of_a_crash`.
#[ignore = "it aborts"]
#[seedloop::test(isolated, strategy = random, seed = 7)]
async fn aborts() -> Result<()> {
    backwards(abort).await
}

/// Is run by `a_run_that_does_not_end`.
#[ignore = "it does not end"]
#[seedloop::test(isolated)]
async fn spins() -> Result<()> {
    let spin = || loop {
        std::hint::black_box(());
    };
    backwards(spin).await
}

/// The path of a test of this file, as the harness knows it.
fn path_of(test: &str) -> String {
    let module = module_path!().split_once("::").map_or("", |(_, module)| module);
    format!("{module}::{test}")
}

/// What runs an ignored test of this file alone.
fn command(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let path = path_of(test);
    command.args(["--ignored", "--exact", &path, "--nocapture", "--test-threads=1"]);
    command.env("SEEDLOOP_REGRESSIONS", "off").env("SEEDLOOP_PAGES", "off");
    command
}

/// What a failing test prints of its failure.
fn report_of(test: &str, patience: &str) -> String {
    let output = command(test).env("SEEDLOOP_PATIENCE", patience).output().expect("it is run");
    assert_eq!(output.status.code(), Some(101));
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// The case is small, though the run was found by a random walk, and takes its process with it.
#[test]
fn the_report_of_a_crash_names_a_case_that_crashes() {
    let report = report_of("aborts", "60");
    let path = path_of("aborts");
    let case = "sl1.1.any.-:1.1@1>1.3,1.1@1>1.2";
    let target = env!("CARGO_CRATE_NAME");
    let package = env!("CARGO_PKG_NAME");
    // As many runs as in one process, where the same fails otherwise.
    let explorer = Explorer::new().strategy(Strategy::Random).seed(7);
    let exploration = explorer.explore(|| backwards(|| panic!("in place of an abort")));
    let run = exploration.failure.expect("it fails").run;
    let expected = format!(
        "aborts failed\n\n\
         the run ended its process: signal: 6 (SIGABRT)\n\
         found in run {run}\n\n\
         replay:     SEEDLOOP_CASE='{case}' cargo test -p {package} --test {target} -- \
         --exact {path}\n\
         regression: #[seedloop::test(isolated, strategy = random, seed = 7, case = \"{case}\")]\n"
    );
    let report = report.replace(&format!("{path} failed"), "aborts failed");
    assert!(report.contains(&expected), "{report}\n\nin place of\n\n{expected}");
    // Who asks for the case is there to tell of it, unless it is to happen in that very process.
    let replayed = command("aborts").env("SEEDLOOP_CASE", case).output().expect("it is run");
    let found = format!("found in run {run}\n");
    let report = String::from_utf8(replayed.stderr).expect("UTF-8");
    let report = report.replace(&format!("{path} failed"), "aborts failed");
    assert!(report.contains(&expected.replace(&found, "")), "{report}");
    assert_eq!(replayed.status.code(), Some(101));
    let mut here = command("aborts");
    here.env("SEEDLOOP_CASE", case).env("SEEDLOOP_ISOLATED", "off");
    assert_eq!(here.status().expect("it is run").code(), None);
}

#[test]
fn a_run_that_does_not_end_is_stopped() {
    for test in ["spins", "spins_and_chooses"] {
        let report = report_of(test, "1");
        let expected = "the run did not end within 1 s of real time\nfound in run ";
        assert!(report.contains(expected), "{report}");
    }
}

/// Each run prints what no other does, and some abort at one place.
#[ignore = "it aborts"]
#[seedloop::test(strategy = random)]
#[expect(clippy::print_stderr, reason = "a program that prints")]
async fn aborts_with_words() -> Result<()> {
    let drawn = choose(100);
    let long = "x".repeat(100_000);
    eprint!("drawn {drawn} {}\n{long}", ["one", "two", "three"][drawn as usize % 3]);
    if drawn % 10 == 5 {
        eprintln!("\nthread 'helper' panicked at words.rs:1:2:");
    }
    if drawn < 3 {
        abort();
    }
    Ok(())
}

/// What a program prints is no part of how it fails, nor is what other runs have printed.
#[test]
fn what_aborts_at_one_place_is_one_failure() {
    let launch = || Ok(command("aborts_with_words"));
    let crew = Crew { launch: &launch, jobs: 2, patience: Duration::from_secs(60) };
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let taken = crew.campaign(0..300, &BTreeSet::new(), |taken| {
        for kind in taken.kinds {
            assert!(kind.message.len() < 100_000, "{} bytes", kind.message.len());
            *kinds.entry(kind.signature).or_default() += kind.count;
        }
        Ok(ControlFlow::Continue(()))
    });
    taken.expect("there are workers");
    let [(signature, count)] = kinds.iter().collect::<Vec<_>>()[..] else { panic!("{kinds:?}") };
    assert_eq!(signature, "crash: ended its process: signal: 6 (SIGABRT): ");
    assert!((3..30).contains(count), "{count} of 300 runs are not three of a hundred");
}

/// The order in which the portfolio begins aborts, another one fails.
#[ignore = "it aborts"]
#[seedloop::test]
async fn aborts_in_asyncios_order() -> Result<()> {
    match order().await?[..] {
        [1, 2, 3] if choose(5) == 0 => abort(),
        [3, 2, 1] => return Err(seedloop::Error::msg("the other way round")),
        _ => {}
    }
    Ok(())
}

/// A run that ends its process costs that run alone, the dull run as well.
#[test]
fn so_is_an_abort_in_asyncios_order() {
    let launch = || Ok(command("aborts_in_asyncios_order"));
    let crew = Crew { launch: &launch, jobs: 2, patience: Duration::from_secs(60) };
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let taken = crew.campaign(0..512, &BTreeSet::new(), |taken| {
        taken.kinds.into_iter().for_each(|kind| *kinds.entry(kind.kind).or_default() += kind.count);
        Ok(ControlFlow::Continue(()))
    });
    taken.expect("there are workers");
    let [("crash", crashes), ("error", errors)] =
        kinds.iter().map(|(kind, count)| (kind.as_str(), *count)).collect::<Vec<_>>()[..]
    else {
        panic!("{kinds:?}")
    };
    // Of the six orders each is one, and both rounds begin with what aborts.
    assert!((2..100).contains(&crashes) && errors > 2, "{kinds:?}");
}

/// Some runs fail in one way or the other, some abort.
#[ignore = "it aborts"]
#[seedloop::test(strategy = random)]
async fn fails_in_many_ways() -> Result<()> {
    let order = order().await?;
    let drawn = choose(40);
    if drawn == 7 {
        abort();
    }
    assert!(drawn != 3, "three of {drawn}");
    assert!(drawn != 5 || order != [2, 1, 3], "five of {drawn}");
    Ok(())
}

/// A campaign over `runs`, cut at `cuts`, as one.
fn campaign(runs: Range<u64>, cuts: &[u64], jobs: usize) -> Taken {
    let launch = || Ok(command("fails_in_many_ways"));
    let crew = Crew { launch: &launch, jobs, patience: Duration::from_secs(60) };
    let known = BTreeSet::new();
    let orders = BTreeMap::new();
    let mut all = Taken { runs: runs.start..runs.start, steps: 0, orders, kinds: Vec::new() };
    let ends = cuts.iter().copied().chain([runs.end]);
    let starts = [runs.start].into_iter().chain(cuts.iter().copied());
    for part in starts.zip(ends) {
        let taken = crew.campaign(part.0..part.1, &known, |taken| {
            assert_eq!(taken.runs.start, all.runs.end);
            all.runs.end = taken.runs.end;
            all.steps += taken.steps;
            taken
                .orders
                .iter()
                .for_each(|(order, runs)| *all.orders.entry(*order).or_default() += runs);
            for kind in taken.kinds {
                match all.kinds.iter_mut().find(|known| known.signature == kind.signature) {
                    Some(known) => known.count += kind.count,
                    None => all.kinds.push(kind),
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        taken.expect("there are workers");
    }
    all
}

/// Each run is what it is by its number alone: in whatever process, from wherever one begins.
#[test]
fn a_campaign_is_the_same_for_any_number_of_processes_and_any_cut() {
    let whole = campaign(0..700, &[], 1);
    let count: BTreeMap<&str, u64> =
        whole.kinds.iter().map(|kind| (kind.kind.as_str(), kind.count)).collect();
    assert!(count["crash"] > 5 && count["panic"] > 1 && whole.kinds.len() == 3, "{whole:?}");
    // A run that has ended its process is in no order that anyone has seen.
    assert_eq!(whole.orders.values().sum::<u64>() + count["crash"], 700);
    assert!(whole.kinds.iter().all(|kind| kind.case.as_ref().is_some_and(|case| case.len() <= 3)));
    for jobs in [2, 4] {
        assert_eq!(campaign(0..700, &[], jobs), whole, "{jobs} jobs");
    }
    assert_eq!(campaign(0..700, &[1, 255, 300, 512], 2), whole);
}

/// Fails in one run of some thousand: in a late round, or never.
#[ignore = "it fails"]
#[seedloop::test(strategy = random)]
async fn is_rare() -> Result<()> {
    let order = order().await?;
    let drawn = choose(1_000);
    assert!(drawn != 3 || order != [2, 1, 3], "three of {drawn}");
    Ok(())
}

#[test]
fn an_exploration_is_the_same_for_any_number_of_processes() {
    for (test, runs, failing) in [
        ("fails_in_many_ways", 200, 1..200),
        ("is_rare", 9_000, 257..9_000),
        ("is_rare", 300, 0..1),
    ] {
        let launch = || Ok(command(test));
        let explorer = Explorer::new().strategy(Strategy::Random).runs(runs);
        let explored = [1, 2, 5].map(|jobs| {
            let crew = Crew { launch: &launch, jobs, patience: Duration::from_secs(60) };
            let explorer = explorer.clone().jobs(jobs);
            let mut explored = crew.explore(&explorer).expect("there are workers");
            let report = crew.report(&mut explored);
            let failed = explored.failed.map(|failed| (failed.run, failed.message, failed.case));
            (failed, explored.statistics, report)
        });
        let run = explored[0].0.as_ref().map_or(0, |(run, ..)| *run);
        assert!(failing.contains(&run), "{test}: run {run}");
        assert!(explored.iter().all(|other| *other == explored[0]), "{test}: {explored:#?}");
    }
}

/// Whatever is run first, as to warm up.
#[seedloop::test(isolated, expect_failure = "the run ended its process: signal: 6 (SIGABRT)")]
async fn so_is_an_abort_in_every_run() -> Result<()> {
    abort();
    Ok(())
}

/// Is run by `a_run_that_does_not_end_is_stopped`.
#[ignore = "it does not end"]
#[seedloop::test(isolated, strategy = random)]
async fn spins_and_chooses() -> Result<()> {
    while choose(3) != 5 {}
    Ok(())
}

#[test]
fn what_is_to_happen_sometimes_is_counted_over_all_rounds() {
    let explorer = Explorer::new().strategy(Strategy::Random).runs(600);
    let points = |jobs| {
        let exploration = explorer.clone().jobs(jobs).explore(|| async {
            seedloop::sometimes!(choose(30) == 7, "seven of 30");
            Ok(())
        });
        assert!(exploration.failure.is_none(), "{:?}", exploration.failure);
        exploration.points
    };
    let alone = points(1);
    assert_eq!((alone.len(), alone[0].hits), (1, 600));
    assert_eq!(points(3), alone);
}

/// Leaves a process behind that has all that its parent had open.
fn abort_with_a_child() {
    // Reaped by whoever the system gives it to.
    drop(Command::new("sleep").arg("20").stdin(std::process::Stdio::inherit()).spawn());
    abort();
}

#[cfg(unix)]
#[seedloop::test(isolated, expect_failure = "the run ended its process: signal: 6 (SIGABRT)")]
async fn a_process_that_outlives_its_run_is_not_waited_for() -> Result<()> {
    backwards(abort_with_a_child).await
}

/// What reads finds an end, what writes disturbs nobody, and what a run starts has neither of it.
#[cfg(unix)]
#[seedloop::test(isolated, jobs = 2, runs = 600)]
async fn the_way_to_the_crew_is_out_of_reach() -> Result<()> {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    order().await?;
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    assert!(bytes.is_empty(), "{bytes:?}");
    let mut stdin = std::fs::File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    stdin.write_all(b"done\n")?;
    Ok(())
}

/// What a process that a run starts has open, as the numbers of its sockets.
#[cfg(target_os = "linux")]
#[seedloop::test(isolated, runs = 3)]
async fn what_a_run_starts_has_no_way_to_the_crew() -> Result<()> {
    let mut list = Command::new("find");
    list.args(["/proc/self/fd", "-lname", "socket:*"]);
    let listed = list.stdin(std::process::Stdio::inherit()).output()?;
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "");
    assert!(listed.status.success());
    Ok(())
}

/// Nobody is there who would give orders.
#[cfg(unix)]
#[test]
fn who_is_called_a_worker_by_accident_says_so() {
    let output = |said: &str, stdin: std::process::Stdio| {
        let test = path_of("what_holds_holds_in_processes");
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", &test]).env("SEEDLOOP_WORKER", said).stdin(stdin);
        let output = command.output().expect("it is run");
        assert_eq!(output.status.code(), Some(101));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let expected = "what_holds_holds_in_processes: SEEDLOOP_WORKER is set, and no seedloop has \
                    started this process to make runs for it: unset SEEDLOOP_WORKER, ";
    let (_ours, socket) = std::os::unix::net::UnixStream::pair().expect("a socket");
    let socket = std::os::fd::OwnedFd::from(socket);
    let own = std::process::id().to_string();
    for (said, stdin) in [("1", socket.into()), (own.as_str(), std::process::Stdio::null())] {
        let said = output(said, stdin);
        assert!(said.contains(expected), "{said}");
    }
}

/// Each run fails in other words.
#[ignore = "it fails"]
#[seedloop::test(strategy = random)]
async fn fails_in_ever_new_words() -> Result<()> {
    let letters = (0..6).map(|_| char::from(b'a' + choose(26) as u8));
    Err(seedloop::Error::msg(letters.collect::<String>()))
}

/// As many as a campaign tells of.
#[test]
fn of_a_thousand_ways_to_fail_a_case_is_looked_for() {
    let launch = || Ok(command("fails_in_ever_new_words"));
    let crew = Crew { launch: &launch, jobs: 1, patience: Duration::from_secs(60) };
    let cases = |known: usize| {
        let known = (0..known).map(|number| format!("known: {number}")).collect();
        let (mut cases, mut kinds) = (0, 0);
        let taken = crew.campaign(0..100, &known, |taken| {
            kinds += taken.kinds.len();
            cases += taken.kinds.iter().filter(|kind| kind.case.is_some()).count();
            Ok(ControlFlow::Continue(()))
        });
        taken.expect("there are workers");
        assert_eq!(kinds, 100);
        cases
    };
    assert_eq!([0, 901, 999, 1_000].map(cases), [100, 99, 1, 0]);
}

/// Is run by `what_is_built_while_a_program_runs_is_another_program`, in a copy of this program.
#[cfg(target_os = "linux")]
#[ignore = "it aborts, and takes its program away"]
#[seedloop::test(isolated, strategy = random, seed = 7)]
async fn is_built_anew() -> Result<()> {
    // Once it is gone, this names no file.
    let program = std::env::current_exe()?;
    if program.ends_with(COPY) {
        std::fs::remove_file(&program)?;
        std::fs::write(&program, "not a program")?;
    }
    backwards(abort).await
}

#[cfg(target_os = "linux")]
const COPY: &str = "seedloop-built-anew";

#[cfg(target_os = "linux")]
#[test]
fn what_is_built_while_a_program_runs_is_another_program() {
    let own = command("is_built_anew");
    let copy = std::path::Path::new(own.get_program()).with_file_name(COPY);
    drop(std::fs::remove_file(&copy));
    std::fs::hard_link(own.get_program(), &copy).expect("a name for this program");
    let mut command = Command::new(&copy);
    command.args(own.get_args()).env("SEEDLOOP_REGRESSIONS", "off");
    let output = command.output().expect("it is run");
    let left = std::fs::read(&copy).expect("what was put in its place");
    std::fs::remove_file(&copy).expect("a file");
    assert_eq!(left, b"not a program");
    let report = String::from_utf8(output.stderr).expect("UTF-8");
    let expected = "\nthe run ended its process: signal: 6 (SIGABRT)\nfound in run ";
    assert!(report.contains(expected), "{report}");
}

/// A run that fails, and ends its process when it is made once more there.
#[ignore = "it aborts"]
#[seedloop::test(strategy = random)]
async fn fails_once_in_a_process() -> Result<()> {
    static HAS_FAILED: AtomicBool = AtomicBool::new(false);
    let drawn = choose(400);
    if drawn == 7 {
        if HAS_FAILED.swap(true, Ordering::Relaxed) {
            abort();
        }
        panic!("just once");
    }
    Ok(())
}

#[test]
fn a_failure_that_cannot_be_looked_into_is_what_it_was() {
    let launch = || Ok(command("fails_once_in_a_process"));
    let crew = Crew { launch: &launch, jobs: 1, patience: Duration::from_secs(60) };
    let explorer = Explorer::new().strategy(Strategy::Random).runs(1_024).jobs(1);
    let mut explored = crew.explore(&explorer).expect("there are workers");
    let failed = explored.failed.clone().expect("it fails");
    assert!(failed.message.contains("just once"), "{failed:?}");
    let case = failed.case.clone().expect("what the run did is known");
    assert_eq!(case.to_string(), "sl1.1.any.-:1@1v7");
    let report = crew.report(&mut explored);
    assert!(report.contains(&format!("SEEDLOOP_CASE='{case}'")), "{report}");
    let mut kinds = Vec::new();
    let taken = crew.campaign(0..1_024, &BTreeSet::new(), |taken| {
        kinds.extend(taken.kinds);
        Ok(ControlFlow::Continue(()))
    });
    taken.expect("there are workers");
    assert!(kinds.len() > 1 && kinds.iter().all(|kind| kind.kind == "panic"), "{kinds:#?}");
    assert_eq!((kinds[0].run + 1, &kinds[0].case), (failed.run, &failed.case));
}

/// As the system does to one that takes too much memory.
#[cfg(unix)]
#[ignore = "it ends its process"]
#[seedloop::test(strategy = random)]
async fn is_killed() -> Result<()> {
    let kill = || {
        let own = std::process::id().to_string();
        let killed = Command::new("kill").args(["-9", &own]).status();
        panic!("a kill that does not kill: {killed:?}");
    };
    backwards(kill).await
}

#[cfg(unix)]
#[test]
fn a_worker_that_is_killed_from_outside_blames_no_run() {
    let launch = || Ok(command("is_killed"));
    let crew = Crew { launch: &launch, jobs: 1, patience: Duration::from_secs(60) };
    let taken = crew.campaign(0..256, &BTreeSet::new(), |_| Ok(ControlFlow::Continue(())));
    let wrong = taken.expect_err("each is killed").to_string();
    let start = "3 workers were killed from outside (SIGKILL), the last one in run ";
    let end = ", for want of memory perhaps: have fewer of them at a time, by '--jobs' or, \
               for tests, SEEDLOOP_JOBS, or see what a run needs";
    let run = wrong.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
    assert!(run.is_some_and(|run| run.parse::<u64>().is_ok()), "{wrong}");
    let case = "sl1.1.any.-:1.1@1>1.3,1.1@1>1.2".parse().expect("a case");
    let wrong = crew.crash_of(&case).expect_err("each is killed").to_string();
    assert_eq!(wrong, format!("{}{end}", start.replace(", the last one in run ", "")));
}

/// What is wrong there is told where somebody reads it.
#[test]
fn a_variable_that_is_wrong_for_a_worker_is_told_as_what_it_is() {
    let launch = || {
        let mut command = command("is_rare");
        command.env("SEEDLOOP_PAGES", "no");
        Ok(command)
    };
    let crew = Crew { launch: &launch, jobs: 1, patience: Duration::from_secs(60) };
    let wrong = crew.check_campaign().expect_err("it is wrong").to_string();
    assert_eq!(wrong, "SEEDLOOP_PAGES takes on or off, not 'no'");
}

/// In asyncio's order, where no strategy is told what is ready.
#[ignore = "it aborts"]
#[seedloop::test(strategy = random, model = asyncio)]
async fn a_grandchild_aborts() -> Result<()> {
    let child = spawn(async {
        let ends = [1, 2].map(|_| spawn(async { Ok(choose(5)) }));
        let [_, second] = ends;
        if second.await? == 3 {
            abort();
        }
        Ok(())
    });
    child.await
}

#[test]
fn a_crash_has_a_case_in_each_order() {
    let launch = || Ok(command("a_grandchild_aborts"));
    let crew = Crew { launch: &launch, jobs: 1, patience: Duration::from_secs(60) };
    let explorer = Explorer::new().strategy(Strategy::Random).model(Model::Asyncio);
    let explored = crew.explore(&explorer).expect("there are workers");
    let case = explored.failed.and_then(|failed| failed.case).expect("what it did is known");
    assert_eq!(case.to_string(), "sl1.1.asyncio.-:1.1.2@1v3");
}
