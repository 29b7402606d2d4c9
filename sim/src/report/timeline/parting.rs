//! Where two runs part: the first column in which they are not the same.

use super::entry::{Entry, Kind, Timeline};

/// The first column of each in which something happens otherwise than in the other; none if they
/// are the same, and where one was not kept from its beginning on. One that ends earlier parts
/// behind its last column.
pub(in crate::report) fn parting_of(one: &Timeline, other: &Timeline) -> Option<(usize, usize)> {
    if one.forgotten.events > 0 || other.forgotten.events > 0 {
        return None;
    }
    let columns = one.columns.len().max(other.columns.len());
    let part = (0..columns).find(|column| !is_same(one, other, *column))?;
    Some((part, part))
}

fn is_same(one: &Timeline, other: &Timeline, column: usize) -> bool {
    let (Some(first), Some(second)) = (one.columns.get(column), other.columns.get(column)) else {
        return false;
    };
    let (entries, others) = (one.entries_of(column), other.entries_of(column));
    let same = |(entry, same): (&Entry, &Entry)| {
        one.texts.get(entry.text) == other.texts.get(same.text)
            && one.texts.get(entry.place) == other.texts.get(same.place)
            && name(one, entry.lane) == name(other, same.lane)
            && chosen(one, entry) == chosen(other, same)
    };
    (first.number, first.time) == (second.number, second.time)
        && entries.len() == others.len()
        && entries.iter().zip(others).all(same)
}

fn name(timeline: &Timeline, lane: u32) -> &str {
    timeline.texts.get(timeline.lanes[lane as usize].name)
}

fn chosen<'a>(timeline: &'a Timeline, entry: &Entry) -> &'a str {
    match entry.kind {
        Kind::Choice { taken, .. } => timeline.texts.get(taken),
        _ => "",
    }
}
