//! Going back to shortly before something rare, and on from there in another way.

use std::mem::take;

use rand_chacha::ChaCha8Rng;

use super::priorities::Pos;
use super::sights::{Sight, Sights};
use super::walks::{OWN_STREAM, draw};
use crate::base::{
    Candidate, Candidates, Choice, Ended, Keyed, Operation, Policy, Question, stream_of,
};

/// One of so many runs begins anew.
const ANEW: u64 = 10;
/// One of so many runs is without haste, which hides what tasks do when they don't take turns.
const UNHURRIED: u64 = 4;
/// The rarest of so many is gone back to.
const DRAWN: usize = 8;
/// So many runs are kept at most, and none that is longer than this.
const KEPT_MAX: usize = 1_000;
const CHOICES_MAX: usize = 2_000;
/// More sights than these are not told apart: what comes then is nothing new.
const SIGHTS_MAX: usize = 100_000;

/// Partial order sampling, [`Pos`], that learns: a run which shows something new is kept, and most
/// runs begin as one of these, up to some choice before what it was the first to show, and go on at
/// random. What few runs have shown is gone back to more often.
///
/// What a run shows is who met a thing after whom. A bug that takes many steps in an order is come
/// to in stages, each of which shows something that is rare, and need not all come up by chance in
/// one run.
///
/// Source: the reads-from pairs, the corpus and the power schedule of Wolff, Shi, Duck, Mathur,
/// Roychoudhury, "Greybox fuzzing for concurrency testing" (ASPLOS 2024), whose runs are led by
/// constraints; going back to a place and exploring from there is from Ecoffet, Huizinga, Lehman,
/// Stanley, Clune, "First return, then explore" (Nature, 2021).
#[derive(Debug)]
pub struct Revisit {
    kept: Vec<Kept>,
    /// The number of each sight, and how many runs have shown it, with the last of them.
    numbers: Keyed<Sight, usize>,
    counts: Vec<(u64, u64)>,
    /// How many runs were begun.
    run: u64,
    /// What is new in the run, by number, and after how many choices it came.
    new: Vec<(usize, usize)>,
    /// The choices that are taken again, and how many the run has taken.
    again: Vec<Choice>,
    taken: usize,
    sights: Sights,
    rest: Pos,
    random: ChaCha8Rng,
}

/// A run that has shown something new.
#[derive(Debug)]
struct Kept {
    choices: Vec<Choice>,
    /// What was new, by number, and after how many choices.
    new: Vec<(usize, usize)>,
}

impl Revisit {
    /// Makes the strategy.
    pub fn new() -> Self {
        Revisit {
            kept: Vec::new(),
            numbers: Keyed::default(),
            counts: Vec::new(),
            run: 0,
            new: Vec::new(),
            again: Vec::new(),
            taken: 0,
            sights: Sights::default(),
            rest: Pos::new(),
            random: stream_of(0, OWN_STREAM),
        }
    }

    /// Draws what the run begins with: a part of an earlier one.
    fn draw_again(&mut self) {
        self.again.clear();
        if self.kept.is_empty() || draw(&mut self.random, ANEW) == 0 {
            return;
        }
        let mut rarest: Option<(u64, usize, usize)> = None;
        for _ in 0..DRAWN {
            let index = draw(&mut self.random, self.kept.len() as u64) as usize;
            let new = self.kept[index].new.iter();
            let counted = new.map(|(sight, choices)| (self.counts[*sight].0, *choices));
            let drawn = counted.min().map(|(count, choices)| (count, index, choices));
            if rarest.is_none_or(|(least, ..)| drawn.is_some_and(|(count, ..)| count < least)) {
                rarest = drawn;
            }
        }
        if let Some((_, index, choices)) = rarest {
            let cut = draw(&mut self.random, choices.max(1) as u64) as usize;
            self.again.extend(&self.kept[index].choices[..cut]);
        }
    }

    /// What an earlier run took here, if this one begins as that did.
    fn take_again(&mut self) -> Option<u32> {
        let again = self.again.get(self.taken).map(|choice| choice.value);
        self.taken += 1;
        again
    }

    /// The run shows something, for the first time or again.
    #[inline]
    fn show(&mut self, sight: Sight) {
        match self.numbers.get(&sight) {
            Some(number) => {
                let (count, last) = &mut self.counts[*number];
                if *last != self.run {
                    (*count, *last) = (*count + 1, self.run);
                }
            }
            None if self.counts.len() < SIGHTS_MAX => {
                self.new.push((self.counts.len(), self.taken));
                self.numbers.insert(sight, self.counts.len());
                self.counts.push((1, self.run));
            }
            None => {}
        }
    }
}

impl Default for Revisit {
    fn default() -> Self {
        Revisit::new()
    }
}

