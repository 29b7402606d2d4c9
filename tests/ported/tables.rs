//! Holds the tables of ported tests to what there is: every row is decided, every test that a row
//! names exists, and every test here is in a row.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A table, with the number of test methods in that file of CPython 3.13.0.
const TABLES: [(&str, usize); 16] = [
    ("test_asyncgen", 82),
    ("test_base_events", 112),
    ("test_concurrent_futures", 99),
    ("test_context", 1),
    ("test_events", 113),
    ("test_futures", 57),
    ("test_futures2", 4),
    ("test_locks", 75),
    ("test_pep492", 11),
    ("test_queues", 41),
    ("test_runners", 29),
    ("test_taskgroups", 40),
    ("test_tasks", 160),
    ("test_threads", 6),
    ("test_timeouts", 34),
    ("test_waitfor", 19),
];

/// A row: a test of CPython, and what became of it.
struct Row {
    original: String,
    fate: Fate,
}

enum Fate {
    /// Ported as these tests, `module::name` each.
    Ported(Vec<String>),
    /// Says nothing about us, for a reason.
    DoesNotApply(String),
}

/// Rows are `Class.test = module::name, ..` or `Class.test : why not`.
fn parse(table: &str, text: &str) -> Vec<Row> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let row = |line: &str| {
        let (original, fate) = match (line.split_once(" = "), line.split_once(" : ")) {
            (Some((original, tests)), None) => {
                (original, Fate::Ported(tests.split(", ").map(|test| test.trim().into()).collect()))
            }
            (_, Some((original, why))) => (original, Fate::DoesNotApply(why.trim().into())),
            (None, None) => panic!("{table}: no decision in {line:?}"),
        };
        Row { original: original.trim().into(), fate }
    };
    lines.map(row).collect()
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ported")
}

/// Returns the ported tests: those of this folder as `module::name`, and those of locks and queues
/// as `sync::module::name`.
fn tests_here() -> BTreeSet<String> {
    let mut tests = tests_in(&folder(), "", "");
    tests.append(&mut tests_in(&folder().with_file_name("sync"), "ported_", "sync::"));
    tests
}

/// Returns the tests in a folder's sources whose names begin with `start`.
fn tests_in(folder: &Path, start: &str, prefix: &str) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a folder of tests") {
        let path = entry.expect("a readable entry").path();
        let module = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if !is_source || !module.starts_with(start) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source in UTF-8");
        let mut lines = text.lines();
        while lines.any(|line| line == "#[test]") {
            let head = lines.find_map(|line| line.strip_prefix("fn ")).expect("a test");
            let name = head.split('(').next().expect("a name");
            tests.insert(format!("{prefix}{module}::{name}"));
        }
    }
    tests
}

fn rows_of(table: &str) -> Vec<Row> {
    let path = folder().join("tables").join(table).with_extension("txt");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    parse(table, &text)
}

#[test]
fn the_tables_name_what_there_is() {
    let here = tests_here();
    let mut named = BTreeSet::new();
    let mut wrong = Vec::new();
    for (table, count) in TABLES {
        let rows = rows_of(table);
        let originals: BTreeSet<&str> = rows.iter().map(|row| row.original.as_str()).collect();
        assert_eq!(originals.len(), rows.len(), "{table} has a row twice");
        assert_eq!(rows.len(), count, "{table} does not have a row for each test");
        for Row { original, fate } in rows {
            match fate {
                Fate::DoesNotApply(why) if why.len() < 10 => {
                    wrong.push(format!("{table} {original}: no reason"));
                }
                Fate::DoesNotApply(_) => {}
                Fate::Ported(tests) => {
                    let missing = tests.iter().filter(|test| !here.contains(*test));
                    wrong.extend(missing.map(|test| format!("{table} {original}: no {test}")));
                    named.extend(tests);
                }
            }
        }
    }
    let own = |test: &&String| !test.starts_with("tables::");
    let unnamed = here.difference(&named).filter(own);
    wrong.extend(unnamed.map(|test| format!("{test} is in no table")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
