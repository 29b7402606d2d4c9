//! The list of mutations follows the source; `cargo run --example mutations` puts them to the
//! corpus.

mod list;

use std::collections::BTreeSet;
use std::path::Path;

use list::Mutation;

#[test]
fn every_mutation_has_its_place_in_the_source_and_a_result() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = Mutation::all();
    let names: BTreeSet<&str> = all.iter().map(|mutation| mutation.name.as_str()).collect();
    assert!(names.len() == all.len() && all.len() >= 60, "{} mutations", names.len());
    let misplaced: Vec<_> = all.iter().filter_map(|mutation| mutation.apply(root).err()).collect();
    assert!(misplaced.is_empty(), "{misplaced:#?}");
    let results: BTreeSet<&str> = include_str!("mutations/RESULT.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .filter(|name| !["mutation", "---"].contains(name))
        .collect();
    assert!(results == names, "run `cargo run --example mutations` again");
}
