//! Puts one-line mutations of the library to the recorded corpus, or to a test: `just mutations`.
//!
//!     cargo run --example mutations [-- all | -- NAME..]
//!
//! Each mutation of `list.txt` is applied to a copy of the source under `target/mutations`, the
//! command line is built from it, and it runs the corpus of the conformance tests. A mutation is
//! killed by the first program whose trace is not CPython's any more.
//!
//! What no program of the conformance language can say is for the tests: a mutation with a `by` is
//! killed by the test of that name, in the package `tests/mutations/tests`. These mutations are
//! built once, all of them, each behind a switch that is off unless the environment names it.
//!
//! Without an argument those are run that `RESULT.md` does not have: new ones, those whose change
//! or test is another one now, and all of the corpus if that has changed. It is written anew after
//! each. With names it is left alone. Ends with an error if one that was run survives.

mod list;
mod result;
mod tests;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use flate2::read::GzDecoder;
use list::Mutation;
use result::{PARTS, Row, Table, hash_of_corpus};
use tests::Tests;

/// A run of the corpus that takes longer hangs: it takes some seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// What became of a mutation.
enum Fate {
    /// The name of the program whose trace differs, with its number, or of the test that fails.
    Killed(String),
    /// The compiler refuses it, which proves nothing.
    Unbuilt(String),
    Survived,
}

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    match put_all_to_corpus(&names, &mut io::stdout()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // There is nowhere else to tell it.
            drop(writeln!(io::stderr(), "mutations: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Returns how many were not killed.
fn put_all_to_corpus(names: &[String], out: &mut impl Write) -> io::Result<usize> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let work = root.join("target/mutations");
    copy_source(&root, &work.join("source"))?;
    let mut judges = Judges { corpus: None, tests: None };
    let result = root.join(Table::PATH);
    let is_all = names == ["all"];
    let known = known(&root, &result)?;
    let (source, mutations) = (source_tree(&root)?, Mutation::all(&root)?);
    let mut table = Table { corpus: hash_of_corpus(&root)?, rows: Vec::new() };
    let (mut run, mut left) = (0, 0);
    for (index, mutation) in mutations.iter().enumerate() {
        let change = mutation.hash(&root).map_err(io::Error::other)?;
        let is_known = |row: &&Row| row.name == mutation.name && row.change == change;
        let row = match known.rows.iter().find(is_known) {
            Some(row) if names.is_empty() => row.clone(),
            _ if is_all || names.is_empty() || names.contains(&mutation.name) => {
                let fate = judges.put(&mutations, index, &root, &work)?;
                let (fate, program) = described(&fate);
                run += 1;
                left += usize::from(fate != "killed");
                writeln!(out, "{fate:8} {}: {program}", mutation.name)?;
                out.flush()?;
                let (fate, program) = (fate.to_owned(), program.to_owned());
                let source = source.clone();
                Row { name: mutation.name.clone(), fate, program, change, source }
            }
            _ => continue,
        };
        table.rows.push(row);
        if names.is_empty() || is_all {
            fs::write(&result, with_known(&table, &known, &mutations[index + 1..]).to_string())?;
        }
    }
    writeln!(out, "{run} mutations, {left} not killed")?;
    Ok(left + usize::from(run == 0 && !names.is_empty()))
}

/// What is known: if the corpus has changed, only what is of the tests.
fn known(root: &Path, result: &Path) -> io::Result<Table> {
    let mut table = Table::read(&fs::read_to_string(result)?);
    if table.corpus != hash_of_corpus(root)? {
        table.rows.retain(|row| row.program.contains("::"));
    }
    Ok(table)
}

/// The table with what is known of those that are yet to come, should the run be cut off.
fn with_known(table: &Table, known: &Table, to_come: &[Mutation]) -> Table {
    let is_to_come = |row: &&Row| to_come.iter().any(|mutation| mutation.name == row.name);
    let later = known.rows.iter().filter(is_to_come);
    let rows = table.rows.iter().chain(later).cloned().collect();
    Table { corpus: table.corpus.clone(), rows }
}

/// What decides of mutations, each from the first that it has to decide of.
struct Judges {
    corpus: Option<Corpus>,
    tests: Option<Tests>,
}

impl Judges {
    /// Puts a mutation to the corpus or to its test.
    fn put(
        &mut self,
        all: &[Mutation],
        index: usize,
        root: &Path,
        work: &Path,
    ) -> io::Result<Fate> {
        let mutation = &all[index];
        if let Some(test) = &mutation.test {
            let tests = match self.tests.take() {
                Some(tests) => tests,
                None => Tests::build(all, root, work)?,
            };
            return self.tests.insert(tests).put(index, test);
        }
        let corpus = match self.corpus.take() {
            Some(corpus) => corpus,
            None => Corpus::unmutated(root, work)?,
        };
        // From the copy: the source may be edited meanwhile.
        let source = work.join("source");
        let path = source.join(&mutation.file);
        let original = fs::read_to_string(&path)?;
        fs::write(&path, mutation.apply(&source).map_err(io::Error::other)?)?;
        let fate = self.corpus.insert(corpus).put(work);
        fs::write(&path, original)?;
        fate
    }
}

/// An error if something is killed before it was mutated.
fn expect_survival(fate: &Fate) -> io::Result<()> {
    let (what, why) = described(fate);
    match fate {
        Fate::Survived => Ok(()),
        _ => Err(io::Error::other(format!("without a mutation: {what} {why}"))),
    }
}

/// What git calls the tree of `sim/src` as it is now, followed by a mark if it is not committed.
fn source_tree(root: &Path) -> io::Result<String> {
    let git = |arguments: &[&str]| Command::new("git").args(arguments).current_dir(root).output();
    let tree = git(&["rev-parse", "--short=10", "HEAD:sim/src"])?.stdout;
    let changed = git(&["status", "--porcelain", "--", "sim/src"])?.stdout;
    let mark = if changed.is_empty() { "" } else { " and changes" };
    Ok(format!("{}{mark}", String::from_utf8_lossy(&tree).trim()))
}

fn described(fate: &Fate) -> (&'static str, &str) {
    match fate {
        Fate::Killed(program) => ("killed", program),
        Fate::Unbuilt(error) => ("unbuilt", error),
        Fate::Survived => ("survived", ""),
    }
}

/// Copies the files that git knows; those that have not changed keep their time, for cargo.
fn copy_source(from: &Path, to: &Path) -> io::Result<()> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(from).output()?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for name in listed.split_terminator('\0') {
        let (source, target) = (from.join(name), to.join(name));
        let new = fs::read(&source)?;
        if fs::read(&target).is_ok_and(|old| old == new) {
            continue;
        }
        fs::create_dir_all(target.parent().unwrap_or(to))?;
        fs::write(target, new)?;
    }
    Ok(())
}

/// The first error that a compiler has told.
fn first_error(told: &[u8]) -> String {
    let told = String::from_utf8_lossy(told);
    told.lines().find(|line| line.starts_with("error")).unwrap_or_default().to_owned()
}

/// The programs, and what CPython answered.
struct Corpus {
    programs: Vec<u8>,
    answers: Vec<String>,
}

impl Corpus {
    fn read(root: &Path) -> io::Result<Self> {
        let folder = root.join("tests/conformance/corpus");
        let (mut programs, mut answers) = (Vec::new(), Vec::new());
        for part in PARTS {
            let open = |end: &str| File::open(folder.join(format!("{part}.{end}")));
            io::copy(&mut GzDecoder::new(open("jsonl.gz")?), &mut programs)?;
            let traces = BufReader::new(GzDecoder::new(open("trace.jsonl.gz")?)).lines();
            answers.extend(traces.collect::<io::Result<Vec<_>>>()?);
        }
        Ok(Corpus { programs, answers })
    }

    /// The corpus, which the library passes as it is.
    fn unmutated(root: &Path, work: &Path) -> io::Result<Self> {
        let corpus = Corpus::read(root)?;
        expect_survival(&corpus.put(work)?)?;
        Ok(corpus)
    }

    /// Builds the copy of the source and runs the programs on it.
    fn put(&self, work: &Path) -> io::Result<Fate> {
        let source = work.join("source");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--bin", "seedloop"]).current_dir(&source);
        cargo.env("CARGO_TARGET_DIR", work.join("target")).env("RUSTFLAGS", "--cap-lints=allow");
        let built = cargo.output()?;
        if !built.status.success() {
            return Ok(Fate::Unbuilt(first_error(&built.stderr)));
        }
        self.run(&work.join("target/debug/seedloop"))
    }

    #[expect(clippy::disallowed_methods, reason = "watches a process; it may hang")]
    fn run(&self, program: &Path) -> io::Result<Fate> {
        let mut command = Command::new(program);
        command.arg("conform").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (mut input, output) = (child.stdin.take(), child.stdout.take());
        let programs = self.programs.clone();
        // It ends before it has read all if the process is killed.
        let writer = std::thread::spawn(move || input.as_mut().map(|to| to.write_all(&programs)));
        let (sender, lines) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            let lines = output.into_iter().flat_map(|output| BufReader::new(output).lines());
            lines.map_while(Result::ok).try_for_each(|line| sender.send(line)).is_ok()
        });
        let mut fate = Fate::Survived;
        for (index, answer) in self.answers.iter().enumerate() {
            let why = match lines.recv_timeout(PATIENCE) {
                Ok(line) if line == *answer => continue,
                Ok(_) => "",
                Err(mpsc::RecvTimeoutError::Timeout) => ", where it hangs",
                Err(mpsc::RecvTimeoutError::Disconnected) => ", where it breaks down",
            };
            let name = answer.split('"').nth(3).unwrap_or_default();
            fate = Fate::Killed(format!("{name} ({}){why}", index + 1));
            break;
        }
        child.kill()?;
        child.wait()?;
        drop(lines);
        drop((writer.join(), reader.join()));
        Ok(fate)
    }
}
