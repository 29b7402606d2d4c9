//! TCP streams.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::address::{ToSocketAddrs, first_of};
use super::halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::task::without_cancel;
use crate::tokio::plain::{Plain, lock, plain};
use crate::world::net;

/// How many hops a packet has, if that was not set. Source: Linux, `net.ipv4.ip_default_ttl`.
pub(super) const TTL: u32 = 64;

/// A TCP connection: `tokio::net::TcpStream`. It is read and written with
/// [`AsyncReadExt`](crate::tokio::io::AsyncReadExt) and
/// [`AsyncWriteExt`](crate::tokio::io::AsyncWriteExt).
///
/// `shutdown` ends what this side sends and leaves the other direction open; dropping the stream
/// ends both, with a reset if something was not read.
///
/// # Cancel safety
///
/// A `read` that was dropped has taken nothing, a `write` that was dropped has sent nothing. A
/// dropped `read_exact` has lost what it had read, a dropped `write_all` may have sent a part.
pub struct TcpStream {
    pub(super) inner: net::TcpStream,
    settings: Settings,
}

/// What can be set and changes nothing, but for `linger`.
struct Settings {
    ttl: AtomicU32,
    linger: Mutex<Option<Duration>>,
}

impl TcpStream {
    pub(super) fn new(inner: net::TcpStream) -> Self {
        let ttl = AtomicU32::new(TTL);
        TcpStream { inner, settings: Settings { ttl, linger: Mutex::default() } }
    }

    /// Connects to a socket that listens; of several addresses it takes the first that answers.
    ///
    /// # Errors
    ///
    /// - `NotFound` and `InvalidInput`: there is no such host, or this is no host and port.
    /// - `Other`: the name is not [resolved](crate::net::resolver) for now.
    /// - `ConnectionRefused`: nobody listens there.
    /// - `TimedOut`: no answer for 127 seconds, since the host is down, the link is cut, or those
    ///   who have connected and were not accepted fill the backlog.
    /// - `HostUnreachable`: no host has this address.
    /// - `NetworkUnreachable`: it is that of a broadcast or a multicast.
    /// - `AddrNotAvailable`: all ports from 32,768 to 60,999 are connected there.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up.
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(
        address: A,
    ) -> impl Future<Output = io::Result<TcpStream>> + Send + use<A> {
        let (targets, location) = (address.targets(), Location::caller());
        let connect = move |address| Self::connect_at(None, address, location);
        async move { first_of(targets, location, connect).await }
    }

    pub(super) fn connect_at(
        local: Option<SocketAddr>,
        remote: SocketAddr,
        location: &'static Location<'static>,
    ) -> impl Future<Output = io::Result<TcpStream>> + Send + use<> {
        let connecting = Plain::new(net::connect_from(local, remote, location));
        async move { Ok(TcpStream::new(connecting.await?)) }
    }

