//! Sets of places in a file.

use std::ops::Range;

/// Ranges that neither overlap nor touch, in no order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Ranges(Vec<Range<usize>>);

impl Ranges {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Range<usize>> {
        self.0.iter()
    }

    pub(super) fn insert(&mut self, mut range: Range<usize>) {
        self.0.retain(|other| {
            let is_apart = other.end < range.start || range.end < other.start;
            if !is_apart {
                range = range.start.min(other.start)..range.end.max(other.end);
            }
            is_apart
        });
        self.0.push(range);
    }

    pub(super) fn remove(&mut self, range: Range<usize>) {
        for other in std::mem::take(&mut self.0) {
            let before = other.start..other.end.min(range.start);
            let behind = other.start.max(range.end)..other.end;
            self.0.extend([before, behind].into_iter().filter(|part| !part.is_empty()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ranges;

    #[test]
    fn ranges_merge_and_are_cut() {
        let mut ranges = Ranges::default();
        [4..6, 10..12, 6..8].into_iter().for_each(|range| ranges.insert(range));
        assert_eq!(ranges, Ranges(vec![10..12, 4..8]));
        ranges.insert(7..11);
        ranges.insert(20..21);
        assert_eq!(ranges, Ranges(vec![4..12, 20..21]));
        ranges.remove(20..30);
        ranges.remove(5..9);
        assert_eq!(ranges, Ranges(vec![4..5, 9..12]));
        ranges.remove(10..usize::MAX);
        ranges.remove(0..2);
        assert_eq!(ranges, Ranges(vec![4..5, 9..10]));
    }
}
