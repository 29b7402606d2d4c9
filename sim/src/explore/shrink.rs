//! Shrinking: the fewest deviations from the dull run that show the same failure.
//!
//! Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002), on
//! the list of deviations; Choi and Zeller, "Isolating failure-inducing thread schedules" (2002),
//! for the idea to do it with schedules.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::case::{Case, Deed, Deviation, SpawnPath, Spot};
use super::driven::Clue;
use super::fault::Fault;
use super::races::Places;
use super::small::small;
use super::steps::{Desk, Steps, Told};
use super::trial::Subject;
use crate::base::ChoiceKind;

/// By how many steps a fault is moved.
const STEPS_AROUND: u32 = 4;

/// What came of it.
pub(crate) struct Shrunk {
    pub(crate) case: Case,
    pub(crate) replays: u32,
}

/// Shrinks `case`, which shows `fault`, within a number of replays.
pub(crate) fn shrink(subject: Subject<'_>, case: &Case, fault: &Fault, replays_max: u32) -> Shrunk {
    let mut steps = Steps::within(case.clone(), replays_max);
    while let Some((case, with_clue)) = steps.next_case() {
        let (trial, met) = subject.follow(&case, with_clue);
        let failed = trial.shows(fault).then(|| case.only(&met));
        steps.tell(failed, with_clue.then(|| Clue(Places::of(&trial.outcome))));
    }
    Shrunk { case: steps.best(), replays: steps.tries() }
}

/// A shrinking that goes on.
pub(super) struct Shrinker {
    desk: Desk,
    pub(super) best: Vec<Deviation>,
    pub(super) replays: u32,
    pub(super) replays_max: u32,
    /// What was tried already.
    tried: BTreeSet<String>,
    /// Where runs that were recorded could have deviated, by their case.
    seen: BTreeMap<String, Arc<Places>>,
}

/// Does all there is to do, in this order.
pub(super) async fn shrink_all(mut shrinker: Shrinker) {
    if shrinker.attempt(Vec::new()).await {
        return;
    }
    shrinker.without_kinds().await;
    loop {
        let before = cost(&shrinker.best);
        small(&mut shrinker).await;
        shrinker.locally().await;
        if cost(&shrinker.best) >= before || shrinker.is_over() {
            break;
        }
    }
}

/// What makes one case better than another: fewer deviations, then smaller values.
pub(super) fn cost(deviations: &[Deviation]) -> (usize, u64) {
    let value = |deviation: &Deviation| match deviation.deed {
        Deed::Pick(_) | Deed::Hold => 1,
        Deed::Choose { value, .. } => u64::from(value),
    };
    (deviations.len(), deviations.iter().map(value).sum())
}

impl Shrinker {
    pub(super) fn new(desk: Desk, best: Vec<Deviation>, replays_max: u32) -> Self {
        let (tried, seen) = (BTreeSet::new(), BTreeMap::new());
        Shrinker { desk, best, replays: 0, replays_max, tried, seen }
    }

