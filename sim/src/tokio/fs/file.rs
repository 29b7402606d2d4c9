//! Files that are open.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io::{self, SeekFrom};
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker, ready};

use ::tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

use super::metadata::{Metadata, Permissions};
use super::options::OpenOptions;
use crate::task::without_cancel;
use crate::tokio::plain::{Plain, lock, plain};
use crate::world::fs;

/// A file that is open: `tokio::fs::File`. It is read and written with
/// [`AsyncReadExt`](crate::tokio::io::AsyncReadExt) and
/// [`AsyncWriteExt`](crate::tokio::io::AsyncWriteExt).
///
/// As with tokio a write is over when it has begun: `flush` waits for it and gives its error, and
/// so does the next write. A file that is dropped without it is written all the same.
///
/// # Cancel safety
///
/// One thing is done with the file at a time: what has begun goes on when the wait for it is
/// dropped, and whatever is done next waits for it, but for [`metadata`](Self::metadata) and
/// [`set_permissions`](Self::set_permissions). What a dropped `read` has read is what the next
/// one gives; of a dropped `seek` or [`set_len`](Self::set_len) the error is forgotten. A `write`
/// that was dropped before it was over has written nothing. A dropped `read_exact` has lost what it
/// had read, a dropped `write_all` may have written a part.
pub struct File {
    state: Mutex<State>,
}

struct State {
    file: fs::File,
    busy: Busy,
    /// What was read and nobody has taken.
    unread: Vec<u8>,
    /// Of a write whose error nobody has been told.
    failed: Option<io::ErrorKind>,
    /// Where the last seek has led.
    sought: u64,
    most: usize,
    /// Those who change or sync the file through a reference; the first does so now.
    line: VecDeque<(u64, Option<Waker>)>,
    tickets: u64,
}

/// The place in line of one who changes or syncs the file through a reference: it is their turn
/// when they are the first.
///
/// Source: tokio, `fs/file.rs`, which holds a fair lock over each of these.
struct Turn<'a> {
    of: &'a Mutex<State>,
    ticket: u64,
}

impl<'a> Turn<'a> {
    fn enter(of: &'a Mutex<State>) -> Self {
        let mut state = lock(of);
        state.tickets += 1;
        let ticket = state.tickets;
        state.line.push_back((ticket, None));
        Turn { of, ticket }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        // The user's code runs here, unlocked.
        let waker = cx.waker().clone();
        let mut state = lock(self.of);
        if state.line.front().is_some_and(|(first, _)| *first == self.ticket) {
            return Poll::Ready(());
        }
        let own = state.line.iter_mut().find(|(ticket, _)| *ticket == self.ticket);
        let before = own.and_then(|(_, kept)| kept.replace(waker));
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let (own, next) = {
            let mut state = lock(self.of);
            let place = state.line.iter().position(|(ticket, _)| *ticket == self.ticket);
            let own = place.and_then(|place| state.line.remove(place));
            let next = match place {
                Some(0) => state.line.front_mut().and_then(|(_, waker)| waker.take()),
                _ => None,
            };
            (own, next)
        };
        drop(own);
        if let Some(next) = next {
            next.wake();
        }
    }
}

/// What goes on with a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Busy {
    Idle,
    Read,
    Write,
    Seek,
    Resize,
}

/// How that has ended.
enum Done {
    Nothing,
    Read(io::Result<()>),
    Write(io::Result<()>),
    Seek(io::Result<u64>),
}

/// How many bytes one read or write takes at most, if it was not set. Source: tokio,
/// `File::set_max_buf_size`.
const MOST: usize = 2 * 1024 * 1024;

impl File {
    pub(super) fn new(file: fs::File) -> Self {
        let state = State {
            file,
            busy: Busy::Idle,
            unread: Vec::new(),
            failed: None,
            sought: 0,
            most: MOST,
            line: VecDeque::new(),
            tickets: 0,
        };
        File { state: Mutex::new(state) }
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
    /// Linux's `EIO` when the disk fails: what was to be synced is not, and a later sync that goes
    /// well says nothing of it. That a write has failed is told by the next `flush`.
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same.
    #[track_caller]
    pub fn sync_all(&self) -> impl Future<Output = io::Result<()>> + Send + use<'_> {
        let location = Location::caller();
        async move {
            let _turn = self.turn().await;
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
            let _turn = self.turn().await;
            self.wait_written().await;
            let syncing = lock(&self.state).file.begin_sync(false, location);
            Plain::new(syncing).await
        }
    }