    /// Returns the address of this side.
    ///
    /// # Errors
    ///
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.inner.local_addr())
    }

    /// Returns the address of the other side.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the connection has failed, or both sides have ended it. Source: Linux,
    /// getpeername(2).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self.inner.is_closed()? {
            true => Err(io::ErrorKind::NotConnected.into()),
            false => Ok(self.inner.peer_addr()),
        }
    }

    /// Reads what there is and leaves it there, waits for something if there is nothing; 0 bytes
    /// mean the end.
    ///
    /// # Errors
    ///
    /// `ConnectionReset` and `TimedOut`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn peek<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let mut inner = self.inner.another(Location::caller());
        plain(move |cx| inner.poll_peek(cx, buffer))
    }

    /// Waits until there is something to read, the end or a failure.
    ///
    /// # Errors
    ///
    /// None; a failure is the read's.
    ///
    /// # Cancel safety
    ///
    /// Holds nothing.
    #[track_caller]
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> + Send + use<'_> {
        let mut inner = self.inner.another(Location::caller());
        plain(move |cx| inner.poll_readable(cx))
    }

    /// Waits until something may be sent, or a write would fail.
    ///
    /// # Errors
    ///
    /// None; a failure is the write's.
    ///
    /// # Cancel safety
    ///
    /// Holds nothing.
    #[track_caller]
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> + Send + use<'_> {
        let mut inner = self.inner.another(Location::caller());
        plain(move |cx| inner.poll_writable(cx))
    }

    /// Reads what there is; 0 bytes mean the end.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is nothing; `ConnectionReset` and `TimedOut`.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.try_read(buffer)
    }

    /// Sends as much as may be sent; returns how much.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when that is nothing; `ConnectionReset`, `BrokenPipe` and `TimedOut`.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.try_write(bytes)
    }

    /// Returns a half that reads and one that writes, for one task.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf::new(self), WriteHalf::new(self))
    }

    /// Takes the stream apart into a half that reads and one that writes, each for a task of its
    /// own. Dropping the one that writes shuts that direction down.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        let stream = Arc::new(self);
        (OwnedReadHalf::new(Arc::clone(&stream)), OwnedWriteHalf::new(stream))
    }
}

impl TcpStream {
    /// Returns what was set.
    ///
    /// # Errors
    ///
    /// None.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.inner.nodelay()
    }

    /// Changes nothing but what [`nodelay`](Self::nodelay) returns: what is written is always sent
    /// at once.
    ///
    /// # Errors
    ///
    /// None.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.inner.set_nodelay(nodelay)
    }

    /// Returns what was set.
    ///
    /// # Errors
    ///
    /// None.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(self.settings.ttl.load(Ordering::Relaxed))
    }

    /// Changes nothing but what [`ttl`](Self::ttl) returns.
    ///
    /// # Errors
    ///
    /// None.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.settings.ttl.store(ttl, Ordering::Relaxed);
        Ok(())
    }

    /// Returns what was set.
    ///
    /// # Errors
    ///
    /// None.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(*lock(&self.settings.linger))
    }

    /// Sets what dropping the stream does: a duration of zero resets the connection. A longer one
    /// changes nothing, since no drop waits here.
    ///
    /// # Errors
    ///
    /// None.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.inner.set_resets_when_dropped(linger == Some(Duration::ZERO))?;
        *lock(&self.settings.linger) = linger;
        Ok(())
    }

    /// Lets dropping the stream reset the connection.
    ///
    /// # Errors
    ///
    /// None.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// Returns how the connection has failed if neither a read nor a write has told that, and
    /// clears it.
    ///
    /// # Errors
    ///
    /// None.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }
}

pub(super) fn poll_read(
    stream: &mut net::TcpStream,
    cx: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let free = buffer.initialize_unfilled();
    let read = without_cancel(|| futures_lite::AsyncRead::poll_read(Pin::new(stream), cx, free));
    buffer.advance(ready!(read)?);
    Poll::Ready(Ok(()))
}

pub(super) fn poll_write(
    stream: &mut net::TcpStream,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    without_cancel(|| futures_lite::AsyncWrite::poll_write(Pin::new(stream), cx, bytes))
}

pub(super) fn poll_shutdown(stream: &net::TcpStream) -> Poll<io::Result<()>> {
    stream.finish();
    Poll::Ready(Ok(()))
}

macro_rules! reads {
    ($($name:ty)*) => {$(
        impl AsyncRead for $name {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                poll_read(&mut self.inner, cx, buffer)
            }
        }
    )*};
}

macro_rules! writes {
    ($($name:ty)*) => {$(
        impl AsyncWrite for $name {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                poll_write(&mut self.inner, cx, bytes)
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                // What was written is on its way.
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                poll_shutdown(&self.inner)
            }
        }
    )*};
}

reads! { TcpStream ReadHalf<'_> OwnedReadHalf }
writes! { TcpStream WriteHalf<'_> }

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
