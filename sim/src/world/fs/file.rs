//! Files that are open.

use std::fmt;
use std::future::Future;
use std::io::{self, SeekFrom};
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_lite::{AsyncRead, AsyncSeek, AsyncWrite};

use super::disk::{Disk, NodeId, Written};
use super::disks::{Does, EBADF, EINVAL, begin_in, check, with_disk};
use super::durable::Synced;
use super::metadata::Metadata;
use super::options::OpenOptions;
use super::pending::Pending;
use crate::base::Result;
use crate::event_loop::try_with;
use crate::world::host::Life;
use crate::world::operation::Operation;
use crate::world::scope::within;

/// A file that is open, at a position of its own.
///
/// Its methods wait until the disk is done. [`AsyncWrite`] does as tokio's files do: a write is
/// over when it has begun, and `flush`, or whatever is done next, waits for it and gives its error.
///
/// Dropping it closes it without a wait, [`scope`](File::scope) with one.
pub struct File {
    pub(super) life: Life,
    pub(super) node: NodeId,
    position: u64,
    pub(super) access: Access,
    reading: Option<Operation<io::Result<Vec<u8>>>>,
    /// What has begun and changes the file or the disk.
    writing: Option<Pending>,
}

/// What may be done with an open file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    pub(super) reads: bool,
    pub(super) writes: bool,
    pub(super) appends: bool,
}

/// How much one read takes at most, in bytes, where nobody has said it.
const READ_MAX: usize = 1 << 20;

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
        disk.open(node);
        let (reading, writing) = (None, None);
        File { life, node, position: 0, access, reading, writing }
    }

    /// Reads at the position into `buffer`; returns how many bytes, 0 at the end.
    ///
    /// # Errors
    ///
    /// See [the module](super).
    ///
    /// # Cancel safety
    ///
    /// Dropped, the future leaves the position where it was.
    #[track_caller]
    pub fn read<'a>(
        &'a mut self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let location = Location::caller();
        async move {
            let read = self.read_at_position(buffer.len(), location).await?;
            buffer[..read.len()].copy_from_slice(&read);
            Ok(read.len())
        }
    }

    /// Fills the buffer.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof`; see [the module](super).
    ///
    /// # Cancel safety
    ///
    /// Dropped, the future leaves the position where it was.
    #[track_caller]
    pub fn read_exact<'a>(
        &'a mut self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<()>> + Send + 'a {
        let location = Location::caller();
        async move {
            let read = self.read_at_position(buffer.len(), location).await?;
            if read.len() < buffer.len() {
                let text = format!("the file ends after {} of {} bytes", read.len(), buffer.len());
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
            }
            buffer.copy_from_slice(&read);
            Ok(())
        }
    }

    /// Reads from the position to the end and appends it to `bytes`; returns how many bytes.
    ///
    /// # Errors
    ///
    /// See [the module](super).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future appends nothing, and the position stays where it was.
    #[track_caller]
    pub fn read_to_end<'a>(
        &'a mut self,
        bytes: &'a mut Vec<u8>,
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let location = Location::caller();
        async move {
            let read = self.read_at_position(usize::MAX, location).await?;
            bytes.extend_from_slice(&read);
            Ok(read.len())
        }
    }

    /// Reads from the position to the end and appends it to `text`; returns how many bytes.
    ///
    /// # Errors
    ///
    /// `InvalidData` for what is not UTF-8; see [the module](super).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future appends nothing to `text`, and the position stays where it was.
    #[track_caller]
    pub fn read_to_string<'a>(
        &'a mut self,
        text: &'a mut String,
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let location = Location::caller();
        async move {
            let read = into_text(self.read_at_position(usize::MAX, location).await?)?;
            text.push_str(&read);
            Ok(read.len())
        }
    }

    /// Writes all of `bytes` at the position.
    ///
    /// # Errors
    ///
    /// Linux's `EBADF` when it was not opened to be written, and `StorageFull` when they do not fit:
    /// as many as do are written then, and the position is behind them. See [the module](super).
    ///
    /// # Cancel safety
    ///
    /// A write that has begun takes effect all the same, and moves the position behind it: what is
    /// done next with the file waits for it first, and gives its error.
    #[track_caller]
    pub fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send {
        self.write_bytes(bytes.to_vec(), Location::caller())
    }

    /// Moves the position; returns it.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a place before the beginning, or beyond 2^63 - 1.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the future leaves the position where it was, or where what it waited for has moved
    /// it.
    #[track_caller]
    pub fn seek(&mut self, to: SeekFrom) -> impl Future<Output = io::Result<u64>> + Send {
        let location = Location::caller();
        async move {
            self.settle().await?;
            check(self.life)?;
            let length = match to {
                SeekFrom::End(_) => self.length(location).await?,
                _ => 0,
            };
            self.seek_to(to, length)
        }
    }

    /// Cuts the file to `length` bytes, or fills it with zeros up to there.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when it was not opened to be written, and `StorageFull`; see
    /// [the module](super).
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
    /// # Errors
    ///
    /// Linux's `EIO` when the disk fails: what was to be synced may be lost by a crash then even if a
    /// second sync succeeds, unless it is written again. See [the module](super).
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
    /// The end comes after a value, an error and a cancel alike, and waits for the disk.
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
    /// The body's; a cancelled error when the task was cancelled.
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
            let life = self.life;
            let closed = begin_in(life, Does::Read, "close file", location, move |_| Ok(self));
            let closed = closed?.await?;
            drop(closed?);
            result
        }
    }
}

