//! When a failure became inevitable: how often runs fail that go on as they like after a part of
//! the choices of one that fails.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::explorer::{Explorer, Failure};
use super::fault::FaultKind;
use super::threads::on_own_thread;
use super::trial::{Check, Subject};
use crate::base::{Choice, Policy, Question, Replay, Result, Uniform};

/// In how many ways a run goes on at most where it is to be known whether all of them fail: in the
/// order of the queue, and at random. Fewer than the least tell nothing.
const ALL: RangeInclusive<u64> = 16..=128;
/// Of how many of these runs one is made at other places.
const OTHERS: u32 = 5;
/// At how many places the odds are told.
const PLACES_MAX: usize = 32;
/// How many steps the runs should have in all: a failure that takes long is not to take longer.
const STEPS: u64 = 2_000_000;
/// How many times as many runs are made in all as at a place where all are made: a bisection takes
/// some seven of them, the other places as many as six.
const TIMES: u64 = 13;

/// How likely a failure is after the first choices of the run that fails, if it goes on at random
/// from there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Odds {
    /// At some places of the run, in their order; the first is its beginning.
    pub places: Vec<OddsAt>,
    /// The place from which on every run fails, as far as runs were made: the *point of no return*.
    /// It stands in `places`, and so does the one before it.
    pub inevitable_at: usize,
}

/// How many runs fail that take the same choices up to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OddsAt {
    /// How many of the choices of the failing run are taken.
    pub choices: usize,
    /// How many runs went on from there: one in the order of the queue, the others at random.
    pub runs: u32,
    /// How many of them failed as it does.
    pub failed: u32,
}

impl Odds {
    /// The point of no return, and what the odds were one choice before it, if it is not the
    /// beginning.
    pub fn turn(&self) -> (Option<OddsAt>, OddsAt) {
        let before = self.inevitable_at.checked_sub(1).map(|before| self.places[before]);
        (before, self.places[self.inevitable_at])
    }
}

impl Explorer {
    /// Finds out when the failure of a run became inevitable: runs take the first choices of it,
    /// and go on at random.
    ///
    /// None where that is not to be known: where the run makes no choices, is not deterministic, or
    /// takes so long, beyond some ten thousand steps, that it cannot be run a few hundred times.
    pub fn odds(
        &self,
        failure: &Failure,
        body: &(dyn Fn() -> Result<()> + Sync),
        check: Check<'_>,
    ) -> Option<Odds> {
        self.odds_while(failure, body, check, &|| true)
    }

    /// The same; none as soon as it may not go on.
    pub(crate) fn odds_while(
        &self,
        failure: &Failure,
        body: &(dyn Fn() -> Result<()> + Sync),
        check: Check<'_>,
        may_go_on: &(dyn Fn() -> bool + Sync),
    ) -> Option<Odds> {
        let is_of_a_run = !matches!(
            failure.fault.kind,
            FaultKind::Nondeterminism | FaultKind::Never | FaultKind::ForeignWake
        );
        let choices: Arc<[Choice]> = failure.outcome.choices.as_slice().into();
        let all = (STEPS / TIMES / failure.outcome.steps.max(1)).min(*ALL.end());
        if !is_of_a_run || choices.is_empty() || all < *ALL.start() {
            return None;
        }
        let subject = self.subject(body, check).configured(&failure.case);
        let all = all as u32;
        on_own_thread(|| Looking { subject, failure, choices, all, steps: 0, may_go_on }.look())
    }
}

struct Looking<'a> {
    subject: Subject<'a>,
    failure: &'a Failure,
    choices: Arc<[Choice]>,
    /// How many runs tell whether all fail.
    all: u32,
    /// How many steps all runs had.
    steps: u64,
    may_go_on: &'a (dyn Fn() -> bool + Sync),
}

impl Looking<'_> {
    fn look(&mut self) -> Option<Odds> {
        let mut turn = self.turn(None)?;
        let mut places: Vec<OddsAt> = Vec::new();
        loop {
            for choices in self.spread(turn) {
                let is_turn = choices == turn || choices + 1 == turn;
                let runs = if is_turn { self.all } else { self.all.div_ceil(OTHERS) };
                let known = places.iter().position(|place| place.choices == choices);
                match known {
                    Some(known) if places[known].runs >= runs => {}
                    Some(known) => places[known] = self.place(choices, runs)?,
                    None => places.push(self.place(choices, runs)?),
                }
            }
            places.sort_unstable_by_key(|place| place.choices);
            // Where few pass, a place from which all seem to fail may have been taken for the turn.
            let passing = places.iter().rev().find(|place| place.failed < place.runs);
            match passing.map(|place| place.choices).filter(|passing| *passing >= turn) {
                Some(passing) => turn = self.turn(Some(passing))?,
                None => break,
            }
        }
        let inevitable_at = places.iter().position(|place| place.choices == turn)?;
        Some(Odds { places, inevitable_at })
    }

    /// After how few choices every run fails, where some pass after `passing`. Where all fail, all
    /// do after each further choice.
    fn turn(&mut self, mut passing: Option<usize>) -> Option<usize> {
        let mut failing = self.choices.len();
        loop {
            let low = passing.map_or(0, |passing| passing + 1);
            if low >= failing {
                return Some(failing);
            }
            // The beginning first: many a failure is there in every run.
            let middle = if passing.is_none() { 0 } else { low + (failing - low) / 2 };
            match self.all_fail(middle)? {
                true => failing = middle,
                false => passing = Some(middle),
            }
        }
    }

    /// The places at which the odds are told.
    fn spread(&self, turn: usize) -> Vec<usize> {
        let last = self.choices.len();
        let count = PLACES_MAX.min(last);
        let mut places: Vec<usize> = (0..=count).map(|place| place * last / count).collect();
        places.extend(turn.checked_sub(1));
        places.push(turn);
        places.sort_unstable();
        places.dedup();
        places
    }

    fn all_fail(&mut self, choices: usize) -> Option<bool> {
        for run in 0..self.all {
            if !self.fails(choices, run)? {
                return Some(false);
            }
        }
        Some(true)
    }

    fn place(&mut self, choices: usize, runs: u32) -> Option<OddsAt> {
        let mut failed = 0;
        for run in 0..runs {
            failed += u32::from(self.fails(choices, run)?);
        }
        Some(OddsAt { choices, runs, failed })
    }

    /// Takes so many choices and goes on; none if there were too many steps before.
    fn fails(&mut self, choices: usize, run: u32) -> Option<bool> {
        // They may be longer than the one that fails.
        if self.steps > 2 * STEPS || !(self.may_go_on)() {
            return None;
        }
        let policy: Box<dyn Policy> = match run {
            0 => Box::new(Replay::new(self.choices[..choices].to_vec())),
            _ => Box::new(Part {
                choices: Arc::clone(&self.choices),
                taken: 0,
                until: choices,
                then: Uniform::new(u64::from(run)),
            }),
        };
        let (trial, _) = self.subject.try_with(policy, false);
        self.steps += trial.outcome.steps;
        Some(trial.shows(&self.failure.fault))
    }
}

