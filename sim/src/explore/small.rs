//! Small cases, put together from the dull run: what is as small as can be is tried before a large
//! case is taken apart.

use std::collections::BTreeMap;

use super::case::{Deed, Deviation};
use super::races::{Candidate, FAR, Places};
use super::shrink::Shrinker;
use crate::base::ChoiceKind;

/// How many far single deviations are tried.
const FAR_SINGLES_MAX: usize = 40;
/// The largest sum of the ranks of two deviations that are tried together.
const PAIR_RANKS_MAX: usize = 2;

/// The search for small cases, with the runs that it has made: none is made twice.
#[derive(Default)]
pub(crate) struct Small {
    places: BTreeMap<String, Places>,
}

impl Small {
    /// Tries one deviation at the places where it could matter, then what tasks of a kind do alike,
    /// then two deviations, with at most half of the replays that are left, then one at any place.
    ///
    /// What is not about the order of steps, such as a cancel, is kept as it is.
    pub(crate) fn search(&mut self, shrinker: &mut Shrinker<'_>) {
        let base: Vec<Deviation> =
            shrinker.best.iter().filter(|deviation| !is_of_order(deviation)).cloned().collect();
        if shrinker.best.len() < base.len() + 2 {
            return;
        }
        self.visit(shrinker, &base);
        let Some(places) = self.places.get(&text_of(&base)) else { return };
        let groups = places.groups();
        let (near, far): (Vec<Candidate>, Vec<Candidate>) = places
            .candidates(0, &shrinker.best)
            .into_iter()
            .partition(|candidate| candidate.rank < FAR);
        let start = |first: Candidate| (places.index_of(&first.deviation.at), first);
        let near: Vec<(usize, Candidate)> = near.into_iter().map(start).collect();
        for (_, candidate) in &near {
            if self.attempt(shrinker, joined(&base, [&candidate.deviation])) {
                return;
            }
        }
        for group in &groups {
            let last = group.len() - 1;
            for part in [&group[..], &group[..last], &group[1..]] {
                shrinker.attempt(joined(&base, part));
            }
        }
        self.pairs(shrinker, &base, &near);
        for candidate in far.iter().take(FAR_SINGLES_MAX) {
            if shrinker.attempt(joined(&base, [&candidate.deviation])) {
                return;
            }
        }
    }

    /// Tries one deviation, and a second one at the places behind it: the nearest two first.
    fn pairs(
        &mut self,
        shrinker: &mut Shrinker<'_>,
        base: &[Deviation],
        near: &[(usize, Candidate)],
    ) {
        let half = shrinker.replays + (shrinker.replays_max - shrinker.replays) / 2;
        for ranks in 0..=PAIR_RANKS_MAX {
            for (start, first) in near.iter().filter(|(_, first)| first.rank <= ranks) {
                let one = joined(base, [&first.deviation]);
                self.visit(shrinker, &one);
                let Some(places) = self.places.get(&text_of(&one)) else { return };
                let seconds = places.candidates(*start, &shrinker.best);
                for second in seconds.iter().filter(|second| second.rank + first.rank == ranks) {
                    if shrinker.best.len() < base.len() + 3 || shrinker.replays >= half {
                        return;
                    }
                    shrinker.attempt(joined(&one, [&second.deviation]));
                }
            }
        }
    }

    /// Replays a case, and keeps its places.
    fn attempt(&mut self, shrinker: &mut Shrinker<'_>, case: Vec<Deviation>) -> bool {
        let text = text_of(&case);
        let Some((outcome, is_better)) = shrinker.replay(case, true) else { return false };
        self.places.insert(text, Places::of(&outcome));
        is_better
    }

    /// Sees to it that the places of a case are known, unless there are no replays left.
    fn visit(&mut self, shrinker: &mut Shrinker<'_>, case: &[Deviation]) {
        let text = text_of(case);
        if !self.places.contains_key(&text)
            && let Some(outcome) = shrinker.record(case)
        {
            self.places.insert(text, Places::of(&outcome));
        }
    }
}

/// Whether a deviation is about which step comes when.
fn is_of_order(deviation: &Deviation) -> bool {
    match deviation.deed {
        Deed::Pick(_) | Deed::Hold => true,
        Deed::Choose { kind, .. } => kind == ChoiceKind::Switch,
    }
}

fn joined<'a>(
    base: &'a [Deviation],
    others: impl IntoIterator<Item = &'a Deviation>,
) -> Vec<Deviation> {
    base.iter().chain(others).cloned().collect()
}

fn text_of(case: &[Deviation]) -> String {
    let texts: Vec<String> = case.iter().map(Deviation::to_string).collect();
    texts.join(",")
}
