//! The list of mutations follows the source, and each was killed, by the recorded corpus or by the
//! test that it names; `cargo run --example mutations` puts them to it.

mod list;
mod result;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use list::Mutation;
use result::{Table, hash_of_corpus};

/// What is there now; a list that has become shorter has lost something.
const MUTATIONS: usize = 239;

const AGAIN: &str = "run `cargo run --example mutations` again";

#[test]
fn every_mutation_has_its_place_in_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = Mutation::all(root).expect("the list is there");
    let names: BTreeSet<&str> = all.iter().map(|mutation| mutation.name.as_str()).collect();
    assert!(names.len() == all.len() && all.len() >= MUTATIONS, "{} mutations", names.len());
    let applied = |mutation: &Mutation| match mutation.test {
        None => mutation.apply(root).map(drop),
        Some(_) => mutation.one_line(root).map(drop),
    };
    let misplaced: Vec<_> = all.iter().filter_map(|mutation| applied(mutation).err()).collect();
    assert!(misplaced.is_empty(), "{misplaced:#?}");
}

/// The result is of this very list, this very corpus and these very tests.
#[test]
fn every_mutation_was_killed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join(Table::PATH)).expect("the result is there");
    let table = Table::read(&text);
    assert_eq!(table.to_string(), text, "RESULT.md was written by somebody else");
    let corpus = hash_of_corpus(root).expect("the corpus is there");
    assert_eq!(table.corpus, corpus, "the corpus has changed: {AGAIN}");
    let found: Vec<(&str, &str)> =
        table.rows.iter().map(|row| (row.name.as_str(), row.change.as_str())).collect();
    let all = Mutation::all(root).expect("the list is there");
    let hashes = all.iter().map(|mutation| mutation.hash(root));
    let hashes: Vec<String> = hashes.collect::<Result<_, _>>().expect("the tests are there");
    let wanted: Vec<(&str, &str)> =
        all.iter().zip(&hashes).map(|(one, hash)| (one.name.as_str(), hash.as_str())).collect();
    let moved: Vec<_> = wanted.iter().filter(|row| !found.contains(row)).collect();
    assert!(moved.is_empty(), "the list has changed: {AGAIN}: {moved:#?}");
    assert_eq!(found, wanted, "rows stand elsewhere, or are gone: {AGAIN}");
    let left: Vec<_> = table.rows.iter().filter(|row| row.fate != "killed").collect();
    assert!(left.is_empty(), "not killed: {left:#?}");
    for (row, mutation) in table.rows.iter().zip(&all) {
        let test = mutation.test.as_deref();
        assert!(test.is_none_or(|test| row.program.starts_with(test)), "{row:#?}");
    }
}
