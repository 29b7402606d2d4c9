//! Sets of places in a file.

use std::collections::BTreeMap;
use std::ops::Range;

/// Ranges that neither overlap nor touch: the end of each by its beginning.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Ranges(BTreeMap<usize, usize>);

impl Ranges {
    pub(super) fn iter(&self) -> impl Iterator<Item = Range<usize>> {
        self.0.iter().map(|(start, end)| *start..*end)
    }

    pub(super) fn insert(&mut self, mut range: Range<usize>) {
        while let Some(other) =
            self.last_before(range.end.saturating_add(1)).filter(|it| it.end >= range.start)
        {
            self.0.remove(&other.start);
            range = range.start.min(other.start)..range.end.max(other.end);
        }
        self.0.insert(range.start, range.end);
    }

    pub(super) fn remove(&mut self, range: Range<usize>) {
        let mut end = range.end;
        while let Some(other) = self.last_before(end).filter(|it| it.end > range.start) {
            self.0.remove(&other.start);
            let before = other.start..other.end.min(range.start);
            let behind = other.start.max(range.end)..other.end;
            let parts = [before, behind].into_iter().filter(|part| !part.is_empty());
            self.0.extend(parts.map(|part| (part.start, part.end)));
            end = other.start;
        }
    }

    /// What of a range is in none.
    pub(super) fn gaps(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let (mut gaps, mut from) = (Vec::new(), range.start);
        let before = self.last_before(range.start);
        let within = self.0.range(range.clone()).map(|(start, end)| *start..*end);
        for other in before.into_iter().chain(within) {
            if other.start > from {
                gaps.push(from..other.start);
            }
            from = from.max(other.end);
        }
        if from < range.end {
            gaps.push(from..range.end);
        }
        gaps
    }

    /// The last one that begins before a place.
    fn last_before(&self, place: usize) -> Option<Range<usize>> {
        self.0.range(..place).next_back().map(|(start, end)| *start..*end)
    }
}

#[cfg(test)]
mod tests {
    use super::Ranges;

    #[test]
    fn ranges_merge_and_are_cut() {
        let mut ranges = Ranges::default();
        let check = |ranges: &Ranges, expected: &[_]| {
            let found = ranges.iter().map(|range| (range.start, range.end));
            assert_eq!(found.collect::<Vec<_>>(), expected);
        };
        [4..6, 10..12, 6..8].into_iter().for_each(|range| ranges.insert(range));
        check(&ranges, &[(4, 8), (10, 12)]);
        ranges.insert(7..11);
        ranges.insert(20..21);
        check(&ranges, &[(4, 12), (20, 21)]);
        ranges.remove(20..30);
        ranges.remove(5..9);
        check(&ranges, &[(4, 5), (9, 12)]);
        assert_eq!(ranges.gaps(3..14), [3..4, 5..9, 12..14]);
        assert_eq!(ranges.gaps(10..12), []);
        assert_eq!(ranges.gaps(0..6), [0..4, 5..6]);
        assert_eq!(ranges.gaps(11..12), []);
        ranges.insert(6..7);
        ranges.remove(10..usize::MAX);
        ranges.remove(0..2);
        check(&ranges, &[(4, 5), (6, 7), (9, 10)]);
        ranges.remove(4..9);
        check(&ranges, &[(9, 10)]);
    }
}