/// Takes the first choices of a log, and goes on at random.
struct Part {
    choices: Arc<[Choice]>,
    taken: usize,
    until: usize,
    then: Uniform,
}

impl Policy for Part {
    fn choose(&mut self, question: &Question) -> u32 {
        let Some(choice) = self.choices[..self.until].get(self.taken) else {
            return self.then.choose(question);
        };
        self.taken += 1;
        choice.value.min(question.bound - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::runner::run;
    use crate::task::{spawn, yield_now};

    /// So many tasks note in which order they run, and `fails` looks at it.
    fn orders(count: u32, fails: fn(&[u32]) -> bool) -> impl Fn() -> Result<()> + Sync {
        move || {
            run(async move {
                let order = Rc::new(Cell::new(Vec::new()));
                let note = |number| {
                    let order = Rc::clone(&order);
                    spawn(async move {
                        let mut before = order.take();
                        before.push(number);
                        order.set(before);
                        Ok(())
                    })
                };
                let tasks: Vec<_> = (1..=count).map(note).collect();
                for task in tasks {
                    task.await?;
                }
                assert!(!fails(&order.take()), "as it should not be");
                Ok(yield_now().await?)
            })
        }
    }

    fn odds_of(fails: fn(&[u32]) -> bool) -> Odds {
        odds_with(0, &orders(3, fails))
    }

    fn odds_with(seed: u64, body: &(dyn Fn() -> Result<()> + Sync)) -> Odds {
        let explorer = Explorer::new().seed(seed);
        let failure = explorer.explore_runs(body, &|_| Ok(())).failure.expect("it fails");
        explorer.odds(&failure, body, &|_| Ok(())).expect("they are to be known")
    }

    /// Whether the second of three comes first is decided by the first choice, and one run in three
    /// fails at random: of 127 some 42.
    #[test]
    fn the_choice_that_decides_is_found() {
        let odds = odds_of(|order| order[0] == 2);
        let (before, at) = odds.turn();
        assert_eq!((at.runs, at.failed), (128, 128));
        let before = before.expect("there is one");
        assert_eq!((before.choices, before.runs, at.choices), (0, 128, 1));
        assert!((30..=55).contains(&before.failed), "{odds:?}");
        // Once it is decided nothing changes that.
        assert!(odds.places[1..].iter().all(|place| place.failed == place.runs), "{odds:?}");
    }

    /// The last of three is known when the second one is.
    #[test]
    fn what_is_decided_late_is_found_late() {
        let odds = odds_of(|order| order == [3, 2, 1]);
        let told: Vec<_> = odds.places.iter().take(3).map(|place| place.choices).collect();
        assert_eq!(told, [0, 1, 2]);
        let (before, at) = odds.turn();
        assert_eq!((at.choices, at.failed), (2, at.runs));
        // One of six, then one of two.
        let share = |place: OddsAt| f64::from(place.failed) / f64::from(place.runs);
        assert!((0.3..0.7).contains(&share(before.expect("there is one"))), "{odds:?}");
        assert!(share(odds.places[0]) < 0.4, "{odds:?}");
    }

    /// Five tasks, and one order of the 120 passes: of 128 runs from the start all may fail. What
    /// the places say never contradicts the turn.
    #[test]
    fn a_narrow_way_out_is_no_turn() {
        for seed in 0..12 {
            let odds = odds_with(seed, &orders(5, |order| order != [5, 4, 3, 2, 1]));
            let over = &odds.places[odds.inevitable_at..];
            assert!(over.iter().all(|place| place.failed == place.runs), "{odds:?}");
            let before = odds.turn().0;
            assert!(before.is_none_or(|before| before.failed < before.runs), "{odds:?}");
        }
    }

    #[test]
    fn what_fails_in_any_order_fails_from_the_start() {
        let odds = odds_of(|order| order.len() == 3);
        assert_eq!(odds.inevitable_at, 0);
        assert_eq!(odds.turn().0, None);
    }
}
