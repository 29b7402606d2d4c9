//! What several files know of one campaign.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Bound, Range};

use super::lines::{FORMAT, Line, MergedLine, ShardOf, Span};
use super::reader::Contents;
use super::record::Record;
use super::wrong::Wrong;

/// The shards of a campaign, of which no two have a seed in common.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pieces: BTreeMap<Key, Piece>,
}

/// A shard, and of which campaign.
type Key = (ShardOf, Span);

#[derive(Debug)]
struct Piece {
    record: Record,
    /// The file that tells of it, for errors.
    file: String,
}

impl Pieces {
    /// Adds what a file holds.
    pub(super) fn add_file(&mut self, file: &str, contents: Contents) -> Result<(), Wrong> {
        for (record, line) in contents.records {
            let file = match contents.merged {
                Some(_) => format!("{file}:{line}"),
                None => file.to_owned(),
            };
            self.add(record, file)?;
        }
        Ok(())
    }

    /// Adds a shard: one that is known already is joined with what is known of it.
    pub(super) fn add(&mut self, record: Record, file: String) -> Result<(), Wrong> {
        self.check_campaign(&record, &file)?;
        let shard = record.header.shard;
        let key = (shard, record.header.campaign);
        match self.pieces.entry(key) {
            Entry::Vacant(vacant) => drop(vacant.insert(Piece { record, file })),
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                let joined = known.record.clone().join(record).map_err(|how| {
                    let wrong = format!("{} and {file} contradict each other: {how}", known.file);
                    Wrong::usage(format!("{wrong}, in {shard}"))
                })?;
                // What is told must not depend on the order of the files.
                known.file = known.file.clone().min(file);
                known.record = joined;
            }
        }
        self.check_apart(key)
    }

    fn check_campaign(&self, record: &Record, file: &str) -> Result<(), Wrong> {
        let Some(known) = self.pieces.values().next() else { return Ok(()) };
        let found = known.record.header.differences(&record.header);
        let Some((name, here, there)) = found.into_iter().next() else { return Ok(()) };
        let first = &known.file;
        let wrong = Wrong::usage(format!(
            "{first} and {file} are of two campaigns: the {name} is {here} in one and {there} in \
             the other"
        ));
        Err(wrong.tip("merge the files of each campaign by themselves"))
    }

    /// Sees that the shard has no seed in common with one beside it: the others have none with each
    /// other.
    fn check_apart(&self, key: Key) -> Result<(), Wrong> {
        let before = self.pieces.range(..key).next_back();
        let behind = self.pieces.range((Bound::Excluded(key), Bound::Unbounded)).next();
        let this = self.pieces.get_key_value(&key);
        for (one, other) in [(before, this), (this, behind)] {
            if let (Some((one, first)), Some((other, second))) = (one, other)
                && other.0.from < one.0.to
            {
                let wrong = Wrong::usage(format!(
                    "{} with seeds {}..{} and {} with {}..{} overlap",
                    first.file, one.0.from, one.0.to, second.file, other.0.from, other.0.to
                ));
                return Err(wrong.tip("leave out one of them, or its runs would count twice"));
            }
        }
        Ok(())
    }

    /// What is known of each shard, in the order of their seeds.
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.pieces.values().map(|piece| &piece.record)
    }

    /// The seeds that the campaigns of all shards are about.
    pub(super) fn asked(&self) -> Vec<Range<u64>> {
        union(self.records().map(|record| record.header.campaign.from..record.header.campaign.to))
    }

    /// The seeds that were run.
    pub(super) fn covered(&self) -> Vec<Range<u64>> {
        union(self.records().map(|record| record.header.shard.from..record.next))
    }

    /// The seeds that were not run.
    pub(super) fn holes(&self) -> Vec<Range<u64>> {
        let covered = self.covered();
        let mut holes = Vec::new();
        for Range { start, end } in self.asked() {
            let mut next = start;
            for run in covered.iter().filter(|run| run.start < end && run.end > start) {
                if next < run.start {
                    holes.push(next..run.start);
                }
                next = run.end;
            }
            if next < end {
                holes.push(next..end);
            }
        }
        holes
    }

    /// All of it, as the lines of a merged file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let pieces = self.pieces.len() as u64;
        let mut bytes = Line::Merged(MergedLine { format: FORMAT, pieces }).to_bytes();
        self.records().for_each(|record| record.write_to(&mut bytes));
        bytes
    }
}

/// Joins ranges that touch each other or overlap.
fn union(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = ranges.filter(|range| !range.is_empty()).collect();
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_are_one() {
        for (ranges, expected) in [
            (vec![], vec![]),
            (vec![5..5, 3..3], vec![]),
            (vec![4..6, 0..2, 2..3], vec![0..3, 4..6]),
            (vec![0..10, 2..5, 9..12, 14..15], vec![0..12, 14..15]),
        ] {
            assert_eq!(union(ranges.into_iter()), expected);
        }
    }
}
