//! A shard that is killed at any moment and started again comes to what it would have come to.

use std::collections::{BTreeMap, BTreeSet};

use super::fake::{Disk, Fake, contents, failure_of, header, merged, run, run_at};
use crate::campaign::record::FAILURES_MAX;
use crate::campaign::source::{Kind, Sink, Source, Taken};

const FAKE: Fake = Fake { part: 90, orders: 12 };

/// The file of a shard that nothing has disturbed.
fn unbroken(source: &mut dyn Source) -> Vec<u8> {
    let disk = Disk::with(b"");
    assert_eq!(run(&disk, header(100..500, 100..500, 0, 1), source), Ok(()));
    disk.contents()
}

/// What it comes to is what the made-up runs say, counted by hand.
#[test]
fn all_runs_count_once() {
    let file = unbroken(&mut FAKE.clone());
    let contents = contents(&file);
    let [(record, 1)] = &contents.records[..] else { panic!("{contents:?}") };
    assert!(record.is_done() && contents.is_ended);
    assert_eq!(record.runs(), 400);
    assert_eq!(record.steps, (100..500).map(|seed| 10 + seed % 7).sum::<u64>());
    let mut failures: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for seed in 100..500 {
        if let Some((signature, _)) = failure_of(seed) {
            failures.entry(signature).or_insert((seed, 0)).1 += 1;
        }
    }
    let mut listed = BTreeMap::new();
    for noted in &record.failures {
        listed.insert(noted.line.signature.as_str(), (noted.line.seed, noted.count));
    }
    assert_eq!(listed, failures);
    let mut orders: BTreeMap<u64, u64> = BTreeMap::new();
    (100_u64..500).for_each(|seed| *orders.entry(seed * seed % 12).or_default() += 1);
    let seen: BTreeMap<u64, u64> =
        record.sample.orders().map(|(order, seen)| (order, seen.runs)).collect();
    assert_eq!(seen, orders);
    // The parts of rounds up to 256 and 500, a line for each.
    let text = String::from_utf8(file).expect("text");
    let count = |name: &str| text.lines().filter(|line| line.contains(name)).count();
    assert_eq!((count(r#""type":"progress""#), count(r#""type":"failure""#)), (5, 3));
}

#[test]
fn killed_at_any_byte_it_goes_on() {
    let whole = unbroken(&mut FAKE.clone());
    let expected = merged([&whole]).to_bytes();
    for at in 0..=whole.len() {
        let disk = Disk::with(&whole[..at]);
        let header = header(100..500, 100..500, 0, 1);
        // Another process may hand out runs in other parts.
        let mut fake = Fake { part: 40 + at as u64 % 100, ..FAKE };
        assert_eq!(run(&disk, header.clone(), &mut fake), Ok(()), "killed at {at}");
        let file = disk.contents();
        assert!(merged([&file]).to_bytes() == expected, "killed at {at}");
        assert!(file.starts_with(&whole[..at - torn(&whole[..at])]), "killed at {at}");
        let failures =
            |file: &[u8]| String::from_utf8_lossy(file).matches(r#"{"type":"failure""#).count();
        assert_eq!(failures(&file), failures(&whole), "killed at {at}");
        // Done is done.
        assert_eq!(run(&disk, header, &mut Refusing), Ok(()), "killed at {at}");
        assert_eq!(disk.contents(), file);
    }
}

/// What a crash of the machine leaves is a whole line that tells how far it is.
#[test]
fn what_is_told_is_synced() {
    let disk = Disk::with(b"");
    let header = header(100..500, 100..500, 0, 1);
    assert_eq!(run(&disk, header.clone(), &mut FAKE.clone()), Ok(()));
    let text = String::from_utf8(disk.contents()).expect("text");
    let mut expected = Vec::new();
    let mut length = 0;
    for line in text.lines() {
        length += line.len() + 1;
        match line.split('"').nth(3) {
            Some("header") => expected.extend([(length, "bytes"), (length, "name")]),
            Some("progress" | "done") => expected.push((length, "bytes")),
            _ => {}
        }
    }
    assert_eq!(*disk.synced.borrow(), expected);
}

/// How many bytes stand behind the last line.
fn torn(bytes: &[u8]) -> usize {
    bytes.iter().rev().take_while(|byte| **byte != b'\n').count()
}

/// Makes no run.
struct Refusing;

impl Source for Refusing {
    fn take(
        &mut self,
        seeds: std::ops::Range<u64>,
        _: &BTreeSet<String>,
        _: &mut Sink<'_>,
    ) -> std::io::Result<()> {
        Err(std::io::Error::other(format!("{seeds:?} are not to be made")))
    }
}

#[test]
fn on_a_full_disk_it_stops_and_goes_on_when_there_is_room() {
    let whole = unbroken(&mut FAKE.clone());
    let expected = merged([&whole]).to_bytes();
    let header = header(100..500, 100..500, 0, 1);
    for room in 0..=whole.len() {
        let disk = Disk { room, ..Disk::with(b"") };
        let ran = run(&disk, header.clone(), &mut FAKE.clone());
        if room == whole.len() {
            assert_eq!(ran, Ok(()));
        } else {
            let error = ran.expect_err("a full disk");
            let is_told = error.contains("StorageFull") || error.contains("cannot write DIR/shard");
            assert!(is_told, "{error}");
        }
        assert_eq!(disk.contents(), &whole[..room]);
        let disk = Disk { room: usize::MAX, ..disk };
        assert_eq!(run(&disk, header.clone(), &mut FAKE.clone()), Ok(()));
        assert!(merged([&disk.contents()]).to_bytes() == expected, "full at {room}");
    }
}

#[test]
fn what_was_run_is_kept_when_no_more_runs_can_be_made() {
    struct Tiring(u64);
    impl Source for Tiring {
        fn take(
            &mut self,
            seeds: std::ops::Range<u64>,
            known: &BTreeSet<String>,
            sink: &mut Sink<'_>,
        ) -> std::io::Result<()> {
            let end = seeds.end.min(seeds.start + self.0);
            FAKE.clone().take(seeds.start..end, known, sink)?;
            Err(std::io::Error::other("out of processes"))
        }
    }
    // With a line of progress at each part, and when none is due.
    for takes_time in [true, false] {
        let (disk, header) = (Disk::with(b""), header(100..500, 100..500, 0, 1));
        let ran = run_at(&disk, header.clone(), &mut Tiring(150), takes_time);
        assert!(ran.expect_err("no runs").contains("out of processes"));
        let file = disk.contents();
        let record = &contents(&file).records[0].0;
        assert_eq!((record.next, record.failures[0].count), (250, 2));
        assert_eq!(disk.synced.borrow().last(), Some(&(file.len(), "bytes")));
        assert_eq!(run(&disk, header, &mut FAKE.clone()), Ok(()));
        let whole = unbroken(&mut FAKE.clone());
        assert_eq!(merged([&disk.contents()]).to_bytes(), merged([&whole]).to_bytes());
    }
}

/// A failure that was noted behind the last line of progress has to come about again.
#[test]
fn runs_that_are_not_the_same_again_are_told() {
    struct Other(u64);
    impl Source for Other {
        fn take(
            &mut self,
            seeds: std::ops::Range<u64>,
            known: &BTreeSet<String>,
            sink: &mut Sink<'_>,
        ) -> std::io::Result<()> {
            FAKE.clone().take(seeds, known, &mut |taken: Taken| {
                let mut failures = taken.kinds;
                failures.retain(|failure| failure.signature != "crash");
                if taken.runs.contains(&self.0) {
                    let (run, kind, case) = (self.0, "crash".to_owned(), None);
                    let (signature, message) = (kind.clone(), String::new());
                    let (fingerprint, count) = (0, 1);
                    failures.push(Kind { signature, kind, message, run, case, fingerprint, count });
                }
                sink(Taken { kinds: failures, ..taken })
            })
        }
    }
    let whole = String::from_utf8(unbroken(&mut FAKE.clone())).expect("text");
    let noted = whole.find(r#""signature":"crash""#).expect("a crash");
    let killed = noted + whole[noted..].find('\n').expect("an end") + 1;
    for (seed, expected) in [
        (9, "'crash' came about at seed 431 before, and now it does not"),
        (430, "'crash' first came about at seed 431 before, and now at 430"),
        (432, "'crash' first came about at seed 431 before, and now at 432"),
    ] {
        let disk = Disk::with(&whole.as_bytes()[..killed]);
        let ran = run(&disk, header(100..500, 100..500, 0, 1), &mut Other(seed));
        assert_eq!(ran, Err(format!("Differs({expected:?})")));
        // It says nothing that is not so.
        assert_eq!(contents(&disk.contents()).records[0].0.next, 346);
    }
}

/// Runs that fail each in its own way.
struct Babel;

impl Source for Babel {
    fn take(
        &mut self,
        seeds: std::ops::Range<u64>,
        known: &BTreeSet<String>,
        sink: &mut Sink<'_>,
    ) -> std::io::Result<()> {
        Fake { part: 5_000, orders: 3 }.take(seeds, known, &mut |taken: Taken| {
            let failing = |run| {
                let signature = format!("panic {}", run % 1_500);
                let (kind, message, case) = ("panic".to_owned(), signature.clone(), None);
                Kind { signature, kind, message, run, case, fingerprint: 0, count: 1 }
            };
            let failures = taken.runs.clone().map(failing).rev().collect();
            sink(Taken { kinds: failures, ..taken })
        })
    }
}

/// The list is as long as memory allows, and the rest is counted.
#[test]
fn a_shard_lists_a_thousand_failures_wherever_it_is_killed() {
    let whole = {
        let disk = Disk::with(b"");
        assert_eq!(run(&disk, header(0..4_000, 0..4_000, 0, 1), &mut Babel), Ok(()));
        disk.contents()
    };
    let record = &contents(&whole).records[0].0;
    assert_eq!(record.failures.len(), FAILURES_MAX);
    // Of 4,000 runs the ones below 1,000 modulo 1,500 are listed.
    assert_eq!(record.unlisted, 500 + 500);
    assert_eq!(record.failures[999].count, 3);
    let ends = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    for (at, _) in ends.step_by(37) {
        let disk = Disk::with(&whole[..at]);
        assert_eq!(run(&disk, header(0..4_000, 0..4_000, 0, 1), &mut Babel), Ok(()));
        assert!(merged([&disk.contents()]).to_bytes() == merged([&whole]).to_bytes());
    }
}
