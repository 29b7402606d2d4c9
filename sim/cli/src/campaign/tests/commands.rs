//! The commands, over real folders.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::fake::{Fake, Folder, header};
use crate::campaign::folder::{Opened, file_name, open, shard_named};
use crate::campaign::lines::{Header, ShardOf};
use crate::campaign::plan::Plan;
use crate::campaign::shards::Shards;
use crate::campaign::source::Source;
use crate::campaign::wrong::Wrong;
use crate::cli::Cli;
use crate::output::Output;

const FAKE: Fake = Fake { part: 90, orders: 30 };

/// What a process of a campaign says, and what it complains of; the code only of what goes wrong.
fn campaign(folder: &Path, header: Header, shards: Shards) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut output = Output::new(&mut out, &mut err);
    let mut start = || Ok::<Box<dyn Source>, Wrong>(Box::new(FAKE));
    let ran = Plan::new(folder, header, shards)
        .and_then(|plan| plan.run(&mut start, &|| Duration::ZERO, &mut output));
    let (code, text) = match ran {
        Ok((summary, status)) => (status.code(), summary.to_string()),
        Err(wrong) => (wrong.text().0, wrong.text().1.to_owned()),
    };
    (code, text, String::from_utf8(err).expect("text"))
}

fn all_of(seeds: Range<u64>) -> Header {
    header(seeds.clone(), seeds, 0, 1)
}

fn shards(count: u32, index: Option<u32>) -> Shards {
    Shards { count, index }
}

/// What the tool says, and complains of.
fn tool(arguments: &[&str]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut output = Output::new(&mut out, &mut err);
    let status = Cli::new(&[]).run_with([&["tool"], arguments].concat(), &mut output);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(out), text(err))
}

#[test]
fn shards_are_run_in_any_order_and_merged() {
    let (one, many) = (Folder::new("one"), Folder::new("many"));
    let (code, whole, err) = campaign(&one.0, all_of(0..2_000), shards(1, None));
    assert_eq!((code, &*err), (1, ""));
    assert!(whole.contains("seeds     0..2000: 2,000 runs\n"), "{whole}");
    let (folder, merged) = (many.0.display().to_string(), many.0.join("all.jsonl"));
    let merged = merged.display().to_string();
    let mut said = Vec::new();
    for index in [2, 0, 1] {
        let (code, text, err) = campaign(&many.0, all_of(0..2_000), shards(3, Some(index)));
        assert_eq!((code, &*err), (1, ""), "{text}");
        said.push(text);
    }
    // Each tells of itself, and the last one of all.
    assert!(said[0].contains("seeds     1280..2000: 720 runs\nmissing   0..1280: 1,280 runs\n"));
    assert_eq!(said[2], whole);
    assert_eq!(tool(&["merge", &folder, "--out", &merged]), (1, whole.clone(), String::new()));
    let bytes = fs::read(&merged).expect("a merged file");
    assert_eq!(tool(&["merge", &merged, &folder, &merged]), (1, whole.clone(), String::new()));
    assert_eq!(tool(&["merge", &merged, "--out", &merged]), (1, whole.clone(), String::new()));
    assert_eq!(fs::read(&merged).expect("the same file"), bytes);
    assert_eq!(fs::read_dir(&many.0).expect("a folder").count(), 4, "and nothing else");
    // Done is done, and said.
    let (code, text, err) = campaign(&many.0, all_of(0..2_000), shards(3, None));
    let done = "shard 0 of 3 is done\nshard 1 of 3 is done\nshard 2 of 3 is done\n";
    assert_eq!((code, &*text, &*err), (1, &*whole, done));

    // Without a failure what is missing counts.
    let clean = Folder::new("clean");
    let (code, text, _) = campaign(&clean.0, all_of(2_200..2_224), shards(2, Some(1)));
    assert_eq!(code, 0);
    let expected = "\
campaign  tea, seed 0; code 0000000000000abc
seeds     2212..2224: 12 runs
missing   2200..2212: 12 runs
steps     151
orders    8 distinct
failures  none
";
    assert_eq!(text, expected);
    let folder = clean.0.display().to_string();
    assert_eq!(tool(&["merge", &folder]), (4, expected.to_owned(), String::new()));
    assert_eq!(campaign(&clean.0, all_of(2_200..2_224), shards(2, None)).0, 0);
    assert_eq!(tool(&["merge", &folder]).0, 0);
}

