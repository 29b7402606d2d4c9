//! What two files know of one shard is put together, and what cannot be of one is told.

use super::fake::header;
use crate::campaign::lines::{FailureLine, Hex, ProgressLine};
use crate::campaign::record::{FAILURES_MAX, Record};

type Order = (u64, u64, u64, u64);

/// A shard of which this was told, all at once.
fn record(next: u64, steps: u64, level: u32, orders: &[Order], failures: &[u64]) -> Record {
    let mut record = Record::new(header(0..9_000, 0..9_000, 0, 1));
    let before = failures.iter().filter(|seed| **seed < next).count();
    let add = |record: &mut Record, at: usize| {
        record.add_failure(failure(at, failures[at])).expect("a failure");
    };
    (0..before).for_each(|at| add(&mut record, at));
    let line = ProgressLine {
        from: 0,
        next,
        steps,
        counts: (0..before).map(|at| (at as u32, 1)).collect(),
        unlisted: 0,
        level,
        orders: orders
            .iter()
            .map(|(hash, runs, first, last)| (Hex(*hash), *runs, *first, *last))
            .collect(),
    };
    record.add_progress(line).expect("progress");
    (before..failures.len()).for_each(|at| add(&mut record, at));
    record
}

/// One that has a way of failing for each seed.
fn failure(id: usize, seed: u64) -> FailureLine {
    FailureLine {
        id: id as u32,
        seed,
        kind: "panic".to_owned(),
        signature: format!("panic at {seed:05}"),
        message: String::new(),
        case: None,
        fingerprint: Hex(seed),
    }
}

/// Joins both in both orders, which comes to the same.
#[track_caller]
fn joined(near: &Record, far: &Record) -> Result<Record, String> {
    let one = near.clone().join(far.clone());
    assert_eq!(one, far.clone().join(near.clone()));
    one
}

#[test]
fn what_was_counted_never_falls() {
    let near = record(256, 2_000, 0, &[], &[]);
    for (steps, is_so) in [(2_001, true), (2_000, true), (1_999, false)] {
        let far = record(512, steps, 0, &[], &[]);
        let wrong = "at seed 256 more had been counted than at 512".to_owned();
        assert_eq!(joined(&near, &far), if is_so { Ok(far) } else { Err(wrong) }, "{steps}");
    }
}

#[test]
fn orders_are_kept() {
    // An order, its runs, its first and its last round.
    let near = record(512, 9, 1, &[(6, 10, 0, 256), (8, 1, 256, 256)], &[]);
    let other = "the runs up to seed 512 came to other things".to_owned();
    let eight = (8, 1, 256, 256);
    for (level, six, is_so) in [
        (1, (6, 10, 0, 256), true),
        (1, (6, 11, 0, 512), true),
        (1, (6, 9, 0, 256), false),
        (1, (6, 10, 256, 256), false),
        (1, (6, 10, 0, 0), false),
        (0, (6, 10, 0, 256), false),
    ] {
        let far = record(768, 9, level, &[six, eight], &[]);
        let expected = if is_so { Ok(far.clone()) } else { Err(other.clone()) };
        assert_eq!(joined(&near, &far), expected, "{level} {six:?}");
    }
    // One that is missing has to have been left out of a smaller sample.
    let missing = record(768, 9, 1, &[eight], &[]);
    assert_eq!(joined(&near, &missing), Err(other));
    let smaller = record(768, 9, 62, &[], &[]);
    assert_eq!(joined(&near, &smaller), Ok(smaller));
}

#[test]
fn no_more_failures_are_listed_than_a_file_can_hold() {
    let listed = |count: usize| (0..count as u64).map(|seed| seed * 2).collect::<Vec<_>>();
    let far = record(5_000, 9, 0, &[], &listed(FAILURES_MAX));
    // It was killed before it had said how far it was.
    let near = record(0, 0, 0, &[], &[5_001]);
    assert_eq!(joined(&near, &far), Ok(far));
    // With room for it, it is listed behind the others.
    let far = record(5_000, 9, 0, &[], &listed(FAILURES_MAX - 1));
    let both = joined(&near, &far).expect("they agree");
    assert_eq!(both.failures.len(), FAILURES_MAX);
    let last = &both.failures[FAILURES_MAX - 1];
    assert_eq!((last.line.id, last.line.seed, last.count), (FAILURES_MAX as u32 - 1, 5_001, 0));
    assert_eq!(both.failures[..FAILURES_MAX - 1], far.failures);
}
