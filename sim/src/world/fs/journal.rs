//! Changes of directories that are not synced, and which of them a sync has to take along.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use super::disk::{NodeId, now};
use super::folded::Folded;
use super::marks::{Mark, Marks};
use super::outlives::Step;
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

    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.from.iter().chain(&self.to)
    }

    pub(super) fn moves_directory(&self) -> bool {
        self.is_directory && self.from.is_some() && self.to.is_some()
    }

    /// What it takes the last name from.
    fn removed(&self) -> Option<NodeId> {
        if self.to.is_none() { Some(self.node) } else { self.over }
    }

    /// By what a later change finds it.
    fn features(&self) -> impl Iterator<Item = Feature> {
        let moves = self.moves_directory().then_some(Feature::Moves);
        let places = self.places().flat_map(|place| {
            [Feature::Place(place.clone()), Feature::Directory(place.0)].into_iter()
        });
        places.chain([Feature::Node(self.node)]).chain(moves)
    }

    /// What changes may not come to the disk after it, if the program made them before.
    fn needs(&self) -> impl Iterator<Item = Feature> {
        // The same name, or the same file: the outcome is another in another order.
        let same = self.places().cloned().map(Feature::Place).chain([Feature::Node(self.node)]);
        // What was moved out of a directory would go with it.
        let removed = self.removed().map(Feature::Directory);
        // What is moved from where it was safe has to be reachable where it goes.
        let above = self.above.iter().copied().map(Feature::Node);
        // Two directories would each be moved into the other.
        let moves = self.moves_directory().then_some(Feature::Moves);
        same.chain(removed).chain(above).chain(moves)
    }
}

/// What changes have in common that belong together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Feature {
    Node(NodeId),
    Place(Place),
    /// A name in this directory.
    Directory(NodeId),
    /// A directory gets another name.
    Moves,
}

/// The changes of directories since those were synced, in their order.
///
/// A program that never syncs a directory changes it for ever: the changes of long ago are one.
#[derive(Default)]
pub(super) struct Journal {
    changes: BTreeMap<u64, Change>,
    next: u64,
    /// Which changes have a feature, so that a sync looks at no others.
    featured: BTreeMap<Feature, BTreeSet<u64>>,
    marks: Marks,
    pub(super) folded: Folded,
}

/// How many changes are on their own, the last ones.
const CHANGES_MAX: usize = 1024;

impl Journal {
    pub(super) fn push(&mut self, change: Change) {
        let number = self.next;
        self.next += 1;
        for feature in change.features() {
            self.featured.entry(feature).or_default().insert(number);
        }
        self.changes.insert(number, change);
    }

    /// Takes the first change, once there are too many.
    pub(super) fn overflow(&mut self) -> Option<Change> {
        let first = *self.changes.first_key_value().filter(|_| self.changes.len() > CHANGES_MAX)?.0;
        let is_free = self.marks.first().is_none_or(|mark| first < mark);
        if is_free { self.remove(first) } else { None }
    }

    /// Marks what has changed until now, for a sync that begins.
    pub(super) fn mark(&mut self) -> Mark {
        self.marks.set(self.next)
    }

    /// All changes, in their order.
    pub(super) fn into_changes(self) -> Vec<Change> {
        self.changes.into_values().collect()
    }

    /// What the changes need of each other; the first is all that was folded, if something was.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.folded.is_empty() {
            steps.push(Step { needs: Vec::new(), directories: self.folded.directories() });
        }
        // What has a feature needs what had it before, but for names in one directory.
        let mut last: BTreeMap<Feature, usize> = BTreeMap::new();
        let mut names: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for change in self.changes.values() {
            let number = steps.len();
            let is_on_folded = !self.folded.is_empty() && self.folded.is_needed_by(change);
            let mut needs: BTreeSet<usize> = is_on_folded.then_some(0).into_iter().collect();
            for feature in change.needs() {
                match feature {
                    Feature::Directory(directory) => {
                        needs.extend(names.get(&directory).into_iter().flatten());
                    }
                    feature => needs.extend(last.get(&feature)),
                }
            }
            for feature in change.features() {
                match feature {
                    Feature::Directory(directory) => {
                        names.entry(directory).or_default().push(number);
                    }
                    feature => {
                        last.insert(feature, number);
                    }
                }
            }
            let directories = change.places().map(|(directory, _)| *directory).collect();
            steps.push(Step { needs: needs.into_iter().collect(), directories });
        }
        steps
    }

    fn remove(&mut self, number: u64) -> Option<Change> {
        let change = self.changes.remove(&number)?;
        for feature in change.features() {
            if let Some(numbers) = self.featured.get_mut(&feature) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.featured.remove(&feature);
                }
            }
        }
        Some(change)
    }

    /// The changes with a feature, of those before one.
    fn with(&self, feature: &Feature, before: u64) -> Vec<u64> {
        let numbers = self.featured.get(feature);
        numbers.into_iter().flat_map(|numbers| numbers.range(..before).copied()).collect()
    }

    /// Takes what makes the names that a directory had before `end` outlive a crash: the changes
    /// that concern it, with those before them that they need, and no others. What is left stays in
    /// its order, and needs nothing that was not taken or stands before it.
    pub(super) fn take_synced(&mut self, directory: NodeId, end: u64) -> Vec<Change> {
        let mut taken = BTreeMap::new();
        let mut next = self.with(&Feature::Directory(directory), end);
        while let Some(number) = next.pop() {
            let Some(change) = self.remove(number) else { continue };
            next.extend(change.needs().flat_map(|feature| self.with(&feature, number)));
            taken.insert(number, change);
        }
        taken.into_values().collect()
    }
}
