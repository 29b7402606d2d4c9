//! Starving one task: what waits for a thing that hardly ever comes late.

use rand_chacha::ChaCha8Rng;

use super::walks::{OWN_STREAM, draw};
use crate::base::{
    Candidate, Candidates, ChoiceKind, Ended, Policy, Question, TaskNumber, Uniform, stream_of,
};

/// Asyncio's order, but at one random decision what is next in the queue is held until nothing else
/// can run. In every other run tasks also give way at each await that need not wait.
///
/// Source: the delays of Emmi, Qadeer, Rakamarić, "Delay-bounded scheduling" (POPL 2011), with a
/// delay that is as long as it can be.
#[derive(Debug)]
pub struct Hold {
    /// At which decision it begins, and who is held.
    at: u32,
    held: Option<TaskNumber>,
    picks: u32,
    picks_max: u32,
    switches: bool,
    random: ChaCha8Rng,
    others: Uniform,
}

impl Hold {
    /// Makes the strategy.
    pub fn new() -> Self {
        Hold {
            at: 0,
            held: None,
            picks: 0,
            picks_max: 0,
            switches: false,
            random: stream_of(0, OWN_STREAM),
            others: Uniform::new(0),
        }
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
        if self.picks == self.at && head != 0 {
            self.held = Some(head);
        }
        self.picks += 1;
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
        self.at = draw(&mut self.random, u64::from(self.picks_max.max(1))) as u32;
        self.switches = draw(&mut self.random, 2) == 1;
        (self.picks, self.held) = (0, None);
        self.others.begin(seed)
    }

    fn end(&mut self, _ended: &Ended<'_>) {
        self.picks_max = self.picks_max.max(self.picks);
    }
}
