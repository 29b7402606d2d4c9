//! The guides of the library: that they say what is so. Their code runs as doc tests, and rustdoc
//! looks after their links.

mod transfer;

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use seedloop::explore::{Explorer, Strategy};
use seedloop::testing::{Target, Test, run_test};

const CRATE: &str = include_str!("../sim/src/guide/crate.md");
const CAMPAIGNS: &str = include_str!("../sim/src/guide/campaigns.md");
const ASYNCIO: &str = include_str!("../sim/src/guide/asyncio.md");
const CI: &str = include_str!("../sim/src/guide/ci.md");
const CONTROL: &str = include_str!("../sim/src/guide/control.md");
const STRATEGIES: &str = include_str!("../sim/src/guide/strategies.md");

/// The first example is the test in `guide/transfer.rs`, and fails with what is printed there.
#[test]
fn the_first_example_prints_what_is_shown() {
    let code = include_str!("guide/transfer.rs");
    let code = code.replace("// #[", "#[").replace("pub(super) async fn", "async fn");
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
        is_isolated: false,
    };
    let begins_at = format!("tests/guide.rs:{}", line!() + 1);
    let run = || run_test(&test, Explorer::new(), transfer::transfers_end);
    let payload = catch_unwind(run).expect_err("the example finds its bug");
    let printed = payload.downcast::<String>().expect("a text");
    // A reader has one file, with the attribute in it.
    let printed = printed.replace("tests/guide/transfer.rs", "tests/transfer.rs");
    let printed = printed.replace(&begins_at, "tests/transfer.rs:10");
    assert!(CRATE.contains(&format!("```rust\n{code}```")), "the code is another one");
    assert!(CRATE.contains(&format!("```text\n{printed}```")), "not:\n{printed}");
}

/// Source: CPython 3.13.0, `asyncio.__all__`, and the public names of its classes.
#[test]
fn every_name_of_asyncio_has_its_place() {
    let cells = rows(ASYNCIO).filter_map(|row| row.split(" | ").next());
    let spans = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let words = spans.flat_map(|span| span.split(|c: char| !c.is_alphanumeric() && c != '_'));
    let named: BTreeSet<&str> = words.collect();
    // The guide names what a loop has for sockets and the like by how it begins.
    let families: Vec<&str> = named.iter().copied().filter(|name| name.ends_with('_')).collect();
    let is_told = |name: &&str| {
        named.contains(name) || families.iter().any(|family| name.starts_with(family))
    };
    let names = include_str!("guide/asyncio_names.txt").lines();
    let missing: Vec<&str> = names.filter(|name| !is_told(name)).collect();
    assert!(missing.is_empty(), "the guide for asyncio does not tell of {missing:?}");
}

#[test]
fn every_strategy_has_its_section() {
    for name in Strategy::NAMES.split(", ").filter(|name| *name != "pct") {
        let name = name.split(':').next().unwrap_or_default();
        let (head, title) = (&name[..1], &name[1..]);
        let section = format!("\n# {}{title}\n", head.to_uppercase());
        assert!(STRATEGIES.contains(&section), "no section of {name}");
        assert!(rows(STRATEGIES).any(|row| row.contains(&format!("(#{name})"))), "no row: {name}");
    }
}

/// What a strategy costs was measured, and stands in another file.
#[test]
fn the_costs_of_strategies_are_those_that_were_measured() {
    let measured = include_str!("../PERFORMANCE.md");
    let mut told = 0;
    for row in rows(STRATEGIES) {
        let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        let [name, .., cost] = cells[..] else { continue };
        let digits = cost.replace(',', "");
        let (Some(name), Ok(_)) = (name.split('`').nth(1), digits.parse::<u64>()) else { continue };
        let (name, walks) = (name.replace(":d", ":3"), "random walk, a recheck each 64 runs");
        let name = if name == "random" { walks } else { &name };
        let is_measured = rows(measured).any(|row| {
            row.starts_with(&format!("| {name} |")) && row.ends_with(&format!(" | {digits} |"))
        });
        assert!(is_measured, "PERFORMANCE.md has other seeds a second than {cost} for {name}");
        told += 1;
    }
    assert!(told >= 5, "only {told} costs");
}

