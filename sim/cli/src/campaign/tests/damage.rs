//! Files that are damaged are told of, each with the line.

use super::fake::{Disk, Fake, header, run};
use crate::campaign::reader::read;

const HEADER: &str = concat!(
    r#"{"type":"header","format":1,"tool":"seedloop 0.1.0","scenario":"tea","#,
    r#""code":"0000000000000abc","options":{"seed":"0"},"campaign":{"from":0,"to":300},"#,
    r#""shard":{"from":0,"to":300,"index":0,"count":1}}"#,
);
const FAILURE: &str = concat!(
    r#"{"type":"failure","id":0,"seed":13,"kind":"panic","signature":"panic at a","#,
    r#""message":"it failed","case":"sl1.1.any.-:1.13@1!","fingerprint":"0000000000000027"}"#,
);
const PROGRESS: &str = concat!(
    r#"{"type":"progress","next":256,"steps":3319,"counts":[[0,3]],"unlisted":0,"level":0,"#,
    r#""orders":[["0000000000000000",256,0,0]]}"#,
);

#[test]
fn a_file_begins_with_its_header_and_ends_when_it_is_done() {
    let disk = Disk::with(b"");
    let header = header(0..300, 0..300, 0, 1);
    assert_eq!(run(&disk, header, &mut Fake { part: 256, orders: 1 }), Ok(()));
    let text = String::from_utf8(disk.contents()).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], HEADER);
    assert_eq!(lines.last(), Some(&r#"{"type":"done"}"#));
}

/// What is said of a file of these lines.
#[track_caller]
fn check(lines: &[&str], expected: &str) {
    let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    match read("FILE", text.as_bytes()) {
        Ok(contents) => assert_eq!(format!("{}", contents.records.len()), expected),
        Err(wrong) => assert_eq!(wrong.text(), (2, expected)),
    }
}

fn with(line: &str, from: &str, to: &str) -> String {
    let changed = line.replacen(from, to, 1);
    assert_ne!(changed, line, "{from}");
    changed
}

#[test]
fn what_a_later_tool_may_add_is_skipped() {
    check(&[], "0");
    check(&[HEADER, FAILURE, PROGRESS], "1");
    let more = with(PROGRESS, r#""next""#, r#""speed":[1.5,{"a":null}],"next""#);
    let other = r#"{"type":"weather","rain":true}"#;
    check(&[&with(HEADER, r#""tool""#, r#""host":"a","tool""#), FAILURE, other, &more], "1");
}

#[test]
fn each_line_that_cannot_be_is_told() {
    let done = r#"{"type":"done"}"#;
    let merged = r#"{"type":"merged","format":1,"pieces":1}"#;
    let cut = &PROGRESS[..PROGRESS.len() - 2];
    check(&[HEADER, FAILURE, cut], "FILE:3: damaged at column 121: EOF while parsing a list");
    check(&[HEADER, "", PROGRESS], "FILE:2: damaged at column 0: EOF while parsing a value");
    check(&[HEADER, "\0\0\0"], "FILE:2: damaged at column 1: expected value");
    check(&["{}"], "FILE:1: damaged at column 2: missing field `type`");
    let late = with(HEADER, r#""format":1"#, r#""format":2"#);
    check(&[&late], "FILE:1: written by seedloop 0.1.0 in format 2, and this tool reads 1");
    check(&[FAILURE], "FILE:1: no header comes first, so this is no file of a campaign");
    check(&[r#"{"type":"x"}"#], "FILE:1: no header comes first, so this is no file of a campaign");
    check(&[HEADER, HEADER], "FILE:2: a second line of type 'header'");
    check(&[HEADER, merged], "FILE:2: a second line of type 'merged'");
    check(&[merged, FAILURE], "FILE:2: 'failure' before a header");
    check(&[HEADER, done], "FILE:2: 'done' at seed 0, before 300");
    for (from, to) in
        [(r#""to":300,"index""#, r#""to":301,"index""#), ("\"index\":0", "\"index\":1")]
    {
        let wrong = with(HEADER, from, to);
        let text = match to.contains("301") {
            true => "shard 0 of 1 with seeds 0..301 can't be of a campaign of 0..300",
            false => "shard 1 of 1 with seeds 0..300 can't be of a campaign of 0..300",
        };
        check(&[&wrong], &format!("FILE:1: {text}"));
    }
    let failure = |from, to| with(FAILURE, from, to);
    let second = failure(r#""id":0,"seed":13"#, r#""id":1,"seed":14"#);
    check(&[HEADER, &second], "FILE:2: failure 1 follows 0 others");
    check(&[HEADER, FAILURE, &second], "FILE:3: 'panic at a' is there twice");
    let early = failure(r#""id":0,"seed":13,"#, r#""id":1,"seed":12,"#);
    let early = with(&early, "at a", "at b");
    check(&[HEADER, FAILURE, &early], "FILE:3: failures are not in the order of their seeds");
    check(
        &[HEADER, FAILURE, PROGRESS, &with(&second, "at a", "at b")],
        "FILE:4: seed 14 is not from 256 to 300",
    );
    check(
        &[HEADER, &failure("0000000000000027", "27")],
        "FILE:2: damaged at column 145: a hash has 16 hexadecimal digits",
    );
    let progress = |from, to| with(PROGRESS, from, to);
    let risen = progress(r#""next":256"#, r#""next":301"#);
    check(&[HEADER, FAILURE, &risen], "FILE:3: next is 301, and not from 0 to 300");
    let fallen = progress(r#""next":256"#, r#""next":255"#);
    check(&[HEADER, FAILURE, PROGRESS, &fallen], "FILE:4: next is 255, and not from 256 to 300");
    let fewer = progress("3319", "3318");
    check(&[HEADER, FAILURE, PROGRESS, &fewer], "FILE:4: a count falls");
    check(&[HEADER, PROGRESS], "FILE:2: there is no failure 0");
    check(&[HEADER, FAILURE, &progress("[[0,3]]", "[]")], "FILE:3: a failure is not counted");
    let none = progress("[[0,3]]", "[[0,0]]");
    check(&[HEADER, FAILURE, &none], "FILE:3: failure 0 can't have been in 0 runs");
    let level = progress(r#""level":0"#, r#""level":1"#);
    let level = with(&level, "[\"0000000000000000\"", "[\"0000000000000001\"");
    check(&[HEADER, FAILURE, &level], "FILE:3: the sample of orders can't be such");
    let end = progress(r#""next":256"#, r#""next":300"#);
    check(&[HEADER, FAILURE, &end, done], "1");
    check(&[HEADER, FAILURE, &end, done, done], "FILE:5: 'done' behind 'done'");
}

#[test]
fn a_merged_file_is_whole_or_not_at_all() {
    let merged = r#"{"type":"merged","format":1,"pieces":2}"#;
    let one = "FILE is cut off: it holds 1 of 2 shards\n  tip: merge them anew";
    check(&[merged, HEADER, FAILURE, PROGRESS], one);
    check(&[merged, HEADER, PROGRESS], "FILE:3: there is no failure 0");
    let other = with(HEADER, r#""count":1"#, r#""count":2"#);
    check(&[merged, HEADER, FAILURE, PROGRESS, &other], "2");
    let torn = format!("{merged}\n{HEADER}\n{other}\n{{\"type\"");
    let wrong = read("FILE", torn.as_bytes()).expect_err("cut off");
    assert_eq!(wrong.text().1, "FILE is cut off: it holds 2 of 2 shards\n  tip: merge them anew");
}
