//! Ranges of seeds, and how shards divide them.

use std::fmt;
use std::ops::Range;

use super::rounds::round_start;

/// How many shards a campaign can have.
pub(crate) const SHARDS_MAX: u32 = 99_999;

/// Reads `A..B`, or `N` for `0..N`; there may be `_` between the digits.
///
/// # Errors
///
/// What is wrong with it, in words for the command line.
pub(crate) fn parse_seeds(text: &str) -> Result<Seeds, String> {
    let (from, to) = text.split_once("..").unwrap_or(("0", text));
    let (from, to) = (number(from)?, number(to)?);
    match from < to {
        true => Ok(Seeds(from..to)),
        false => Err("there is no seed in it: say A..B with A below B".to_owned()),
    }
}

fn number(text: &str) -> Result<u64, String> {
    let is_number = text.starts_with(|letter: char| letter.is_ascii_digit())
        && text.chars().all(|letter| letter.is_ascii_digit() || letter == '_');
    if !is_number {
        return Err("say A..B, or N for 0..N".to_owned());
    }
    let number = text.replace('_', "").parse();
    number.map_err(|_| format!("{text} is above {}, the largest seed", u64::MAX))
}

/// A range of seeds, of which there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seeds(pub(crate) Range<u64>);

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.0.start, self.0.end)
    }
}

/// How a range is cut into shards.
///
/// Shard `i` of `n` takes `A + (B - A) * i / n` up to `A + (B - A) * (i + 1) / n`. Each cut is
/// moved down to where a round starts, so that no run is made for nothing, unless a shard would be
/// left without a seed by that: then no cut is moved.
#[derive(Clone, Debug)]
pub(super) struct Cuts {
    seeds: Range<u64>,
    count: u32,
    at_rounds: bool,
}

impl Cuts {
    /// None if there are more shards than seeds.
    pub(super) fn new(seeds: Range<u64>, count: u32) -> Option<Self> {
        if seeds.end.saturating_sub(seeds.start) < u64::from(count) || count == 0 {
            return None;
        }
        let mut cuts = Cuts { seeds, count, at_rounds: true };
        cuts.at_rounds = (0..count).all(|index| {
            let shard = cuts.shard(index);
            shard.start < shard.end
        });
        Some(cuts)
    }

    /// The seeds of a shard.
    pub(super) fn shard(&self, index: u32) -> Range<u64> {
        self.cut(index)..self.cut(index + 1)
    }

    fn cut(&self, index: u32) -> u64 {
        let Range { start, end } = self.seeds;
        let length = u128::from(end - start);
        let part = length * u128::from(index) / u128::from(self.count);
        // It is at most the length.
        let cut = start + u64::try_from(part).unwrap_or(u64::MAX);
        match self.at_rounds && cut != end {
            true => round_start(cut).max(start),
            false => cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_read() {
        for (text, expected) in [
            ("0..1", 0..1),
            ("1_000", 0..1_000),
            ("1_0..2_0_", 10..20),
            ("18446744073709551614..18446744073709551615", u64::MAX - 1..u64::MAX),
        ] {
            assert_eq!(parse_seeds(text), Ok(Seeds(expected)), "{text}");
        }
        let (how, none) =
            ("say A..B, or N for 0..N", "there is no seed in it: say A..B with A below B");
        for (text, wrong) in [
            ("", how),
            ("..", how),
            ("5..", how),
            ("..5", how),
            ("a..b", how),
            ("1..2..3", how),
            ("-1..3", how),
            ("+1", how),
            ("_1", how),
            ("1e9", how),
            ("0..=5", how),
            ("0", none),
            ("5..5", none),
            ("6..5", none),
            (
                "18446744073709551616",
                "18446744073709551616 is above 18446744073709551615, \
              the largest seed",
            ),
        ] {
            assert_eq!(parse_seeds(text), Err(wrong.to_owned()), "{text}");
        }
    }

    #[test]
    fn cuts_are_where_rounds_start() {
        let shards = |seeds: Range<u64>, count| {
            let cuts = Cuts::new(seeds, count).expect("enough seeds");
            (0..count).map(|index| cuts.shard(index)).collect::<Vec<_>>()
        };
        // 33,333 and 66,666 are in the rounds from 8 * 4,096 and 16 * 4,096.
        assert_eq!(shards(0..100_000, 3), [0..32_768, 32_768..65_536, 65_536..100_000]);
        assert_eq!(shards(0..1_000, 2), [0..256, 256..1_000]);
        // The first cut would be at the start of the range, and leave nothing.
        assert_eq!(shards(100..300, 2), [100..200, 200..300]);
        assert_eq!(shards(5..8, 3), [5..6, 6..7, 7..8]);
        assert_eq!(shards(0..u64::MAX, 2), [0..(1 << 63) - 4_096, (1 << 63) - 4_096..u64::MAX]);
        assert!(Cuts::new(5..8, 4).is_none());
        assert!(Cuts::new(5..8, 0).is_none());
    }

    proptest::proptest! {
        #[test]
        fn shards_cover_the_range_and_none_is_empty(
            ends in proptest::array::uniform2(proptest::prop_oneof![
                0..20_000_u64,
                proptest::prelude::any::<u64>(),
                u64::MAX - 20_000..=u64::MAX,
            ]),
            count in proptest::prop_oneof![1..10_u32, 1..3_000_u32],
        ) {
            let seeds = ends[0].min(ends[1])..ends[0].max(ends[1]);
            let Some(cuts) = Cuts::new(seeds.clone(), count) else {
                assert!(seeds.end - seeds.start < u64::from(count));
                return Ok(());
            };
            let mut next = seeds.start;
            let mut at_rounds = true;
            for index in 0..count {
                let shard = cuts.shard(index);
                assert_eq!(shard.start, next);
                assert!(shard.start < shard.end);
                at_rounds &= index == 0 || round_start(shard.start) == shard.start;
                next = shard.end;
            }
            assert_eq!(next, seeds.end);
            // With two rounds for each shard there is always a start of a round in each.
            if (seeds.end - seeds.start) / u64::from(count) >= 2 * 4_096 {
                assert!(at_rounds);
            }
        }
    }
}
