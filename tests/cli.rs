//! The command line, as its user sees it: a small table through the library, and the binary of
//! this workspace where only a process will do.

mod campaign;
mod explore;
mod table;

use std::io::{self, ErrorKind, Write};
use std::process::{Command, Stdio};

use scenarios::job_queue;
use scenarios::known_bugs::{self, KnownBug};
use seedloop_cli::{Cli, Output, Status, clap};
use table::TABLE;

const NO_ERROR: &str = "";

/// Runs the tool over the small table and compares all that a user sees.
#[track_caller]
fn check(arguments: &[&str], code: u8, out: &str, err: &str) {
    check_cli(Cli::new(TABLE), arguments, code, out, err);
}

#[track_caller]
fn check_cli(cli: Cli<'_>, arguments: &[&str], code: u8, out: &str, err: &str) {
    let (mut seen_out, mut seen_err) = (Vec::new(), Vec::new());
    let arguments = [&["tool"], arguments].concat();
    let status = cli.run_with(arguments, &mut Output::new(&mut seen_out, &mut seen_err));
    let text = |bytes| String::from_utf8(bytes).expect("output in UTF-8");
    let (seen_out, seen_err) = (text(seen_out), text(seen_err));
    assert_eq!(seen_out, out, "the output is\n{seen_out}");
    assert_eq!(seen_err, err, "the complaints are\n{seen_err}");
    assert_eq!(status.code(), code);
}

const HELP: &str = "\
Runs scenarios: small async programs in a deterministic simulation, in virtual time

Usage: tool <COMMAND>

Commands:
  list      List the scenarios: name, section, what each shows
  run       Run scenarios and print their transcripts
  explore   Run scenarios again and again with other choices, until one fails
  campaign  Run a scenario for a range of seeds, and keep what comes of it in files
  merge     Tell what the files of a campaign know together
  replay    Replay a case of a scenario, and report how it fails
  shrink    Make a case of a scenario smaller, and print it
  trace     Draw a scenario's run, or print every event of it
  help      Print this message or the help of the given subcommand(s)

Options:
  -h, --help     Print help
  -V, --version  Print version

Exit codes:
  0  all went well, or the reader of the output went away
  1  a scenario failed, or its check does not hold
  2  the command line is wrong, or a file that it names
  3  the output could not be written
  4  runs could not be made, or those of a campaign are missing
";

const RUN_HELP: &str = "\
Run scenarios and print their transcripts

Usage: tool run [OPTIONS] [NAME]...

Arguments:
  [NAME]...  The scenarios to run, in this order

Options:
      --all    Run every scenario, in the order of 'list'
      --times  Print the virtual time before each line
  -h, --help   Print help

The outcome of each scenario is checked. With several, each transcript stands
below a heading. What the loop reported goes to the standard error.
";

const TRACE_HELP: &str = "\
Draw a scenario's run, or print every event of it

Usage: tool trace [OPTIONS] <NAME>

Arguments:
  <NAME>  The scenario to run

Options:
      --case <CASE>      Run this case, in place of asyncio's own order
      --events           Print every event, in place of a drawing
      --ascii            Draw with letters of ASCII alone
      --width <CELLS>    How many cells a line of the drawing takes [default: 100]
      --html <FILE>      Write a page to look at in a browser
      --perfetto <FILE>  Write a trace for Perfetto
      --json <FILE>      Write lines of JSON
  -h, --help             Print help

The drawing has a row for each task, host and worker, and a cell for each step.
It is coloured on a terminal, unless NO_COLOR is set. Below that of a case
that fails stands what a test would report of it.

With '--events' each line is an event: the virtual time, how many steps had
been started, who acted (a task by its name, the loop, or the outside), what
happened, and at which line of the program.
";

#[test]
fn help_is_a_result_when_asked_for_and_a_complaint_when_not() {
    check(&["--help"], 0, HELP, NO_ERROR);
    check(&["help"], 0, HELP, NO_ERROR);
    check(&[], 2, "", HELP);
    check(&["run", "--help"], 0, RUN_HELP, NO_ERROR);
    check(&["help", "run"], 0, RUN_HELP, NO_ERROR);
    check(&["trace", "-h"], 0, TRACE_HELP, NO_ERROR);
    check(&["--version"], 0, concat!("seedloop ", env!("CARGO_PKG_VERSION"), "\n"), NO_ERROR);
}

