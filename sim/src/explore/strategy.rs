//! Strategies by name, and the portfolio that is taken when none is named.

use std::fmt;
use std::str::FromStr;

use super::dpor::Dpor;
use super::exhaustive::{Exhaustive, Full};
use super::hold::Hold;
use super::priorities::{Pct, Pos};
use super::profile::Profile;
use super::reversals::Reversals;
use super::revisit::Revisit;
use super::rush::Rush;
use super::shared::Shared;
use super::walks::{Surw, Urw};
use crate::base::{
    Candidate, Candidates, ChoiceKind, Ended, Fifo, Operation, Policy, Question, Uniform,
};

/// How the choices of one run after the other are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Asyncio's order first, then the others in turn: no single one is good at everything.
    #[default]
    Portfolio,
    /// Asyncio's own order, again and again.
    Fifo,
    /// Every choice uniformly at random: a random walk.
    Random,
    /// See [`Pct`].
    Pct {
        /// How many ordered events a bug needs.
        depth: u32,
    },
    /// See [`Pos`].
    Pos,
    /// See [`Urw`].
    Urw,
    /// See [`Surw`].
    Surw,
    /// See [`Hold`].
    Hold,
    /// See [`Rush`].
    Rush,
    /// See [`Revisit`].
    Revisit,
    /// See [`Exhaustive`].
    Exhaustive {
        /// At how many places a run may differ from the dull one.
        deviations: u32,
    },
    /// See [`Full`].
    Full,
    /// See [`Dpor`].
    Dpor,
}

impl Strategy {
    /// The names that can be parsed.
    pub const NAMES: &str = "portfolio, fifo, random, pct, pct:<depth>, pos, urw, surw, hold, \
                             rush, revisit, exhaustive:<deviations>, full, dpor";

    /// What was tried once an exhaustive strategy has [ended](super::Statistics::exhausted), in
    /// words; none of any other.
    pub fn claim(self) -> Option<String> {
        match self {
            Strategy::Exhaustive { deviations } => {
                Some(format!("all schedules with at most {deviations} deviations"))
            }
            Strategy::Full => Some("all schedules".to_owned()),
            Strategy::Dpor => Some(
                "all schedules but for the order of steps that do not meet, assuming all shared \
                 state is Tracked or a primitive"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// Makes what takes the choices.
    pub fn policy(self) -> Box<dyn Policy> {
        match self {
            Strategy::Portfolio => Box::new(Portfolio::new()),
            Strategy::Fifo => Box::new(Fifo),
            Strategy::Random => Box::new(Uniform::new(0)),
            Strategy::Pct { depth } => Box::new(Pct::new(depth)),
            Strategy::Pos => Box::new(Pos::new()),
            Strategy::Urw => Box::new(Urw::new()),
            Strategy::Surw => Box::new(Surw::new()),
            Strategy::Hold => Box::new(Hold::new()),
            Strategy::Rush => Box::new(Rush::new()),
            Strategy::Revisit => Box::new(Revisit::new()),
            Strategy::Exhaustive { deviations } => Box::new(Exhaustive::new(deviations)),
            Strategy::Full => Box::new(Full::new()),
            Strategy::Dpor => Box::new(Dpor::new()),
        }
    }

    /// Tells whether its runs are drawn independently of each other and all in the same way, so
    /// that what they have shown tells how much they have not. The others learn, or take turns.
    pub(super) fn draws_apart(self) -> bool {
        matches!(self, Strategy::Random | Strategy::Pos)
    }

    /// Tells whether it ends by itself, when all that it looks for was tried.
    pub fn is_exhaustive(self) -> bool {
        matches!(self, Strategy::Exhaustive { .. } | Strategy::Full | Strategy::Dpor)
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Strategy::Portfolio => f.write_str("portfolio"),
            Strategy::Fifo => f.write_str("fifo"),
            Strategy::Random => f.write_str("random"),
            Strategy::Pct { depth } => write!(f, "pct:{depth}"),
            Strategy::Pos => f.write_str("pos"),
            Strategy::Urw => f.write_str("urw"),
            Strategy::Surw => f.write_str("surw"),
            Strategy::Hold => f.write_str("hold"),
            Strategy::Rush => f.write_str("rush"),
            Strategy::Revisit => f.write_str("revisit"),
            Strategy::Exhaustive { deviations } => write!(f, "exhaustive:{deviations}"),
            Strategy::Full => f.write_str("full"),
            Strategy::Dpor => f.write_str("dpor"),
        }
    }
}

impl FromStr for Strategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (text, None),
        };
        let number = number.map(str::parse::<u32>).transpose();
        Ok(match (name, number) {
            ("portfolio", Ok(None)) => Strategy::Portfolio,
            ("fifo", Ok(None)) => Strategy::Fifo,
            ("random", Ok(None)) => Strategy::Random,
            ("pct", Ok(depth)) => Strategy::Pct { depth: depth.unwrap_or(3).max(1) },
            ("pos", Ok(None)) => Strategy::Pos,
            ("urw", Ok(None)) => Strategy::Urw,
            ("surw", Ok(None)) => Strategy::Surw,
            ("hold", Ok(None)) => Strategy::Hold,
            ("rush", Ok(None)) => Strategy::Rush,
            ("revisit", Ok(None)) => Strategy::Revisit,
            ("exhaustive", Ok(Some(deviations))) => Strategy::Exhaustive { deviations },
            ("full", Ok(None)) => Strategy::Full,
            ("dpor", Ok(None)) => Strategy::Dpor,
            _ => return Err(format!("'{text}' is no strategy; name one of {}", Strategy::NAMES)),
        })
    }
}

