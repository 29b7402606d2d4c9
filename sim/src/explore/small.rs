//! Small cases, put together from the dull run: what is as small as can be is tried before a large
//! case is taken apart.

use super::case::{Deed, Deviation};
use super::guided::guided;
use super::races::{Candidate, FAR};
use super::shrink::Shrinker;
use crate::base::ChoiceKind;

/// How many far single deviations are tried.
const FAR_SINGLES_MAX: usize = 40;
/// The largest sum of the ranks of two deviations that are tried together.
const PAIR_RANKS_MAX: usize = 2;

/// Tries one deviation at the places where it could matter, then what tasks of a kind do alike,
/// then what the failing run leads to, then two deviations, with at most a third of the replays
/// that are left, then one at any place.
///
/// What is not about the order of steps, such as a cancel, is kept as it is.
pub(super) async fn small(shrinker: &mut Shrinker) {
    let base = apart_from_order(&shrinker.best);
    if shrinker.best.len() < base.len() + 2 {
        return;
    }
    let Some(places) = shrinker.places(&base).await else { return };
    let (near, far): (Vec<Candidate>, Vec<Candidate>) = places
        .candidates(0, &shrinker.best)
        .into_iter()
        .partition(|candidate| candidate.rank < FAR);
    for candidate in &near {
        if shrinker.replay(joined(&base, [&candidate.deviation]), true).await {
            return;
        }
    }
    for group in places.groups() {
        let last = group.len() - 1;
        for part in [&group[..], &group[..last], &group[1..]] {
            shrinker.attempt(joined(&base, part)).await;
        }
    }
    guided(shrinker, &base).await;
    pairs(shrinker, &base, &near).await;
    for candidate in far.iter().take(FAR_SINGLES_MAX) {
        if shrinker.attempt(joined(&base, [&candidate.deviation])).await {
            return;
        }
    }
}

/// Tries one deviation, and a second one at the places behind it: the nearest two first.
async fn pairs(shrinker: &mut Shrinker, base: &[Deviation], near: &[Candidate]) {
    let most = shrinker.replays + (shrinker.replays_max - shrinker.replays) / 3;
    for ranks in 0..=PAIR_RANKS_MAX {
        for first in near.iter().filter(|first| first.rank <= ranks) {
            let one = joined(base, [&first.deviation]);
            let Some(places) = shrinker.places(&one).await else { return };
            // Up to the first one the two runs are the same.
            let seconds = places.candidates(first.at, &shrinker.best);
            for second in seconds.iter().filter(|second| second.rank + first.rank == ranks) {
                if shrinker.best.len() < base.len() + 3 || shrinker.replays >= most {
                    return;
                }
                shrinker.attempt(joined(&one, [&second.deviation])).await;
            }
        }
    }
}

/// The deviations that are not about which step comes when.
fn apart_from_order(deviations: &[Deviation]) -> Vec<Deviation> {
    let is_of_order = |deviation: &&Deviation| match deviation.deed {
        Deed::Pick(_) | Deed::Hold => true,
        Deed::Choose { kind, .. } => kind == ChoiceKind::Switch,
    };
    deviations.iter().filter(|deviation| !is_of_order(deviation)).cloned().collect()
}

pub(super) fn joined<'a>(
    base: &'a [Deviation],
    others: impl IntoIterator<Item = &'a Deviation>,
) -> Vec<Deviation> {
    base.iter().chain(others).cloned().collect()
}