#[test]
fn list_aligns_wide_letters() {
    let table = "\
tea          台所  お湯を待つ
two-workers  1.2   two tasks, one of which is cancelled
a-stray      1.3   a task that nobody awaits
unasked      1.3   an error that nobody asks for
fails        2     a body that fails
panics       2     a body that panics
stuck        2     a body that waits for ever
wrong        2     a check that does not hold
asserts      2     a check that panics
";
    check(&["list"], 0, table, NO_ERROR);
    check_cli(Cli::new(&[]), &["list"], 0, "", NO_ERROR);
}

#[test]
fn run_prints_the_transcript() {
    check(&["run", "tea"], 0, "お湯を沸かす\nできた\n", NO_ERROR);
    check(&["run", "tea", "--times"], 0, "  0.0s  お湯を沸かす\n180.0s  できた\n", NO_ERROR);
}

#[test]
fn run_of_several_puts_a_heading_above_each() {
    let transcripts = "\
== two-workers (1.2): two tasks, one of which is cancelled
0.5s  quick is done
0.5s  slow was cancelled

== tea (台所): お湯を待つ
  0.0s  お湯を沸かす
180.0s  できた
";
    check(&["run", "--times", "two-workers", "tea"], 0, transcripts, NO_ERROR);
    check_cli(Cli::new(&[]), &["run", "--all"], 0, "", NO_ERROR);
}

#[test]
fn what_the_loop_reported_is_a_warning() {
    check(
        &["run", "a-stray"],
        0,
        "",
        "\
warning: the loop of scenario 'a-stray' reported
  0.0s  Task was still running when the clean-up of the run began: Task-2 (tests/cli/table.rs:80)
",
    );
    check(
        &["run", "unasked"],
        0,
        "still here\n",
        "\
warning: the loop of scenario 'unasked' reported
  0.0s  Task exception was never retrieved: loser (tests/cli/table.rs:88): lost in the post
",
    );
}

#[test]
fn what_fails_says_why_and_what_to_do() {
    for (name, out, why) in [
        ("fails", "so far so good\n", "failed: the kettle is empty"),
        (
            "panics",
            "",
            "failed: task 'Task-1' panicked at tests/cli/table.rs:105:33 after 0.0s: a cup",
        ),
        (
            "stuck",
            "waiting\n",
            "failed: deadlock at 0.0s: 1 task waits for ever
  task 'Task-1' (spawned at tests/cli/table.rs:111)
    waits for something that is not seedloop's",
        ),
        ("wrong", "お湯を沸かす\nできた\n", "does not pass its check: expected 3 lines, not 2"),
        (
            "asserts",
            "お湯を沸かす\nできた\n",
            "panicked in its check: assertion `left == right` failed: lines
  left: 2
 right: 3",
        ),
    ] {
        let err = format!(
            "error: scenario '{name}' {why}\n  tip: 'trace {name}' draws it step by step\n"
        );
        check(&["run", name], 1, out, &err);
    }
}

#[test]
fn one_failure_does_not_keep_the_others_from_running() {
    check(
        &["run", "fails", "tea", "wrong"],
        1,
        "\
== fails (2): a body that fails
so far so good

== tea (台所): お湯を待つ
お湯を沸かす
できた

== wrong (2): a check that does not hold
お湯を沸かす
できた
",
        "\
error: scenario 'fails' failed: the kettle is empty
  tip: 'trace fails' draws it step by step
error: scenario 'wrong' does not pass its check: expected 3 lines, not 2
  tip: 'trace wrong' draws it step by step
error: 2 of 3 scenarios failed: fails, wrong
",
    );
}

#[test]
fn trace_prints_every_event() {
    let trace = "\
time  step  who     what
0.0s     0  loop    spawns Task-1 at tests/cli/table.rs:55
0.0s     0  loop    makes Task-1 ready
0.0s     1  Task-1  starts
0.0s     1  Task-1  spawns quick at tests/cli/table.rs:56
0.0s     1  Task-1  makes quick ready
0.0s     1  Task-1  spawns 遅い at tests/cli/table.rs:61
0.0s     1  Task-1  makes 遅い ready
0.0s     1  Task-1  waits for quick at tests/cli/table.rs:65
0.0s     1  Task-1  suspends
0.0s     2  quick   starts
0.0s     2  quick   waits for sleep at tests/cli/table.rs:57
0.0s     2  quick   suspends
0.0s     3  遅い    starts
0.0s     3  遅い    waits for sleep at tests/cli/table.rs:62
0.0s     3  遅い    suspends
0.5s     3  loop    moves the clock on by 0.5s
0.5s     4  loop    wakes quick
0.5s     5  quick   goes on
0.5s     5  quick   prints: quick is done
0.5s     5  quick   wakes Task-1
0.5s     5  quick   returns
0.5s     6  Task-1  goes on
0.5s     6  Task-1  cancels 遅い
0.5s     6  Task-1  wakes 遅い
0.5s     6  Task-1  waits for 遅い at tests/cli/table.rs:67
0.5s     6  Task-1  suspends
0.5s     7  遅い    goes on
0.5s     7  遅い    wakes Task-1
0.5s     7  遅い    ends cancelled
0.5s     8  Task-1  goes on
0.5s     8  Task-1  prints: slow was cancelled
0.5s     8  Task-1  returns
0.5s     9  loop    runs a callback: run until complete
0.5s     9  loop    begins to close the loop
";
    check(&["trace", "two-workers", "--events"], 0, trace, NO_ERROR);
}

