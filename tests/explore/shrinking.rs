//! That a failure is made as small as it gets, whatever run it was found in.

use scenarios::known_bugs::{ALL, KnownBug};
use seedloop::explore::Explorer;

use super::table::explored;

/// How many runs find each of them, every one in another way.
const SEEDS: u64 = 20;

/// One for each way to shrink: a hold, picks, a pair, what all do alike, steps without a label.
const SHRUNK: [&str; 8] = [
    "bluetooth",
    "circular-buffer",
    "philosophers-5",
    "twostage-2",
    "twostage-20",
    "reorder-20",
    "aio-sem-cancel",
    "notify-before-wait",
];

#[test]
fn every_failure_of_a_bug_shrinks_to_the_same_size() {
    for name in SHRUNK {
        let bug = ALL.iter().find(|bug| bug.name == name).expect("a known bug");
        for seed in 0..SEEDS {
            check_shrunk(bug, seed);
        }
    }
}

fn check_shrunk(bug: &KnownBug, seed: u64) {
    let found = explored(&Explorer::new().runs(2_000).seed(seed), bug.body);
    let failure = found.expect("the bug is found");
    assert!(failure.replays <= 300, "{}, seed {seed}: {} replays", bug.name, failure.replays);
    assert_eq!(failure.case.len(), bug.size, "{}, seed {seed}: {}", bug.name, failure.case);
}

/// With no replays there is nothing to shrink with, and the case still fails.
#[test]
fn a_case_is_whole_without_replays() {
    let bug = ALL.iter().find(|bug| bug.name == "bluetooth").expect("a known bug");
    let explorer = Explorer::new().runs(2_000).shrink_replays(0);
    let failure = explored(&explorer, bug.body).expect("the bug is found");
    assert_eq!((failure.replays, failure.case.len()), (0, failure.found_with));
    let replayed = explorer.replay_runs(&failure.case, &bug.body, &|_| Ok(()));
    assert_eq!(replayed.fault.map(|fault| fault.kind), Some(failure.fault.kind));
}
