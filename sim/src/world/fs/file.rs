//! Files that are open.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::disk::{Disk, NodeId, Written};
use super::disks::{Does, EBADF, EINVAL, begin_in, check, with_disk};
use super::durable::{Synced, Syncing};
use super::metadata::Metadata;
use super::node::Handle;
use super::options::OpenOptions;
use super::pending::Pending;
use crate::base::Result;
use crate::event_loop::try_with;
use crate::world::host::Life;
use crate::world::operation::Operation;
use crate::world::scope::within;

/// A file that is open, at a position of its own.
///
/// Its methods wait until the disk is done. [`AsyncWrite`](futures_lite::AsyncWrite) does as
/// tokio's files do: a write is over when it has begun, and `flush`, or whatever is done next,
/// waits for it and gives its error.
///
/// Dropping it closes it without a wait, [`scope`](File::scope) with one.
pub struct File {
    pub(super) life: Life,
    pub(super) node: NodeId,
    handle: Handle,
    pub(super) position: u64,
    pub(super) access: Access,
    pub(super) reading: Option<Operation<io::Result<Vec<u8>>>>,
    /// What has begun and changes the file or the disk.
    pub(super) writing: Option<Pending>,
}

/// What may be done with an open file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    pub(super) reads: bool,
    pub(super) writes: bool,
    pub(super) appends: bool,
}

impl File {
    /// Opens a file to be read; a directory too, to [sync](Self::sync_all) it.
    ///
    /// # Errors
    ///
    /// `NotFound`; see [the module](super).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the file again.
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> + Send {
        OpenOptions::new().read(true).open_at(path.as_ref(), Location::caller())
    }

    /// Creates a file to be written, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// See [the module](super).
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same.
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> + Send {
        let options = OpenOptions::new().write(true).create(true).truncate(true);
        options.open_at(path.as_ref(), Location::caller())
    }

    /// Creates a file to be read and written, which must not be there yet.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; see [the module](super).
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same.
    #[track_caller]
    pub fn create_new(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> + Send {
        let options = OpenOptions::new().read(true).write(true).create_new(true);
        options.open_at(path.as_ref(), Location::caller())
    }

    /// Returns options that say more: see [`OpenOptions`].
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// A file that was opened on the disk of the host on which this runs.
    pub(super) fn new(disk: &mut Disk, life: Life, node: NodeId, access: Access) -> Self {
        let handle = disk.open(node);
        let (reading, writing) = (None, None);
        File { life, node, handle, position: 0, access, reading, writing }
    }

    /// Cuts the file to `length` bytes, or fills it with zeros up to there.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when it was not opened to be written and for more than 2^63 - 1 bytes, and
    /// `StorageFull`; see [the module](super).
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same: what is done next with the file
    /// waits for it first, and gives its error.
    #[track_caller]
    pub fn set_len(&mut self, length: u64) -> impl Future<Output = io::Result<()>> + Send {
        let location = Location::caller();
        async move {
            self.check_writes(EINVAL)?;
            let node = self.node;
            let resize = move |disk: &mut Disk| disk.resize(node, length);
            self.change(Does::Change, "resize file", location, resize).await
        }
    }

    /// Waits until what was written to the file, and its permissions, outlive a crash; of a
    /// directory, until its names do. A new file needs both: itself synced, and the directory in
    /// which it stands.
    ///
    /// It covers what was done by the time it begins, and nothing that is done while it goes on.
    /// Source: POSIX, fsync.
    ///
    /// # Errors
    ///
    /// Linux's `EIO` when the disk fails: what was to be synced may be lost by a crash then even if
    /// a second sync succeeds, unless it is written again. Each file that was open on the same one
    /// is told of it once, by its own next sync. See [the module](super).
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same: what is done next with the file
    /// waits for it first, and gives its error.
    #[track_caller]
    pub fn sync_all(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        self.sync(Synced::All, Location::caller())
    }

    /// The same, but for permissions: those may be lost.
    ///
    /// # Errors
    ///
    /// As [`sync_all`](Self::sync_all).
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same: what is done next with the file
    /// waits for it first, and gives its error.
    #[track_caller]
    pub fn sync_data(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        self.sync(Synced::Data, Location::caller())
    }

    /// Tells of the file: its length, its kind, its times.
    ///
    /// # Errors
    ///
    /// See [the module](super).
    ///
    /// # Cancel safety
    ///
    /// Holds nothing.
    #[track_caller]
    pub fn metadata(&mut self) -> impl Future<Output = io::Result<Metadata>> + Send {
        let (node, location) = (self.node, Location::caller());
        self.read_from("read metadata", location, move |disk| Ok(Metadata::of(disk.opened(node)?)))
    }

    /// Runs `body` with the file and closes it at the end: `async with aiofiles.open(path) as f`.
    ///
    /// The end comes after a value, an error and a cancel alike, and waits for the disk: first for
    /// what the body has begun with the file, then until it is closed.
    ///
    /// ```
    /// use seedloop::fs::File;
    /// use seedloop::run;
    ///
    /// let written = run(async {
    ///     let file = File::create("greeting.txt").await?;
    ///     file.scope(async |f| Ok(f.write_all(b"hello").await?)).await
    /// });
    /// written.unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The body's; if it has none, that of what it has begun with the file, as of a write that it
    /// did not wait for; a cancelled error when the task was cancelled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the file without a wait.
    #[doc(alias = "async with")]
    #[track_caller]
    pub fn scope<T>(
        mut self,
        body: impl AsyncFnOnce(&mut File) -> Result<T>,
    ) -> impl Future<Output = Result<T>> {
        let location = Location::caller();
        async move {
            let result = within(location, body(&mut self)).await;
            // What the body has begun comes to the disk before the file is closed.
            let settle = async { Ok(self.settle().await?) };
            let settled = match within(location, settle).await {
                Err(error) if error.is_cancelled() => return Err(error),
                settled => settled,
            };
            let life = self.life;
            let closed = begin_in(life, Does::Read, "close file", location, move |_| Ok(self));
            let closed = closed?.await?;
            drop(closed?);
            let value = result?;
            settled?;
            Ok(value)
        }
    }
}

impl File {
    /// Tells what was opened, which the system knows without its disk.
    pub(super) fn is_directory(&self) -> io::Result<bool> {
        check(self.life)?;
        Ok(with_disk(self.life.host, |disk| disk.node(self.node).is_directory()))
    }