/// A file of the name in a folder of this test's own, which is gone with it.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("seedloop-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Scratch(folder)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).expect("a file in UTF-8")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[test]
fn trace_writes_what_can_be_looked_at() {
    let scratch = Scratch::new("trace");
    let (html, json) = (scratch.file("run.html"), scratch.file("run.jsonl"));
    let out = format!("wrote {html}\nwrote {json}\n");
    check(&["trace", "two-workers", "--html", &html, "--json", &json], 0, &out, NO_ERROR);
    let lines = scratch.read("run.jsonl");
    let head = r#"["seedloop",1,{"name":"two-workers","state":"ran"}]"#;
    assert_eq!(lines.lines().next(), Some(head));
    assert!(lines.contains("\"slow was cancelled\"]\n"), "{lines}");
    let page = scratch.read("run.html");
    assert!(page.starts_with("<!doctype html>\n") && page.ends_with("</html>\n"));
    assert!(page.contains(&lines), "the page holds the lines");
    let nowhere = scratch.file("no/run.html");
    let err = format!("error: cannot write {nowhere}: No such file or directory (os error 2)\n");
    check(&["trace", "two-workers", "--html", &nowhere], 3, "", &err);
}

/// Where each of the steps stands that the events tell of.
#[test]
fn trace_draws_the_run_step_by_step() {
    let drawing = "\
step     1    5
time    0.0s 0.5s
Task-1  .#---.#.R
quick    .#-.R
遅い     ..#--.C
loop    +   +    +

# runs   - waits   . is ready   R returns   C ends cancelled   + acts
it printed:
  step 4, 0.5s, quick: quick is done
  step 7, 0.5s, Task-1: slow was cancelled
";
    check(&["trace", "two-workers", "--ascii"], 0, drawing, NO_ERROR);
}

#[test]
fn trace_of_a_failing_run_fails_too() {
    check(
        &["trace", "stuck", "--events"],
        1,
        "\
time  step  who     what
0.0s     0  loop    spawns Task-1 at tests/cli/table.rs:111
0.0s     0  loop    makes Task-1 ready
0.0s     1  Task-1  starts
0.0s     1  Task-1  prints: waiting
0.0s     1  Task-1  suspends
0.0s     1  loop    begins to close the loop
0.0s     1  loop    wakes Task-1
0.0s     1  loop    drops Task-1
",
        "\
error: scenario 'stuck' failed: deadlock at 0.0s: 1 task waits for ever
  task 'Task-1' (spawned at tests/cli/table.rs:111)
    waits for something that is not seedloop's
",
    );
}

#[test]
fn an_unknown_name_suggests_the_nearest() {
    for (typed, tip) in [
        ("te", "did you mean 'tea'?"),
        ("Tae", "did you mean 'tea'?"),
        ("coffee", "'list' prints the names"),
        ("a", "did you mean 'a-stray' or 'asserts'?"),
        ("asert", "did you mean 'asserts'?"),
        ("two", "did you mean 'two-workers'?"),
        ("paniks", "did you mean 'panics'?"),
    ] {
        let err = format!("error: no scenario is called '{typed}'\n  tip: {tip}\n");
        check(&["run", typed], 2, "", &err);
        check(&["trace", typed], 2, "", &err);
    }
    // All are told, and nothing runs.
    check(
        &["run", "x", "tea", "stuk"],
        2,
        "",
        "\
error: no scenario is called 'x'
  tip: 'list' prints the names
error: no scenario is called 'stuk'
  tip: did you mean 'stuck'?
",
    );
}

#[test]
fn a_wrong_command_line_names_the_fix() {
    check(
        &["run"],
        2,
        "",
        "\
error: no scenario is named
  tip: name one or more, or say '--all'; 'list' prints the names
",
    );
    check(
        &["run", "tea", "--all"],
        2,
        "",
        "\
error: the argument '[NAME]...' cannot be used with '--all'

Usage: tool run <NAME>...

For more information, try '--help'.
",
    );
    check(
        &["lits"],
        2,
        "",
        "\
error: unrecognized subcommand 'lits'

  tip: a similar subcommand exists: 'list'

Usage: tool <COMMAND>

For more information, try '--help'.
",
    );
}

