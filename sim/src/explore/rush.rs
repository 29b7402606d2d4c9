//! Hurrying one task: what comes before a thing that hardly ever comes late.

use rand_chacha::ChaCha8Rng;

use super::profile::Profile;
use super::shared::Shared;
use super::walks::{OWN_STREAM, draw};
use crate::base::{Candidates, ChoiceKind, Policy, Question, TaskNumber, Uniform, stream_of};

/// Asyncio's order, where tasks give way at each await that need not wait, but from one random
/// decision on a task runs whenever it can: of the ready ones the one that was spawned last, or
/// any. Of the first run the decisions are only counted.
///
/// The opposite of [`Hold`](super::Hold). The task that is unlike the others, such as the one that
/// checks what they do, is often the last, and is found there however many there are.
#[derive(Debug)]
pub struct Rush {
    /// At which decision it begins, and who is hurried.
    at: Option<u32>,
    hurried: Option<TaskNumber>,
    profile: Shared<Profile>,
    random: ChaCha8Rng,
    others: Uniform,
}

impl Rush {
    /// Makes the strategy.
    pub fn new() -> Self {
        Rush::sharing(Shared::default())
    }

    pub(super) fn sharing(profile: Shared<Profile>) -> Self {
        Rush {
            at: None,
            hurried: None,
            profile,
            random: stream_of(0, OWN_STREAM),
            others: Uniform::new(0),
        }
    }

    fn draw_task(&mut self, ready: &dyn Candidates) -> TaskNumber {
        match draw(&mut self.random, 2) {
            0 => {
                let numbers = (0..ready.count()).map(|choice| ready.get(choice).number);
                numbers.max().unwrap_or(0)
            }
            _ => {
                let choice = draw(&mut self.random, u64::from(ready.count()));
                ready.get(choice as u32).number
            }
        }
    }
}

impl Default for Rush {
    fn default() -> Self {
        Rush::new()
    }
}

impl Policy for Rush {
    fn choose(&mut self, question: &Question) -> u32 {
        match question.kind {
            ChoiceKind::Switch => 1,
            _ => self.others.choose(question),
        }
    }

    fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        let number = self.profile.borrow().picks.count();
        if Some(number) == self.at {
            self.hurried = Some(self.draw_task(ready));
        }
        self.hurried.and_then(|hurried| ready.choice_of(hurried)).unwrap_or(0)
    }

    fn watches(&self) -> bool {
        true
    }

    fn begin(&mut self, seed: u64) -> bool {
        self.random = stream_of(seed, OWN_STREAM);
        let picks = &mut self.profile.borrow().picks;
        picks.begin();
        self.at = picks.draw(&mut self.random);
        self.hurried = None;
        self.others.begin(seed)
    }
}
