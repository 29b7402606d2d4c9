//! What of a disk outlives a crash: what is synced, and what choices leave of the rest.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;

use super::disk::{Disk, NodeId, ROOT};
use super::disks::EIO;
use super::journal::Change;
use super::marks::Mark;
use super::node::{Handle, Node, NodeKind, Permission};
use super::outlives::choose;
use crate::base::Instant;

/// What a sync lets outlive a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Synced {
    All,
    /// All but what was set of permissions.
    Data,
}

/// A sync that has begun: it covers what was done by then, and nothing that comes later.
#[derive(Debug)]
pub(super) struct Syncing {
    node: NodeId,
    /// By which file.
    by: Handle,
    what: Synced,
    /// Behind the last change that it covers; none where there is nothing to sync.
    mark: Option<Mark>,
    permission: Permission,
    modified: Instant,
}

impl Disk {
    /// Begins a sync of a file, or of a directory.
    ///
    /// Source: POSIX, fsync: what is queued "at the time of the call".
    pub(super) fn start_sync(&mut self, node: NodeId, by: Handle, what: Synced) -> Syncing {
        let Some(found) = self.nodes.get_mut(&node) else {
            let (permission, modified) = (Permission::default(), Instant::START);
            return Syncing { node, by, what, mark: None, permission, modified };
        };
        let mark = match &mut found.kind {
            NodeKind::File(contents) => contents.mark(),
            NodeKind::Directory(_) => self.journal.mark(),
        };
        let (permission, modified) = (found.permission(), found.modified);
        Syncing { node, by, what, mark: Some(mark), permission, modified }
    }

    /// Lets what a sync covers of a file, or of the names of a directory, outlive a crash.
    pub(super) fn sync(&mut self, syncing: &Syncing) -> io::Result<()> {
        let id = syncing.node;
        self.opened(id)?;
        let Some(mark) = syncing.mark.as_deref().copied() else { return Ok(()) };
        let node = self.node_mut(id);
        node.synced_modified = node.synced_modified.max(syncing.modified);
        if syncing.what == Synced::All {
            node.sync_readonly(syncing.permission);
        }
        match &mut node.kind {
            NodeKind::File(contents) => {
                contents.sync(mark);
                // Source: Linux, fsync(2), `EIO`: since 4.13 an error of writing back is reported
                // to all who might have written the data.
                if node.tell_failure(syncing.by) {
                    return Err(io::Error::from_raw_os_error(EIO));
                }
            }
            NodeKind::Directory(_) => {
                let synced = self.journal.take_synced(id, mark);
                let folded = &self.journal.folded;
                if folded.concerns(id) || synced.iter().any(|change| folded.is_needed_by(change)) {
                    self.outlive_folded();
                }
                self.outlive(synced);
            }
        }
        Ok(())
    }

    /// A sync of a file has failed.
    pub(super) fn sync_failed(&mut self, syncing: &Syncing) {
        let forgets = self.manner.forgets;
        let Some(node) = self.nodes.get_mut(&syncing.node) else { return };
        let (NodeKind::File(contents), Some(mark)) = (&mut node.kind, &syncing.mark) else {
            return;
        };
        if forgets {
            contents.forget(**mark);
        }
        node.sync_failed(syncing.by);
    }

    /// Takes changes of directories over into what is synced.
    fn outlive(&mut self, changes: Vec<Change>) {
        for change in changes {
            let nodes: Vec<NodeId> = change.nodes().collect();
            let Change { node, from, to, when, .. } = change;
            if let Some((directory, name)) = from {
                self.set_synced(directory, name, None, when);
            }
            if let Some((directory, name)) = to {
                self.set_synced(directory, name, Some(node), when);
            }
            for node in nodes {
                self.node_mut(node).kept -= 1;
                self.forget_unneeded(node);
            }
        }
    }

    pub(super) fn set_synced(
        &mut self,
        at: NodeId,
        name: OsString,
        node: Option<NodeId>,
        when: Instant,
    ) {
        let directory = self.node_mut(at);
        directory.synced_modified = directory.synced_modified.max(when);
        let entries = &mut self.entries_mut(at).synced;
        let before = match node {
            Some(node) => entries.insert(name, node),
            None => entries.remove(&name),
        };
        if let Some(node) = node {
            self.node_mut(node).kept += 1;
        }
        if let Some(before) = before {
            self.node_mut(before).kept -= 1;
        }
    }

