//! A sample of the orders of operations that were seen, which stays small however many there are.
//!
//! An order is in the sample by its hash alone: at level `k` those whose mixed hash ends with at
//! least `k` zero bits. Where more are seen than there is room for, the level rises. So the sample
//! of some runs is the same in whatever parts they were made, and merging loses nothing. Source:
//! Gibbons, "Distinct sampling for highly-accurate answers to distinct values queries" (2001).

use std::collections::BTreeMap;

use super::rounds::round_start;

/// How many orders are kept. It is a part of the format: samples of other sizes can't be merged.
pub(super) const KEPT_MAX: usize = 1_024;

/// The orders that were kept, and how far they are a part of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    level: u32,
    orders: BTreeMap<u64, Seen>,
}

/// Where one order was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// In how many runs.
    pub(super) runs: u64,
    /// Where the first and the last round begin in which it was.
    pub(super) first: u64,
    pub(super) last: u64,
}

/// What is known of the chance that one more run shows an order that was not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unseen {
    /// In thousandths.
    PerMille(u64),
    /// One in so many.
    OneIn(u64),
    /// At most one in so many.
    AtMostOneIn(u64),
}

impl Sample {
    pub(super) fn level(&self) -> u32 {
        self.level
    }

    /// The orders that were kept, by their hashes.
    pub(super) fn orders(&self) -> impl Iterator<Item = (u64, Seen)> {
        self.orders.iter().map(|(order, seen)| (*order, *seen))
    }

    pub(super) fn get(&self, order: u64) -> Option<Seen> {
        self.orders.get(&order).copied()
    }

    /// Takes note that some runs of the round of `seed` had this order; tells whether it is kept.
    pub(super) fn see(&mut self, order: u64, runs: u64, seed: u64) -> bool {
        let round = round_start(seed);
        self.add(order, Seen { runs, first: round, last: round })
    }

    /// Adds what was seen in other runs.
    pub(super) fn merge(&mut self, other: &Sample) {
        self.raise_to(other.level);
        for (order, seen) in other.orders() {
            self.add(order, seen);
        }
    }

    /// Puts in place of what is known what is known by now; false if the sample can't be such.
    #[must_use]
    pub(super) fn replace(&mut self, level: u32, orders: &[(u64, Seen)]) -> bool {
        let is_risen = level >= self.level && level <= u64::BITS;
        self.raise_to(level);
        self.orders.extend(orders.iter().copied());
        let is_kept = |order: &u64| level_of(*order) >= level;
        is_risen && self.orders.len() <= KEPT_MAX && self.orders.keys().all(is_kept)
    }

    fn add(&mut self, order: u64, other: Seen) -> bool {
        if level_of(order) < self.level {
            return false;
        }
        let seen = self.orders.entry(order).or_insert(Seen { runs: 0, ..other });
        seen.runs = seen.runs.saturating_add(other.runs);
        seen.first = seen.first.min(other.first);
        seen.last = seen.last.max(other.last);
        while self.orders.len() > KEPT_MAX {
            self.raise_to(self.level + 1);
        }
        level_of(order) >= self.level
    }

    fn raise_to(&mut self, level: u32) {
        if level > self.level {
            self.level = level;
            self.orders.retain(|order, _| level_of(*order) >= level);
        }
    }

    /// The estimated number of orders that were seen; at level 0 the number.
    pub(super) fn distinct(&self) -> u128 {
        (self.orders.len() as u128) << self.level
    }

    /// The estimated chance that one more run shows an order that was not seen in all `runs`; none
    /// where these tell nothing.
    ///
    /// It is the part of the runs whose order no other round has shown: had their round been left
    /// out, each of them would have been new. Where rounds are single runs that is the estimate of
    /// Good, "The population frequencies of species" (1953). Where there is no such run, 3 / `runs`
    /// bounds it in 19 of 20 campaigns, if runs are drawn independently.
    pub(super) fn unseen(&self, runs: u64) -> Option<Unseen> {
        let alone = self.orders.values().filter(|seen| seen.first == seen.last);
        let once = alone.fold(0_u128, |sum, seen| sum + u128::from(seen.runs));
        let once = once.saturating_mul(1 << self.level);
        let runs = u128::from(runs);
        let narrow = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
        match once {
            0 if self.orders.is_empty() => None,
            // Of three times 2^level orders one at least is kept, in 19 of 20 cases.
            0 => match narrow(runs / (3 << self.level)) {
                0 | 1 => None,
                one_in => Some(Unseen::AtMostOneIn(one_in)),
            },
            once if once * 100 >= runs => {
                Some(Unseen::PerMille(narrow((once * 1_000 / runs).min(1_000))))
            }
            once => Some(Unseen::OneIn(narrow(runs / once))),
        }
    }
}

/// The highest level at which an order is kept.
fn level_of(order: u64) -> u32 {
    mixed(order).trailing_zeros()
}