const ANEW: &str =
    "\n  tip: go on with what it was begun with, or name another folder with '--out'";

#[test]
fn another_campaign_in_the_folder_is_told() {
    let folder = Folder::new("another");
    let file = folder.0.join(file_name(1, 2));
    assert_eq!(campaign(&folder.0, all_of(0..500), shards(2, Some(1))).0, 1);
    let before = fs::read(&file).expect("a file");
    let mut changed = all_of(0..500);
    changed.scenario = "milk".to_owned();
    changed.options.insert("seed".to_owned(), "3".to_owned());
    changed.options.insert("depth".to_owned(), "9".to_owned());
    changed.code.0 = 0xdef;
    let changes = "its scenario is tea, not milk; its code is 0000000000000abc, not \
                   0000000000000def; its depth is not set, not 9; its seed is 0, not 3";
    for (header, of, how) in [
        (changed.clone(), shards(2, Some(1)), changes),
        // Another shard of it, too.
        (changed, shards(2, Some(0)), changes),
        (all_of(0..501), shards(2, Some(1)), "its range is 0..500, not 0..501"),
        (all_of(0..500), shards(3, Some(1)), "it has 2 shards, not 3"),
    ] {
        let (code, text, err) = campaign(&folder.0, header, of);
        let expected = format!("{} is of another campaign: {how}{ANEW}", file.display());
        assert_eq!((code, &*text, &*err), (2, &*expected, ""));
    }
    assert_eq!(fs::read(&file).expect("the same file"), before);
    assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 1);
}

/// Each has found an empty folder.
#[test]
fn of_two_campaigns_that_begin_at_once_in_a_folder_one_is_told() {
    for round in 0..40 {
        let folder = Folder::new("at-once");
        let start = Barrier::new(3);
        let begin = |index: u32, count: u32, seed: &str| {
            let mut header = header(0..500, 0..500, index, count);
            header.shard = ShardOf {
                from: 500 * u64::from(index) / u64::from(count),
                to: 500 * u64::from(index + 1) / u64::from(count),
                ..header.shard
            };
            header.options.insert("seed".to_owned(), seed.to_owned());
            start.wait();
            let opened = open(&folder.0, header);
            opened.err().map(|wrong| (wrong.text().0, wrong.text().1.to_owned()))
        };
        #[expect(clippy::disallowed_methods, reason = "no runs, but what races for a folder")]
        let told = thread::scope(|scope| {
            let one = scope.spawn(|| begin(0, 2, "0"));
            let other = scope.spawn(|| begin(1, 2, "7"));
            let third = scope.spawn(|| begin(2, 3, "0"));
            [one, other, third].map(|thread| thread.join().expect("no panic"))
        });
        let files = [(0, 2), (1, 2), (2, 3)].map(|(index, count)| {
            fs::read(folder.0.join(file_name(index, count))).expect("a file")
        });
        let begun: Vec<usize> = (0..3).filter(|at| told[*at].is_none()).collect();
        let [won] = begun[..] else { panic!("in round {round}: {told:?}") };
        for (at, (told, file)) in told.iter().zip(&files).enumerate() {
            assert_eq!(file.is_empty(), at != won, "in round {round}");
            let Some((code, text)) = told else { continue };
            assert!(*code == 2 && text.contains(" is of another campaign: it"), "{text}");
        }
        // Those that were told are in nobody's way.
        let seed = if won == 1 { "7" } else { "0" };
        let mut right = header(0..500, 0..500, 0, 1);
        right.options.insert("seed".to_owned(), seed.to_owned());
        let count = if won == 2 { 3 } else { 2 };
        assert_eq!(campaign(&folder.0, right, shards(count, None)).0, 1);
    }
}

