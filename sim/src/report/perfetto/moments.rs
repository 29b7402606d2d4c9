//! When each column of a timeline begins and ends in a drawing in which everything takes time.
//!
//! Running takes no virtual time, and what takes none cannot be seen. So the columns of one instant
//! are put side by side, from the instant on: together they take half of the time up to the next
//! instant at most, and each no more than a thousandth of the run or a microsecond, whichever is
//! longer. A column begins late by that, and never before the one in front of it.

use crate::base::Instant;

/// The share of the whole run that a column takes at most.
const SHARE_MAX: u64 = 1_000;
/// What a column takes at most if the run is short, in nanoseconds.
const SHORT: u64 = 1_000;

/// Where a column begins and ends, in nanoseconds.
pub(super) type Moment = (u64, u64);

/// The moments of columns with these times, which do not decrease.
pub(super) fn moments(times: &[Instant]) -> Vec<Moment> {
    let nanos: Vec<u64> = times.iter().map(|time| time.as_nanos()).collect();
    let span = nanos.last().zip(nanos.first()).map_or(0, |(last, first)| last - first);
    let most = (span / SHARE_MAX).max(SHORT);
    let mut moments = Vec::with_capacity(nanos.len());
    let mut free = 0;
    let mut rest = &nanos[..];
    while let Some(instant) = rest.first().copied() {
        let count = rest.partition_point(|time| *time == instant);
        let next = rest.get(count).copied();
        let begin = free.max(instant);
        let room = next.map_or(u64::MAX, |next| next.saturating_sub(begin) / 2);
        let each = (room / count as u64).clamp(1, most);
        moments.extend((0..count as u64).map(|nth| (begin + nth * each, begin + (nth + 1) * each)));
        free = begin + count as u64 * each;
        rest = &rest[count..];
    }
    moments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(nanos: &[u64], expected: &[Moment]) {
        let times: Vec<Instant> = nanos.iter().map(|time| Instant::from_nanos(*time)).collect();
        assert_eq!(moments(&times), expected);
    }

    #[test]
    fn columns_of_one_instant_stand_side_by_side() {
        check(&[], &[]);
        check(&[0, 0, 0], &[(0, 1_000), (1_000, 2_000), (2_000, 3_000)]);
        // Half of the time up to the next instant is theirs.
        check(&[0, 0, 100, 100], &[(0, 25), (25, 50), (100, 1_100), (1_100, 2_100)]);
        // A thousandth of the run.
        let second = 1_000_000_000;
        check(&[0, second], &[(0, second / 1_000), (second, second + second / 1_000)]);
    }

    /// More columns than nanoseconds: they come late, and in their order.
    #[test]
    fn what_has_no_room_comes_late() {
        check(&[0, 0, 0, 1, 5], &[(0, 1), (1, 2), (2, 3), (3, 4), (5, 1_005)]);
    }
}
