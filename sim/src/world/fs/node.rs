//! A file or a directory: what is known of it beside its name.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::contents::{Contents, HALF};
use super::disk::NodeId;
use crate::base::Instant;
use crate::world::fault::strikes_how;

/// A file or a directory.
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) is_readonly: bool,
    synced_readonly: bool,
    /// How often that was set in all, and how often when it was synced.
    readonly_set: u64,
    readonly_synced: u64,
    /// What that was set to since it was synced, the last ones.
    unsynced_readonly: Vec<bool>,
    pub(super) modified: Instant,
    pub(super) synced_modified: Instant,
    pub(super) created: Instant,
    /// How many names it has, and which files are open on it.
    pub(super) links: usize,
    pub(super) opened: BTreeMap<Handle, Told>,
    /// How many names it may get back from a crash.
    pub(super) kept: usize,
}

/// The number of an open file on its disk.
pub(super) type Handle = u64;

/// Whether an open file has heard of each sync of its node that has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    All,
    NotOfFailure,
}

/// A permission that a node had.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Permission {
    is_readonly: bool,
    /// How often it had been set.
    set: u64,
}

pub(super) enum NodeKind {
    File(Contents),
    Directory(Entries),
}

/// The names in a directory.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) now: BTreeMap<OsString, NodeId>,
    pub(super) synced: BTreeMap<OsString, NodeId>,
}

/// How many changes of its permission a crash chooses from: the last ones.
const READONLY_MAX: usize = 8;

impl Node {
    pub(super) fn new(kind: NodeKind, now: Instant) -> Self {
        Node {
            kind,
            is_readonly: false,
            synced_readonly: false,
            readonly_set: 0,
            readonly_synced: 0,
            unsynced_readonly: Vec::new(),
            modified: now,
            synced_modified: now,
            created: now,
            links: 0,
            opened: BTreeMap::new(),
            kept: 0,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        !self.opened.is_empty()
    }

    /// A sync by one of the files that are open on it has failed: each of the others is told of it.
    pub(super) fn sync_failed(&mut self, by: Handle) {
        for (handle, told) in &mut self.opened {
            *told = if *handle == by { Told::All } else { Told::NotOfFailure };
        }
    }

    /// Tells an open file of what it has not heard of, once; false where there is nothing.
    pub(super) fn tell_failure(&mut self, to: Handle) -> bool {
        let told = self.opened.get_mut(&to);
        told.is_some_and(|told| std::mem::replace(told, Told::All) == Told::NotOfFailure)
    }

    pub(super) fn is_directory(&self) -> bool {
        matches!(self.kind, NodeKind::Directory(_))
    }

    /// How many bytes of the disk it takes.
    pub(super) fn uses(&self) -> u64 {
        if self.links > 0 || self.is_open() { self.length() } else { 0 }
    }

    pub(super) fn length(&self) -> u64 {
        match &self.kind {
            NodeKind::File(contents) => contents.len() as u64,
            NodeKind::Directory(_) => 0,
        }
    }

    pub(super) fn set_readonly(&mut self, readonly: bool) {
        if self.is_readonly == readonly {
            return;
        }
        self.is_readonly = readonly;
        self.readonly_set += 1;
        if self.unsynced_readonly.len() == READONLY_MAX {
            self.unsynced_readonly.remove(0);
        }
        self.unsynced_readonly.push(readonly);
    }

    /// Its permission as it is now, for a sync that begins.
    pub(super) fn permission(&self) -> Permission {
        Permission { is_readonly: self.is_readonly, set: self.readonly_set }
    }

    /// Lets a permission that it had outlive a crash.
    pub(super) fn sync_readonly(&mut self, had: Permission) {
        // A sync that began later may have ended before.
        if had.set > self.readonly_synced {
            self.synced_readonly = had.is_readonly;
            self.readonly_synced = had.set;
            let later = (self.readonly_set - had.set) as usize;
            let covered = self.unsynced_readonly.len().saturating_sub(later);
            self.unsynced_readonly.drain(..covered);
        }
    }

    /// Leaves what was synced, and of the rest what choices leave.
    pub(super) fn crash(&mut self) {
        self.opened.clear();
        let versions = std::mem::take(&mut self.unsynced_readonly);
        let mut readonly = self.synced_readonly;
        if !versions.is_empty() {
            let survives = strikes_how("unsynced permissions survive", HALF, versions.len() as u32);
            // The first way is that the last ones do.
            readonly = match versions.len().checked_sub(survives as usize) {
                Some(version) if survives > 0 => versions[version],
                _ => readonly,
            };
        }
        (self.is_readonly, self.synced_readonly) = (readonly, readonly);
        self.readonly_synced = self.readonly_set;
        if let NodeKind::File(contents) = &mut self.kind
            && let Some(changed) = contents.crash()
        {
            self.synced_modified = changed;
        }
        if let NodeKind::Directory(entries) = &mut self.kind {
            entries.now.clone_from(&entries.synced);
        }
        self.modified = self.synced_modified;
    }
}
