//! What is on a disk: what a program sees, and what of it would outlive a crash.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::journal::{Change, take_synced};
use super::path::Names;
use crate::base::Instant;
use crate::event_loop::with;
use crate::world::fault::{Ratio, strikes, strikes_how};

/// The number of a file or directory on its disk.
pub(super) type NodeId = u64;

pub(super) const ROOT: NodeId = 0;

/// The disk of one host.
pub(super) struct Disk {
    nodes: BTreeMap<NodeId, Node>,
    next: NodeId,
    /// Changes of directories that are not synced, in their order.
    journal: Vec<Change>,
    pub(super) latency: RangeInclusive<Duration>,
    pub(super) capacity: Option<u64>,
    pub(super) failures: Ratio,
    pub(super) open_files: usize,
}

/// A file or a directory.
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) is_readonly: bool,
    pub(super) modified: Instant,
    pub(super) created: Instant,
    /// How many names it has, and how many files are open on it.
    links: usize,
    pub(super) opened: usize,
}

pub(super) enum NodeKind {
    File(Contents),
    Directory(Entries),
}

/// The bytes of a file.
#[derive(Default)]
pub(super) struct Contents {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// What was done to it since it was synced, in its order.
    unsynced: Vec<Write>,
    /// Whether a byte has gone bad since then, which is in neither.
    has_bad: bool,
}

enum Write {
    At(usize, Vec<u8>),
    /// To a length that is not less.
    Extend(usize),
    Cut(usize),
}

/// The names in a directory.
#[derive(Default)]
pub(super) struct Entries {
    now: BTreeMap<OsString, NodeId>,
    synced: BTreeMap<OsString, NodeId>,
}

const LATENCY: RangeInclusive<Duration> = Duration::from_micros(100)..=Duration::from_millis(10);

impl Default for Disk {
    fn default() -> Self {
        let root = Node::new(NodeKind::Directory(Entries::default()), Instant::START);
        Disk {
            nodes: BTreeMap::from([(ROOT, root)]),
            next: ROOT + 1,
            journal: Vec::new(),
            latency: LATENCY,
            capacity: None,
            failures: Ratio::ZERO,
            open_files: 0,
        }
    }
}

impl Node {
    fn new(kind: NodeKind, now: Instant) -> Self {
        Node { kind, is_readonly: false, modified: now, created: now, links: 0, opened: 0 }
    }

    pub(super) fn is_directory(&self) -> bool {
        matches!(self.kind, NodeKind::Directory(_))
    }

    pub(super) fn length(&self) -> u64 {
        match &self.kind {
            NodeKind::File(contents) => contents.now.len() as u64,
            NodeKind::Directory(_) => 0,
        }
    }
}

fn error(kind: io::ErrorKind, what: &str, names: &[OsString]) -> io::Error {
    let path: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
    io::Error::new(kind, format!("{what}: {}", path.join("/")))
}

pub(super) fn now() -> Instant {
    with(|core| core.session.now)
}