impl File {
    fn check_reads(&self) -> io::Result<()> {
        if self.access.reads { Ok(()) } else { Err(io::Error::from_raw_os_error(EBADF)) }
    }

    fn check_writes(&self, number: i32) -> io::Result<()> {
        if self.access.writes { Ok(()) } else { Err(io::Error::from_raw_os_error(number)) }
    }

    /// Waits for what has begun, whoever began it: it comes to the disk before what is done next.
    async fn settle(&mut self) -> io::Result<()> {
        self.reading = None;
        Settling(self).await
    }

    /// Lets the disk do something with the file that changes nothing.
    async fn read_from<T: 'static>(
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
        let node = self.node;
        let sync = move |disk: &mut Disk| disk.sync(node, what);
        self.change(Does::Sync(node), "sync file", location, sync).await
    }

    /// Begins a change, for which whatever is done next waits.
    fn begin(
        &mut self,
        does: Does,
        name: &'static str,
        location: &'static Location<'static>,
        effect: impl FnOnce(&mut Disk) -> io::Result<Written> + 'static,
    ) -> io::Result<()> {
        self.writing = Some(Pending::begin(self.life, does, name, location, effect)?);
        Ok(())
    }

    /// Begins a write at the position, or at the end.
    fn begin_write(
        &mut self,
        bytes: Vec<u8>,
        location: &'static Location<'static>,
    ) -> io::Result<()> {
        let (node, place) = (self.node, self.place());
        self.begin(Does::Change, "write file", location, move |disk| {
            let position = match place {
                Some(position) => position,
                None => disk.opened(node)?.length(),
            };
            disk.write(node, position, bytes)
        })
    }

    async fn length(&mut self, location: &'static Location<'static>) -> io::Result<u64> {
        let node = self.node;
        self.read_from("read metadata", location, move |disk| Ok(disk.opened(node)?.length())).await
    }

    pub(super) async fn read_at_position(
        &mut self,
        length: usize,
        location: &'static Location<'static>,
    ) -> io::Result<Vec<u8>> {
        self.check_reads()?;
        self.settle().await?;
        let (node, position) = (self.node, self.position);
        let read = move |disk: &mut Disk| disk.read(node, position, length);
        let read = self.read_from("read file", location, read).await?;
        self.position += read.len() as u64;
        Ok(read)
    }

    pub(super) async fn write_bytes(
        &mut self,
        bytes: Vec<u8>,
        location: &'static Location<'static>,
    ) -> io::Result<()> {
        if !bytes.is_empty() {
            self.check_writes(EBADF)?;
        }
        self.settle().await?;
        self.begin_write(bytes, location)?;
        self.settle().await
    }

    /// Where the next write goes; none for the end of the file.
    fn place(&self) -> Option<u64> {
        (!self.access.appends).then_some(self.position)
    }

    fn seek_to(&mut self, to: SeekFrom, length: u64) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => length.checked_add_signed(by),
        };
        // Linux counts it in 63 bits.
        let Some(position) = position.filter(|position| i64::try_from(*position).is_ok()) else {
            let text = "a position before the beginning of the file, or beyond 2^63 - 1";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        };
        // What a read that was dropped has begun is of another place.
        self.reading = None;
        self.position = position;
        Ok(position)
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

impl AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_written(cx))?;
        self.check_reads()?;
        if buffer.is_empty() {
            // It would leave a read of nothing behind, which is the end of the file to the next.
            return Poll::Ready(Ok(0));
        }
        if self.reading.is_none() {
            let (node, position) = (self.node, self.position);
            let (length, location) = (buffer.len().min(READ_MAX), Location::caller());
            let read = move |disk: &mut Disk| disk.read(node, position, length);
            self.reading = Some(begin_in(self.life, Does::Read, "read file", location, read)?);
        }
        let Some(reading) = &mut self.reading else { return Poll::Pending };
        let read = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let read = read??;
        let length = read.len().min(buffer.len());
        buffer[..length].copy_from_slice(&read[..length]);
        self.position += length as u64;
        Poll::Ready(Ok(length))
    }
}

impl AsyncWrite for File {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_written(cx))?;
        self.check_writes(EBADF)?;
        self.reading = None;
        let length = bytes.len();
        self.begin_write(bytes.to_vec(), Location::caller())?;
        Poll::Ready(Ok(length))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_written(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_written(cx)
    }
}

impl AsyncSeek for File {
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        ready!(self.poll_written(cx))?;
        check(self.life)?;
        let length = with_disk(self.life.host, |disk| disk.node(self.node).length());
        Poll::Ready(self.seek_to(to, length))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // The thread may be ending.
        if try_with(|_| ()).is_some() && self.life.is_alive() {
            with_disk(self.life.host, |disk| disk.close(self.node));
        }
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File at byte {}", self.position)
    }
}

pub(super) fn into_text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
