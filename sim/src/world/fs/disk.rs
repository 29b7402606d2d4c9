//! What is on a disk: what a program sees, and what of it would outlive a crash.

use std::any::Any;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::contents::Contents;
use super::journal::{Change, Journal};
use super::node::{Entries, Handle, Node, NodeKind, Told};
use super::path::{Ends, Names, PARENT};
use crate::base::Instant;
use crate::event_loop::with;
use crate::world::fault::Ratio;

/// The number of a file or directory on its disk.
pub(super) type NodeId = u64;

pub(super) const ROOT: NodeId = 0;

/// The disk of one host.
pub(super) struct Disk {
    pub(super) nodes: BTreeMap<NodeId, Node>,
    next: NodeId,
    /// Changes of directories that are not synced, in their order.
    pub(super) journal: Journal,
    /// How many bytes the files have that have a name or are open.
    pub(super) used: u64,
    /// What has begun and would change something, in its order.
    pub(super) in_flight: BTreeMap<u64, InFlight>,
    pub(super) begun: u64,
    pub(super) capacity: Option<u64>,
    pub(super) manner: Manner,
    pub(super) open_files: usize,
    next_handle: Handle,
}

/// The effect of an operation, which a crash may let happen; it gives what nobody hears of then.
pub(super) type InFlight = Box<dyn FnOnce(&mut Disk) -> Box<dyn Any>>;

const LATENCY: RangeInclusive<Duration> = Duration::from_micros(100)..=Duration::from_millis(10);

/// How a disk is.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// How long an operation takes.
    pub(super) latency: RangeInclusive<Duration>,
    /// How often one fails.
    pub(super) failures: Ratio,
    /// Whether a sync that fails forgets what it should have written.
    pub(super) forgets: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Manner { latency: LATENCY, failures: Ratio::ZERO, forgets: true }
    }
}

impl Disk {
    /// An empty disk.
    pub(super) fn new(manner: Manner) -> Self {
        let root = Node::new(NodeKind::Directory(Entries::default()), Instant::START);
        Disk {
            nodes: BTreeMap::from([(ROOT, root)]),
            next: ROOT + 1,
            journal: Journal::default(),
            used: 0,
            in_flight: BTreeMap::new(),
            begun: 0,
            capacity: None,
            manner,
            open_files: 0,
            next_handle: 0,
        }
    }
}

fn error(kind: io::ErrorKind, what: &str, names: &[OsString]) -> io::Error {
    let path: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
    io::Error::new(kind, format!("{what}: {}", path.join("/")))
}

