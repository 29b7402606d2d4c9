//! The README and its Japanese twin: that they show what the code does.
//!
//! That the README's code compiles is checked as doc tests of the scenarios' library, and its
//! commands are done by `readme/commands.py`, a step of `.ci/run`.

mod jobs;
mod kitchen;
mod store;

use std::collections::BTreeSet;
use std::path::Path;

use scenarios::ALL;

const READMES: [(&str, &str); 2] = [
    ("README.md", include_str!("../README.md")),
    ("README.ja.md", include_str!("../README.ja.md")),
];

/// The notes that the scenarios are from.
const NOTES: [(&str, &str); 2] = [
    ("docs/notes.md", include_str!("../docs/notes.md")),
    ("docs/notes.ja.md", include_str!("../docs/notes.ja.md")),
];

/// Three examples are tests of ours, which pass.
#[test]
fn the_other_examples_are_tests_that_run() {
    let [kitchen, store] = [include_str!("readme/kitchen.rs"), include_str!("readme/store.rs")];
    for code in [kitchen, store, include_str!("readme/jobs.rs")] {
        for (name, readme) in READMES {
            assert!(readme.contains(&format!("```rust\n{code}```")), "code of {name}: {code}");
        }
    }
}

/// The doc tests run the code of the README only, and the script its commands.
#[test]
fn both_readmes_show_the_same_code() {
    let blocks = |readme: &'static str| -> Vec<String> {
        let fenced = readme.split("\n```").skip(1).step_by(2);
        // What stands behind a command is for people.
        let code = fenced.map(|block| -> String {
            block
                .lines()
                .map(|line| format!("{}\n", line.split("  #").next().unwrap_or(line)))
                .collect()
        });
        code.collect()
    };
    let [(_, english), (_, japanese)] = READMES;
    assert!(blocks(english).len() > 1);
    assert_eq!(blocks(english), blocks(japanese));
    // What readers don't see says what the script does with each.
    let marks = |readme: &'static str| -> Vec<&'static str> {
        readme.lines().filter(|line| line.starts_with("<!--")).collect()
    };
    assert_eq!(marks(english), marks(japanese));
}

/// A page that was moved or renamed takes its readers with it.
#[test]
fn every_link_leads_to_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut followed = 0;
    for (name, text) in READMES.into_iter().chain(NOTES) {
        let folder = root.join(name).parent().expect("a folder").to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if !path.is_empty() && !link.contains("://") {
                assert!(folder.join(path).is_file(), "{name}: there is no {path}");
                followed += 1;
            }
        }
    }
    assert!(followed > 20, "only {followed} links");
}

/// The map from the document to the scenarios has each of them, and none that is not there.
#[test]
fn the_maps_have_every_scenario() {
    let all: BTreeSet<&str> = ALL.iter().map(|scenario| scenario.name).collect();
    for (name, readme) in NOTES {
        let last_cells = map_of(readme).filter_map(|row| row.rsplit('|').nth(1));
        let named: BTreeSet<&str> =
            last_cells.flat_map(|c| c.split('`').skip(1).step_by(2)).collect();
        assert_eq!(named, all, "in {name}");
    }
}

/// Each scenario stands in the rows of the sections that it names, by their full headings.
#[test]
fn the_maps_have_the_sections_of_the_scenarios() {
    for (name, readme) in NOTES {
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
