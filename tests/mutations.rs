//! The list of mutations follows the source, and each was killed by the recorded corpus;
//! `cargo run --example mutations` puts them to it.

mod list;
mod result;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use list::Mutation;
use result::{Table, hash_of_corpus};

/// What is there now; a list that has become shorter has lost something.
const MUTATIONS: usize = 139;

const AGAIN: &str = "run `cargo run --example mutations` again";

#[test]
fn every_mutation_has_its_place_in_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = Mutation::all(root).expect("the list is there");
    let names: BTreeSet<&str> = all.iter().map(|mutation| mutation.name.as_str()).collect();
    assert!(names.len() == all.len() && all.len() >= MUTATIONS, "{} mutations", names.len());
    let misplaced: Vec<_> = all.iter().filter_map(|mutation| mutation.apply(root).err()).collect();
    assert!(misplaced.is_empty(), "{misplaced:#?}");
}

/// The result is of this very list and this very corpus.
#[test]
fn every_mutation_was_killed_by_the_corpus() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join(Table::PATH)).expect("the result is there");
    let table = Table::read(&text);
    assert_eq!(table.to_string(), text, "RESULT.md was written by somebody else");
    let corpus = hash_of_corpus(root).expect("the corpus is there");
    assert_eq!(table.corpus, corpus, "the corpus has changed: {AGAIN}");
    let found: Vec<(&str, &str)> =
        table.rows.iter().map(|row| (row.name.as_str(), row.change.as_str())).collect();
    let all = Mutation::all(root).expect("the list is there");
    let hashes: Vec<String> = all.iter().map(Mutation::hash).collect();
    let wanted: Vec<(&str, &str)> =
        all.iter().zip(&hashes).map(|(one, hash)| (one.name.as_str(), hash.as_str())).collect();
    assert_eq!(found, wanted, "the list has changed: {AGAIN}");
    let left: Vec<_> = table.rows.iter().filter(|row| row.fate != "killed").collect();
    assert!(left.is_empty(), "not killed: {left:#?}");
}