impl Disk {
    pub(super) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(&id).expect("seedloop bug: a file that is in use is gone")
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("seedloop bug: a file that is in use is gone")
    }

    /// How many bytes its files have: those that have a name or are open.
    pub(super) fn used(&self) -> u64 {
        let used = self.nodes.values().filter(|node| node.links > 0 || node.opened > 0);
        used.map(Node::length).sum()
    }

    fn entries(&self, id: NodeId) -> Option<&Entries> {
        match &self.node(id).kind {
            NodeKind::Directory(entries) => Some(entries),
            NodeKind::File(_) => None,
        }
    }

    fn entries_mut(&mut self, id: NodeId) -> &mut Entries {
        match &mut self.node_mut(id).kind {
            NodeKind::Directory(entries) => entries,
            NodeKind::File(_) => unreachable!("seedloop bug: a file has no entries"),
        }
    }

    /// Finds what stands at a path.
    pub(super) fn find(&self, names: &[OsString]) -> io::Result<NodeId> {
        let mut node = ROOT;
        for (depth, name) in names.iter().enumerate() {
            let Some(entries) = self.entries(node) else {
                let what = "not a directory";
                return Err(error(io::ErrorKind::NotADirectory, what, &names[..depth]));
            };
            let missing = || error(io::ErrorKind::NotFound, "no such file or directory", names);
            node = *entries.now.get(name).ok_or_else(missing)?;
        }
        Ok(node)
    }

    /// Finds the directory in which a path ends, and the name there.
    fn place<'a>(&self, names: &'a Names) -> io::Result<(NodeId, &'a OsStr)> {
        let Some((parents, name)) = names.split() else {
            return Err(error(io::ErrorKind::IsADirectory, "this is the root", &[]));
        };
        let directory = self.find(parents)?;
        match self.entries(directory) {
            Some(_) => Ok((directory, name)),
            None => Err(error(io::ErrorKind::NotADirectory, "not a directory", parents)),
        }
    }

    fn entry(&self, directory: NodeId, name: &OsStr) -> Option<NodeId> {
        self.entries(directory)?.now.get(name).copied()
    }

    fn change(&mut self, change: Change) {
        if let Some((directory, name)) = &change.from {
            self.set(*directory, name, None);
        }
        if let Some((directory, name)) = &change.to {
            self.set(*directory, name, Some(change.node));
        }
        self.journal.push(change);
    }

    /// Gives a new node its name.
    fn link(&mut self, directory: NodeId, name: &OsStr, node: NodeId) {
        let (to, is_directory) =
            (Some((directory, name.to_owned())), self.node(node).is_directory());
        self.change(Change { node, from: None, to, over: None, above: Vec::new(), is_directory });
    }

    fn remove(&mut self, directory: NodeId, name: &OsStr, node: NodeId) {
        let (from, is_directory) =
            (Some((directory, name.to_owned())), self.node(node).is_directory());
        self.change(Change { node, from, to: None, over: None, above: Vec::new(), is_directory });
    }

    /// Lets a name stand for another node, or for none.
    fn set(&mut self, directory: NodeId, name: &OsStr, node: Option<NodeId>) {
        let entries = &mut self.entries_mut(directory).now;
        let before = match node {
            Some(node) => entries.insert(name.to_owned(), node),
            None => entries.remove(name),
        };
        self.node_mut(directory).modified = now();
        if let Some(before) = before {
            self.node_mut(before).links -= 1;
        }
        if let Some(node) = node {
            self.node_mut(node).links += 1;
        }
    }

    fn make(&mut self, kind: NodeKind) -> NodeId {
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, Node::new(kind, now()));
        id
    }

    /// Creates a file, or finds the one that is there.
    pub(super) fn create(&mut self, names: &Names, must_be_new: bool) -> io::Result<NodeId> {
        let (directory, name) = self.place(names)?;
        match self.entry(directory, name) {
            Some(_) if must_be_new => {
                Err(error(io::ErrorKind::AlreadyExists, "the file exists", names.all()))
            }
            Some(node) => Ok(node),
            None => {
                self.check_writable(directory, names)?;
                let node = self.make(NodeKind::File(Contents::default()));
                self.link(directory, name, node);
                Ok(node)
            }
        }
    }

    pub(super) fn create_directory(&mut self, names: &Names) -> io::Result<()> {
        let (directory, name) = self.place(names)?;
        if self.entry(directory, name).is_some() {
            return Err(error(io::ErrorKind::AlreadyExists, "the file exists", names.all()));
        }
        self.check_writable(directory, names)?;
        let node = self.make(NodeKind::Directory(Entries::default()));
        self.link(directory, name, node);
        Ok(())
    }

    fn check_writable(&self, node: NodeId, names: &Names) -> io::Result<()> {
        match self.node(node).is_readonly {
            false => Ok(()),
            true => {
                let what = "permission denied, it is read-only";
                Err(error(io::ErrorKind::PermissionDenied, what, names.all()))
            }
        }
    }

    /// Removes the name of a file; whoever has it open goes on to use it.
    pub(super) fn unlink(&mut self, names: &Names) -> io::Result<()> {
        let (directory, name) = self.place(names)?;
        let node = self.find(names.all())?;
        if self.node(node).is_directory() {
            return Err(error(io::ErrorKind::IsADirectory, "this is a directory", names.all()));
        }
        self.check_writable(directory, names)?;
        self.remove(directory, name, node);
        Ok(())
    }

    pub(super) fn remove_directory(&mut self, names: &Names) -> io::Result<()> {
        let (directory, name) = self.place(names)?;
        let node = self.find(names.all())?;
        match self.entries(node) {
            None => Err(error(io::ErrorKind::NotADirectory, "not a directory", names.all())),
            Some(entries) if !entries.now.is_empty() => {
                let what = "the directory is not empty";
                Err(error(io::ErrorKind::DirectoryNotEmpty, what, names.all()))
            }
            Some(_) => {
                self.check_writable(directory, names)?;
                self.remove(directory, name, node);
                Ok(())
            }
        }
    }

    /// Gives a file another name, in the place of the one that has it.
    pub(super) fn rename(&mut self, from: &Names, to: &Names) -> io::Result<()> {
        let node = self.find(from.all())?;
        let ((old_place, old), (new_place, new)) = (self.place(from)?, self.place(to)?);
        if self.node(node).is_directory() && to != from && to.is_within(from) {
            let what = "a directory cannot be moved into itself";
            return Err(error(io::ErrorKind::InvalidInput, what, to.all()));
        }
        if let Some(there) = self.entry(new_place, new) {
            let (is, was) = (self.node(node).is_directory(), self.node(there).is_directory());
            let is_empty = self.entries(there).is_none_or(|entries| entries.now.is_empty());
            let refused = match (is, was) {
                (true, false) => Some((io::ErrorKind::NotADirectory, "not a directory")),
                (false, true) => Some((io::ErrorKind::IsADirectory, "this is a directory")),
                (true, true) if !is_empty && there != node => {
                    Some((io::ErrorKind::DirectoryNotEmpty, "the directory is not empty"))
                }
                _ => None,
            };
            if let Some((kind, what)) = refused {
                return Err(error(kind, what, to.all()));
            }
            if there == node {
                return Ok(());
            }
        }
        self.check_writable(old_place, from)?;
        self.check_writable(new_place, to)?;
        let above = if old_place == new_place { Vec::new() } else { self.above(to) };
        self.change(Change {
            node,
            from: Some((old_place, old.to_owned())),
            to: Some((new_place, new.to_owned())),
            over: self.entry(new_place, new),
            above,
            is_directory: self.node(node).is_directory(),
        });
        Ok(())
    }

    /// The directories in which a path ends, below the root.
    fn above(&self, names: &Names) -> Vec<NodeId> {
        let depths = 1..names.all().len();
        depths.filter_map(|depth| self.find(&names.all()[..depth]).ok()).collect()
    }

    /// The names in a directory, in their order.
    pub(super) fn list(&self, names: &Names) -> io::Result<Vec<(OsString, NodeId)>> {
        let node = self.find(names.all())?;
        match self.entries(node) {
            Some(entries) => {
                Ok(entries.now.iter().map(|(name, node)| (name.clone(), *node)).collect())
            }
            None => Err(error(io::ErrorKind::NotADirectory, "not a directory", names.all())),
        }
    }
}

