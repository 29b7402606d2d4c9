//! The commands that explore.

use std::io::Write;
use std::process::Stdio;

use seedloop::sync::Tracked;
use seedloop::trace::Line;
use seedloop::{Outcome, Result, out, run, spawn, yield_now};
use seedloop_cli::{Cli, Scenario, Verdict};

use super::{NO_ERROR, Scratch, binary, check_cli};

/// Prints from two tasks, in whatever order they run.
fn two_lines() -> Result<()> {
    run(async {
        let line = |text: &'static str| {
            spawn(async move {
                yield_now().await?;
                Ok(out!("{text}"))
            })
        };
        let (one, other) = (line("one"), line("other"));
        one.await?;
        other.await
    })
}

fn lost_update() -> Result<()> {
    run(async {
        let counter = Tracked::new(0);
        let add = |counter: Tracked<u32>| {
            spawn(async move {
                let seen = counter.read().await?;
                Ok(counter.write(seen + 1).await?)
            })
        };
        let (one, other) = (add(counter.clone()), add(counter.clone()));
        one.await?;
        other.await?;
        assert_eq!(counter.get(), 2, "an update is lost");
        Ok(())
    })
}

fn both_lines(outcome: &Outcome<Result<()>>) -> Verdict {
    let text = |line: &Line| line.text.clone();
    let mut lines: Vec<String> = outcome.lines.iter().map(text).collect();
    lines.sort();
    if lines == ["one", "other"] { Ok(()) } else { Err(format!("printed {lines:?}")) }
}

fn one_first(outcome: &Outcome<Result<()>>) -> Verdict {
    match outcome.lines.first() {
        Some(line) if line.text == "one" => Ok(()),
        _ => Err("the first line is not the one that asyncio prints first".to_owned()),
    }
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "any-order",
        section: "1",
        summary: "holds in any order",
        body: two_lines,
        check: both_lines,
    },
    Scenario {
        name: "asyncios",
        section: "1",
        summary: "holds in asyncio's order",
        body: two_lines,
        check: one_first,
    },
];

const BUGS: &[Scenario] = &[Scenario {
    name: "lost",
    section: "2",
    summary: "an update that is lost",
    body: lost_update,
    check: |_| Ok(()),
}];

fn cli() -> Cli<'static> {
    Cli::new(SCENARIOS).known_bugs(BUGS)
}

#[test]
fn every_scenario_holds_and_every_bug_is_found() {
    let rows = "\
any-order  holds      1 run, 1 distinct
asyncios   holds      1 run, 1 distinct
lost       found      1 run, 1 distinct, sl1.1.any.-:
3 scenarios, 3 runs, 0 not as expected
";
    check_cli(cli(), &["explore", "--runs", "20"], 0, rows, NO_ERROR);
}

/// Of the four steps of the two tasks two come before two others: few orders are distinct, and with
/// one deviation all that matters is seen.
#[test]
fn a_check_of_one_order_fails_in_another() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = ["tool", "explore", "asyncios", "--model", "any", "--exhaustive", "1"];
    let mut output = seedloop_cli::Output::new(&mut out, &mut err);
    assert_eq!(cli().run_with(arguments, &mut output).code(), 1);
    let text = String::from_utf8(out).expect("text");
    let first = text.lines().next().expect("a row");
    assert!(first.starts_with("asyncios  FAILS      "), "{text}");
    let case = first.rsplit(", ").next().expect("a case");
    assert!(text.contains(&format!("cargo run -- replay asyncios '{case}'")), "{text}");
    let err = String::from_utf8(err).expect("text");
    let [page, error] = err.lines().collect::<Vec<_>>()[..] else { panic!("{err}") };
    assert!(page.starts_with("page:  ") && page.ends_with("asyncios.html"), "{err}");
    assert_eq!(error, "error: not as expected: asyncios");

    // The case replays, and is as small as it gets.
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut output = seedloop_cli::Output::new(&mut out, &mut err);
    let status = cli().run_with(["tool", "replay", "asyncios", case], &mut output);
    assert_eq!(status.code(), 1);
    let text = String::from_utf8(out).expect("text");
    assert!(text.contains("the first line is not the one that asyncio prints first"), "{text}");
    check_cli(cli(), &["shrink", "asyncios", case], 0, &format!("{case}\n"), NO_ERROR);
}

