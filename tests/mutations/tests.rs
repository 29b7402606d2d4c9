//! The tests that mutations are put to which no program can tell.
//!
//! A build for each would take a minute, and there are many. So all of them are built at once: the
//! line that a mutation changes becomes `if crate::mutant(n) { new } else { old }`, and the
//! environment of a test names the mutant. The tests have to pass when it names none.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::list::Mutation;
use super::{Fate, copy_source, expect_survival, first_error};

/// A test that takes longer hangs: it takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked whether a test has ended.
const LOOK: Duration = Duration::from_millis(20);

/// What is added to the library. Mutants count from 1.
const SWITCH: &str = r#"
/// Tells whether this mutant is on.
pub(crate) fn mutant(number: usize) -> bool {
    static ON: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    let named = || std::env::var("MUTANT").ok()?.parse().ok();
    *ON.get_or_init(|| named().unwrap_or(0)) == number
}
"#;

/// The tests of `tests/mutations/tests`, built with all mutations that are put to them.
pub(super) struct Tests {
    program: PathBuf,
}

impl Tests {
    /// Builds the tests, all of which the library passes while no mutation is on.
    pub(super) fn build(all: &[Mutation], root: &Path, work: &Path) -> io::Result<Self> {
        let source = work.join("switched");
        copy_source(root, &source)?;
        switch_all(all, &source)?;
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["test", "--locked", "--lib", "--no-run", "-p", "seedloop-mutation-tests"]);
        cargo.current_dir(&source).env("CARGO_TARGET_DIR", work.join("target"));
        let built = cargo.env("RUSTFLAGS", "--cap-lints=allow").output()?;
        if !built.status.success() {
            return Err(io::Error::other(first_error(&built.stderr)));
        }
        // The last line is `Executable unittests lib.rs (path)`.
        let told = String::from_utf8_lossy(&built.stderr);
        let path = told.rsplit_once('(').and_then(|(_, rest)| rest.split_once(')'));
        let (path, _) = path.ok_or_else(|| io::Error::other("cargo has named no program"))?;
        let tests = Tests { program: path.into() };
        expect_survival(&end_of(&mut Command::new(&tests.program), "a test")?)?;
        Ok(tests)
    }

    /// Runs a test while the mutation of this index is on.
    pub(super) fn put(&self, index: usize, test: &str) -> io::Result<Fate> {
        let mut command = Command::new(&self.program);
        end_of(command.args(["--exact", test]).env("MUTANT", (index + 1).to_string()), test)
    }
}

/// Puts each mutation that names a test behind its switch.
fn switch_all(all: &[Mutation], source: &Path) -> io::Result<()> {
    let mut files: BTreeMap<&Path, BTreeMap<usize, Switched<'_>>> = BTreeMap::new();
    for (index, mutation) in all.iter().enumerate().filter(|(_, m)| m.test.is_some()) {
        let (line, old, new) = mutation.one_line(source).map_err(io::Error::other)?;
        let none = || io::Error::other(format!("{}: it cannot be switched", mutation.name));
        let (frame, [old, new]) = Frame::of(old, new).ok_or_else(none)?;
        let lines = files.entry(&mutation.file).or_default();
        let switched = lines.entry(line).or_insert(Switched { frame, old, new: String::new() });
        if switched.frame != frame || switched.old != old {
            return Err(none());
        }
        switched.new.push_str(&format!("if crate::mutant({}) {{ {new} }} else ", index + 1));
    }
    for (file, mut switched) in files {
        let path = source.join(file);
        let text = fs::read_to_string(&path)?;
        let lines = text.lines().enumerate().map(|(number, line)| match switched.remove(&number) {
            Some(switched) => switched.line() + "\n",
            None => format!("{line}\n"),
        });
        let text: String = lines.collect();
        fs::write(path, text)?;
    }
    let library = source.join("sim/src/lib.rs");
    fs::write(&library, fs::read_to_string(&library)? + SWITCH)
}

/// A line with a choice of what stands in its frame.
struct Switched<'a> {
    frame: Frame<'a>,
    old: &'a str,
    /// An `if` for each of the mutations.
    new: String,
}

impl Switched<'_> {
    fn line(&self) -> String {
        let Frame(head, tail) = self.frame;
        format!("{head}{}{{ {} }}{tail}", self.new, self.old)
    }
}

/// What a line has around the expression or the statements in it that change.
#[derive(Clone, Copy, PartialEq)]
struct Frame<'a>(&'a str, &'a str);

impl<'a> Frame<'a> {
    /// What both lines have around what changes, and that of each.
    fn of(old: &'a str, new: &'a str) -> Option<(Self, [&'a str; 2])> {
        for (start, mark, tail) in [
            ("if ", "if ", " {"),
            ("&& ", "&& ", ""),
            ("let ", " = ", ";"),
            ("", " => ", ","),
            ("", ": ", ","),
        ] {
            let split = |line: &'a str| {
                let inside = line.strip_suffix(tail).filter(|line| line.starts_with(start))?;
                let at = inside.find(mark)? + mark.len();
                Some((inside.split_at(at), tail))
            };
            if let (Some(((head, old), tail)), Some(((other, new), _))) = (split(old), split(new))
                && head == other
            {
                return Some((Frame(head, tail), [old, new]));
            }
        }
        let binds = old.starts_with("let ");
        let is_part = [old, new].iter().any(|line| line.ends_with(['{', ',']));
        (!binds && !is_part).then_some((Frame("", ""), [old, new]))
    }
}

/// Runs a test program to its end; one that hangs is ended.
#[expect(clippy::disallowed_methods, reason = "watches a process; it may hang")]
fn end_of(program: &mut Command, name: &str) -> io::Result<Fate> {
    program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = program.spawn()?;
    let mut waited = Duration::ZERO;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(Fate::Survived),
            Some(_) => return Ok(Fate::Killed(name.to_owned())),
            None if waited >= PATIENCE => break,
            None => {}
        }
        std::thread::sleep(LOOK);
        waited += LOOK;
    }
    child.kill()?;
    child.wait()?;
    Ok(Fate::Killed(format!("{name}, which hangs")))
}
