//! What makes the runs of a campaign.

use std::collections::BTreeSet;
use std::io;
use std::ops::{ControlFlow, Range};

pub(crate) use seedloop::explore::Kind;
pub(crate) use seedloop::testing::jobs::Taken;

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
