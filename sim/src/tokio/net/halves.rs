//! The halves of a stream: of one that is borrowed, and of one that was taken apart.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::tokio::io::AsyncWrite;

use super::stream::{TcpStream, poll_shutdown, poll_write};
use crate::world::net;

/// The half of a borrowed stream that reads: see [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'a> {
    stream: &'a TcpStream,
    // With a place to wait of its own.
    pub(super) inner: net::TcpStream,
}

/// The half of a borrowed stream that writes: see [`TcpStream::split`].
#[derive(Debug)]
pub struct WriteHalf<'a> {
    stream: &'a TcpStream,
    pub(super) inner: net::TcpStream,
}

/// The half of a stream that reads: see [`TcpStream::into_split`].
#[derive(Debug)]
pub struct OwnedReadHalf {
    stream: Arc<TcpStream>,
    pub(super) inner: net::TcpStream,
}

/// The half of a stream that writes: see [`TcpStream::into_split`]. Dropping it ends what this side
/// sends, as `shutdown` does.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Arc<TcpStream>,
    inner: net::TcpStream,
    ends_when_dropped: bool,
}

impl<'a> ReadHalf<'a> {
    pub(super) fn new(stream: &'a TcpStream) -> Self {
        ReadHalf { stream, inner: stream.inner.clone() }
    }
}

impl<'a> WriteHalf<'a> {
    pub(super) fn new(stream: &'a TcpStream) -> Self {
        WriteHalf { stream, inner: stream.inner.clone() }
    }
}

impl OwnedReadHalf {
    pub(super) fn new(stream: Arc<TcpStream>) -> Self {
        let inner = stream.inner.clone();
        OwnedReadHalf { stream, inner }
    }

    /// Puts the halves of a stream together again.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] with both when they are of two streams.
    #[expect(clippy::result_large_err, reason = "tokio's shape gives both halves back")]
    pub fn reunite(self, other: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        if !Arc::ptr_eq(&self.stream, &other.stream) {
            return Err(ReuniteError(self, other));
        }
        other.forget();
        match Arc::try_unwrap(self.stream) {
            Ok(stream) => Ok(stream),
            Err(_) => unreachable!("seedloop bug: a stream with more than two halves"),
        }
    }
}

impl OwnedWriteHalf {
    pub(super) fn new(stream: Arc<TcpStream>) -> Self {
        let inner = stream.inner.clone();
        OwnedWriteHalf { stream, inner, ends_when_dropped: true }
    }

    /// Puts the halves of a stream together again.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] with both when they are of two streams.
    #[expect(clippy::result_large_err, reason = "tokio's shape gives both halves back")]
    pub fn reunite(self, other: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        other.reunite(self)
    }

    /// Drops the half and leaves its direction open until the other half is dropped too.
    pub fn forget(mut self) {
        self.ends_when_dropped = false;
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.ends_when_dropped {
            self.inner.finish();
        }
    }
}

impl AsyncWrite for OwnedWriteHalf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll_write(&mut self.inner, cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Once is enough: the drop has nothing to end any more.
        self.ends_when_dropped = false;
        poll_shutdown(&self.inner)
    }
}

/// The halves are of two streams; it gives them back.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tried to reunite halves that are not from the same socket")
    }
}

impl Error for ReuniteError {}

macro_rules! halves_that_read {
    ($($name:ty)*) => {$(
        impl $name {
            /// Reads what there is and leaves it there: see [`TcpStream::peek`].
            ///
            /// # Errors
            ///
            /// `ConnectionReset` and `TimedOut`.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses nothing.
            #[track_caller]
            pub fn peek<'b>(
                &'b mut self,
                buffer: &'b mut [u8],
            ) -> impl Future<Output = io::Result<usize>> + Send + 'b {
                self.stream.peek(buffer)
            }

            /// Waits until there is something to read: see [`TcpStream::readable`].
            ///
            /// # Errors
            ///
            /// None; a failure is the read's.
            ///
            /// # Cancel safety
            ///
            /// Holds nothing.
            #[track_caller]
            pub fn readable(&self) -> impl Future<Output = io::Result<()>> + Send {
                self.stream.readable()
            }

            /// Reads what there is: see [`TcpStream::try_read`].
            ///
            /// # Errors
            ///
            /// `WouldBlock` when there is nothing; `ConnectionReset` and `TimedOut`.
            pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                self.stream.try_read(buffer)
            }
        }
    )*};
}

macro_rules! halves_that_write {
    ($($name:ty)*) => {$(
        impl $name {
            /// Waits until something may be sent: see [`TcpStream::writable`].
            ///
            /// # Errors
            ///
            /// None; a failure is the write's.
            ///
            /// # Cancel safety
            ///
            /// Holds nothing.
            #[track_caller]
            pub fn writable(&self) -> impl Future<Output = io::Result<()>> + Send {
                self.stream.writable()
            }

            /// Sends as much as may be sent: see [`TcpStream::try_write`].
            ///
            /// # Errors
            ///
            /// `WouldBlock` when that is nothing; `ConnectionReset`, `BrokenPipe` and `TimedOut`.
            pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
                self.stream.try_write(bytes)
            }
        }
    )*};
}

macro_rules! halves {
    ($($name:ty)*) => {$(
        impl $name {
            /// Returns the address of this side.
            ///
            /// # Errors
            ///
            /// None.
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                self.stream.local_addr()
            }

            /// Returns the address of the other side: see [`TcpStream::peer_addr`].
            ///
            /// # Errors
            ///
            /// `NotConnected` when the connection has failed, or both sides have ended it.
            pub fn peer_addr(&self) -> io::Result<SocketAddr> {
                self.stream.peer_addr()
            }
        }

        impl AsRef<TcpStream> for $name {
            fn as_ref(&self) -> &TcpStream {
                &self.stream
            }
        }
    )*};
}

halves_that_read! { ReadHalf<'_> OwnedReadHalf }
halves_that_write! { WriteHalf<'_> OwnedWriteHalf }
halves! { ReadHalf<'_> WriteHalf<'_> OwnedReadHalf OwnedWriteHalf }
