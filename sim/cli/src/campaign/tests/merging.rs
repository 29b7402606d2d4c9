//! Files are merged in any order and grouping, and what comes of it is the same.

use std::ops::Range;

use proptest::prelude::*;

use super::fake::{Disk, Fake, contents, header, merged, resealed, run};
use crate::campaign::lines::Header;
use crate::campaign::pieces::Pieces;
use crate::campaign::seeds::Cuts;
use crate::campaign::summary::Summary;

fn text(pieces: &Pieces) -> String {
    Summary::new(pieces).expect("a shard").to_string()
}

/// The file of a shard of `seeds`, handed out in parts of this length.
fn file(seeds: &Range<u64>, count: u32, index: u32, part: u64, orders: u64) -> Vec<u8> {
    killed(header_of(seeds, count, index), &[(part, 1_000)], orders)
}

fn header_of(seeds: &Range<u64>, count: u32, index: u32) -> Header {
    let shard = Cuts::new(seeds.clone(), count).expect("enough seeds").shard(index);
    header(seeds.clone(), shard, index, count)
}

/// A copy of a shard's file: which shard; in what parts it was run and where it was killed, each
/// time that it was, in thousandths of its file; and how many copies there are.
type Copy = (prop::sample::Index, Vec<(u64, usize)>, usize);

/// The file of a shard that was killed at each of these places, and each time started again.
fn killed(whole: Header, kills: &[(u64, usize)], orders: u64) -> Vec<u8> {
    let mut disk = Disk::with(b"");
    for (part, thousandths) in kills {
        assert_eq!(run(&disk, whole.clone(), &mut Fake { part: *part, orders }), Ok(()));
        let file = disk.contents();
        disk = Disk::with(&file[..file.len() * thousandths / 1_000]);
    }
    disk.contents()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_grouping_gives_the_same(
        start in prop_oneof![0..3_000_u64, 3_900..9_000_u64],
        length in prop_oneof![20..400_u64, 1_000..6_000_u64],
        count in 1..6_u32,
        orders in prop_oneof![Just(30_u64), Just(1_000_003)],
        copies in proptest::collection::vec(
            (
                any::<prop::sample::Index>(),
                proptest::collection::vec(
                    (50..900_u64, prop_oneof![0..1_000_usize, Just(1_000)]),
                    1..4,
                ),
                1..3_usize,
            ),
            1..8,
        ),
        order in any::<u64>(),
        groups in 1..5_usize,
        is_deep: bool,
    ) {
        let seeds = start..start + length;
        let mut files: Vec<Vec<u8>> = Vec::new();
        let copy = |(shard, kills, times): &Copy, files: &mut Vec<Vec<u8>>| {
            let index = shard.index(count as usize) as u32;
            let file = killed(header_of(&seeds, count, index), kills, orders);
            files.extend(std::iter::repeat_n(file, *times));
        };
        copies.iter().for_each(|one| copy(one, &mut files));
        // One is there of which something is known.
        files.push(file(&seeds, count, 0, 77, orders));
        let all = merged(&files);
        let (expected, expected_text) = (all.to_bytes(), text(&all));
        prop_assert_eq!(contents(&expected).whole, expected.len() as u64);

        let mut shuffled = files.clone();
        let mut state = order;
        for at in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(at, (state >> 33) as usize % (at + 1));
        }
        let mut parts: Vec<Vec<u8>> = Vec::new();
        let size = shuffled.len().div_ceil(groups);
        for group in shuffled.chunks(size) {
            if group.iter().any(|file| !contents(file).records.is_empty()) {
                // A group may be merged with what was merged before, or by itself.
                let before = parts.last().filter(|_| is_deep).cloned();
                parts.push(merged(group.iter().chain(&before)).to_bytes());
            }
        }
        let grouped = merged(&parts);
        prop_assert_eq!(text(&grouped), expected_text);
        prop_assert!(grouped.to_bytes() == expected, "the merged files differ");
    }

    /// However it is cut into shards, the same was run.
    #[test]
    fn shards_come_to_the_same_as_one(
        start in prop_oneof![0..3_000_u64, 3_900..9_000_u64],
        length in 20..12_000_u64,
        count in 2..9_u32,
        part in 50..5_000_u64,
    ) {
        let seeds = start..start + length;
        let one = merged([&file(&seeds, 1, 0, 4_096, 1_000_003)]);
        let files: Vec<_> =
            (0..count).map(|index| file(&seeds, count, index, part, 1_000_003)).collect();
        prop_assert_eq!(text(&merged(&files)), text(&one));
    }
}