impl Disk {
    fn contents(&mut self, id: NodeId) -> io::Result<&mut Contents> {
        match &mut self.node_mut(id).kind {
            NodeKind::File(contents) => Ok(contents),
            NodeKind::Directory(_) => {
                Err(io::Error::new(io::ErrorKind::IsADirectory, "this is a directory"))
            }
        }
    }

    /// Reads at most `length` bytes at `position`.
    pub(super) fn read(&mut self, id: NodeId, position: u64, length: usize) -> io::Result<Vec<u8>> {
        let bytes = &self.contents(id)?.now;
        let from = usize::try_from(position).unwrap_or(usize::MAX).min(bytes.len());
        let to = from.saturating_add(length).min(bytes.len());
        Ok(bytes[from..to].to_vec())
    }

    fn check_space(&mut self, id: NodeId, end: u64) -> io::Result<()> {
        let Some(capacity) = self.capacity else { return Ok(()) };
        let more = end.saturating_sub(self.node(id).length());
        if more == 0 || self.used().saturating_add(more) <= capacity {
            return Ok(());
        }
        let text = format!("no space left: the disk has {capacity} bytes");
        Err(io::Error::new(io::ErrorKind::StorageFull, text))
    }

    /// Writes bytes at `position`, beyond the end too.
    pub(super) fn write(&mut self, id: NodeId, position: u64, bytes: Vec<u8>) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let end = position.saturating_add(bytes.len() as u64);
        check_length(end)?;
        self.check_space(id, end)?;
        // Within the length.
        let write = Write::At(position as usize, bytes);
        let contents = self.contents(id)?;
        write.apply(&mut contents.now);
        contents.unsynced.push(write);
        self.node_mut(id).modified = now();
        Ok(())
    }

    /// Cuts a file, or fills it with zeros.
    pub(super) fn resize(&mut self, id: NodeId, length: u64) -> io::Result<()> {
        let length = check_length(length)?;
        self.check_space(id, length as u64)?;
        let contents = self.contents(id)?;
        let write = match length < contents.now.len() {
            true => Write::Cut(length),
            false => Write::Extend(length),
        };
        write.apply(&mut contents.now);
        contents.unsynced.push(write);
        self.node_mut(id).modified = now();
        Ok(())
    }

    /// Flips all bits of a byte, also of what is synced.
    pub(super) fn corrupt(&mut self, id: NodeId, position: u64) -> io::Result<()> {
        let at = usize::try_from(position).unwrap_or(usize::MAX);
        let contents = self.contents(id)?;
        let Some(byte) = contents.now.get_mut(at) else {
            let text = format!("the file has no byte at {position}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        };
        *byte = !*byte;
        contents.has_bad = true;
        if let Some(byte) = contents.synced.get_mut(at) {
            *byte = !*byte;
        }
        Ok(())
    }

    /// Lets a file, or the names of a directory, outlive a crash.
    pub(super) fn sync(&mut self, id: NodeId) {
        match &mut self.node_mut(id).kind {
            NodeKind::File(contents) => {
                let Contents { now, synced, unsynced, has_bad } = contents;
                if std::mem::take(has_bad) {
                    unsynced.clear();
                    synced.clone_from(now);
                }
                // Not the whole file: a log is synced at each record.
                unsynced.drain(..).for_each(|write| write.apply(synced));
            }
            NodeKind::Directory(_) => {
                let synced = take_synced(&mut self.journal, id);
                self.outlive(synced);
            }
        }
    }

    /// Takes changes of directories over into what is synced.
    fn outlive(&mut self, changes: Vec<Change>) {
        for Change { node, from, to, .. } in changes {
            if let Some((directory, name)) = from {
                self.entries_mut(directory).synced.remove(&name);
            }
            if let Some((directory, name)) = to {
                self.entries_mut(directory).synced.insert(name, node);
            }
        }
    }

    /// What is left after a crash: what was synced, and of the rest what choices leave.
    ///
    /// Changes of directories come to the disk in their order, so that a first part of them
    /// outlives; writes to a file come in any, each whole, torn or not at all. The dull crash
    /// leaves nothing that was not synced.
    pub(super) fn crash(&mut self) {
        const HALF: Ratio = Ratio::new(1, 2);
        let mut journal = std::mem::take(&mut self.journal).into_iter();
        let outlived = journal.by_ref().take_while(|_| strikes("an unsynced name survives", HALF));
        let outlived: Vec<Change> = outlived.collect();
        self.outlive(outlived);
        for node in self.nodes.values_mut() {
            node.opened = 0;
            match &mut node.kind {
                NodeKind::Directory(entries) => entries.now.clone_from(&entries.synced),
                NodeKind::File(contents) => {
                    let mut left = std::mem::take(&mut contents.synced);
                    for write in contents.unsynced.drain(..) {
                        let is_cut = matches!(write, Write::Cut(_));
                        match strikes_how("an unsynced write survives", HALF, TORN_AT) {
                            // What was written behind a cut is not on the disk before it: old and
                            // new contents do not mix.
                            0 if is_cut => break,
                            0 => {}
                            1 => write.apply(&mut left),
                            part => write.torn(part - 1).apply(&mut left),
                        }
                    }
                    contents.now.clone_from(&left);
                    contents.synced = left;
                }
            }
        }
        self.open_files = 0;
        self.forget_unreachable();
    }

    /// A file was closed: one without a name is gone then.
    pub(super) fn closed(&mut self, id: NodeId) {
        self.open_files = self.open_files.saturating_sub(1);
        if let Some(node) = self.nodes.get_mut(&id) {
            node.opened = node.opened.saturating_sub(1);
        }
    }

    /// Forgets what no name leads to any more, and counts the names of the rest.
    fn forget_unreachable(&mut self) {
        let mut links = BTreeMap::from([(ROOT, 0)]);
        let mut reached = vec![ROOT];
        while let Some(node) = reached.pop() {
            let Some(entries) = self.entries(node) else { continue };
            for entry in entries.now.values() {
                let links = links.entry(*entry).or_insert(0);
                *links += 1;
                if *links == 1 {
                    reached.push(*entry);
                }
            }
        }
        self.nodes.retain(|node, _| links.contains_key(node));
        for (id, node) in &mut self.nodes {
            node.links = links[id];
        }
    }
}

/// How long a file may get. Its contents are in memory, zeros too.
const LENGTH_MAX: u64 = 1 << 30;

fn check_length(length: u64) -> io::Result<usize> {
    if length > LENGTH_MAX {
        let text = format!("a simulated file has at most {LENGTH_MAX} bytes, not {length}");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(length as usize)
}

/// In how many places a write can be torn, and one more for the whole of it.
const TORN_AT: u32 = 8;

impl Write {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Write::Cut(length) => bytes.truncate(*length),
            Write::Extend(length) => bytes.resize((*length).max(bytes.len()), 0),
            Write::At(at, new) => {
                let end = at + new.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*at..end].copy_from_slice(new);
            }
        }
    }

    /// The first `part` eighths of it.
    fn torn(self, part: u32) -> Self {
        match self {
            Write::Cut(_) | Write::Extend(_) => self,
            Write::At(at, mut bytes) => {
                bytes.truncate(bytes.len() * part as usize / TORN_AT as usize);
                Write::At(at, bytes)
            }
        }
    }
}
