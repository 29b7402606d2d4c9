//! Changes of directories that are not synced, and which of them a sync has to take along.

use std::ffi::OsString;

use super::disk::{NodeId, now};
use crate::base::Instant;

/// A name in a directory.
pub(super) type Place = (NodeId, OsString);

/// One change of directories, which happens as a whole or not at all.
pub(super) struct Change {
    /// Whose name it is.
    pub(super) node: NodeId,
    /// Where it had a name that it loses.
    pub(super) from: Option<Place>,
    /// Where it gets one.
    pub(super) to: Option<Place>,
    /// What had that name before.
    pub(super) over: Option<NodeId>,
    /// The directories on the way to where it is moved, if that is another directory.
    pub(super) above: Vec<NodeId>,
    pub(super) is_directory: bool,
    pub(super) when: Instant,
}

impl Change {
    pub(super) fn new(
        node: NodeId,
        from: Option<Place>,
        to: Option<Place>,
        is_directory: bool,
    ) -> Self {
        Change { node, from, to, over: None, above: Vec::new(), is_directory, when: now() }
    }

    /// What it gives a name or takes one from.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        [Some(self.node), self.over].into_iter().flatten()
    }

    fn concerns(&self, directory: NodeId) -> bool {
        self.places().any(|(at, _)| *at == directory)
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        self.from.iter().chain(&self.to)
    }

    fn moves_directory(&self) -> bool {
        self.is_directory && self.from.is_some() && self.to.is_some()
    }

    /// What it takes the last name from.
    fn removed(&self) -> Option<NodeId> {
        if self.to.is_none() { Some(self.node) } else { self.over }
    }

    /// Tells whether it may not come to the disk before `earlier`, which the program did before.
    fn needs(&self, earlier: &Change) -> bool {
        // The same name, or the same file: the outcome is another in another order.
        self.node == earlier.node
            || self.places().any(|place| earlier.places().any(|other| other == place))
            // What was moved out of a directory would go with it.
            || self.removed().is_some_and(|removed| earlier.concerns(removed))
            // What is moved from where it was safe has to be reachable where it goes.
            || self.above.contains(&earlier.node)
            // Two directories would each be moved into the other.
            || (self.moves_directory() && earlier.moves_directory())
    }
}

/// Takes from the journal what makes the names of a directory outlive a crash: the changes that
/// concern it, with those before them that they need, and no others. What is left stays in its
/// order, and needs nothing that was not taken or stands before it.
pub(super) fn take_synced(journal: &mut Vec<Change>, directory: NodeId) -> Vec<Change> {
    let mut taken: Vec<Change> = Vec::new();
    let mut left = Vec::new();
    for change in journal.drain(..).rev() {
        match change.concerns(directory) || taken.iter().any(|later| later.needs(&change)) {
            true => taken.push(change),
            false => left.push(change),
        }
    }
    left.reverse();
    taken.reverse();
    *journal = left;
    taken
}
