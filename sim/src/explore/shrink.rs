//! Shrinking: the fewest deviations from the dull run that show the same failure.
//!
//! Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002), on
//! the list of deviations; Choi and Zeller, "Isolating failure-inducing thread schedules" (2002),
//! for the idea to do it with schedules.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::case::{Case, Deed, Deviation, Spot};
use super::fault::Fault;
use super::small::Small;
use super::trial::Subject;
use crate::base::{ChoiceKind, Result};
use crate::runner::Outcome;

/// Shrinks within a number of replays.
pub(crate) struct Shrinker<'a> {
    subject: Subject<'a>,
    fault: &'a Fault,
    pub(super) best: Vec<Deviation>,
    pub(super) replays: u32,
    pub(super) replays_max: u32,
    /// What was tried already.
    tried: BTreeSet<String>,
}

/// What came of it.
pub(crate) struct Shrunk {
    pub(crate) case: Case,
    pub(crate) replays: u32,
}

/// Shrinks `case`, which shows `fault`.
pub(crate) fn shrink(subject: Subject<'_>, case: &Case, fault: &Fault, replays_max: u32) -> Shrunk {
    let mut shrinker = Shrinker {
        subject,
        fault,
        best: case.deviations.clone(),
        replays: 0,
        replays_max,
        tried: BTreeSet::new(),
    };
    shrinker.shrink();
    Shrunk { case: subject.case(shrinker.best), replays: shrinker.replays }
}

/// What makes one case better than another: fewer deviations, then smaller values.
pub(super) fn cost(deviations: &[Deviation]) -> (usize, u64) {
    let value = |deviation: &Deviation| match deviation.deed {
        Deed::Pick(_) | Deed::Hold => 1,
        Deed::Choose { value, .. } => u64::from(value),
    };
    (deviations.len(), deviations.iter().map(value).sum())
}