    /// Leaves out and replaces, until nothing helps any more.
    async fn locally(&mut self) {
        loop {
            let before = cost(&self.best);
            self.hold_instead().await;
            self.without_groups().await;
            self.without_chunks().await;
            self.in_an_earlier_life().await;
            self.smaller_values().await;
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
    pub(super) async fn attempt(&mut self, candidate: Vec<Deviation>) -> bool {
        cost(&candidate) < cost(&self.best) && self.replay(candidate, false).await
    }

    /// Replays what was not replayed yet, and tells whether it was taken over.
    pub(super) async fn replay(&mut self, candidate: Vec<Deviation>, with_clue: bool) -> bool {
        let text = text_of(&candidate);
        if self.replays >= self.replays_max || !self.tried.insert(text.clone()) {
            return false;
        }
        self.replays += 1;
        let Told { failed, clue } = self.desk.tell(candidate, with_clue).await;
        if let Some(Clue(places)) = clue {
            self.seen.insert(text, Arc::new(places));
        }
        let better = failed.filter(|case| cost(&case.deviations) < cost(&self.best));
        if let Some(case) = &better {
            self.best.clone_from(&case.deviations);
            self.desk.keep(&self.best);
        }
        better.is_some()
    }

    /// Where the run of a case could deviate, which is replayed for it if need be; none if there
    /// are no replays left.
    pub(super) async fn places(&mut self, case: &[Deviation]) -> Option<Arc<Places>> {
        let text = text_of(case);
        if !self.seen.contains_key(&text) {
            // It may have been replayed without a look at it.
            self.tried.remove(&text);
            self.replay(case.to_vec(), true).await;
        }
        self.seen.get(&text).cloned()
    }

    /// Tries to do without all deviations of a kind.
    async fn without_kinds(&mut self) {
        for kind in kinds() {
            let without = self.best.iter().filter(|deviation| !is_of_kind(deviation, kind));
            let without: Vec<Deviation> = without.cloned().collect();
            self.attempt(without).await;
        }
    }

    /// Leaves out ever smaller parts, down to single deviations.
    async fn without_chunks(&mut self) {
        let mut size = (self.best.len() / 2).max(1);
        while !self.is_over() {
            let mut end = self.best.len();
            let mut shrunk = false;
            // From the end on: what comes later depends on what came before.
            while end > 0 && !self.is_over() {
                let start = end.saturating_sub(size);
                let range = start..end.min(self.best.len());
                let shifted = without(&self.best, |index| range.contains(&index));
                let mut plain = self.best.clone();
                plain.drain(range.clone());
                if self.attempt(shifted).await || self.attempt(plain).await {
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

    /// Tries a fault at the task of an earlier one, and leaves that one out: what a host does once
    /// a crash has restarted it may fail in its first life, too, where another task does it.
    async fn in_an_earlier_life(&mut self) {
        let is_fault = |deviation: &Deviation| is_of_kind(deviation, Some(ChoiceKind::Fault));
        let faults: Vec<Deviation> = self.best.iter().filter(|it| is_fault(it)).cloned().collect();
        for (index, later) in faults.iter().enumerate().rev() {
            for earlier in faults[..index].iter().filter(|it| it.at.path != later.at.path) {
                // A life that goes on where the last one ended begins in other steps than that.
                for step in nearest(later.at.step) {
                    let mut kept = self.best.clone();
                    kept.retain(|deviation| deviation != earlier);
                    let Some(moved) = kept.iter_mut().find(|deviation| *deviation == later) else {
                        return;
                    };
                    moved.at = Spot { path: earlier.at.path.clone(), step };
                    if self.is_over() || self.attempt(kept).await {
                        return;
                    }
                }
            }
        }
    }

    /// Tries to hold a step in place of picking many others before it.
    async fn hold_instead(&mut self) {
        for head in holdable(&self.best) {
            if self.is_over() {
                return;
            }
            self.attempt(hold(&self.best, &head)).await;
        }
    }

    /// Brings values down to the least that will do.
    async fn smaller_values(&mut self) {
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
                match self.attempt(with).await {
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
    async fn without_groups(&mut self) {
        let groups: BTreeSet<_> = self.best.iter().filter_map(group_of).collect();
        for one in groups {
            if self.is_over() {
                return;
            }
            let kept = without(&self.best, |index| group_of(&self.best[index]) == Some(one));
            self.attempt(kept).await;
        }
    }
}

fn text_of(case: &[Deviation]) -> String {
    let texts: Vec<String> = case.iter().map(Deviation::to_string).collect();
    texts.join(",")
}

/// Leaves out some deviations. A task that no longer gives way goes on in the same step, so that
/// what came in later ones comes one earlier.
fn without(deviations: &[Deviation], is_left_out: impl Fn(usize) -> bool) -> Vec<Deviation> {
    // For each task the steps that are no longer split, and how many awaits each had before the
    // split and those before it that follow on each other.
    let mut joined: BTreeMap<&SpawnPath, Vec<(u32, u32)>> = BTreeMap::new();
    for (index, Deviation { at, deed }) in deviations.iter().enumerate() {
        if let Deed::Choose { kind: ChoiceKind::Switch, nth, .. } = deed
            && is_left_out(index)
        {
            joined.entry(&at.path).or_default().push((at.step, nth + 1));
        }
    }
    for steps in joined.values_mut() {
        steps.sort_unstable();
        for index in 1..steps.len() {
            if steps[index - 1].0 + 1 == steps[index].0 {
                steps[index].1 += steps[index - 1].1;
            }
        }
    }
    let mut kept = Vec::new();
    for (index, deviation) in deviations.iter().enumerate() {
        if is_left_out(index) {
            continue;
        }
        let mut deviation = deviation.clone();
        if let Some(steps) = joined.get(&deviation.at.path) {
            let before = steps.partition_point(|(step, _)| *step < deviation.at.step);
            if let Some((step, awaits)) = before.checked_sub(1).map(|last| steps[last])
                && step + 1 == deviation.at.step
                && let Deed::Choose { kind: ChoiceKind::Switch, nth, .. } = &mut deviation.deed
            {
                *nth += awaits;
            }
            deviation.at.step -= before as u32;
        }
        kept.push(deviation);
    }
    kept
}

/// What can be left out at once; none stands for picks and holds.
fn kinds() -> [Option<ChoiceKind>; 9] {
    [
        Some(ChoiceKind::Entropy),
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

fn is_of_kind(deviation: &Deviation, wanted: Option<ChoiceKind>) -> bool {
    match deviation.deed {
        Deed::Choose { kind, .. } => wanted == Some(kind),
        Deed::Pick(_) | Deed::Hold => wanted.is_none(),
    }
}

/// The steps before which several others are picked, those first that would save the most.
fn holdable(deviations: &[Deviation]) -> Vec<Spot> {
    let mut counts: BTreeMap<&Spot, (usize, usize)> = BTreeMap::new();
    for (index, Deviation { at, deed }) in deviations.iter().enumerate() {
        if matches!(deed, Deed::Pick(_)) {
            counts.entry(at).or_insert((0, index)).0 += 1;
        }
    }
    let mut heads: Vec<_> = counts.into_iter().filter(|(_, (count, _))| *count > 1).collect();
    heads.sort_by_key(|(_, (count, first))| (Reverse(*count), *first));
    heads.into_iter().map(|(head, _)| head.clone()).collect()
}

/// Holds a step in place of all that is picked before it.
fn hold(deviations: &[Deviation], head: &Spot) -> Vec<Deviation> {
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

/// A step and those around it, the nearest first.
fn nearest(step: u32) -> impl Iterator<Item = u32> {
    let around = (1..=STEPS_AROUND).flat_map(move |by| [step.saturating_sub(by), step + by]);
    std::iter::once(step).chain(around).filter(|step| *step > 0)
}

/// What makes deviations alike: the step's number, the kind, and which one of its kind in the step.
fn group_of(deviation: &Deviation) -> Option<(u32, ChoiceKind, u32)> {
    match &deviation.deed {
        Deed::Choose { kind, nth, .. } => Some((deviation.at.step, *kind, *nth)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use super::*;
    use crate::base::Result;
    use crate::explore::{Explorer, Strategy};
    use crate::sync::Tracked;
    use crate::task::{spawn, yield_now};

    fn check_without(case: &[&str], start: usize, end: usize, expected: &[&str]) {
        let case: Vec<Deviation> = case.iter().map(|text| text.parse().unwrap()).collect();
        let kept = without(&case, |index| (start..end).contains(&index));
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

    /// Three deviations: the second task comes into the first one's way twice.
    async fn torn() -> Result<()> {
        let (x, y) = (Tracked::new(0), Tracked::new(0));
        let (other_x, other_y) = (x.clone(), y.clone());
        let one = spawn(async move {
            x.write(1).await?;
            let seen = y.read().await?;
            x.write(2).await?;
            if seen == 1 {
                x.write(3).await?;
            }
            Ok(())
        });
        let other = spawn(async move {
            if other_x.read().await? == 1 {
                other_y.write(1).await?;
                for _ in 0..3 {
                    yield_now().await?;
                }
                if other_x.read().await? == 2 {
                    assert_ne!(other_x.read().await?, 3, "torn");
                }
            }
            Ok(())
        });
        one.await?;
        other.await
    }

    /// Three: what comes round comes against the order of the tasks.
    async fn relay() -> Result<()> {
        let [p, q, r] = [(); 3].map(|()| Tracked::new(0));
        let (to_first, to_second) = (q.clone(), r.clone());
        let (round, start) = (p.clone(), r.clone());
        let first = spawn(async move {
            yield_now().await?;
            if to_first.read().await? == 1 {
                p.write(1).await?;
            }
            Ok(())
        });
        let second = spawn(async move {
            if to_second.read().await? == 1 {
                yield_now().await?;
                q.write(1).await?;
            }
            Ok(())
        });
        let third = spawn(async move {
            yield_now().await?;
            start.write(1).await?;
            start.write(2).await?;
            assert_eq!(round.read().await?, 0, "it came round");
            Ok(())
        });
        first.await?;
        second.await?;
        third.await
    }

    /// Three: a reader sees a half of a pair twice.
    async fn halves() -> Result<()> {
        let (x, y) = (Tracked::new(0), Tracked::new(0));
        let (left, right) = (x.clone(), y.clone());
        let writer = spawn(async move {
            for value in 1..=3 {
                left.write(value).await?;
                right.write(value).await?;
            }
            Ok(())
        });
        let reader = spawn(async move {
            let mut seen = [0; 4];
            for pair in seen.chunks_mut(2) {
                pair[0] = x.read().await?;
                pair[1] = y.read().await?;
            }
            assert_ne!(seen, [1, 0, 2, 1], "half a pair, twice");
            Ok(())
        });
        writer.await?;
        reader.await
    }

    fn check_sizes<Fut>(seeds: u64, runs: u64, size: usize, body: fn() -> Fut)
    where
        Fut: Future<Output = Result<()>> + 'static,
    {
        for deviations in 0..size as u32 {
            let explorer = Explorer::new().strategy(Strategy::Exhaustive { deviations });
            let exploration = explorer.explore(body);
            assert!(exploration.failure.is_none() && exploration.statistics.exhausted);
        }
        for seed in 0..seeds {
            let exploration = Explorer::new().runs(runs).seed(seed).explore(body);
            let failure = exploration.failure.unwrap_or_else(|| panic!("seed {seed}: not found"));
            assert_eq!(failure.case.len(), size, "seed {seed}: {}", failure.case);
            assert!(failure.replays <= 300, "seed {seed}: {} replays", failure.replays);
        }
    }

    #[test]
    fn what_needs_three_deviations_is_found_and_has_three_from_every_seed() {
        check_sizes(20, 200, 3, torn);
        check_sizes(20, 200, 3, relay);
        check_sizes(5, 2_000, 3, halves);
    }
}
