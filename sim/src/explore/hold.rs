//! Starving one task: what waits for a thing that hardly ever comes late.

use rand_chacha::ChaCha8Rng;

use super::profile::Profile;
use super::shared::Shared;
use super::walks::{OWN_STREAM, draw};
use crate::base::{
    Candidate, Candidates, ChoiceKind, Policy, Question, TaskNumber, Uniform, stream_of,
};

/// Asyncio's order, but at one random decision what is next in the queue is held until nothing else
/// can run. In every other run tasks also give way at each await that need not wait. Of the first
/// run the decisions are only counted.
///
/// Source: the delays of Emmi, Qadeer, Rakamarić, "Delay-bounded scheduling" (POPL 2011), with a
/// delay that is as long as it can be.
#[derive(Debug)]
pub struct Hold {
    /// At which decision it begins, and who is held.
    at: Option<u32>,
    held: Option<TaskNumber>,
    profile: Shared<Profile>,
    switches: bool,
    random: ChaCha8Rng,
    others: Uniform,
}

impl Hold {
    /// Makes the strategy.
    pub fn new() -> Self {
        Hold::sharing(Shared::default())
    }

    pub(super) fn sharing(profile: Shared<Profile>) -> Self {
        Hold {
            at: None,
            held: None,
            profile,
            switches: false,
            random: stream_of(0, OWN_STREAM),
            others: Uniform::new(0),
        }
    }

    #[cfg(test)]
    pub(super) fn at(&self) -> Option<u32> {
        self.at
    }
}

impl Default for Hold {
    fn default() -> Self {
        Hold::new()
    }
}

impl Policy for Hold {
    fn choose(&mut self, question: &Question) -> u32 {
        match question.kind {
            ChoiceKind::Switch => u32::from(self.switches),
            _ => self.others.choose(question),
        }
    }

    fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        let head = ready.get(0).number;
        if Some(self.profile.borrow().picks.count()) == self.at && head != 0 {
            self.held = Some(head);
        }
        match self.held {
            Some(held) if held == head => ready.after(0).unwrap_or(0),
            _ => 0,
        }
    }

    fn watches(&self) -> bool {
        true
    }

    fn runs(&mut self, candidate: &Candidate) {
        if self.held == Some(candidate.number) {
            self.held = None;
        }
    }

    fn begin(&mut self, seed: u64) -> bool {
        self.random = stream_of(seed, OWN_STREAM);
        let picks = &mut self.profile.borrow().picks;
        picks.begin();
        self.at = picks.draw(&mut self.random);
        self.switches = draw(&mut self.random, 2) == 1;
        self.held = None;
        self.others.begin(seed)
    }
}
