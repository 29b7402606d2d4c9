//! `RESULT.md`: what became of the mutations, and to which changes and which corpus that belongs.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// The parts of the recorded corpus, each a file of programs and one of traces.
pub(crate) const PARTS: [&str; 2] = ["named", "random"];

/// What became of the mutations.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// The corpus to which they were put.
    pub(crate) corpus: String,
    pub(crate) rows: Vec<Row>,
}

/// What became of one.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// `killed`, `survived` or `unbuilt`.
    pub(crate) fate: String,
    /// The program or test that has killed it.
    pub(crate) program: String,
    /// The hash of the change.
    pub(crate) change: String,
    /// The tree of `sim/src`, as git names it, to which the change was made.
    pub(crate) source: String,
}

const CORPUS: &str = "Corpus: ";

impl Table {
    /// Where it stands.
    pub(crate) const PATH: &str = "tests/mutations/RESULT.md";

    pub(crate) fn read(text: &str) -> Self {
        let corpus = text.lines().find_map(|line| line.strip_prefix(CORPUS)).unwrap_or_default();
        Table { corpus: corpus.to_owned(), rows: text.lines().filter_map(Row::read).collect() }
    }
}

impl Row {
    /// None for a line that is no row, such as the table's head.
    fn read(line: &str) -> Option<Self> {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let mut next = || cells.next().map(str::to_owned);
        let (name, fate, program) = (next()?, next()?, next()?);
        let (change, source) = (next()?, next()?);
        (name != "---").then_some(Row { name, fate, program, change, source })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "# What became of the mutations\n\n\
             Written by `cargo run --example mutations`: see `list.txt` for the changes. Each row \
             has the hash of its\nchange with its test, and the tree of `sim/src` to which it was \
             made; those of another change, test\nor corpus are run again.\n\n",
        )?;
        write!(f, "{CORPUS}{}\n\n", self.corpus)?;
        f.write_str("| mutation | | by the program or test | change | source |\n")?;
        f.write_str("| --- | --- | --- | --- | --- |\n")?;
        for Row { name, fate, program, change, source } in &self.rows {
            writeln!(f, "| {name} | {fate} | {program} | {change} | {source} |")?;
        }
        Ok(())
    }
}

/// The hash of the recorded corpus.
pub(crate) fn hash_of_corpus(root: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    for part in PARTS {
        for end in ["jsonl.gz", "trace.jsonl.gz"] {
            bytes.extend(fs::read(root.join(format!("tests/conformance/corpus/{part}.{end}")))?);
        }
    }
    Ok(hash(&bytes))
}

/// FNV-1a of 64 bits, in hexadecimal digits.
pub(crate) fn hash(bytes: &[u8]) -> String {
    let (offset, prime) = (0xcbf2_9ce4_8422_2325_u64, 0x100_0000_01b3);
    let hash =
        bytes.iter().fold(offset, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(prime));
    format!("{hash:016x}")
}
