//! The lines of a campaign's files, as `docs/campaign-format.md` describes them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::sum::seal;

/// The version of the format.
pub(super) const FORMAT: u32 = 1;

/// A line, as it is written. Lines are read by their type first, since serde can't tell apart what
/// is tagged where whole numbers of any size are kept.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Line<'a> {
    Header(&'a Header),
    Merged(MergedLine),
    Failure(FailureLine),
    Progress(ProgressLine),
    Done {},
}

/// What a line is.
#[derive(Deserialize)]
pub(super) struct TypeOf {
    #[serde(rename = "type")]
    pub(super) name: String,
}

/// What says which version a file is of.
#[derive(Deserialize)]
pub(super) struct FormatOf {
    pub(super) format: u32,
    #[serde(default)]
    pub(super) tool: String,
}

/// The first line of a shard: what is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: u32,
    pub(super) tool: String,
    pub(super) scenario: String,
    /// The hash of the program.
    pub(super) code: Hex,
    /// How the runs are made.
    pub(super) options: BTreeMap<String, String>,
    /// What replays a case, with `{case}` in its place, if it is not the command `replay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replay: Option<String>,
    pub(super) campaign: Span,
    pub(super) shard: ShardOf,
}

/// The seeds of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Span {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl From<Range<u64>> for Span {
    fn from(seeds: Range<u64>) -> Self {
        Span { from: seeds.start, to: seeds.end }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

/// Which of how many shards, and its seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct ShardOf {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) index: u32,
    pub(super) count: u32,
}

impl fmt::Display for ShardOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {} of {}", self.index, self.count)
    }
}

/// The first line of a merged file.
#[derive(Serialize, Deserialize)]
pub(super) struct MergedLine {
    pub(super) format: u32,
    pub(super) pieces: u64,
}

/// A way in which runs failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FailureLine {
    /// Its number in the shard, from 0.
    pub(super) id: u32,
    pub(super) seed: u64,
    pub(super) kind: String,
    pub(super) signature: String,
    pub(super) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) case: Option<String>,
    pub(super) fingerprint: Hex,
}

/// What the runs before `next` have come to.
#[derive(Serialize, Deserialize)]
pub(super) struct ProgressLine {
    /// Up to where the lines before it tell.
    pub(super) from: u64,
    pub(super) next: u64,
    pub(super) steps: u64,
    /// The failures that came about again, by their numbers, and in how many runs by now.
    pub(super) counts: Vec<(u32, u64)>,
    /// How many runs failed in further ways, of which no line tells.
    pub(super) unlisted: u64,
    /// The level of the sample.
    pub(super) level: u32,
    /// What has changed in the sample: an order, its runs by now, its first and its last round.
    pub(super) orders: Vec<(Hex, u64, u64, u64)>,
}

/// A hash: 16 hexadecimal digits in a string, since readers whose numbers are doubles lose digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hex(pub(super) u64);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_hex = text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let hash = is_hex.then(|| u64::from_str_radix(&text, 16).ok()).flatten();
        hash.map(Hex).ok_or_else(|| D::Error::custom("a hash has 16 hexadecimal digits"))
    }
}

impl Line<'_> {
    /// Appends the line, with its checksum and its end.
    pub(super) fn write_to(&self, bytes: &mut Vec<u8>) {
        let from = bytes.len();
        // Its keys are strings, and memory takes all.
        serde_json::to_writer(&mut *bytes, self).expect("seedloop bug: a line is no JSON");
        seal(bytes, from);
        bytes.push(b'\n');
    }

    /// The line, with its checksum and its end.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes);
        bytes
    }
}

impl Header {
    /// What another header says otherwise of the campaign: the name of each such thing, with what
    /// it is here and there. Which shard it is does not count.
    pub(super) fn differences(&self, other: &Header) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        let mut compare = |name: &str, here: String, there: String| {
            if here != there {
                found.push((name.to_owned(), here, there));
            }
        };
        compare("scenario", self.scenario.clone(), other.scenario.clone());
        compare("tool", self.tool.clone(), other.tool.clone());
        compare("code", self.code.to_string(), other.code.to_string());
        let names = self.options.keys().chain(other.options.keys());
        for name in names.collect::<std::collections::BTreeSet<_>>() {
            let value = |header: &Header| match header.options.get(name) {
                Some(value) => value.clone(),
                None => "not set".to_owned(),
            };
            compare(name, value(self), value(other));
        }
        found
    }
}
