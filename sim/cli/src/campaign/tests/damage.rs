//! Files that are damaged are told of, each with the line.

use super::fake::{Disk, Fake, header, merged, run};
use crate::campaign::pieces::Pieces;
use crate::campaign::reader::read;
use crate::campaign::sum::seal;
use crate::campaign::summary::Summary;

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
    r#"{"type":"progress","from":0,"next":256,"steps":3319,"counts":[[0,3]],"unlisted":0,"#,
    r#""level":0,"orders":[["0000000000000000",256,0,0]]}"#,
);

#[test]
fn a_file_begins_with_its_header_and_ends_when_it_is_done() {
    let disk = Disk::with(b"");
    let header = header(0..300, 0..300, 0, 1);
    assert_eq!(run(&disk, header, &mut Fake { part: 256, orders: 1 }), Ok(()));
    let text = String::from_utf8(disk.contents()).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], sealed(HEADER));
    assert_eq!(lines.last(), Some(&r#"{"type":"done","crc":"9820ada1"}"#));
}

/// A line with its checksum.
fn sealed(line: &str) -> String {
    let mut bytes = line.as_bytes().to_vec();
    seal(&mut bytes, 0);
    String::from_utf8(bytes).expect("text")
}

/// What is said of a file of these lines, each of which gets its checksum.
#[track_caller]
fn check(lines: &[&str], expected: &str) {
    let text = lines.iter().map(|line| sealed(line) + "\n").collect::<String>();
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
    check(&[HEADER, FAILURE, cut], "FILE:3: damaged at column 136: expected `,` or `]`");
    check(&[r#"{"a":1}"#], "FILE:1: damaged at column 24: missing field `type`");
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
        "FILE:2: damaged at column 144: a hash has 16 hexadecimal digits",
    );
    let progress = |from, to| with(PROGRESS, from, to);
    let risen = progress(r#""next":256"#, r#""next":301"#);
    check(&[HEADER, FAILURE, &risen], "FILE:3: next is 301, and not from 0 to 300");
    let second = |from, to| with(&progress(r#""from":0"#, r#""from":256"#), from, to);
    let fallen = second(r#""next":256"#, r#""next":255"#);
    check(&[HEADER, FAILURE, PROGRESS, &fallen], "FILE:4: next is 255, and not from 256 to 300");
    let fewer = second("3319", "3318");
    check(&[HEADER, FAILURE, PROGRESS, &fewer], "FILE:4: a count falls");
    let later = "FILE:3: it goes on from seed 256, and the lines before it tell up to 0: there are \
                 others between them, or they are not in their order";
    check(&[HEADER, FAILURE, &second("3319", "3320")], later);
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

/// It may have another checksum, or none.
#[test]
fn a_later_version_is_told_before_it_is_taken_for_damaged() {
    let later = with(HEADER, r#""format":1"#, r#""format":2"#) + "\n";
    let expected =
        "FILE:1: written by seedloop 0.1.0 in format 2, and this tool reads 1".to_owned();
    let wrong = read("FILE", later.as_bytes()).expect_err("it is a later one");
    assert_eq!(wrong.text(), (2, expected.as_str()));
}

/// Lines that are whole, and of which some are missing: only those at the end, which are run anew.
#[test]
fn lines_that_are_lost_are_told() {
    let disk = Disk::with(b"");
    let header = header(0..3_000, 0..3_000, 0, 1);
    assert_eq!(run(&disk, header, &mut Fake { part: 256, orders: 700 }), Ok(()));
    let text = String::from_utf8(disk.contents()).expect("text");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert!(lines.iter().filter(|line| line.contains("progress")).count() > 5, "{text}");
    for first in 0..lines.len() {
        for last in first + 1..=lines.len() {
            let left = lines[..first].concat() + &lines[last..].concat();
            let is_told = read("FILE", left.as_bytes()).is_err();
            // The header is needed by what stands behind it.
            let is_end = last == lines.len();
            assert_eq!(is_told, !is_end, "without the lines {first}..{last}");
        }
    }
}

/// What is damaged is told with what to do about it.
#[test]
fn lines_without_their_checksum_are_told() {
    let told = |text: String| {
        let wrong = read("FILE", text.as_bytes()).expect_err("it is damaged");
        assert_eq!(wrong.text().0, 2);
        wrong.text().1.to_owned()
    };
    let (header, failure, merged) =
        (sealed(HEADER), sealed(FAILURE), sealed(r#"{"type":"merged","format":1,"pieces":2}"#));
    let none = "it ends with no checksum, so it is damaged, or no file of a campaign";
    let keep = "what they do not tell is run anew";
    assert_eq!(
        told(format!("{HEADER}\n")),
        format!("FILE:1: {none}\n  tip: if it is a shard, remove it, and run the shard anew")
    );
    for line in ["", "\0\0\0", &failure[1..], &failure[..failure.len() - 1]] {
        let text = told(format!("{header}\n{line}\n{failure}\n"));
        let text = text.strip_prefix("FILE:2: ").expect("the line");
        let tip = format!(
            "  tip: keep the lines before it ('head -n 1'), and start the same again: {keep}"
        );
        assert_eq!(text.split_once('\n').expect("two lines").1, tip);
        assert!(text.starts_with(none) || text.starts_with("damaged: its checksum is '"), "{text}");
    }
    let other = failure.replace("\"seed\":13", "\"seed\":15");
    let crc = |line: &str| line[line.len() - 10..line.len() - 2].to_owned();
    let right = crc(&sealed(&with(FAILURE, "\"seed\":13", "\"seed\":15")));
    let wrong = format!("damaged: its checksum is '{}', and not {right}", crc(&failure));
    assert_eq!(
        told(format!("{merged}\n{header}\n{other}\n")),
        format!("FILE:3: {wrong}\n  tip: merge anew what it was merged from")
    );
    let lost = "damaged: no line feed stands behind it";
    let text = told(format!("{header}\n{failure} {failure}"));
    assert!(
        text.starts_with(&format!("FILE:2: {lost}\n  tip: keep the lines before it")),
        "{text}"
    );
}

#[test]
fn a_merged_file_is_whole_or_not_at_all() {
    let merged = r#"{"type":"merged","format":1,"pieces":2}"#;
    let one = "FILE is cut off: it holds 1 of 2 shards\n  tip: merge them anew";
    check(&[merged, HEADER, FAILURE, PROGRESS], one);
    check(&[merged, HEADER, PROGRESS], "FILE:3: there is no failure 0");
    let other = with(HEADER, r#""count":1"#, r#""count":2"#);
    check(&[merged, HEADER, FAILURE, PROGRESS, &other], "2");
    let [first, second, third] = [merged, HEADER, &other].map(sealed);
    let torn = format!("{first}\n{second}\n{third}\n{{\"type\"");
    let wrong = read("FILE", torn.as_bytes()).expect_err("cut off");
    assert_eq!(wrong.text().1, "FILE is cut off: it holds 2 of 2 shards\n  tip: merge them anew");
}

/// Each bit of a file that is another one is told, or what is merged is the same.
#[test]
fn each_bit_that_flips_is_told_or_changes_nothing() {
    let header = header(200..500, 200..500, 0, 1);
    let disk = Disk::with(b"");
    assert_eq!(run(&disk, header, &mut Fake { part: 150, orders: 5 }), Ok(()));
    let shard = disk.contents();
    let ends: Vec<usize> =
        shard.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    // A shard that is done, one that was killed behind a line, one in the middle of one, and what
    // was merged of it.
    let killed = shard[..=ends[ends.len() - 3]].to_vec();
    let torn = shard[..ends[ends.len() - 3] + 40].to_vec();
    for (what, file) in [("killed", killed), ("torn", torn), ("done", shard.clone())] {
        let told = flipped(&file);
        assert!(told.is_empty(), "{what}: {told:?}");
    }
    let told = flipped(&merged([&shard]).to_bytes());
    assert!(told.is_empty(), "merged: {told:?}");
}

/// The bits of a file that make something else of it, and nobody notices.
fn flipped(file: &[u8]) -> Vec<(usize, u32)> {
    let text = |pieces: &Pieces| Summary::new(pieces).expect("a shard").to_string();
    let good = merged([&file.to_vec()]);
    let good = (good.to_bytes(), text(&good));
    let mut found = Vec::new();
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut file = file.to_vec();
            file[at] ^= 1 << bit;
            let Ok(contents) = read("FILE", &*file) else { continue };
            let mut pieces = Pieces::default();
            let added = pieces.add_file("FILE", contents);
            if added.is_ok() && (pieces.to_bytes(), text(&pieces)) != good {
                found.push((at, bit));
            }
        }
    }
    found
}