fn exists(names: &Names) -> io::Error {
    error(io::ErrorKind::AlreadyExists, "the file exists", names.all())
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

    /// A file that was opened. What was begun with one may come to the disk after it was closed,
    /// and after it has lost its last name.
    pub(super) fn opened(&self, id: NodeId) -> io::Result<&Node> {
        self.nodes.get(&id).ok_or_else(|| io::Error::other("the file is closed and has no name"))
    }

    /// How many bytes its files have: those that have a name or are open.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// Changes a node, and how much space is used by it.
    fn alter<R>(&mut self, id: NodeId, change: impl FnOnce(&mut Node) -> R) -> R {
        let node = self.node_mut(id);
        let before = node.uses();
        let result = change(node);
        let after = node.uses();
        self.used = self.used + after - before;
        result
    }

    pub(super) fn entries(&self, id: NodeId) -> Option<&Entries> {
        match &self.node(id).kind {
            NodeKind::Directory(entries) => Some(entries),
            NodeKind::File(_) => None,
        }
    }

    pub(super) fn entries_mut(&mut self, id: NodeId) -> &mut Entries {
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

    /// Takes `..` out of a path. What stands before it, and before a `.` at the end, has to be a
    /// directory, as for the system.
    pub(super) fn walk(&self, names: &Names) -> io::Result<Names> {
        let mut taken: Vec<OsString> = Vec::new();
        for name in names.all() {
            if name != PARENT {
                taken.push(name.clone());
                continue;
            }
            self.check_directory(&taken)?;
            taken.pop();
        }
        if names.ends() == Ends::Dot {
            self.check_directory(&taken)?;
        }
        Ok(names.leading(taken))
    }

    /// The same; and what stands before a slash at the end has to be a directory, if it is there.
    pub(super) fn resolve(&self, names: &Names) -> io::Result<Names> {
        let names = self.walk(names)?;
        if names.is_directory() && self.find(names.all()).is_ok() {
            self.check_directory(names.all())?;
        }
        Ok(names)
    }

    fn check_directory(&self, names: &[OsString]) -> io::Result<()> {
        match self.node(self.find(names)?).is_directory() {
            true => Ok(()),
            false => Err(error(io::ErrorKind::NotADirectory, "not a directory", names)),
        }
    }

    /// Finds the directory in which a path ends, and the name there; none if it ends in no name.
    fn place<'a>(&self, names: &'a Names) -> io::Result<Option<(NodeId, &'a OsStr)>> {
        let Some((parents, name)) = names.split().filter(|_| names.ends() == Ends::Name) else {
            return Ok(None);
        };
        let directory = self.find(parents)?;
        match self.entries(directory) {
            Some(_) => Ok(Some((directory, name))),
            None => Err(error(io::ErrorKind::NotADirectory, "not a directory", parents)),
        }
    }

    /// Takes `..` out of a path to something in a directory, which has to be there.
    pub(super) fn located(&self, names: &Names) -> io::Result<Names> {
        let names = self.walk(names)?;
        self.place(&names)?;
        Ok(names)
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
        for node in change.nodes() {
            self.node_mut(node).kept += 1;
        }
        self.journal.push(change);
        self.fold();
    }

    /// Gives a new node its name.
    fn link(&mut self, directory: NodeId, name: &OsStr, node: NodeId) {
        let (to, is_directory) =
            (Some((directory, name.to_owned())), self.node(node).is_directory());
        self.change(Change::new(node, None, to, is_directory));
    }

    fn remove(&mut self, directory: NodeId, name: &OsStr, node: NodeId) {
        let (from, is_directory) =
            (Some((directory, name.to_owned())), self.node(node).is_directory());
        self.change(Change::new(node, from, None, is_directory));
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
            self.alter(before, |node| node.links -= 1);
        }
        if let Some(node) = node {
            self.alter(node, |node| node.links += 1);
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
        let names = &self.walk(names)?;
        let place = self.place(names)?;
        let there = place.and_then(|(directory, name)| self.entry(directory, name));
        match (place, there) {
            (None, _) if must_be_new => Err(exists(names)),
            (None, _) => {
                Err(error(io::ErrorKind::IsADirectory, "this is a directory", names.all()))
            }
            (Some(_), _) if names.is_directory() => {
                Err(error(io::ErrorKind::IsADirectory, "this is a directory", names.all()))
            }
            (Some(_), Some(_)) if must_be_new => Err(exists(names)),
            (Some(_), Some(node)) => Ok(node),
            (Some((directory, name)), None) => {
                self.check_writable(directory, names)?;
                let node = self.make(NodeKind::File(Contents::default()));
                self.link(directory, name, node);
                Ok(node)
            }
        }
    }

    pub(super) fn create_directory(&mut self, names: &Names) -> io::Result<()> {
        let names = &self.walk(names)?;
        let place = self.place(names)?.filter(|(at, name)| self.entry(*at, name).is_none());
        let (directory, name) = place.ok_or_else(|| exists(names))?;
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
        let names = &self.resolve(names)?;
        let node = self.find(names.all())?;
        let place = self.place(names)?.filter(|_| !self.node(node).is_directory());
        let Some((directory, name)) = place else {
            return Err(error(io::ErrorKind::IsADirectory, "this is a directory", names.all()));
        };
        self.check_writable(directory, names)?;
        self.remove(directory, name, node);
        Ok(())
    }

    pub(super) fn remove_directory(&mut self, names: &Names) -> io::Result<()> {
        let names = &self.resolve(names)?;
        let Some((directory, name)) = self.place(names)? else {
            let (kind, what) = match names.ends() {
                Ends::Dot => (io::ErrorKind::InvalidInput, "a path that ends in `.`"),
                Ends::Parent => (io::ErrorKind::DirectoryNotEmpty, "the directory is not empty"),
                Ends::Root | Ends::Name => (io::ErrorKind::ResourceBusy, "this is the root"),
            };
            return Err(error(kind, what, names.all()));
        };
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
        let (from, to) = (&self.located(from)?, &self.located(to)?);
        let places = self.place(from)?.zip(self.place(to)?);
        let Some(((old_place, old), (new_place, new))) = places else {
            let what = "this is the root, or a path that ends in no name";
            return Err(error(io::ErrorKind::ResourceBusy, what, from.all()));
        };
        let node = self.find(from.all())?;
        let there = self.entry(new_place, new);
        let is_directory = self.node(node).is_directory();
        if !is_directory && (from.is_directory() || to.is_directory()) {
            return Err(error(io::ErrorKind::NotADirectory, "not a directory", from.all()));
        }
        let moves = to.all() != from.all();
        if is_directory && moves && to.is_within(from) {
            let what = "a directory cannot be moved into itself";
            return Err(error(io::ErrorKind::InvalidInput, what, to.all()));
        }
        if there == Some(node) {
            return Ok(());
        }
        if let Some(there) = there {
            let is_empty = self.entries(there).is_none_or(|entries| entries.now.is_empty());
            let refused = match (is_directory, self.node(there).is_directory()) {
                // Before all else, where it would be moved over what it stands in.
                (_, true) if moves && from.is_within(to) => {
                    Some((io::ErrorKind::DirectoryNotEmpty, "the directory is not empty"))
                }
                (true, false) => Some((io::ErrorKind::NotADirectory, "not a directory")),
                (false, true) => Some((io::ErrorKind::IsADirectory, "this is a directory")),
                (true, true) if !is_empty => {
                    Some((io::ErrorKind::DirectoryNotEmpty, "the directory is not empty"))
                }
                _ => None,
            };
            if let Some((kind, what)) = refused {
                return Err(error(kind, what, to.all()));
            }
        }
        self.check_writable(old_place, from)?;
        self.check_writable(new_place, to)?;
        let above = if old_place == new_place { Vec::new() } else { self.above(to) };
        let (from, to) = ((old_place, old.to_owned()), (new_place, new.to_owned()));
        self.change(Change {
            over: there,
            above,
            ..Change::new(node, Some(from), Some(to), is_directory)
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
    /// Changes the contents of a file that was opened.
    fn alter_contents<R>(
        &mut self,
        id: NodeId,
        change: impl FnOnce(&mut Contents, Instant) -> R,
    ) -> io::Result<R> {
        contents(self.opened(id)?)?;
        Ok(self.alter(id, |node| {
            node.modified = now();
            match &mut node.kind {
                NodeKind::File(contents) => change(contents, node.modified),
                NodeKind::Directory(_) => unreachable!("seedloop bug: a directory has no contents"),
            }
        }))
    }

    /// Reads at most `length` bytes at `position`.
    pub(super) fn read(&self, id: NodeId, position: u64, length: usize) -> io::Result<Vec<u8>> {
        Ok(contents(self.opened(id)?)?.read(position, length))
    }

    /// How many bytes a file can have, when it gets all that is free.
    fn longest(&self, id: NodeId) -> io::Result<u64> {
        let Some(capacity) = self.capacity else { return Ok(u64::MAX) };
        let length = self.opened(id)?.length();
        Ok(length.saturating_add(capacity.saturating_sub(self.used)))
    }

    fn no_space(&self) -> io::Error {
        let capacity = self.capacity.unwrap_or_default();
        let text = format!("no space left: the disk has {capacity} bytes");
        io::Error::new(io::ErrorKind::StorageFull, text)
    }

    /// Writes bytes at `position`, beyond the end too: as many as there is space for.
    pub(super) fn write(
        &mut self,
        id: NodeId,
        position: u64,
        mut bytes: Vec<u8>,
    ) -> io::Result<Written> {
        if bytes.is_empty() {
            return Ok(Written { position, result: Ok(()) });
        }
        let end = position.saturating_add(bytes.len() as u64);
        check_length(end)?;
        let fits = self.longest(id)?.saturating_sub(position).min(bytes.len() as u64);
        let is_short = fits < bytes.len() as u64;
        // Within the length.
        bytes.truncate(fits as usize);
        if fits > 0 {
            self.alter_contents(id, |contents, now| contents.write(position as usize, bytes, now))?;
        }
        let result = if is_short { Err(self.no_space()) } else { Ok(()) };
        Ok(Written { position: position + fits, result })
    }

    /// Cuts a file, or fills it with zeros.
    pub(super) fn resize(&mut self, id: NodeId, length: u64) -> io::Result<()> {
        if i64::try_from(length).is_err() {
            // The standard library counts it in 63 bits.
            let text = format!("a file cannot have {length} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let to = check_length(length)?;
        if length > self.opened(id)?.length().max(self.longest(id)?) {
            return Err(self.no_space());
        }
        self.alter_contents(id, |contents, now| contents.resize(to, now))
    }

    /// Flips all bits of a byte, also of what is synced.
    pub(super) fn corrupt(&mut self, id: NodeId, position: u64) -> io::Result<()> {
        let NodeKind::File(contents) = &mut self.node_mut(id).kind else {
            return Err(is_directory());
        };
        if contents.corrupt(position, now()) {
            return Ok(());
        }
        let text = format!("the file has no byte at {position}");
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }

    /// Sets whether a file may be written, or whether names of a directory may be changed.
    pub(super) fn set_readonly(&mut self, id: NodeId, readonly: bool) -> io::Result<()> {
        self.opened(id)?;
        self.node_mut(id).set_readonly(readonly);
        Ok(())
    }

    /// A file was opened.
    pub(super) fn open(&mut self, id: NodeId) -> Handle {
        self.open_files += 1;
        let handle = self.next_handle;
        self.next_handle += 1;
        self.alter(id, |node| node.opened.insert(handle, Told::All));
        handle
    }

    /// A file was closed: one without a name is gone then.
    pub(super) fn close(&mut self, id: NodeId, handle: Handle) {
        self.open_files = self.open_files.saturating_sub(1);
        self.alter(id, |node| node.opened.remove(&handle));
        self.forget_unneeded(id);
    }
}

/// How a write has ended: where the position is behind it, and whether that is all of it.
pub(super) struct Written {
    pub(super) position: u64,
    pub(super) result: io::Result<()>,
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

fn contents(node: &Node) -> io::Result<&Contents> {
    match &node.kind {
        NodeKind::File(contents) => Ok(contents),
        NodeKind::Directory(_) => Err(is_directory()),
    }
}

fn is_directory() -> io::Error {
    io::Error::new(io::ErrorKind::IsADirectory, "this is a directory")
}