    /// What is left after a crash: what was synced, and of the rest what choices leave.
    ///
    /// The dull crash leaves nothing that was not synced.
    pub(super) fn crash(&mut self) {
        let mut kept = choose(&self.journal.steps()).into_iter();
        let mut journal = std::mem::take(&mut self.journal);
        let folded = std::mem::take(&mut journal.folded);
        if !folded.is_empty() && kept.next() == Some(true) {
            self.journal.folded = folded;
            self.outlive_folded();
        }
        let changes = journal.into_changes().into_iter().zip(kept);
        self.outlive(changes.filter_map(|(change, kept)| kept.then_some(change)).collect());
        // First: what becomes of a file that nobody can find again is no choice.
        self.forget_unreachable();
        for node in self.nodes.values_mut() {
            node.crash();
        }
        self.open_files = 0;
        self.used = self.nodes.values().map(Node::uses).sum();
    }

    /// Forgets a node that has no name, is not open, and comes back by no crash; of a directory
    /// what would have come back in it as well.
    pub(super) fn forget_unneeded(&mut self, id: NodeId) {
        let mut ids = vec![id];
        while let Some(id) = ids.pop() {
            let is_needed = |node: &Node| node.links > 0 || node.is_open() || node.kept > 0;
            if id == ROOT || self.nodes.get(&id).is_none_or(is_needed) {
                continue;
            }
            if let Some(NodeKind::Directory(entries)) = self.nodes.remove(&id).map(|node| node.kind)
            {
                for entry in entries.synced.into_values() {
                    self.node_mut(entry).kept -= 1;
                    ids.push(entry);
                }
            }
        }
    }

    /// Forgets what no name leads to after a crash, and counts the names of the rest.
    fn forget_unreachable(&mut self) {
        let mut links = BTreeMap::from([(ROOT, 0)]);
        let mut reached = vec![ROOT];
        while let Some(node) = reached.pop() {
            let Some(entries) = self.entries(node) else { continue };
            for entry in entries.synced.values() {
                let links = links.entry(*entry).or_insert(0);
                *links += 1;
                if *links == 1 {
                    reached.push(*entry);
                }
            }
        }
        self.nodes.retain(|node, _| links.contains_key(node));
        for (id, node) in &mut self.nodes {
            // What is synced is what there is then.
            (node.links, node.kept) = (links[id], links[id]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::world::fs::disk::Manner;
    use crate::world::fs::path::Names;

    #[test]
    fn a_file_is_forgotten_once_no_crash_brings_it_back() {
        let names = |path: &str| Names::of(Path::new(path)).expect("a path");
        let mut disk = Disk::new(Manner::default());
        let sync = |disk: &mut Disk| {
            let syncing = disk.start_sync(ROOT, 0, Synced::All);
            disk.sync(&syncing).expect("a root");
        };
        let create = |disk: &mut Disk, path: &str| disk.create(&names(path), true).expect("new");
        let synced = create(&mut disk, "synced");
        let handle = disk.open(synced);
        sync(&mut disk);
        disk.unlink(&names("synced")).expect("a file");
        disk.close(synced, handle);
        let unsynced = create(&mut disk, "unsynced");
        disk.unlink(&names("unsynced")).expect("a file");
        let (old, new) = (create(&mut disk, "old"), create(&mut disk, "new"));
        let handle = disk.open(old);
        disk.rename(&names("new"), &names("old")).expect("two files");
        assert!([synced, unsynced, old, new].iter().all(|node| disk.nodes.contains_key(node)));
        sync(&mut disk);
        assert_eq!(disk.nodes.keys().copied().collect::<Vec<_>>(), [ROOT, old, new]);
        disk.close(old, handle);
        assert_eq!(disk.nodes.keys().copied().collect::<Vec<_>>(), [ROOT, new]);
        disk.crash();
        assert_eq!(disk.nodes.keys().copied().collect::<Vec<_>>(), [ROOT, new]);
        assert_eq!(disk.node(new).kept, 1);
    }

    /// A program that never syncs the root makes and removes the same things again and again.
    #[test]
    fn what_is_kept_for_a_crash_is_bounded() {
        let names = |path: &str| Names::of(Path::new(path)).expect("a path");
        let mut disk = Disk::new(Manner::default());
        for number in 0..3_000 {
            disk.create_directory(&names("d")).expect("new");
            disk.create(&names("d/f"), true).expect("new");
            if number % 2 == 0 {
                let directory = disk.find(names("d").all()).expect("a directory");
                let syncing = disk.start_sync(directory, 0, Synced::All);
                disk.sync(&syncing).expect("a directory");
            }
            disk.create(&names("tmp"), true).expect("new");
            disk.rename(&names("tmp"), &names("d/f")).expect("two files");
            disk.rename(&names("d/f"), &names("kept")).expect("a file");
            disk.remove_directory(&names("d")).expect("a directory");
            assert!(disk.nodes.len() < 1_100, "{number}: {}", disk.nodes.len());
        }
        disk.crash();
        assert_eq!(disk.nodes.keys().copied().collect::<Vec<_>>(), [ROOT]);
    }
}