#[test]
fn what_is_known_together_is_told() {
    let seeds = 0..6_000;
    let files: Vec<_> = (0..3).map(|index| file(&seeds, 3, index, 4_096, 1_000_003)).collect();
    let all = "\
campaign  tea, seed 0; code 0000000000000abc
seeds     0..6000: 6,000 runs
steps     77,997
orders    about 5,656 distinct; the next run shows a new one with 94.2 %
failures  3 kinds, in 96 runs

panic, in 62 runs, first at seed 13
  it failed with 13
  as always
  replay: cargo run -- replay tea 'sl1.1.any.-:1.13@1!'

deadlock, in 28 runs, first at seed 150
  it failed with 150
  as always
  replay: cargo run -- replay tea 'sl1.1.any.-:1.150@1!'

crash, in 6 runs, first at seed 431
  it failed with 431
  as always
  no case replays it; what makes the run again: \
  cargo run -- campaign tea --seeds 431..432 --out DIR --seed 0
";
    assert_eq!(text(&merged(&files)), all);
    // The second one of three, cut off behind its first line of progress.
    let second = String::from_utf8(files[1].clone()).expect("text");
    let progress = second.find(r#"{"type":"progress""#).expect("progress");
    let end = progress + second[progress..].find('\n').expect("an end") + 1;
    let some = [files[2].clone(), second.as_bytes()[..end].to_owned()];
    let pieces = merged(&some);
    let head = "\
campaign  tea, seed 0; code 0000000000000abc
seeds     1792..2048, 3840..6000: 2,416 runs
missing   0..1792, 2048..3840: 3,584 runs
";
    let text = text(&pieces);
    assert!(text.starts_with(head), "{text}");
    assert_eq!(Summary::new(&pieces).expect("shards").status().code(), 1);
}

/// It was found before the process was killed, and has failed once at least.
#[test]
fn a_failure_that_no_line_counts_counts_once() {
    let file = String::from_utf8(file(&(0..300), 1, 0, 256, 30)).expect("text");
    let failure = file.find(r#"{"type":"failure""#).expect("a failure");
    let end = failure + file[failure..].find('\n').expect("an end") + 1;
    let told = text(&merged([&file.as_bytes()[..end].to_vec()]));
    let expected = "\
failures  1 kind, in 1 run

panic, in 1 run, first at seed 13
";
    assert!(told.contains(expected), "{told}");
}

/// Merges two files, which can't be, and tells why.
#[track_caller]
fn refused(one: &[u8], other: &[u8]) -> String {
    let mut both = Vec::new();
    for (first, second) in [(one, other), (other, one)] {
        let mut pieces = Pieces::default();
        let names = if first == one { ["one", "other"] } else { ["other", "one"] };
        pieces.add_file(names[0], contents(first)).expect("the first");
        let wrong = pieces.add_file(names[1], contents(second)).expect_err("contradicts it");
        assert_eq!(wrong.text().0, 2);
        both.push(wrong.text().1.to_owned());
    }
    both.swap_remove(0)
}

#[test]
fn files_that_contradict_each_other_are_refused() {
    let whole = file(&(0..1_000), 2, 1, 200, 30);
    let text = String::from_utf8(whole.clone()).expect("text");
    let change = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        resealed(&changed)
    };
    for (from, to, how) in [
        (r#""seed":361,"#, r#""seed":362,"#, "'deadlock src/a.rs:3:1' is not the same in both"),
        ("it failed with", "it fails with", "'panic src/lib.rs:40:9' is not the same in both"),
        (
            r#""signature":"crash""#,
            r#""signature":"fire""#,
            "'crash' at seed 431 is in one of them only",
        ),
    ] {
        let text = refused(&whole, &change(from, to));
        let expected = format!("one and other contradict each other: {how}, in shard 1 of 2");
        assert_eq!(text, expected);
    }
    let last = text.rfind(r#""steps":"#).expect("progress");
    let steps = [&text[..last], r#""steps":9"#, &text[last + 8..]].concat();
    assert_eq!(
        refused(&whole, &resealed(&steps)),
        "one and other contradict each other: the runs up to seed 1000 came to other things, in \
         shard 1 of 2"
    );

    // Another division of the same seeds: some of them are in both.
    let other = file(&(0..1_000), 3, 2, 200, 30);
    assert_eq!(
        refused(&whole, &other),
        "one with seeds 256..1000 and other with 512..1000 overlap\n  tip: leave out one of them, \
         or its runs would count twice"
    );
    let differs = [
        (r#""scenario":"tea""#, r#""scenario":"milk""#, "scenario is tea in one and milk in"),
        (
            "0000000000000abc",
            "0000000000000abd",
            "code is 0000000000000abc in one and \
          0000000000000abd in",
        ),
        ("seedloop 0.1.0", "seedloop 0.2.0", "tool is seedloop 0.1.0 in one and seedloop 0.2.0 in"),
        (r#"{"seed":"0"}"#, r#"{"seed":"7"}"#, "seed is 0 in one and 7 in"),
        (r#"{"seed":"0"}"#, "{}", "seed is 0 in one and not set in"),
    ];
    for (from, to, how) in differs {
        assert_eq!(
            refused(&whole, &change(from, to)),
            format!(
                "one and other are of two campaigns: the {how} the other\n  tip: merge the files \
                 of each campaign by themselves"
            )
        );
    }
}

/// A campaign may be followed by one of further seeds.
#[test]
fn campaigns_of_other_seeds_add_up() {
    let files = [file(&(0..1_000), 2, 1, 200, 30), file(&(1_500..2_000), 1, 0, 200, 30)];
    let pieces = merged(&files);
    assert_eq!(pieces.asked(), [0..1_000, 1_500..2_000]);
    assert_eq!(pieces.covered(), [256..1_000, 1_500..2_000]);
    assert_eq!(pieces.holes(), vec![Range { start: 0, end: 256 }]);
}
