//! The known bugs: how soon they are found, and that their corrected twins have none.

use std::collections::BTreeSet;

use scenarios::known_bugs::{ALL, KnownBug};
use seedloop::explore::{Explorer, Strategy};

use super::table::{Effort, explored, table};

/// The full table, of 200 trials, is `tests/explore/known_bugs.txt`: `just known-bugs` makes it.
const EFFORT: Effort = Effort { trials: 3, single_max: 10, portfolio_max: 2_000 };

/// How many schedules each corrected twin is put to, and those of many tasks.
const FIXED_RUNS: u64 = 1_000;
const FIXED_RUNS_OF_MANY: u64 = 100;

#[test]
fn every_known_bug_is_found() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/explore"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description("schedules to the first failure, mean/worst of three trials");
    settings.bind(|| insta::assert_snapshot!("known-bugs", table(EFFORT)));
}

#[test]
fn no_corrected_twin_fails() {
    for bug in ALL {
        let are_many = bug.name.ends_with("-20") || bug.name.ends_with("-50");
        let runs = if are_many { FIXED_RUNS_OF_MANY } else { FIXED_RUNS };
        if let Some(failure) = explored(&Explorer::new().runs(runs), bug.fixed) {
            panic!("{}-fixed, run {}: {}", bug.name, failure.run, failure.fault);
        }
    }
}

#[test]
fn every_known_bug_has_a_name_of_its_own_and_a_source() {
    let names: BTreeSet<&str> = ALL.iter().map(|bug| bug.name).collect();
    assert_eq!(names.len(), ALL.len());
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    for bug in ALL {
        assert!(bug.name.chars().all(|letter| is_name(letter) || letter == '-'), "{}", bug.name);
        assert!(!bug.source.is_empty() && !bug.summary.is_empty(), "{}", bug.name);
    }
}

/// There are too many smaller cases of this one to try all.
const UNKNOWN_MINIMUM: &str = "philosophers-8";

/// The bugs need what their table says: with fewer picks and awaits that give way nothing fails. A
/// hold is several picks, so that of bugs that need one hold it is not known here.
#[test]
fn no_smaller_case_shows_a_bug() {
    let known = |bug: &&KnownBug| bug.size > 0 && bug.name != UNKNOWN_MINIMUM;
    for bug in ALL.iter().filter(known) {
        let strategy = Strategy::Exhaustive { deviations: bug.size as u32 - 1 };
        let exploration = Explorer::new().strategy(strategy).explore_runs(&bug.body, &|_| Ok(()));
        let found = exploration.failure;
        assert!(found.is_none(), "{}: {}", bug.name, found.expect("just found").case);
        assert!(exploration.statistics.exhausted, "{} was cut off", bug.name);
    }
}