/// Asyncio's order first, then the same with every task giving way wherever it can, then one
/// strategy after the other, which share what they have learned of the program.
pub(super) struct Portfolio {
    members: Vec<Box<dyn Policy>>,
    runs: usize,
    /// Which of the others is the first.
    first: usize,
    /// What tries one thing after the other has begun to in an earlier round.
    is_later: bool,
    /// How many runs of the round come before the first: with some, the first two are among them.
    behind: usize,
    /// The run is the first, which tells what the program is like.
    is_first: bool,
    /// The one that runs.
    current: usize,
    profile: Shared<Profile>,
}

/// The order of the members, again and again after the first two. Those come more often that are
/// the best at most of the known bugs; the others are there for what these are bad at.
const ROTA: [usize; 25] =
    [2, 3, 9, 6, 4, 9, 2, 6, 9, 5, 3, 4, 6, 2, 9, 4, 6, 7, 2, 9, 4, 6, 5, 10, 8];

/// What so many runs have not shown takes many turns: most of what comes then is this member's,
/// which learns from what is rare. The first round is over before that; it counts where another
/// harness asks for many runs at once ([`Explorer::find`](super::Explorer::find)).
const REVISIT: usize = 4;
const RUNS_MANY: usize = 2_000;
/// And in a round that is not the first, since those before have shown nothing.
const RUNS_MANY_LATER: usize = 500;
const RUSH: usize = 6;
/// The member that always has another run.
const UNIFORM: usize = 8;
/// Those that try one thing after the other, of which there are too many where there are more
/// decisions than these: then another one comes in their place.
const REVERSALS: usize = 9;
const DPOR: usize = 10;
const PICKS_FEW: u64 = 60;

/// No portfolio has more members, so that the sum of two positions is small.
const MEMBERS_MAX: u64 = 1 << 16;

impl Portfolio {
    fn new() -> Self {
        Portfolio::beginning_with(0)
    }

    /// Asyncio's order first, then the member that a number stands for.
    pub(super) fn beginning_with(first: u64) -> Self {
        let profile: Shared<Profile> = Shared::default();
        Portfolio {
            members: vec![
                Box::new(Fifo),
                Box::new(GivingWay),
                Box::new(Urw::sharing(profile.clone())),
                Box::new(Surw::sharing(profile.clone())),
                Box::new(Revisit::new()),
                Box::new(Hold::sharing(profile.clone())),
                Box::new(Rush::sharing(profile.clone())),
                Box::new(Pct::sharing(profile.clone(), 3)),
                Box::new(Uniform::new(0)),
                Box::new(Reversals::new()),
                Box::new(Dpor::new()),
            ],
            runs: 0,
            first: (first % MEMBERS_MAX) as usize,
            is_later: false,
            behind: 0,
            is_first: true,
            current: 0,
            profile,
        }
    }

