//! Changes of directories of long ago, which a crash leaves as a whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use super::disk::{Disk, NodeId};
use super::journal::{Change, Place};
use crate::base::Instant;

/// What the changes of long ago come to: the names that are not as they were synced.
#[derive(Default)]
pub(super) struct Folded {
    names: BTreeMap<Place, Name>,
    /// How often a node stands in those, as a directory or as what has the name.
    mentions: BTreeMap<NodeId, usize>,
}

/// What a name stands for.
struct Name {
    /// None once it is gone.
    now: Option<NodeId>,
    synced: Option<NodeId>,
    when: Instant,
}

impl Name {
    fn nodes(&self, directory: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        [Some(directory), self.now, self.synced].into_iter().flatten()
    }
}

impl Folded {
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The directories that have those names.
    pub(super) fn directories(&self) -> BTreeSet<NodeId> {
        self.names.keys().map(|(directory, _)| *directory).collect()
    }

    /// Tells whether a change may not come to the disk before this.
    pub(super) fn is_needed_by(&self, change: &Change) -> bool {
        let mut nodes = change.nodes().chain(change.above.iter().copied());
        (change.moves_directory() && !self.is_empty())
            || nodes.any(|node| self.concerns(node))
            || change.places().any(|(directory, _)| self.concerns(*directory))
    }

    pub(super) fn concerns(&self, node: NodeId) -> bool {
        self.mentions.contains_key(&node)
    }

    fn names_in(&self, directory: NodeId) -> Vec<Place> {
        let from = (directory, OsString::new());
        let names = self.names.range(from..).take_while(|((at, _), _)| *at == directory);
        names.map(|(place, _)| place.clone()).collect()
    }
}

impl Disk {
    /// Lets the first changes of the journal be one, when there are too many.
    pub(super) fn fold(&mut self) {
        while let Some(change) = self.journal.overflow() {
            let nodes: Vec<NodeId> = change.nodes().collect();
            let Change { node, from, to, when, .. } = change;
            if let Some(place) = from {
                self.fold_name(place, None, when);
            }
            if let Some(place) = to {
                self.fold_name(place, Some(node), when);
            }
            for node in nodes {
                self.node_mut(node).kept -= 1;
                self.fold_removed(node);
                self.forget_unneeded(node);
            }
        }
    }

    fn fold_name(&mut self, place: Place, now: Option<NodeId>, when: Instant) {
        self.unfold_name(&place);
        let (directory, name) = &place;
        let synced = self.entries(*directory).and_then(|entries| entries.synced.get(name)).copied();
        if now == synced {
            return;
        }
        let name = Name { now, synced, when };
        for node in name.nodes(*directory) {
            self.node_mut(node).kept += 1;
            *self.journal.folded.mentions.entry(node).or_default() += 1;
        }
        self.journal.folded.names.insert(place, name);
    }

    /// Forgets what a name stood for.
    fn unfold_name(&mut self, place: &Place) {
        let Some(name) = self.journal.folded.names.remove(place) else { return };
        for node in name.nodes(place.0) {
            self.node_mut(node).kept -= 1;
            if let Some(mentions) = self.journal.folded.mentions.get_mut(&node) {
                *mentions -= 1;
                if *mentions == 0 {
                    self.journal.folded.mentions.remove(&node);
                }
            }
            if node != place.0 {
                self.forget_unneeded(node);
            }
        }
    }

    /// Forgets the names in a directory that no crash brings back.
    fn fold_removed(&mut self, directory: NodeId) {
        let node = self.node(directory);
        let is_gone = node.is_directory() && node.links == 0 && !node.is_open();
        if is_gone && node.kept > 0 {
            let names = self.journal.folded.names_in(directory);
            if names.len() == node.kept {
                names.iter().for_each(|place| self.unfold_name(place));
            }
        }
    }

    /// Lets the changes of long ago outlive a crash.
    pub(super) fn outlive_folded(&mut self) {
        let folded = std::mem::take(&mut self.journal.folded);
        for ((directory, name), Name { now, when, .. }) in folded.names {
            self.set_synced(directory, name, now, when);
        }
        for (node, mentions) in folded.mentions {
            self.node_mut(node).kept -= mentions;
            self.forget_unneeded(node);
        }
    }
}
