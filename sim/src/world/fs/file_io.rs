//! Reading and writing an open file at its position, and moving that.

use std::future::Future;
use std::io::{self, SeekFrom};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_lite::{AsyncRead, AsyncSeek, AsyncWrite};

use super::disk::Disk;
use super::disks::{Does, EBADF, begin_in, check, with_disk};
use super::file::File;

/// How much one read takes at most, in bytes, where nobody has said it.
const READ_MAX: usize = 1 << 20;

impl File {
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
    /// Linux's `EBADF` when it was not opened to be written, and `StorageFull` when they do not
    /// fit: as many as do are written then, and the position is behind them. See
    /// [the module](super).
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
}

impl File {
    /// Begins a write at the position, or at the end.
    pub(super) fn begin_write(
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
        let position = sought(self.position, to, length)?;
        // What a read that was dropped has begun is of another place.
        self.reading = None;
        self.position = position;
        Ok(position)
    }
}

/// Where a seek from a position leads, in a file of some length.
pub(super) fn sought(position: u64, to: SeekFrom, length: u64) -> io::Result<u64> {
    let position = match to {
        SeekFrom::Start(position) => Some(position),
        SeekFrom::Current(by) => position.checked_add_signed(by),
        SeekFrom::End(by) => length.checked_add_signed(by),
    };
    // Linux counts it in 63 bits.
    position.filter(|position| i64::try_from(*position).is_ok()).ok_or_else(|| {
        let text = "a position before the beginning of the file, or beyond 2^63 - 1";
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })
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

pub(super) fn into_text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
