//! The steps of a shrinking that another harness takes: which case to try next, once it is known
//! what became of the last one.
//!
//! The same steps as [`shrink`](super::shrink) takes on its own, in the same order.

use std::collections::{BTreeMap, BTreeSet};

use super::case::{Case, Deed, Deviation};
use super::driven::Clue;
use super::shrink::{SINGLES_MAX, cost, group_of, hold, holdable, is_of_kind, kinds, without};

/// How many cases are tried at most.
const TRIES: u32 = 300;

/// Makes a case smaller in steps.
#[doc(hidden)]
#[derive(Debug)]
pub struct Steps {
    /// The smallest that failed.
    best: Case,
    /// The one that was given out last.
    tried_last: Option<Vec<Deviation>>,
    tried: BTreeSet<String>,
    level: Level,
    /// Which of the level's candidates is the next.
    at: usize,
    /// The cost at the beginning of the round and of the level.
    round: (usize, u64),
    start: (usize, u64),
    tries_left: u32,
    /// What the dull run told, and the runs with one deviation.
    dull: Option<Clue>,
    behind: BTreeMap<String, Clue>,
    /// The candidates of the search.
    search: Vec<Vec<Deviation>>,
}

/// What is tried, one level after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    All,
    Kinds,
    Holds,
    Groups,
    /// Parts of this many deviations, from the end on.
    Chunks(usize),
    Values,
    /// One deviation from the dull run.
    Singles,
    /// A second one behind each of these.
    Pairs,
    Over,
}

impl Steps {
    /// Begins with a case that failed.
    pub fn new(case: Case) -> Self {
        let cost = cost(&case.deviations);
        Steps {
            best: case,
            tried_last: None,
            tried: BTreeSet::new(),
            level: Level::All,
            at: 0,
            round: cost,
            start: cost,
            tries_left: TRIES,
            dull: None,
            behind: BTreeMap::new(),
            search: Vec::new(),
        }
    }

    /// The smallest case that failed.
    pub fn best(&self) -> &Case {
        &self.best
    }

    /// What to try now; none when nothing is left.
    pub fn next_case(&mut self) -> Option<Case> {
        while self.level != Level::Over && !self.best.is_empty() && self.tries_left > 0 {
            let Some(candidate) = self.candidate() else {
                self.leave_level();
                continue;
            };
            let case = self.best.with(candidate);
            if cost(&case.deviations) < cost(&self.best.deviations)
                && self.tried.insert(case.to_string())
            {
                self.tries_left -= 1;
                self.tried_last = Some(case.deviations.clone());
                return Some(case);
            }
            self.at += 1;
        }
        None
    }

    /// The last one failed, as this case, which is without what the run never came to.
    pub fn failed(&mut self, case: Case) {
        if self.tried_last.take().is_none() || case.len() > self.best.len() {
            return;
        }
        self.best = case;
        self.at = match self.level {
            Level::Chunks(_) => self.at / 2 * 2,
            Level::Values => self.at / HALVINGS * HALVINGS,
            // What is left out is no longer there to be counted.
            Level::Holds | Level::Groups => self.at,
            _ => self.at + 1,
        };
        if matches!(self.level, Level::Singles | Level::Pairs) {
            self.enter(Level::Holds);
            self.round = cost(&self.best.deviations);
        }
    }

    /// The last one did not fail, and this is what its run told.
    pub fn passed(&mut self, clue: Option<Clue>) {
        let Some(tried) = self.tried_last.take() else { return };
        if let Some(clue) = clue {
            match &tried[..] {
                [] => self.dull = Some(clue),
                [one] if self.level == Level::Singles => {
                    self.behind.insert(one.to_string(), clue);
                }
                _ => {}
            }
        }
        self.at += 1;
    }

    fn enter(&mut self, level: Level) {
        (self.level, self.at) = (level, 0);
        self.start = cost(&self.best.deviations);
        match level {
            Level::Singles => self.search = self.singles(),
            Level::Pairs => self.search = self.pairs(),
            _ => {}
        }
    }

    fn leave_level(&mut self) {
        let now = cost(&self.best.deviations);
        let next = match self.level {
            Level::All => Level::Kinds,
            Level::Kinds => {
                self.round = now;
                Level::Holds
            }
            Level::Holds => Level::Groups,
            Level::Groups => Level::Chunks((self.best.len() / 2).max(1)),
            Level::Chunks(1) if now < self.start => Level::Chunks(1),
            Level::Chunks(1) => Level::Values,
            Level::Chunks(size) => Level::Chunks((size / 2).max(1)),
            Level::Values if now < self.round => {
                self.round = now;
                Level::Holds
            }
            Level::Values if self.best.len() > 1 => Level::Singles,
            Level::Singles if self.best.len() > 2 => Level::Pairs,
            Level::Values | Level::Singles | Level::Pairs | Level::Over => Level::Over,
        };
        self.enter(next);
    }

    /// The candidate of the level at the place; none behind the last one.
    fn candidate(&self) -> Option<Vec<Deviation>> {
        let best = &self.best.deviations;
        match self.level {
            Level::All => (self.at == 0).then(Vec::new),
            Level::Kinds => {
                let kind = kinds().into_iter().nth(self.at)?;
                Some(best.iter().filter(|one| !is_of_kind(one, kind)).cloned().collect())
            }
            Level::Holds => {
                let head = holdable(best).into_iter().nth(self.at)?;
                Some(hold(best, &head))
            }
            Level::Groups => {
                let groups: BTreeSet<_> = best.iter().filter_map(group_of).collect();
                let group = groups.into_iter().nth(self.at);
                let mut kept = best.clone();
                let is_it = |one: &Deviation| group_of(one) == group && best.contains(one);
                group?;
                while let Some(index) = kept.iter().rposition(is_it) {
                    kept = without(&kept, index, index + 1);
                }
                Some(kept)
            }
            Level::Chunks(size) => {
                let end = best.len().checked_sub(self.at / 2 * size).filter(|end| *end > 0)?;
                let start = end.saturating_sub(size);
                if self.at.is_multiple_of(2) {
                    return Some(without(best, start, end));
                }
                let mut plain = best.clone();
                plain.drain(start..end);
                Some(plain)
            }
            Level::Values => {
                let mut with = best.clone();
                let one = with.get_mut(self.at / HALVINGS)?;
                if let Deed::Choose { value, .. } = &mut one.deed {
                    *value = match self.at % HALVINGS {
                        0 => 1,
                        halving => *value - (*value >> halving),
                    };
                }
                Some(with)
            }
            Level::Singles | Level::Pairs => self.search.get(self.at).cloned(),
            Level::Over => None,
        }
    }

    fn singles(&self) -> Vec<Vec<Deviation>> {
        let Some(Clue(places)) = &self.dull else { return Vec::new() };
        let all = places.candidates(0, &self.best.deviations);
        let near = all.iter().take_while(|candidate| candidate.is_near()).count();
        all.into_iter().take(near + SINGLES_MAX).map(|one| vec![one.deviation]).collect()
    }

    fn pairs(&self) -> Vec<Vec<Deviation>> {
        let mut pairs = Vec::new();
        for first in self.search.iter().flatten() {
            let Some(Clue(places)) = self.behind.get(&first.to_string()) else { continue };
            let second = places.candidates(places.index_of(&first.at), &self.best.deviations);
            let second = second.into_iter().take_while(|candidate| candidate.is_near());
            pairs.extend(second.map(|second| vec![first.clone(), second.deviation]));
        }
        pairs
    }
}

/// How many values are tried in place of one: the least, and what is ever closer to it.
const HALVINGS: usize = 32;