impl Shrinker<'_> {
    fn shrink(&mut self) {
        if self.attempt(Vec::new()) {
            return;
        }
        self.without_kinds();
        let mut small = Small::default();
        loop {
            let before = cost(&self.best);
            small.search(self);
            self.locally();
            if cost(&self.best) >= before || self.is_over() {
                break;
            }
        }
    }

    /// Leaves out and replaces, until nothing helps any more.
    fn locally(&mut self) {
        loop {
            let before = cost(&self.best);
            self.hold_instead();
            self.without_groups();
            self.without_chunks();
            self.smaller_values();
            if cost(&self.best) >= before || self.is_over() {
                break;
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.replays >= self.replays_max || self.best.is_empty()
    }

    /// Takes a candidate over if it shows the failure and is better. What was not met is left out,
    /// and so is what the run did anyway.
    pub(super) fn attempt(&mut self, candidate: Vec<Deviation>) -> bool {
        if cost(&candidate) >= cost(&self.best) {
            return false;
        }
        self.replay(candidate, false).is_some_and(|(_, is_better)| is_better)
    }

    /// Replays what was not replayed yet, and tells whether it was taken over.
    pub(super) fn replay(
        &mut self,
        candidate: Vec<Deviation>,
        record: bool,
    ) -> Option<(Outcome<Result<()>>, bool)> {
        if self.replays >= self.replays_max {
            return None;
        }
        let case = self.subject.case(candidate);
        if !self.tried.insert(case.to_string()) {
            return None;
        }
        self.replays += 1;
        let (trial, met) = self.subject.follow(&case, record);
        let shows = trial.shows(self.fault);
        let mut met = met.into_iter();
        let mut kept = case.deviations;
        kept.retain(|_| met.next().unwrap_or(false));
        let is_better = shows && cost(&kept) < cost(&self.best);
        if is_better {
            self.best = kept;
        }
        Some((trial.outcome, is_better))
    }

    /// Replays a case for what can be seen in it, even if it was replayed before.
    pub(super) fn record(&mut self, case: &[Deviation]) -> Option<Outcome<Result<()>>> {
        if self.replays >= self.replays_max {
            return None;
        }
        self.replays += 1;
        let case = self.subject.case(case.to_vec());
        Some(self.subject.follow(&case, true).0.outcome)
    }

    /// Tries to do without all deviations of a kind.
    fn without_kinds(&mut self) {
        for kind in kinds() {
            let without = self.best.iter().filter(|deviation| !is_of_kind(deviation, kind));
            let without: Vec<Deviation> = without.cloned().collect();
            self.attempt(without);
        }
    }

    /// Leaves out ever smaller parts, down to single deviations.
    fn without_chunks(&mut self) {
        let mut size = (self.best.len() / 2).max(1);
        while !self.is_over() {
            let mut end = self.best.len();
            let mut shrunk = false;
            // From the end on: what comes later depends on what came before.
            while end > 0 && !self.is_over() {
                let start = end.saturating_sub(size);
                let shifted = without(&self.best, start, end.min(self.best.len()));
                let mut plain = self.best.clone();
                plain.drain(start..end.min(plain.len()));
                if self.attempt(shifted) || self.attempt(plain) {
                    shrunk = true;
                    end = start.min(self.best.len());
                } else {
                    end = start;
                }
            }
            match (size, shrunk) {
                (1, false) => return,
                (1, true) => {}
                _ => size = (size / 2).max(1),
            }
        }
    }

    /// Tries to hold a step in place of picking many others before it.
    fn hold_instead(&mut self) {
        for head in holdable(&self.best) {
            if self.is_over() {
                return;
            }
            self.attempt(hold(&self.best, &head));
        }
    }

    /// Brings values down to the least that will do.
    fn smaller_values(&mut self) {
        let mut index = 0;
        while index < self.best.len() && !self.is_over() {
            let Deed::Choose { value, .. } = self.best[index].deed else {
                index += 1;
                continue;
            };
            let (mut low, mut high) = (1, value);
            while low < high && !self.is_over() {
                let middle = low + (high - low) / 2;
                let mut with = self.best.clone();
                if let Some(Deviation { deed: Deed::Choose { value, .. }, .. }) =
                    with.get_mut(index)
                {
                    *value = middle;
                }
                let length = self.best.len();
                match self.attempt(with) {
                    true if self.best.len() != length => break,
                    true => high = middle,
                    false => low = middle + 1,
                }
            }
            index += 1;
        }
    }

    /// Leaves out at once what several tasks do alike: giving way at the same await of the same
    /// step.
    fn without_groups(&mut self) {
        let groups: BTreeSet<_> = self.best.iter().filter_map(group_of).collect();
        for one in groups {
            if self.is_over() {
                return;
            }
            let mut kept = self.best.clone();
            while let Some(index) = kept
                .iter()
                .rposition(|other| group_of(other) == Some(one) && self.best.contains(other))
            {
                kept = without(&kept, index, index + 1);
            }
            self.attempt(kept);
        }
    }
}

/// How many single deviations are tried that concern none of the tasks that the failure does.
pub(super) const SINGLES_MAX: usize = 100;

/// Leaves out the deviations of a range. A task that no longer gives way goes on in the same step,
/// so that what came in later ones comes one earlier.
pub(super) fn without(deviations: &[Deviation], start: usize, end: usize) -> Vec<Deviation> {
    let mut kept = deviations.to_vec();
    for removed in kept.drain(start..end).rev().collect::<Vec<_>>() {
        let Deed::Choose { kind: ChoiceKind::Switch, nth: switch, .. } = removed.deed else {
            continue;
        };
        for Deviation { at, deed } in &mut kept {
            if at.path != removed.at.path || at.step <= removed.at.step {
                continue;
            }
            if at.step == removed.at.step + 1
                && let Deed::Choose { kind: ChoiceKind::Switch, nth, .. } = deed
            {
                *nth += switch + 1;
            }
            at.step -= 1;
        }
    }
    kept
}

/// What can be left out at once; none stands for picks and holds.
pub(super) fn kinds() -> [Option<ChoiceKind>; 8] {
    [
        Some(ChoiceKind::Delay),
        Some(ChoiceKind::Lateness),
        Some(ChoiceKind::Value),
        Some(ChoiceKind::Branch),
        Some(ChoiceKind::Fault),
        Some(ChoiceKind::Switch),
        None,
        Some(ChoiceKind::Cancel),
    ]
}

pub(super) fn is_of_kind(deviation: &Deviation, wanted: Option<ChoiceKind>) -> bool {
    match deviation.deed {
        Deed::Choose { kind, .. } => wanted == Some(kind),
        Deed::Pick(_) | Deed::Hold => wanted.is_none(),
    }
}

/// The steps before which several others are picked, those first that would save the most.
pub(super) fn holdable(deviations: &[Deviation]) -> Vec<Spot> {
    let mut heads: Vec<(usize, Spot)> = Vec::new();
    for Deviation { at, deed } in deviations {
        if !matches!(deed, Deed::Pick(_)) {
            continue;
        }
        match heads.iter_mut().find(|(_, head)| head == at) {
            Some((count, _)) => *count += 1,
            None => heads.push((1, at.clone())),
        }
    }
    heads.sort_by_key(|(count, _)| Reverse(*count));
    heads.into_iter().filter(|(count, _)| *count > 1).map(|(_, head)| head).collect()
}

/// Holds a step in place of all that is picked before it.
pub(super) fn hold(deviations: &[Deviation], head: &Spot) -> Vec<Deviation> {
    let mut with = Vec::new();
    let mut held = false;
    for deviation in deviations {
        let is_it = deviation.at == *head && matches!(deviation.deed, Deed::Pick(_));
        match is_it {
            false => with.push(deviation.clone()),
            true if !held => {
                held = true;
                with.push(Deviation { at: head.clone(), deed: Deed::Hold });
            }
            true => {}
        }
    }
    with
}

/// What makes deviations alike: the step's number, the kind, and which one of its kind in the step.
pub(super) fn group_of(deviation: &Deviation) -> Option<(u32, ChoiceKind, u32)> {
    match &deviation.deed {
        Deed::Choose { kind, nth, .. } => Some((deviation.at.step, *kind, *nth)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_without(case: &[&str], start: usize, end: usize, expected: &[&str]) {
        let case: Vec<Deviation> = case.iter().map(|text| text.parse().unwrap()).collect();
        let kept = without(&case, start, end);
        let kept: Vec<String> = kept.iter().map(Deviation::to_string).collect();
        assert_eq!(kept, expected);
    }

    #[test]
    fn what_came_after_a_step_that_is_no_longer_split_comes_a_step_earlier() {
        check_without(&["1.1@1s", "1.1@3>1.2"], 0, 1, &["1.1@2>1.2"]);
        // The awaits of the second half are counted on from those of the first.
        check_without(&["1.1@1#1s", "1.1@2s"], 0, 1, &["1.1@1#2s"]);
        check_without(&["1.1@1s", "1.1@1!", "1.2@3!"], 0, 1, &["1.1@1!", "1.2@3!"]);
        check_without(&["1.1@1s", "1.1@2s", "1.1@4!"], 0, 2, &["1.1@2!"]);
    }

    #[test]
    fn other_deviations_leave_no_trace() {
        check_without(&["1.1@1>1.2", "1.1@2!", "1.1@3c"], 0, 2, &["1.1@3c"]);
    }

    #[test]
    fn fewer_are_better_then_smaller_values() {
        let of = |text: &str| -> Vec<Deviation> {
            text.split(',').map(|text| text.parse().unwrap()).collect()
        };
        assert!(cost(&of("1@1t9")) < cost(&of("1@1!,1@2!")));
        assert!(cost(&of("1@1t8")) < cost(&of("1@1t9")));
        assert!(cost(&of("1@1!")) < cost(&of("1@1t2")));
    }
}
