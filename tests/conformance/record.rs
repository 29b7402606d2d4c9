//! Makes the corpus: chooses random programs and writes down what CPython does with them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};
use scenarios::conform::program::Stmt;

use super::corpus::{programs_of, traces_of};
use super::coverage::{Cell, Coverage, Phase, cells, impossible};
use super::fresh::Programs;
use super::generate::{Profile, sample};
use super::oracle::Oracle;

/// So many random programs are taken as they come.
const TAKEN: u64 = 1_750;

/// Of so many more, those are taken that reach a rare cell of the table.
const SEARCHED: u64 = 90_000;

/// A cell is rare while so few programs reach it.
const RARE: usize = 24;

/// So many programs at most, so that the replay stays short.
const MOST: usize = 2_600;

/// Writes the corpus, or one part of it; `out` is told how far it is.
pub(crate) fn record(part: Option<&str>, out: &mut impl Write) -> Result<(), String> {
    if let Some(part) = part.filter(|part| !["named", "edges", "random"].contains(part)) {
        return Err(format!("the corpus has the parts named, edges and random, not {part}"));
    }
    let is_asked = |name| part.is_none_or(|part| part == name);
    let mut oracle = Oracle::start()?;
    if oracle.version() != "3.13.0" {
        return Err(format!("the corpus is CPython 3.13.0's, not {}'s", oracle.version()));
    }
    let output = |name: &str| oracle.output_of(name).map_err(|error| error.to_string());
    let (named, edges) = (output("named.py")?, output("edges.py")?);
    let mut write = |name: &str, programs: Vec<String>| {
        record_part(name, &programs, &mut oracle)
            .and_then(|()| writeln!(out, "{} {name} programs", programs.len()))
            .map_err(|error| format!("{name}: {error}"))
    };
    if is_asked("named") {
        write("named", named.lines().map(str::to_owned).collect())?;
    }
    if is_asked("edges") {
        write("edges", edges.lines().map(str::to_owned).collect())?;
    }
    if is_asked("random") {
        write("random", choose())?;
    }
    Ok(())
}

fn record_part(name: &str, programs: &[String], oracle: &mut Oracle) -> io::Result<()> {
    let answers = programs.iter().map(|program| {
        oracle.ask(program)?;
        Ok(oracle.answer()?.trim_end().to_owned())
    });
    let traces: Vec<_> = answers.collect::<io::Result<_>>()?;
    compress(&programs_of(name), programs)?;
    compress(&traces_of(name), &traces)
}

/// Chooses the random programs.
fn choose() -> Vec<String> {
    let all = Programs { count: TAKEN + SEARCHED, from: 0, profiles: Profile::ALL.to_vec() };
    let mut coverage = Coverage::default();
    let mut chosen = Vec::new();
    for index in 0..all.count {
        let (profile, seed) = all.at(index);
        let program = sample(profile, seed);
        let cells = cells(&program);
        if index < TAKEN || chosen.len() < MOST && is_rare(&cells, &coverage) {
            coverage.add(&cells);
            chosen.push(program.to_json().to_string());
        }
        if index >= TAKEN && !is_any_rare(&coverage) {
            break;
        }
    }
    chosen
}

fn is_rare(cells: &BTreeSet<Cell>, coverage: &Coverage) -> bool {
    cells.iter().any(|cell| coverage.of(*cell) < RARE)
}

fn is_any_rare(coverage: &Coverage) -> bool {
    let cells = Stmt::OPS.iter().flat_map(|op| Phase::ALL.map(|phase| (*op, phase)));
    let mut possible = cells.filter(|(op, phase)| impossible(op, *phase).is_none());
    possible.any(|cell| coverage.of(cell) < RARE)
}

/// Writes lines, compressed to the same bytes every time.
fn compress(path: &Path, lines: &[String]) -> io::Result<()> {
    let mut gzip = GzBuilder::new().mtime(0).write(File::create(path)?, Compression::best());
    for line in lines {
        writeln!(gzip, "{line}")?;
    }
    gzip.finish()?.flush()
}
