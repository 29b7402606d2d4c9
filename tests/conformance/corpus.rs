//! The recorded corpus: programs, and the traces that CPython 3.13.0 made of them.
//!
//! `random.jsonl.gz` holds generated programs, `named.jsonl.gz` those of `named.py`, and a file
//! `.trace.jsonl.gz` beside each the answers: the nth line is that to the nth program. A third
//! part, `edges`, has what is just valid and what is just not any more; `edges.py` writes it.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use scenarios::conform::program::Program;

use super::compare::{differ, our_answer, read_answer, side_by_side};

/// Differences that are printed in full.
const SHOWN_MAX: usize = 3;

/// A program and its trace, as JSON.
#[derive(Debug)]
pub(crate) struct Case {
    /// The program.
    pub(crate) program: String,
    /// CPython's answer.
    pub(crate) answer: String,
}

impl Case {
    /// Reads the program.
    pub(crate) fn program(&self) -> Result<Program, String> {
        Program::parse(&self.program).map_err(|error| error.to_string())
    }
}

/// Runs the programs; the error shows the differences from CPython.
pub(crate) fn replay(cases: &[Case]) -> Result<(), String> {
    let mut differing = Vec::new();
    for case in cases {
        let (ours, theirs) = (our_answer(&case.program), read_answer(&case.answer));
        if differ(&ours, &theirs) {
            differing.push((case, side_by_side(&theirs, &ours)));
        }
    }
    let (count, all) = (differing.len(), cases.len());
    if count == 0 {
        return Ok(());
    }
    let shown = differing.iter().take(SHOWN_MAX);
    let shown: Vec<_> = shown.map(|(case, lines)| format!("{}\n{lines}", case.program)).collect();
    Err(format!("{count} of {all} programs differ from CPython\n{}", shown.join("\n")))
}

/// The generated programs.
pub(crate) fn random() -> Result<Vec<Case>, String> {
    pairs("random")
}

/// The programs of `named.py`.
pub(crate) fn named() -> Result<Vec<Case>, String> {
    pairs("named")
}

/// The programs of `edges.py`, and lines that are none.
pub(crate) fn edges() -> Result<Vec<Case>, String> {
    pairs("edges")
}

/// All programs whose traces are compared: the first two parts.
pub(crate) fn all() -> Result<Vec<Case>, String> {
    let mut all = random()?;
    all.extend(named()?);
    Ok(all)
}

fn pairs(name: &str) -> Result<Vec<Case>, String> {
    let (programs, traces) = (lines(&programs_of(name))?, lines(&traces_of(name))?);
    if programs.len() != traces.len() {
        return Err(format!("{} programs and {} traces", programs.len(), traces.len()));
    }
    let pairs = programs.into_iter().zip(traces);
    Ok(pairs.map(|(program, answer)| Case { program, answer }).collect())
}

/// The file with the programs of a part.
pub(crate) fn programs_of(name: &str) -> PathBuf {
    folder().join(format!("{name}.jsonl.gz"))
}

/// The file with the traces of a part.
pub(crate) fn traces_of(name: &str) -> PathBuf {
    folder().join(format!("{name}.trace.jsonl.gz"))
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/corpus")
}

fn lines(path: &Path) -> Result<Vec<String>, String> {
    let read =
        || -> io::Result<_> { BufReader::new(GzDecoder::new(File::open(path)?)).lines().collect() };
    read().map_err(|error| format!("{}: {error}", path.display()))
}
