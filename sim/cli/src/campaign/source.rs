//! What makes the runs of a campaign.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::{ControlFlow, Range};

/// What is told of each part: runs one after the other, of one round.
pub(crate) type Sink<'a> = dyn FnMut(Taken) -> ControlFlow<()> + 'a;

/// Makes runs, each of which depends on nothing but its seed.
pub(crate) trait Source {
    /// Makes the runs of `seeds`, and tells what came of them in their order: a round or a part of
    /// one at a time. It returns early when it is told to break off.
    ///
    /// # Errors
    ///
    /// When no more runs can be made: a worker could not be started.
    fn take(
        &mut self,
        seeds: Range<u64>,
        known: &BTreeSet<String>,
        sink: &mut Sink<'_>,
    ) -> io::Result<()>;
}

/// What came of some runs, one after the other, all in one round.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    /// Which runs.
    pub(crate) seeds: Range<u64>,
    /// The steps of all of them.
    pub(crate) steps: u64,
    /// In how many of the runs each order of operations came about, by its hash.
    pub(crate) orders: BTreeMap<u64, u64>,
    /// The ways in which runs failed.
    pub(crate) failures: Vec<Failing>,
}

/// One way in which runs failed.
#[derive(Clone, Debug)]
pub(crate) struct Failing {
    /// What failed and where: what stays the same when it comes about in another run.
    pub(crate) signature: String,
    /// What kind of failure it is, in a word.
    pub(crate) kind: String,
    /// What was wrong in the first of the runs.
    pub(crate) message: String,
    /// The first of the runs.
    pub(crate) seed: u64,
    /// What replays it, made small. None where nothing can, and where the signature was known.
    pub(crate) case: Option<String>,
    /// The fingerprint of that run.
    pub(crate) fingerprint: u64,
    /// In how many of the runs.
    pub(crate) count: u64,
}