/// Which of the two tasks prints first is all that differs.
#[test]
fn the_page_of_a_case_has_the_passing_run_beside_it() {
    let scratch = Scratch::new("case");
    let (file, case) = (scratch.file("case.html"), "sl1.1.any.-:1.1@1>1.2");
    check_cli(
        cli(),
        &["trace", "asyncios", "--case", case, "--html", &file],
        1,
        &format!("wrote {file}\n"),
        "error: the case fails: does not pass its check: the first line is not the one that \
         asyncio prints first\n",
    );
    let page = scratch.read("case.html");
    let heads: Vec<&str> =
        page.lines().filter(|line| line.starts_with(r#"["seedloop","#)).collect();
    let [failing, passing] = heads[..] else { panic!("{heads:?}") };
    let told = r#""state":"failed","fault":"check","message":"#;
    assert!(failing.contains(told) && failing.ends_with(r#","parts":2}]"#), "{failing}");
    let differs = r#""state":"passed","differs":"the run in the order of the queue","parts":2}]"#;
    assert!(passing.ends_with(differs), "{passing}");
}

#[test]
fn an_exhaustive_search_says_that_it_was() {
    let arguments = ["explore", "any-order", "--model", "asyncio", "--exhaustive", "2"];
    let rows = "\
any-order  holds      all schedules with at most 2 deviations: 1 explored, 0 failures
1 scenario, 1 run, 0 not as expected
";
    check_cli(cli(), &arguments, 0, rows, NO_ERROR);
}

#[test]
fn a_case_that_does_not_fit_or_does_not_fail_is_told() {
    check_cli(
        cli(),
        &["replay", "any-order", "sl1.1.any.-:"],
        0,
        "the case does not fail\n",
        NO_ERROR,
    );
    check_cli(
        cli(),
        &["replay", "any-order", "sl1.1.any.-:1.9@1!"],
        1,
        "",
        "\
error: the case does not fit: the run never came to 1.9@1! (there was no task 1.9)
  tip: the scenario is another one than when the case was made; explore it again
",
    );
    let nothing = "error: the case does not fail, so there is nothing to shrink\n";
    check_cli(cli(), &["shrink", "any-order", "sl1.1.any.-:"], 1, "", nothing);
    check_cli(
        cli(),
        &["replay", "any-order", "1@2"],
        2,
        "",
        "error: invalid value '1@2' for '<CASE>': a case is `sl1.<epoch>.<model>.<config>:..`, not \
         '1@2'\n\nFor more information, try '--help'.\n",
    );
}

/// Whoever starts one without giving it orders is told, and not that the disk is full.
#[cfg(unix)]
#[test]
fn a_worker_without_orders_says_so() {
    let own = std::process::id().to_string();
    let worker = |said: &str, stdin: Stdio| {
        let mut command = binary(&["worker", "gather-three-tasks"]);
        let done = command.env("SEEDLOOP_WORKER", said).stdin(stdin).output().expect("it runs");
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let told = "error: a worker has nobody to make runs for: ";
    let none = format!(
        "{told}SEEDLOOP_WORKER is set, and no seedloop has started this process to make runs for \
         it: unset SEEDLOOP_WORKER, which nobody sets by hand, and which is of no use to what a \
         run starts\n"
    );
    for said in ["1", &own] {
        assert_eq!(worker(said, Stdio::null()), (Some(2), none.clone()));
    }
    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
    ours.write_all(b"brew\n").expect("it is read");
    let other = format!("{told}'brew' is no order\n");
    let theirs = Stdio::from(std::os::fd::OwnedFd::from(theirs));
    assert_eq!(worker(&own, theirs), (Some(2), other));
}
