//! The README and its Japanese twin: that they show what the code does.
//!
//! That the README's code compiles is checked as doc tests of the scenarios' library.

mod jobs;
mod kitchen;
mod store;
mod transfer;

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use scenarios::ALL;
use seedloop::explore::Explorer;
use seedloop::testing::{Target, Test, run_test};

const READMES: [(&str, &str); 2] = [
    ("README.md", include_str!("../README.md")),
    ("README.ja.md", include_str!("../README.ja.md")),
];

/// The first example is the test in `readme/transfer.rs`, and fails with what is printed there.
#[test]
fn the_first_example_prints_what_is_shown() {
    let code = include_str!("readme/transfer.rs");
    let code = code.replace("pub(super) async fn", "#[seedloop::test]\nasync fn");
    let test = Test {
        package: "bank",
        target: Target { name: "transfer", binary: None, is_integration: true },
        module: "transfer",
        function: "transfers_end",
        // Not where it is: what fails here is to stay out of the regressions.
        file: "tests/transfer.rs",
        folder: "",
        cases: &[],
        expect_failure: None,
        arguments: "",
        attribute: "seedloop::test",
        aborts: false,
    };
    let run = || run_test(&test, Explorer::new(), transfer::transfers_end);
    let payload = catch_unwind(run).expect_err("the example finds its bug");
    let printed = payload.downcast::<String>().expect("a text");
    for (name, readme) in READMES {
        assert!(readme.contains(&format!("```rust\n{code}```")), "code of {name}");
        assert!(readme.contains(&format!("```text\n{printed}```")), "{name}, not:\n{printed}");
    }
}

/// Three more are tests of ours, which pass.
#[test]
fn the_other_examples_are_tests_that_run() {
    let [kitchen, store] = [include_str!("readme/kitchen.rs"), include_str!("readme/store.rs")];
    for code in [kitchen, store, include_str!("readme/jobs.rs")] {
        for (name, readme) in READMES {
            assert!(readme.contains(&format!("```rust\n{code}```")), "code of {name}: {code}");
        }
    }
}

/// The doc tests run the code of the README only.
#[test]
fn both_readmes_show_the_same_code() {
    let blocks = |readme: &'static str| -> Vec<&'static str> {
        let fenced = readme.split("\n```").skip(1).step_by(2);
        fenced.filter(|block| block.starts_with("rust")).collect()
    };
    let [(_, english), (_, japanese)] = READMES;
    assert!(blocks(english).len() > 1);
    assert_eq!(blocks(english), blocks(japanese));
}

/// The map from the document to the scenarios has each of them, and none that is not there.
#[test]
fn the_maps_have_every_scenario() {
    let all: BTreeSet<&str> = ALL.iter().map(|scenario| scenario.name).collect();
    for (name, readme) in READMES {
        let last_cells = map_of(readme).filter_map(|row| row.rsplit('|').nth(1));
        let named: BTreeSet<&str> =
            last_cells.flat_map(|c| c.split('`').skip(1).step_by(2)).collect();
        assert_eq!(named, all, "in {name}");
    }
}

/// Each scenario stands in the rows of the sections that it names, by their full headings.
#[test]
fn the_maps_have_the_sections_of_the_scenarios() {
    for (name, readme) in READMES {
        for scenario in ALL {
            for section in scenario.section.split("; ") {
                let mut rows = map_of(readme);
                let row = rows.find(|row| row.starts_with(&format!("| {section} |")));
                let named = format!("`{}`", scenario.name);
                let held = row.and_then(|row| row.rsplit('|').nth(1)?.find(&named));
                assert!(held.is_some(), "{name}: {named} in a row of {section}");
            }
        }
    }
}

/// The rows of the table in which the first scenario stands.
fn map_of(readme: &str) -> impl Iterator<Item = &str> {
    let first = format!("`{}`", ALL[0].name);
    let table = readme.split("\n\n").find(|part| part.starts_with('|') && part.contains(&first));
    table.expect("a map").lines().skip(2)
}