#[test]
fn two_processes_do_not_run_one_shard() {
    let folder = Folder::new("lock");
    let header = || header(0..500, 0..500, 0, 1);
    let Ok(Opened::Open(first)) = open(&folder.0, header()) else { panic!("it is open") };
    let locked = format!(
        "{} is locked: another process runs this shard\n  tip: let it end, or give each process a \
         shard of its own with '--shard'",
        folder.0.join(file_name(0, 1)).display()
    );
    assert_eq!(open(&folder.0, header()).expect_err("locked").text(), (2, &*locked));
    let (code, text, _) = campaign(&folder.0, all_of(0..500), shards(1, None));
    assert_eq!((code, &*text), (2, &*locked));
    // What it was begun with counts, also if the folder was not looked at before.
    let file = folder.0.join(file_name(0, 1));
    let begun = fs::read(&file).expect("a file");
    drop(first);
    let mut other = header();
    other.options.insert("seed".to_owned(), "3".to_owned());
    let wrong = open(&folder.0, other).expect_err("another campaign");
    let expected = format!("{} is of another campaign: its seed is 0, not 3{ANEW}", file.display());
    assert_eq!(wrong.text(), (2, &*expected));
    assert_eq!(fs::read(&file).expect("the same file"), begun);
    // Who only reads is not in the way.
    let Ok(Opened::Open(first)) = open(&folder.0, header()) else { panic!("it is open") };
    let name = folder.0.display().to_string();
    assert_eq!(tool(&["merge", &name]).0, 4);
    drop(first);
    assert_eq!(campaign(&folder.0, all_of(0..500), shards(1, None)).0, 1);
}

#[test]
fn what_cannot_be_merged_is_told() {
    let folder = Folder::new("unmerged");
    let name = folder.0.display().to_string();
    let check = |arguments: &[&str], code: u8, expected: &str| {
        let arguments = [&["merge"], arguments].concat();
        let expected = (code, String::new(), format!("error: {expected}\n"));
        assert_eq!(tool(&arguments), expected);
    };
    let tip = "\n  tip: name the folder that 'campaign' was given with '--out'";
    check(&[&name], 2, &format!("{name} holds no shards of a campaign{tip}"));
    let file = folder.0.join(file_name(0, 2));
    let shown = file.display().to_string();
    fs::write(&file, "{\"type\":\"hea").expect("a file");
    check(&[&name], 2, &format!("there is nothing to merge: no shard has been begun{tip}"));
    fs::write(&file, "").expect("a file");
    assert_eq!(campaign(&folder.0, all_of(0..500), shards(2, None)).0, 1);
    let missing = format!("{name}/missing");
    let none = "No such file or directory (os error 2)";
    check(&[&missing], 2, &format!("cannot read {missing}: {none}"));
    let nowhere = format!("{name}/no/all.jsonl");
    check(&[&name, "--out", &nowhere], 3, &format!("cannot write {nowhere}: {none}"));
    let other = folder.0.join(file_name(1, 2));
    fs::copy(&other, &file).expect("a copy");
    let wrong = format!("{shown} is named otherwise than what it holds: shard 1 of 2");
    check(&[&name], 2, &wrong);
    assert_eq!(campaign(&folder.0, all_of(0..500), shards(2, None)).1, wrong);
    let bytes = fs::read(&other).expect("a file");
    fs::write(&file, [&bytes[..150], &bytes[170..]].concat()).expect("a file");
    let text = tool(&["merge", &name]);
    assert!(
        text.2.starts_with(&format!("error: {shown}:1: damaged: its checksum is '")),
        "{text:?}"
    );
    assert_eq!(tool(&["merge", &other.display().to_string()]).0, 1);
}

#[test]
fn shards_need_seeds_and_a_folder() {
    let folder = Folder::new("seeds");
    let (code, text, _) = campaign(&folder.0, all_of(0..3), shards(4, None));
    let expected = "4 shards are too many for 3 seeds\n  tip: each shard has one seed at least";
    assert_eq!((code, &*text), (2, expected));
    let file = folder.0.join("file");
    fs::write(&file, "").expect("a file");
    let (code, text, _) = campaign(&file, all_of(0..3), shards(1, None));
    assert_eq!(code, 3);
    assert!(text.starts_with(&format!("cannot write {}: ", file.display())), "{text}");
}

#[test]
fn names_of_files_are_exact() {
    assert_eq!(file_name(3, 8), "shard-00003-of-00008.jsonl");
    for (name, shard) in [
        ("shard-00003-of-00008.jsonl", Some((3, 8))),
        ("shard-99998-of-99999.jsonl", Some((99_998, 99_999))),
        ("shard-00008-of-00008.jsonl", None),
        ("shard-3-of-8.jsonl", None),
        ("shard-00003-of-00008.jsonl.12.part", None),
        ("shard-+0003-of-00008.jsonl", None),
        ("all.jsonl", None),
    ] {
        assert_eq!(shard_named(name), shard, "{name}");
    }
}
