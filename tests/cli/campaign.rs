//! Campaigns and their files, as their user sees them.

use super::{NO_ERROR, Scratch, binary, check};

/// The document shows a file, and what is told of it.
#[test]
fn files_are_what_the_document_says() {
    let document = include_str!("../../docs/campaign-format.md");
    let block = |begin: &str| {
        let (_, rest) = document.split_once(begin).expect("a block");
        rest.split_once("```").expect("an end").0
    };
    let scratch = Scratch::new("campaign-document");
    let (file, merged) = (scratch.file("any-name.jsonl"), scratch.file("merged.jsonl"));
    std::fs::write(&file, block("```json\n")).expect("a file");
    check(&["merge", &file, "--out", &merged], 1, block("```text\n"), NO_ERROR);
    check(&["merge", &merged], 1, block("```text\n"), NO_ERROR);
    let lines = scratch.read("merged.jsonl");
    let kind = |line: &str| line.split('"').nth(3).unwrap_or_default().to_owned();
    let types: Vec<String> = lines.lines().map(kind).collect();
    assert_eq!(types, ["merged", "header", "failure", "failure", "progress", "done"]);
    // The header and the last line of progress tell all that they did.
    let header = document.lines().find(|line| line.contains(r#""type":"header""#));
    assert_eq!(lines.lines().nth(1), header);
    let mut progress = document.lines().filter(|line| line.contains(r#""type":"progress""#));
    let last = progress.next_back().expect("progress").replace(r#""from":512"#, r#""from":0"#);
    let unsealed = |line: &str| line.split_once(r#","crc":"#).expect("a checksum").0.to_owned();
    assert_eq!(lines.lines().nth(4).map(unsealed), Some(unsealed(&last)));
}

/// What is wrong with a campaign is told before anything is written.
#[test]
fn a_campaign_that_cannot_be_is_refused() {
    let scratch = Scratch::new("campaign-refused");
    let out = scratch.file("no");
    let refused = |arguments: &[&str], expected: &str| {
        let arguments = [&["campaign", "tea", "--out", &out], arguments].concat();
        check(&arguments, 2, "", &format!("error: {expected}\n"));
        assert!(!std::path::Path::new(&out).exists());
    };
    refused(
        &["--seeds", "9", "--strategy", "dpor"],
        "'--strategy dpor' ends by itself, and a campaign does not\n  tip: explore tea --strategy \
         dpor",
    );
    refused(
        &["--seeds", "9", "--cancel", "pairs"],
        "'--cancel pairs' ends by itself, and a campaign does not\n  tip: explore tea --cancel \
         pairs",
    );
    refused(
        &["--seeds", "0..3", "--shards", "4"],
        "4 shards are too many for 3 seeds\n  tip: each shard has one seed at least",
    );
    refused(
        &["--seeds", "9", "--shards", "2", "--shard", "2"],
        "--shard says that this is shard 2, and --shards that there are 2, from 0 to 1\n  tip: \
         number them from 0",
    );
    refused(
        &["--seeds", "5..5"],
        "invalid value '5..5' for '--seeds <A..B>': there is no seed in it: say A..B with A below \
         B\n\nFor more information, try '--help'.",
    );
    let arguments = ["campaign", "tee", "--seeds", "9", "--out", &out];
    let unknown = "error: no scenario is called 'tee'\n  tip: did you mean 'tea'?\n";
    check(&arguments, 2, "", unknown);
}

/// Who waits longer finds other runs that do not end.
#[test]
fn a_campaign_does_not_go_on_with_another_patience() {
    let scratch = Scratch::new("campaign-patience");
    let out = scratch.file("out");
    let file = scratch.file("out/shard-00000-of-00001.jsonl");
    let campaign = |option: &[&str], variables: &[(&str, &str)]| {
        let own = ["campaign", "gather-three-tasks", "--seeds", "9", "--jobs", "1", "--out", &out];
        let mut command = binary(&[&own, option].concat());
        let done = command.envs(variables.iter().copied()).output().expect("the binary runs");
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let wrong = "error: SEEDLOOP_PATIENCE is 'x', which is no number from 1 on\n  tip: unset \
                 SEEDLOOP_PATIENCE, or say the number with an option\n";
    let bad = [("SEEDLOOP_PATIENCE", "x")];
    assert_eq!(campaign(&[], &bad), (Some(2), wrong.to_owned()));
    assert!(!std::path::Path::new(&out).exists());
    assert_eq!(campaign(&[], &[("SEEDLOOP_PATIENCE", "90")]), (Some(0), String::new()));
    let done = "shard 0 of 1 is done\n".to_owned();
    assert_eq!(campaign(&["--patience", "90"], &bad), (Some(0), done));
    let other = format!(
        "error: {file} is of another campaign: its patience is 90 s, not 60 s\n  tip: go on with \
         what it was begun with, or name another folder with '--out'\n"
    );
    assert_eq!(campaign(&[], &[]), (Some(2), other));
}

const CAMPAIGN_HELP: &str = "\
Run a scenario for a range of seeds, and keep what comes of it in files

Usage: tool campaign [OPTIONS] --seeds <A..B> --out <DIR> <NAME>

Arguments:
  <NAME>  The scenario

Options:
      --seeds <A..B>        Which runs: A..B, without B itself, or N for 0..N
      --out <DIR>           The folder for the files of the campaign: it goes on where these end
      --shards <N>          Into how many shards the runs are divided; SEEDLOOP_SHARDS or 1 \
                         unless given
      --shard <I>           Make the runs of this shard alone, from 0
      --jobs <J>            How many processes make the runs; SEEDLOOP_JOBS or as many as there \
                         are cores unless given
      --patience <SECONDS>  How long a run may take, in seconds of real time; SEEDLOOP_PATIENCE \
                         or 60 unless given
      --seed <S>            The seed from which those of the runs follow [default: 0]
      --strategy <NAME>     How choices are taken: portfolio, fifo, random, pct:3, pos, urw, \
                         surw, hold, rush or revisit [default: portfolio]
      --model <MODEL>       What may run next, any or asyncio; the scenario's own unless given
      --cancel <WHERE>      Whether tasks are cancelled at their awaits: never or random \
                         [default: never]
  -h, --help                Print help

Each run depends on its number alone. The runs of a shard go into a file of
DIR; when it was killed, at whatever moment, the same command goes on where it
was. All shards are run one after the other, unless '--shard' says which one,
or SEEDLOOP_SHARD, SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX or
AWS_BATCH_JOB_ARRAY_INDEX, the first that is set; then say how many there are.
'merge DIR' tells what came of all.
";

const MERGE_HELP: &str = "\
Tell what the files of a campaign know together

Usage: tool merge [OPTIONS] <DIR>...

Arguments:
  <DIR>...  Folders of campaigns, files of shards, or files that '--out' has written

Options:
      --out <FILE>  Write all that is known into one file, which can be merged again
  -h, --help        Print help

The same is told in whatever order and grouping files are merged, and of a
shard that is there twice what is known further. A failure is told once, with
its smallest seed. It is one if the same failed at the same place.
";

#[test]
fn help_tells_of_campaigns() {
    check(&["campaign", "--help"], 0, CAMPAIGN_HELP, NO_ERROR);
    check(&["merge", "--help"], 0, MERGE_HELP, NO_ERROR);
}