impl Policy for Revisit {
    fn choose(&mut self, question: &Question) -> u32 {
        let again = self.take_again();
        again.map_or_else(|| self.rest.choose(question), |value| value.min(question.bound - 1))
    }

    fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        let again = self.take_again();
        again.map_or_else(|| self.rest.pick(ready), |value| value.min(ready.count() - 1))
    }

    fn watches(&self) -> bool {
        true
    }

    fn became_ready(&mut self, candidate: &Candidate) {
        self.rest.became_ready(candidate);
    }

    fn runs(&mut self, candidate: &Candidate) {
        self.sights.begin(candidate);
        self.rest.runs(candidate);
    }

    fn follows(&self) -> bool {
        true
    }

    fn meets(&mut self, operation: &Operation) {
        if let Some(sight) = self.sights.meet(operation) {
            self.show(sight);
        }
    }

    fn begin(&mut self, seed: u64) -> bool {
        // Not the stream that the rest of the run is drawn from.
        self.random = stream_of(seed, OWN_STREAM + 1);
        self.draw_again();
        self.rest.set_hasty(draw(&mut self.random, UNHURRIED) > 0);
        (self.taken, self.run) = (0, self.run + 1);
        self.new.clear();
        self.sights.clear();
        self.rest.begin(seed)
    }

    fn end(&mut self, ended: &Ended<'_>) {
        let new = take(&mut self.new);
        if new.is_empty() || ended.choices.len() > CHOICES_MAX {
            return;
        }
        let kept = Kept { choices: ended.choices.to_vec(), new };
        if self.kept.len() < KEPT_MAX {
            self.kept.push(kept);
        } else {
            let index = draw(&mut self.random, KEPT_MAX as u64) as usize;
            self.kept[index] = kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ChoiceKind, Result};
    use crate::explore::{Explorer, Strategy};
    use crate::sync::Tracked;
    use crate::task::spawn;

    /// How many doors there are, each of which is open for a moment only.
    const DOORS: usize = 8;

    /// Fails if one task has come through all doors.
    async fn doors() -> Result<()> {
        let doors: Vec<Tracked<bool>> = (0..DOORS).map(|_| Tracked::new(false)).collect();
        let own = doors.clone();
        let porter = spawn(async move {
            for door in own {
                door.write(true).await?;
                door.write(false).await?;
            }
            Ok(())
        });
        let visitor = spawn(async move {
            for door in doors {
                if !door.read().await? {
                    return Ok(());
                }
            }
            panic!("the visitor has come through");
        });
        porter.await?;
        visitor.await
    }

    fn runs_of(strategy: Strategy, seed: u64) -> Option<u64> {
        let explorer = Explorer::new().strategy(strategy).seed(seed).runs(1_000);
        let failure = explorer.shrink_replays(0).explore(doors).failure;
        failure.map(|failure| failure.run)
    }

    /// Each door that a run comes through is something new, from which later runs go on.
    #[test]
    fn what_takes_many_stages_is_found_one_after_the_other() {
        let found = |strategy| (0..10).filter_map(move |seed| runs_of(strategy, seed));
        let (revisit, pos) = (found(Strategy::Revisit), found(Strategy::Pos));
        assert_eq!(revisit.count(), 10);
        assert!(pos.count() <= 5);
    }

    #[test]
    fn the_seed_tells_what_is_gone_back_to() {
        let runs = runs_of(Strategy::Revisit, 3);
        assert!(runs.is_some() && runs == runs_of(Strategy::Revisit, 3));
    }

    #[test]
    fn a_run_begins_as_the_one_that_has_shown_what_is_rare_but_ends_before_it() {
        let choices = |value| vec![Choice { kind: ChoiceKind::Ready, bound: 3, value }; 10];
        let mut revisit = Revisit::new();
        revisit.counts = vec![(1, 0), (100, 0)];
        revisit.kept = vec![
            Kept { choices: choices(1), new: vec![(0, 6)] },
            Kept { choices: choices(2), new: vec![(1, 9)] },
        ];
        let mut lengths = [0; 10];
        let mut anew = 0;
        for seed in 0..1_000 {
            assert!(revisit.begin(seed));
            lengths[revisit.again.len()] += 1;
            anew += u32::from(revisit.again.is_empty());
            assert!(revisit.again.iter().all(|choice| choice.value == 1) || seed_is_rare(seed));
        }
        // A tenth, and a sixth of the others.
        assert!((150..350).contains(&anew), "{anew}");
        assert!(lengths[1..6].iter().all(|count| *count > 100), "{lengths:?}");
    }

    /// Of eight that are drawn all may be the second one: in 1 of 256 runs.
    fn seed_is_rare(seed: u64) -> bool {
        let mut random = stream_of(seed, OWN_STREAM + 1);
        draw(&mut random, ANEW) > 0 && (0..DRAWN).all(|_| draw(&mut random, 2) == 1)
    }
}