/// Mixes a hash once more: what makes them may not care for the last bits. Source: the finalizer
/// of SplitMix64, Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A sequence in which each number comes up, and twice a share of it.
    fn orders(count: u64) -> impl Iterator<Item = (u64, u64)> {
        (0..count).map(move |seed| (seed % (count / 2 + 1) * 0x9e37_79b9, seed))
    }

    /// The first number that SplitMix64 draws from seed 0, as published.
    #[test]
    fn hashes_are_mixed_as_published() {
        assert_eq!(mixed(0x9e37_79b9_7f4a_7c15), 0xe220_a839_7b1d_cdaf);
    }

    /// Against its definition: the lowest level at which there is room, and all that is known of
    /// each order that is kept at that level.
    #[test]
    fn a_sample_is_what_its_definition_says() {
        for count in [10, 1_024, 2_048, 2_050, 50_000] {
            let mut sample = Sample::default();
            let mut all: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
            for (order, seed) in orders(count) {
                sample.see(order, 1, seed);
                all.entry(order).or_default().push(seed);
            }
            let kept = |level: u32| all.keys().filter(move |order| level_of(**order) >= level);
            let level = (0..=64).find(|level| kept(*level).count() <= 1_024).expect("a level");
            assert_eq!(sample.level(), level);
            let expected: Vec<(u64, Seen)> = kept(level)
                .map(|order| {
                    let (first, last) = (all[order][0], *all[order].last().expect("a seed"));
                    let runs = all[order].len() as u64;
                    (*order, Seen { runs, first: round_start(first), last: round_start(last) })
                })
                .collect();
            assert_eq!(sample.orders().collect::<Vec<_>>(), expected, "{count}");
        }
    }

    #[test]
    fn what_is_merged_in_any_grouping_is_the_same() {
        let all: Vec<(u64, u64)> = orders(20_000).collect();
        let of = |part: &[(u64, u64)]| {
            let mut sample = Sample::default();
            for (order, seed) in part {
                sample.see(*order, 1, *seed);
            }
            sample
        };
        let whole = of(&all);
        let parts: Vec<Sample> = all.chunks(3_333).map(of).collect();
        let mut forwards = Sample::default();
        parts.iter().for_each(|part| forwards.merge(part));
        assert_eq!(forwards, whole);
        let mut backwards = Sample::default();
        parts.iter().rev().for_each(|part| backwards.merge(part));
        assert_eq!(backwards, whole);
        let (mut left, mut right) = (parts[0].clone(), parts[1].clone());
        parts[2..].iter().for_each(|part| right.merge(part));
        left.merge(&right);
        assert_eq!(left, whole);
    }

    /// 1,024 of a number of random hashes tell that number to some 3 %, by the binomial
    /// distribution; here four times that is allowed.
    #[test]
    fn the_number_of_orders_is_estimated() {
        for count in [1_000_u64, 10_000, 300_000] {
            let mut sample = Sample::default();
            for order in 0..count {
                sample.see(mixed(order ^ 0xabcd), 1, order);
            }
            let off = sample.distinct().abs_diff(u128::from(count));
            assert!(off * 100 <= 12 * u128::from(count), "{} of {count}", sample.distinct());
            assert_eq!(off == 0, count == 1_000);
        }
    }

    #[test]
    fn what_is_left_is_the_part_of_the_runs_that_no_other_round_showed() {
        let mut sample = Sample::default();
        assert_eq!(sample.unseen(0), None);
        sample.see(1, 200, 0);
        sample.see(1, 200, 256);
        assert_eq!(sample.unseen(5), None);
        assert_eq!(sample.unseen(400), Some(Unseen::AtMostOneIn(133)));
        sample.see(2, 2, 256);
        sample.see(3, 2, 4_096);
        sample.see(3, 2, 8_191);
        // Four of the runs have an order that only one round has shown: 3 is from one round, too.
        assert_eq!(sample.unseen(408), Some(Unseen::PerMille(14)));
        assert_eq!(sample.unseen(100_000), Some(Unseen::OneIn(16_666)));
        assert_eq!(sample.unseen(6), Some(Unseen::PerMille(1_000)));
    }

    #[test]
    fn a_sample_that_cannot_be_is_refused() {
        let seen = Seen { runs: 1, first: 0, last: 0 };
        let odd = (0..).find(|order| level_of(*order) == 0).expect("an order");
        let even = (0..).find(|order| level_of(*order) == 1).expect("an order");
        assert!(Sample::default().replace(1, &[(even, seen)]));
        assert!(!Sample::default().replace(1, &[(odd, seen)]));
        assert!(!Sample::default().replace(65, &[]));
        let many: BTreeSet<u64> = (0..1_025).collect();
        let many: Vec<(u64, Seen)> = many.into_iter().map(|order| (order, seen)).collect();
        assert!(!Sample::default().replace(0, &many));
        let mut risen = Sample::default();
        assert!(risen.replace(3, &[]));
        assert!(!risen.replace(2, &[]));
    }
}
