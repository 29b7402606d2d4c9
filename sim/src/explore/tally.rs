//! What is counted: of one round of an exploration, and of all of them together.

use std::collections::{BTreeMap, BTreeSet};

use super::trial::Trial;
use crate::base::{ChoiceKind, Result};
use crate::event_loop::Point;
use crate::runner::Outcome;

/// What an exploration counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Runs, apart from replays.
    pub runs: u64,
    /// Steps of all runs.
    pub steps: u64,
    /// Orders of conflicting operations that were seen, each counted once. It is taken that all
    /// state which tasks share is [`Tracked`](crate::sync::Tracked), named by
    /// [`touch!`](crate::touch), or a primitive.
    pub distinct: u64,
    /// What the runs came to, by what they printed and how they ended, each counted once.
    pub outcomes: u64,
    /// Runs that were drawn independently of each other and all in the same way, as those of
    /// [`Strategy::Random`](super::Strategy::Random) and [`Strategy::Pos`](super::Strategy::Pos);
    /// other strategies have none.
    pub drawn: u64,
    /// The orders that were seen in a single one of the runs that were drawn: divided by those, the
    /// chance that the next one shows a new order. Source: Good, "The population frequencies of
    /// species" (1953).
    pub seen_once: u64,
    /// Whether there is nothing left to try within the bounds of the strategy.
    pub exhausted: bool,
    /// Runs in which a cancel or a drop struck at one chosen place.
    pub struck: u64,
    /// Runs that were taken again and compared.
    pub rechecked: u64,
}

impl Statistics {
    /// The estimated chance that one more run shows a new order, in thousandths; none when nothing
    /// is left to try, or where runs are not drawn independently. Source: Good (1953).
    pub fn unseen_per_mille(&self) -> Option<u64> {
        match (self.exhausted, self.drawn) {
            (true, _) | (_, 0) => None,
            (false, drawn) => Some(self.seen_once * 1_000 / drawn),
        }
    }
}

/// What the runs of a round came to, and then those of all rounds.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Without what follows from the orders and results, before the [end](Tally::into_counted).
    pub(crate) statistics: Statistics,
    /// How often each order of operations came about, and in runs that were drawn apart.
    pub(crate) orders: BTreeMap<u64, (u64, u64)>,
    /// The results that were seen.
    pub(crate) outcomes: BTreeSet<u64>,
    pub(crate) points: Vec<Point>,
    /// Some task could have given way at an await where it need not wait.
    pub(crate) can_give_way: bool,
}

impl Tally {
    /// Counts a run, and takes its points.
    pub(super) fn count(&mut self, trial: &mut Trial, is_drawn: bool) {
        self.statistics.runs += 1;
        self.statistics.steps += trial.outcome.steps;
        self.statistics.drawn += u64::from(is_drawn);
        let (seen, drawn) = self.orders.entry(trial.outcome.order).or_default();
        *seen += 1;
        *drawn += u64::from(is_drawn);
        let choices = &trial.outcome.choices;
        self.can_give_way |= choices.iter().any(|choice| choice.kind == ChoiceKind::Switch);
        self.outcomes.insert(hash_of(&trial.outcome));
        self.add_points(std::mem::take(&mut trial.outcome.points));
    }

    /// Adds what came of the round that follows.
    pub(crate) fn add(&mut self, later: Tally) {
        let Tally { statistics, orders, outcomes, points, can_give_way } = later;
        self.statistics.runs += statistics.runs;
        self.statistics.steps += statistics.steps;
        self.statistics.drawn += statistics.drawn;
        self.statistics.struck += statistics.struck;
        self.statistics.rechecked += statistics.rechecked;
        self.statistics.exhausted = statistics.exhausted;
        for (order, (later_seen, later_drawn)) in orders {
            let (seen, drawn) = self.orders.entry(order).or_default();
            *seen += later_seen;
            *drawn += later_drawn;
        }
        self.outcomes.extend(outcomes);
        self.add_points(points);
        self.can_give_way |= can_give_way;
    }

    fn add_points(&mut self, points: Vec<Point>) {
        for point in points {
            let same = |known: &&mut Point| known.place == point.place && known.name == point.name;
            match self.points.iter_mut().find(same) {
                Some(known) => {
                    known.hits += point.hits;
                    known.satisfied += point.satisfied;
                }
                None => self.points.push(point),
            }
        }
    }

    /// All that was counted.
    pub(crate) fn into_counted(self) -> (Statistics, Vec<Point>) {
        let once = self.orders.values().filter(|(_, drawn)| *drawn == 1);
        let statistics = Statistics {
            distinct: self.orders.len() as u64,
            seen_once: once.count() as u64,
            outcomes: self.outcomes.len() as u64,
            ..self.statistics
        };
        (statistics, self.points)
    }
}

/// Names what a run came to: what it printed and how it ended.
fn hash_of(outcome: &Outcome<Result<()>>) -> u64 {
    // Each line with its end.
    let add = |hash: Fnv, text: &str| hash.with(text.as_bytes()).with(b"\n");
    let printed = outcome.lines.iter().map(|line| line.text.as_str());
    let hash = printed.fold(Fnv::default(), add);
    match &outcome.result {
        Err(error) | Ok(Err(error)) => add(hash, &error.to_string()),
        Ok(Ok(())) => hash,
    }
    .0
}

/// FNV-1a of 64 bits. Source: draft-eastlake-fnv.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Fnv(pub u64);

impl Default for Fnv {
    /// The hash of nothing.
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// The hash with these bytes behind those before.
    #[must_use = "a hash is a value"]
    pub fn with(self, bytes: &[u8]) -> Self {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Fnv(bytes.iter().fold(self.0, step))
    }
}