    /// That of a round of an exploration, from 0: each begins with another member. Some runs of it
    /// may be made already, the last of which has ended its process: what comes then makes neither
    /// asyncio's order nor the other one once more.
    pub(super) fn of_round(round: u64, behind: u64) -> Self {
        let behind = (behind % MEMBERS_MAX) as usize;
        Portfolio { is_later: round > 0, behind, ..Portfolio::beginning_with(round) }
    }

    fn current(&mut self) -> &mut dyn Policy {
        &mut *self.members[self.current]
    }

    /// The first two members don't count for themselves, nor does what stands for them.
    fn count(&self) {
        if self.is_first || self.current < 2 {
            self.profile.borrow().picks.count();
        }
    }
}

impl Policy for Portfolio {
    fn choose(&mut self, question: &Question) -> u32 {
        if question.kind == ChoiceKind::Ready {
            self.count();
        }
        self.current().choose(question)
    }

    fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        self.count();
        self.current().pick(ready)
    }

    fn watches(&self) -> bool {
        self.members[self.current].watches() || !self.profile.borrow().is_known()
    }

    fn follows(&self) -> bool {
        self.members[self.current].follows()
    }

    fn meets(&mut self, operation: &Operation) {
        self.current().meets(operation);
    }

    fn time_passed(&mut self) {
        self.current().time_passed();
    }

    fn became_ready(&mut self, candidate: &Candidate) {
        self.current().became_ready(candidate);
    }

    fn runs(&mut self, candidate: &Candidate) {
        if self.is_first {
            self.profile.borrow().runs(candidate);
        }
        self.current().runs(candidate);
    }

    fn begin(&mut self, seed: u64) -> bool {
        let many = if self.is_later { RUNS_MANY_LATER } else { RUNS_MANY };
        self.is_first = self.runs == 0;
        self.current = match self.runs + self.behind {
            0 => 0,
            _ if self.is_first => UNIFORM,
            1 if self.first == 0 => 1,
            run if run >= many && run % 3 > 0 => REVISIT,
            run => ROTA[(self.first + run - 2) % ROTA.len()],
        };
        let is_in_turn = self.current == REVERSALS || self.current == DPOR;
        if is_in_turn && (self.is_later || self.profile.borrow().picks.most() > PICKS_FEW) {
            self.current = RUSH;
        }
        self.runs += 1;
        match self.current {
            _ if self.is_first => self.profile.borrow().begin(),
            1 => self.profile.borrow().picks.begin(),
            _ => {}
        }
        let begins = self.current().begin(seed);
        if !begins {
            // It has nothing left to try.
            self.current = UNIFORM;
            self.current().begin(seed);
        }
        true
    }

    fn end(&mut self, ended: &Ended<'_>) {
        if self.is_first {
            self.profile.borrow().end();
        }
        self.current().end(ended);
    }
}

/// Asyncio's order, where each task gives way at each await that need not wait: all go forward side
/// by side.
struct GivingWay;

impl Policy for GivingWay {
    fn choose(&mut self, question: &Question) -> u32 {
        u32::from(question.kind == ChoiceKind::Switch)
    }

    fn pick(&mut self, _ready: &dyn Candidates) -> u32 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::{Simulation, run};
    use crate::task::{spawn, yield_now};

    /// Else the first run of each of them would deviate at the first decision, or nowhere.
    #[test]
    fn the_members_of_the_portfolio_know_from_the_first_run_how_many_decisions_there_are() {
        let mut portfolio = Portfolio::new();
        let profile = portfolio.profile.clone();
        assert!(portfolio.begin(0));
        Simulation::new()
            .model(crate::base::Model::AnyOrder)
            .boxed_policy(Box::new(portfolio))
            .run(|| {
                run(async {
                    let tasks = [(); 2].map(|()| {
                        spawn(async {
                            for _ in 0..20 {
                                yield_now().await?;
                            }
                            Ok(())
                        })
                    });
                    for task in tasks {
                        task.await?;
                    }
                    Ok(())
                })
            });
        // Two tasks of 21 steps each, beside the main one.
        assert_eq!(profile.borrow().picks.most(), 42);
        let mut begun = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let mut hold = Hold::sharing(profile.clone());
            assert!(hold.begin(seed));
            begun.insert(hold.at());
        }
        assert!(begun.len() > 20, "{begun:?}");
    }
}