    /// Cuts the file to `length` bytes, or fills it with zeros up to there.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when it was not opened to be written; `StorageFull`, `FileTooLarge`; Linux's
    /// `EIO` when the disk fails.
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same; its error is forgotten.
    #[track_caller]
    pub fn set_len(&self, length: u64) -> impl Future<Output = io::Result<()>> + Send + use<'_> {
        let location = Location::caller();
        async move {
            let _turn = self.turn().await;
            self.wait_written().await;
            lock(&self.state).begin_resize(length, location)?;
            plain(move |cx| lock(&self.state).poll_resized(cx)).await
        }
    }

    /// Tells of the file: its length, its kind, its times. It does not wait for a write that goes
    /// on.
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

    /// Waits until nobody else changes or syncs the file through a reference.
    async fn turn(&self) -> Turn<'_> {
        let turn = Turn::enter(&self.state);
        plain(|cx| turn.poll(cx)).await;
        turn
    }

    /// Waits for what was written, and keeps its error for the next flush or write.
    fn wait_written(&self) -> impl Future<Output = ()> + Send + use<'_> {
        plain(move |cx| lock(&self.state).poll_settled(cx))
    }

    fn state(&mut self) -> &mut State {
        self.state.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// One thing at a time, turn for turn as in tokio 1.54, `fs/file.rs`.
impl State {
    /// Waits for what goes on.
    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<Done> {
        let done = match self.busy {
            Busy::Idle => return Poll::Ready(Done::Nothing),
            Busy::Read => match ready!(self.file.poll_started_read(cx)) {
                Ok(bytes) => {
                    self.unread = bytes;
                    Done::Read(Ok(()))
                }
                Err(error) => Done::Read(Err(error)),
            },
            Busy::Write => Done::Write(ready!(self.file.poll_written(cx))),
            Busy::Seek => {
                let sought = ready!(self.file.poll_written(cx));
                Done::Seek(sought.map(|()| self.file.position()))
            }
            Busy::Resize => Done::Seek(ready!(self.file.poll_written(cx)).map(|()| 0)),
        };
        self.busy = Busy::Idle;
        Poll::Ready(done)
    }

    /// Waits for what goes on, and keeps its error for the next flush or write.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Err(error) = ready!(self.poll_flush(cx)) {
            self.failed = Some(error.kind());
        }
        Poll::Ready(())
    }

    /// Waits for what goes on, and gives the error of a write.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(kind) = self.failed.take() {
            return Poll::Ready(Err(kind.into()));
        }
        match ready!(self.poll_done(cx)) {
            Done::Write(result) => Poll::Ready(result),
            Done::Nothing | Done::Read(_) | Done::Seek(_) => Poll::Ready(Ok(())),
        }
    }

    /// Forgets what was read and not taken.
    fn step_back(&mut self) {
        self.file.step_back(std::mem::take(&mut self.unread).len());
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(kind) = self.failed.take() {
            return Poll::Ready(Err(kind.into()));
        }
        if let Done::Write(result) = ready!(self.poll_done(cx)) {
            result?;
        }
        self.step_back();
        let length = bytes.len().min(self.most);
        self.file.start_write(&bytes[..length], Location::caller())?;
        self.busy = Busy::Write;
        Poll::Ready(Ok(length))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            if self.busy == Busy::Idle {
                if !self.unread.is_empty() || buffer.is_empty() {
                    return Poll::Ready(Ok(self.take(buffer)));
                }
                self.file.start_read(buffer.len().min(self.most), Location::caller())?;
                self.busy = Busy::Read;
            }
            match ready!(self.poll_done(cx)) {
                Done::Read(result) => return Poll::Ready(result.map(|()| self.take(buffer))),
                Done::Write(Err(error)) => self.failed = Some(error.kind()),
                Done::Seek(Ok(position)) => self.sought = position,
                Done::Nothing | Done::Write(Ok(())) | Done::Seek(Err(_)) => {}
            }
        }
    }

    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let length = self.unread.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.unread[..length]);
        self.unread.drain(..length);
        length
    }

    fn start_seek(&mut self, mut to: SeekFrom) -> io::Result<()> {
        if self.busy != Busy::Idle {
            let text = "other file operation is pending, call poll_complete before start_seek";
            return Err(io::Error::other(text));
        }
        // The system is behind what was read.
        let unread = std::mem::take(&mut self.unread).len();
        if let SeekFrom::Current(by) = &mut to {
            match by.checked_sub_unsigned(unread as u64) {
                Some(less) => *by = less,
                None => self.file.step_back(unread),
            }
        }
        self.file.start_seek(to, Location::caller())?;
        self.busy = Busy::Seek;
        Ok(())
    }

    fn poll_sought(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        loop {
            match ready!(self.poll_done(cx)) {
                Done::Nothing => return Poll::Ready(Ok(self.sought)),
                Done::Read(_) | Done::Write(Ok(())) => {}
                Done::Write(Err(error)) => self.failed = Some(error.kind()),
                Done::Seek(result) => {
                    self.sought = *result.as_ref().unwrap_or(&self.sought);
                    return Poll::Ready(result);
                }
            }
        }
    }

    fn begin_resize(
        &mut self,
        length: u64,
        location: &'static Location<'static>,
    ) -> io::Result<()> {
        self.step_back();
        self.file.start_resize(length, location)?;
        self.busy = Busy::Resize;
        Ok(())
    }

    fn poll_resized(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.poll_done(cx)) {
            Done::Seek(result) => Poll::Ready(result.map(|position| self.sought = position)),
            // Somebody else has waited for it.
            Done::Nothing | Done::Read(_) | Done::Write(_) => Poll::Ready(Ok(())),
        }
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
        self.state().start_seek(to)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        without_cancel(|| self.state().poll_sought(cx))
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lock(&self.state).file.fmt(f)
    }
}