/// What a billion and a trillion seeds cost follows from the rates that were measured, and from the
/// price that is assumed.
#[test]
fn the_costs_of_campaigns_follow_from_what_was_measured() {
    let measured = include_str!("../PERFORMANCE.md");
    assert!(CAMPAIGNS.contains("0.04 dollars for the hour of a core"));
    let digits = |text: &str| text.replace([',', '.'], "").parse::<u64>();
    let rounded = |number: u64, by: u64| (number + by / 2) / by;
    let mut told = 0;
    for row in rows(CAMPAIGNS) {
        let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        let [name, rate, costs @ ..] = &cells[..] else { continue };
        let Ok(rate) = digits(rate) else { continue };
        let name = name.trim_matches('`');
        let name = if name == "random" { "random walk, a recheck each 64 runs" } else { name };
        let is_measured = rows(measured).any(|row| {
            row.starts_with(&format!("| {name} |")) && row.ends_with(&format!(" | {rate} |"))
        });
        assert!(is_measured, "PERFORMANCE.md has other seeds a second than {rate} for {name}");
        // Tenths of an hour and cents of a billion, hours and dollars of a trillion.
        let billion: u64 = 1_000_000_000;
        let expected = [10, 1_000, 4, 40].map(|part| rounded(billion * part, rate * 3_600));
        let costs: Vec<u64> = costs.iter().map(|cost| digits(cost).expect("a number")).collect();
        assert_eq!(costs, expected, "{row}");
        told += 1;
    }
    assert!(told >= 4, "only {told} costs");
}

/// The table of variables stands in the code too, where what it says is done.
#[test]
fn the_variables_are_those_of_tests() {
    let code = include_str!("../sim/src/testing/environment.rs");
    let attribute = include_str!("../sim/src/lib.rs");
    let owners = ["| `SEEDLOOP_", "| `NEXTEST_"];
    let is_variable = |row: &&str| owners.iter().any(|owner| row.starts_with(owner));
    let variables: Vec<&str> = rows(CI).filter(is_variable).collect();
    let known = code.split("];").next().unwrap_or_default();
    assert_eq!(variables.len(), known.matches("\n    (\"").count());
    for row in variables {
        let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        let [name, takes, effect] = cells[..] else { panic!("three cells, not {row}") };
        let name = name.trim_matches('`');
        assert!(known.contains(&format!("(\"{name}\", \"{takes}\", \"{effect}\")")), "{row}");
        assert!(attribute.contains(&format!("/// {row}\n")), "not in the docs of `test`: {row}");
    }
}

/// The profile of the guide is the one that this repository has.
#[test]
fn the_profile_of_nextest_is_our_own() {
    let blocks = CI.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let profile = blocks.into_iter().find(|block| block.starts_with("[profile.night]"));
    let profile = profile.expect("a profile in the guide");
    assert!(include_str!("../.config/nextest.toml").contains(profile), "not:\n{profile}");
}

/// The README has the same table, since nobody should begin without it.
#[test]
fn what_is_controlled_is_the_same_everywhere() {
    let table = |text: &'static str, head: &str| -> Vec<&'static str> {
        let table = text.split("\n\n").find(|part| part.starts_with(head));
        table.expect("a table of what is controlled").lines().collect()
    };
    let ours = table(CONTROL, "| surface |");
    assert_eq!(ours, table(include_str!("../README.md"), "| surface |"));
    // In Japanese the words are others, and the names in them are not.
    let names = |rows: &[&'static str]| -> Vec<BTreeSet<&'static str>> {
        rows.iter().map(|row| row.split('`').skip(1).step_by(2).collect()).collect()
    };
    let japanese = table(include_str!("../README.ja.md"), "| 対象 |");
    assert_eq!(names(&ours), names(&japanese));
}

/// The rows of all tables.
fn rows(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.starts_with("| "))
}
