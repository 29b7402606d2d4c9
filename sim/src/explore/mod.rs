//! Exploring: one run after the other, with other choices, until one fails; then the small case
//! that shows why.
//!
//! A *choice* is a decision that the program leaves open: which of the ready tasks runs next, how
//! long a download takes. A [`Policy`] takes each of them, and the run's outcome has their log,
//! which [`Replay`] takes again. Choice 0 is always the dull one, so that a run without a policy is
//! asyncio's own.
//!
//! A [`Strategy`] is a policy for one run after the other. An [`Explorer`] runs a body with it
//! until a run fails, and makes that run a small [`Case`]: the few things that are not as in the
//! dull run.

mod body;
mod case;
mod convert;
mod dpor;
mod driven;
mod exhaustive;
mod explorer;
mod fault;
mod follow;
mod guided;
mod happened;
mod hold;
mod kept;
mod misfit;
mod nearest;
mod nth;
mod odds;
mod priorities;
mod profile;
mod races;
mod reversals;
mod revisit;
mod rounds;
mod rush;
mod search;
mod shared;
mod shrink;
mod sights;
mod small;
mod steps;
mod strategy;
mod tally;
mod threads;
mod trial;
mod walks;
mod watch;
mod weights;

pub use crate::base::{
    Access, Candidate, Candidates, Choice, ChoiceKind, Ended, FaultRate, Fifo, Model, Moment,
    Operation, Policy, Question, Replay, ResourceKey, TaskKey, Uniform,
};
pub use body::TestOutput;
pub(crate) use body::runs_of;
pub(crate) use case::Held;
pub use case::{Case, CaseError, EPOCH};
pub use dpor::Dpor;
#[doc(hidden)]
pub use driven::{Clue, Finding, Followed};
pub use exhaustive::{Exhaustive, Full};
pub use explorer::{Cancel, Exploration, Explorer, Failure, Replayed};
pub(crate) use fault::without_numbers;
pub use fault::{Fault, FaultKind};
pub use hold::Hold;
#[doc(hidden)]
pub use kept::{KINDS_MAX, Kind};
pub(crate) use kept::{Kept, Spared};
pub use nearest::Passing;
pub use odds::{Odds, OddsAt};
pub use priorities::{Pct, Pos};
pub use revisit::Revisit;
pub(crate) use rounds::Part;
#[doc(hidden)]
pub use rounds::{cores, round_of};
pub use rush::Rush;
pub(crate) use search::{never_of, never_text, warm_up};
#[doc(hidden)]
pub use steps::Steps;
pub use strategy::Strategy;
#[doc(hidden)]
pub use tally::Fnv;
pub use tally::Statistics;
pub(crate) use tally::Tally;
pub(crate) use threads::{Made, NO_THREAD, in_order, on_own_thread};
pub(crate) use trial::Subject;
pub use trial::{Around, Check};
pub use walks::{Surw, Urw};
pub(crate) use watch::Watch;

pub use crate::runner::take_entropy;