#[test]
fn a_crate_adds_commands_of_its_own() {
    let cli = || {
        Cli::new(TABLE).command("greet", "Greet somebody", |who: Greet, output| {
            writeln!(output, "hello {}", who.name)?;
            Ok(if who.name == "nobody" { Status::Failed } else { Status::Success })
        })
    };
    check_cli(cli(), &["greet", "world"], 0, "hello world\n", NO_ERROR);
    check_cli(cli(), &["greet", "nobody"], 1, "hello nobody\n", NO_ERROR);
    check_cli(cli(), &["run", "tea"], 0, "お湯を沸かす\nできた\n", NO_ERROR);
    let help = HELP.replace("  help      Print", "  greet     Greet somebody\n  help      Print");
    check_cli(cli(), &["--help"], 0, &help, NO_ERROR);
    check_cli(
        cli(),
        &["greet"],
        2,
        "",
        "\
error: the following required arguments were not provided:
  <NAME>

Usage: tool greet <NAME>

For more information, try '--help'.
",
    );
}

/// The arguments of `greet`.
#[derive(clap::Args)]
#[command(about = "replaced by what the table says")]
struct Greet {
    name: String,
}

/// Fails each write.
struct Broken(ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_ends_quietly_and_a_full_disk_does_not() {
    for (kind, status, complaint) in [
        (ErrorKind::BrokenPipe, Status::Success, ""),
        (ErrorKind::StorageFull, Status::Unwritable, "error: cannot write: no storage space\n"),
    ] {
        for arguments in [&["tool", "list"] as &[_], &["tool", "trace", "tea"], &["tool", "-h"]] {
            let (mut out, mut err) = (Broken(kind), Vec::new());
            let seen = Cli::new(TABLE).run_with(arguments, &mut Output::new(&mut out, &mut err));
            assert_eq!(seen, status, "{arguments:?}");
            assert_eq!(String::from_utf8_lossy(&err), complaint, "{arguments:?}");
        }
    }
}

/// Complaints that nobody reads don't change the status.
#[test]
fn a_closed_standard_error_keeps_the_status() {
    let (mut out, mut err) = (Vec::new(), Broken(ErrorKind::BrokenPipe));
    let arguments = ["tool", "run", "fails"];
    let seen = Cli::new(TABLE).run_with(arguments, &mut Output::new(&mut out, &mut err));
    assert_eq!(seen, Status::Failed);
}

/// The binary of this workspace.
fn binary(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seedloop"));
    command.args(arguments).stdin(Stdio::null());
    command
}

#[test]
fn the_binary_has_the_table_of_this_workspace() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let table = [scenarios::ALL, job_queue::SCENARIOS].concat();
    let known_bugs: Vec<_> = known_bugs::ALL.iter().map(KnownBug::scenario).collect();
    let status = Cli::new(&table)
        .known_bugs(&known_bugs)
        .run_with(["seedloop", "list"], &mut Output::new(&mut out, &mut err));
    let done = binary(&["list"]).output().expect("the binary runs");
    assert_eq!(status, Status::Success);
    assert_eq!(done.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&out));
    assert_eq!(String::from_utf8_lossy(&done.stderr), NO_ERROR);
}

#[test]
fn the_binary_exits_with_the_code() {
    for (arguments, code) in
        [(&["--help"] as &[_], 0), (&["run", "--all"], 0), (&["run", "no-such-name"], 2), (&[], 2)]
    {
        let done = binary(arguments).output().expect("the binary runs");
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {done:?}");
    }
}

#[test]
fn the_binary_ends_quietly_when_its_reader_is_gone() {
    for arguments in [&["--help"] as &[_], &["list"], &["run", "--all", "--times"]] {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let child = binary(arguments).stdout(writer).stderr(Stdio::piped()).spawn();
        let done = child.and_then(|child| child.wait_with_output()).expect("the binary runs");
        assert_eq!(done.status.code(), Some(0), "{arguments:?}: {done:?}");
        let complaints = String::from_utf8_lossy(&done.stderr);
        assert!(!complaints.contains("panicked"), "{arguments:?}: {complaints}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_binary_says_when_the_disk_is_full() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let done = binary(&["--help"]).stdout(full).output().expect("the binary runs");
    assert_eq!(done.status.code(), Some(3));
    assert_eq!(
        String::from_utf8_lossy(&done.stderr),
        "error: cannot write: No space left on device (os error 28)\n"
    );
}