    pub(super) fn check_reads(&self) -> io::Result<()> {
        if self.access.reads { Ok(()) } else { Err(io::Error::from_raw_os_error(EBADF)) }
    }

    pub(super) fn check_writes(&self, number: i32) -> io::Result<()> {
        if self.access.writes { Ok(()) } else { Err(io::Error::from_raw_os_error(number)) }
    }

    /// Waits for what has begun, whoever began it: it comes to the disk before what is done next.
    pub(super) async fn settle(&mut self) -> io::Result<()> {
        self.reading = None;
        Settling(self).await
    }

    /// Lets the disk do something with the file that changes nothing.
    pub(super) async fn read_from<T: 'static>(
        &mut self,
        name: &'static str,
        location: &'static Location<'static>,
        effect: impl FnOnce(&mut Disk) -> io::Result<T> + 'static,
    ) -> io::Result<T> {
        self.settle().await?;
        begin_in(self.life, Does::Read, name, location, effect)?.await?
    }

    /// Lets the disk do something that leaves the position where it is.
    async fn change(
        &mut self,
        does: Does,
        name: &'static str,
        location: &'static Location<'static>,
        effect: impl FnOnce(&mut Disk) -> io::Result<()> + 'static,
    ) -> io::Result<()> {
        self.settle().await?;
        let position = self.position;
        self.begin(does, name, location, move |disk| {
            effect(disk).map(|()| Written { position, result: Ok(()) })
        })?;
        self.settle().await
    }

    async fn sync(&mut self, what: Synced, location: &'static Location<'static>) -> io::Result<()> {
        self.settle().await?;
        let syncing = self.start_sync(what)?;
        let does = Does::Sync(Arc::clone(&syncing));
        self.change(does, "sync file", location, move |disk| disk.sync(&syncing)).await
    }

    /// Notes what a sync that begins now covers.
    pub(super) fn start_sync(&self, what: Synced) -> io::Result<Arc<Syncing>> {
        check(self.life)?;
        let (node, handle) = (self.node, self.handle);
        Ok(Arc::new(with_disk(self.life.host, |disk| disk.start_sync(node, handle, what))))
    }

    /// Begins a change, for which whatever is done next waits.
    pub(super) fn begin(
        &mut self,
        does: Does,
        name: &'static str,
        location: &'static Location<'static>,
        effect: impl FnOnce(&mut Disk) -> io::Result<Written> + 'static,
    ) -> io::Result<()> {
        self.writing = Some(Pending::begin(self.life, does, name, location, effect)?);
        Ok(())
    }

    pub(crate) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(writing) = &mut self.writing else { return Poll::Ready(Ok(())) };
        // A cancel ends the wait for it, and not what has begun.
        let written = ready!(writing.poll(cx))?;
        self.writing = None;
        let Written { position, result } = written?;
        self.position = position;
        Poll::Ready(result)
    }
}

/// Waits for what has begun with a file.
struct Settling<'a>(&'a mut File);

impl Future for Settling<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_written(cx)
    }
}

impl Drop for Settling<'_> {
    fn drop(&mut self) {
        // The task waits for it no longer, so that a cancel has to reach what it waits for then.
        if let Some(writing) = &mut self.0.writing {
            writing.leave();
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // The thread may be ending.
        if try_with(|_| ()).is_some() && self.life.is_alive() {
            with_disk(self.life.host, |disk| disk.close(self.node, self.handle));
        }
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File at byte {}", self.position)
    }
}
