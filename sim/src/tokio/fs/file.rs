//! Files that are open.

use std::fmt;
use std::future::Future;
use std::io::{self, SeekFrom};
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};

use ::tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

use super::metadata::{Metadata, Permissions};
use super::options::OpenOptions;
use crate::task::without_cancel;
use crate::tokio::plain::{Plain, lock, plain};
use crate::world::fs::{self, EBADF, EINVAL};

/// A file that is open: `tokio::fs::File`. It is read and written with
/// [`AsyncReadExt`](crate::tokio::io::AsyncReadExt) and
/// [`AsyncWriteExt`](crate::tokio::io::AsyncWriteExt).
///
/// As with tokio a write is over when it has begun: `flush` waits for it and gives its error, and
/// so does the next write. A file that is dropped without it is written all the same.
///
/// # Cancel safety
///
/// A `read` that was dropped has taken nothing, a `write` that was dropped before it was over has
/// written nothing. A dropped `read_exact` has lost what it had read, a dropped `write_all` may
/// have written a part.
pub struct File {
    state: Mutex<State>,
}

struct State {
    file: fs::File,
    /// Of a write whose error nobody has been told.
    failed: Option<io::Error>,
    seeking: Option<SeekFrom>,
    most: usize,
}

/// How many bytes one read or write takes at most, if it was not set. Source: tokio,
/// `File::set_max_buf_size`.
const MOST: usize = 2 * 1024 * 1024;

impl File {
    pub(super) fn new(file: fs::File) -> Self {
        File { state: Mutex::new(State { file, failed: None, seeking: None, most: MOST }) }
    }

    /// Opens a file to be read; a directory too, to [sync](Self::sync_all) it.
    ///
    /// # Errors
    ///
    /// `NotFound`, `NotADirectory`.
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
    /// `NotFound` when its directory is not there, `IsADirectory`, `NotADirectory`,
    /// `PermissionDenied`.
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same.
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> + Send {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open_at(path.as_ref(), Location::caller())
    }

    /// Creates a file to be read and written, which must not be there yet.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, and those of [`create`](Self::create).
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same.
    #[track_caller]
    pub fn create_new(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> + Send {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open_at(path.as_ref(), Location::caller())
    }

    /// Returns options that say more: see [`OpenOptions`].
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Waits until what was written to the file outlives a crash; of a directory, until its names
    /// do. A new file needs both: itself synced, and the directory in which it stands.
    ///
    /// # Errors
    ///
    /// Linux's `EIO` when the disk fails. That a write has failed is told by the next `flush`.
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same.
    #[track_caller]
    pub fn sync_all(&self) -> impl Future<Output = io::Result<()>> + Send + use<'_> {
        let location = Location::caller();
        async move {
            self.wait_written().await;
            let syncing = lock(&self.state).file.begin_sync(true, location);
            Plain::new(syncing).await
        }
    }

    /// The same, but for permissions: those may be lost.
    ///
    /// # Errors
    ///
    /// As [`sync_all`](Self::sync_all).
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same.
    #[track_caller]
    pub fn sync_data(&self) -> impl Future<Output = io::Result<()>> + Send + use<'_> {
        let location = Location::caller();
        async move {
            self.wait_written().await;
            let syncing = lock(&self.state).file.begin_sync(false, location);
            Plain::new(syncing).await
        }
    }

    /// Cuts the file to `length` bytes, or fills it with zeros up to there.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when it was not opened to be written; `StorageFull`.
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same.
    #[track_caller]
    pub fn set_len(&self, length: u64) -> impl Future<Output = io::Result<()>> + Send + use<'_> {
        let location = Location::caller();
        async move {
            self.wait_written().await;
            if !lock(&self.state).file.writes() {
                return Err(io::Error::from_raw_os_error(EINVAL));
            }
            let resizing = lock(&self.state).file.begin_resize(length, location);
            Plain::new(resizing).await
        }
    }

    /// Tells of the file: its length, its kind, its times.
    ///
    /// # Errors
    ///
    /// Linux's `EIO` when the disk fails.
    ///
    /// # Cancel safety
    ///
    /// Holds nothing.
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> + Send + use<'_> {
        let reading = lock(&self.state).file.begin_metadata(Location::caller());
        async move { Plain::new(reading).await.map(Metadata::new) }
    }

    /// Sets whether the file may be opened to be written.
    ///
    /// # Errors
    ///
    /// Linux's `EIO` when the disk fails.
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same.
    #[track_caller]
    pub fn set_permissions(
        &self,
        permissions: Permissions,
    ) -> impl Future<Output = io::Result<()>> + Send + use<'_> {
        let readonly = permissions.readonly();
        Plain::new(lock(&self.state).file.begin_set_readonly(readonly, Location::caller()))
    }

    /// Sets how many bytes one read or write takes at most: 2 MiB unless set.
    pub fn set_max_buf_size(&mut self, most: usize) {
        self.state().most = most.max(1);
    }

    /// Returns how many bytes one read or write takes at most.
    pub fn max_buf_size(&self) -> usize {
        lock(&self.state).most
    }

    /// Waits for what was written, and keeps its error for the next flush or write.
    fn wait_written(&self) -> impl Future<Output = ()> + Send + use<'_> {
        plain(move |cx| lock(&self.state).poll_settled(cx))
    }

    fn state(&mut self) -> &mut State {
        self.state.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Err(error) = ready!(self.file.poll_written(cx)) {
            self.failed = Some(error);
        }
        Poll::Ready(())
    }

    /// Waits for what was written, and gives its error.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.failed.take() {
            Some(error) => Poll::Ready(Err(error)),
            None => self.file.poll_written(cx),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let length = bytes.len().min(self.most);
        if !self.file.writes() {
            // The system says so when it comes to write.
            self.failed = Some(io::Error::from_raw_os_error(EBADF));
            return Poll::Ready(Ok(length));
        }
        futures_lite::AsyncWrite::poll_write(Pin::new(&mut self.file), cx, &bytes[..length])
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_settled(cx));
        if !self.file.reads() {
            return Poll::Ready(Err(io::Error::from_raw_os_error(EBADF)));
        }
        let length = buffer.len().min(self.most);
        futures_lite::AsyncRead::poll_read(Pin::new(&mut self.file), cx, &mut buffer[..length])
    }

    fn poll_seek(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        ready!(self.poll_settled(cx));
        let to = self.seeking.take().unwrap_or(SeekFrom::Current(0));
        futures_lite::AsyncSeek::poll_seek(Pin::new(&mut self.file), cx, to)
    }
}

impl AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let free = buffer.initialize_unfilled();
        let read = without_cancel(|| self.state().poll_read(cx, free));
        buffer.advance(ready!(read)?);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for File {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        without_cancel(|| self.state().poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        without_cancel(|| self.state().poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl AsyncSeek for File {
    fn start_seek(mut self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        self.state().seeking = Some(to);
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        without_cancel(|| self.state().poll_seek(cx))
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lock(&self.state).file.fmt(f)
    }
}
