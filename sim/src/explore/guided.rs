//! Small cases, led by a large one: the dull run is made to fail by ever more deviations, each of
//! which puts two operations into the order that they had in the run that failed.
//!
//! Source: the idea of Flanagan and Godefroid, "Dynamic partial-order reduction" (2005), that only
//! the order of operations that meet matters, turned round: only an order that differs from that of
//! the failing run can be why this one does not fail.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::case::Deviation;
use super::shrink::Shrinker;
use super::small::joined;

/// So many replays one such search may take at most.
const REPLAYS_MAX: u32 = 80;

/// Looks for the fewest deviations, those cases first that have fewer.
pub(super) async fn guided(shrinker: &mut Shrinker, base: &[Deviation]) {
    if shrinker.best.len() < base.len() + 3 {
        return;
    }
    let best = shrinker.best.clone();
    let Some(failing) = shrinker.places(&best).await else { return };
    let most = shrinker.replays_max.min(shrinker.replays + REPLAYS_MAX);
    // The cases by the number of their deviations, and the runs that were seen.
    let mut waiting: BTreeMap<usize, VecDeque<Vec<Deviation>>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    waiting.entry(0).or_default().push_back(Vec::new());
    while let Some(mut first) = waiting.first_entry() {
        let Some(case) = first.get_mut().pop_front() else {
            first.remove();
            continue;
        };
        if base.len() + case.len() >= shrinker.best.len() || shrinker.replays >= most {
            return;
        }
        let length = shrinker.best.len();
        let Some(places) = shrinker.places(&joined(base, &case)).await else { return };
        if shrinker.best.len() < length {
            // All that is left has at least as many.
            return;
        }
        if !seen.insert(places.order()) {
            continue;
        }
        for more in places.towards(&failing) {
            let next = joined(&case, &more);
            waiting.entry(next.len()).or_default().push_back(next);
        }
    }
}
