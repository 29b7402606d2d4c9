//! TCP streams as a program has them.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::address::ToSocketAddrs;
use super::connect::connect;
use super::line::Spot;
use super::tcp::{End, Incoming, at_sending_on, begin_to_wait, finish, has_read, send_bytes};
use crate::event_loop::{Label, Shared};
use crate::world::crashes::Sending;

/// A TCP connection between two sockets of the simulated network.
///
/// It is read and written with [`AsyncReadExt`] and
/// [`AsyncWriteExt`] of futures-lite, or those of another crate for
/// futures-io. Clones are the same connection, so that one task can read it while another one
/// writes. `close` ends what this side sends and leaves the other direction open, and is
/// `NotConnected` once the connection has failed or both sides have ended it; dropping the last
/// clone ends both.
///
/// # Cancel safety
///
/// A read that was dropped has taken nothing; a write that was dropped may have sent a part, as
/// `write_all` always may.
pub struct TcpStream {
    pub(super) end: Shared<End>,
    local: SocketAddr,
    peer: SocketAddr,
    reading: Spot,
    pub(super) writing: Spot,
    /// Where it was opened, or used last, for reports.
    pub(super) location: &'static Location<'static>,
}

impl TcpStream {
    /// Connects to a socket that listens.
    ///
    /// # Errors
    ///
    /// - `NotFound` and `InvalidInput`: there is no such host, or this is no host and port.
    /// - `Other`: the name is not [resolved](super::resolver()) for now.
    /// - `ConnectionRefused`: nobody listens there, or the host has
    ///   [crashed](crate::host::Host::crash) before its answer was heard.
    /// - `TimedOut`: no answer for 127 seconds, since the host is down, the link is cut, or those
    ///   who have connected and were not accepted fill the backlog.
    /// - `HostUnreachable`: no host has this address.
    /// - `NetworkUnreachable`: it is that of a broadcast or a multicast.
    /// - `AddrNotAvailable`: all ports from 32,768 to 60,999 are connected there.
    /// - A cancel of the task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up.
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(
        to: A,
    ) -> impl Future<Output = io::Result<TcpStream>> + Send + use<A> {
        let (to, location) = (to.target(), Location::caller());
        async move {
            let end = connect(None, to?.resolve(location).await?, location).await?;
            Ok(TcpStream::of(end, location))
        }
    }

    pub(super) fn of(end: Shared<End>, location: &'static Location<'static>) -> Self {
        let (local, peer) = end.with(|end| {
            end.is_accepted = true;
            end.pair.seen
        });
        let (reading, writing) = (Spot::default(), Spot::default());
        TcpStream { end, local, peer, reading, writing, location }
    }

    /// Returns the address of this side.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Returns the address of the other side.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// Reads what there is, waits for something if there is nothing; 0 bytes mean the end.
    ///
    /// As that of `AsyncReadExt`, but a report knows where it was called.
    ///
    /// # Errors
    ///
    /// `ConnectionReset` and `TimedOut` after what has arrived before; a cancel of the task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn read<'a>(
        &'a mut self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        self.location = Location::caller();
        AsyncReadExt::read(self, buffer)
    }

    /// Fills the buffer.
    ///
    /// As that of `AsyncReadExt`, but a report knows where it was called.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` when the other side ends before, and those of [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses what it has read.
    #[track_caller]
    pub fn read_exact<'a>(
        &'a mut self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<()>> + Send + 'a {
        self.location = Location::caller();
        AsyncReadExt::read_exact(self, buffer)
    }

    /// Sends all of the bytes; waits when 64 KiB are on their way or unread.
    ///
    /// As that of `AsyncWriteExt`, but a report knows where it was called.
    ///
    /// # Errors
    ///
    /// `ConnectionReset`, `BrokenPipe` and `TimedOut`; a cancel of the task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may have sent a part.
    #[track_caller]
    pub fn write_all<'a>(
        &'a mut self,
        bytes: &'a [u8],
    ) -> impl Future<Output = io::Result<()>> + Send + 'a {
        self.location = Location::caller();
        AsyncWriteExt::write_all(self, bytes)
    }

    /// Reads what there is and leaves it there, waits for something if there is nothing; 0 bytes
    /// mean the end.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn peek<'a>(
        &'a mut self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        self.location = Location::caller();
        poll_fn(move |cx| self.poll_peek(cx, buffer))
    }

    pub(crate) fn poll_peek(
        &mut self,
        cx: &Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_incoming(cx, |end| end.peek(buffer))
    }

    /// Returns what [`set_nodelay`](Self::set_nodelay) has set; false unless it was.
    ///
    /// # Errors
    ///
    /// None in its simulation; in another one it is of no use.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.check()?;
        Ok(self.end.with(|end| end.is_nodelay))
    }

    /// Changes nothing but what [`nodelay`](Self::nodelay) returns: what is written is always sent
    /// at once.
    ///
    /// # Errors
    ///
    /// As [`nodelay`](Self::nodelay), also when the connection has failed. Source: Linux,
    /// `do_tcp_setsockopt`.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.check()?;
        self.end.with(|end| end.is_nodelay = nodelay);
        Ok(())
    }

    /// Returns how the connection has failed if neither a read nor a write has told that, and
    /// clears it: what follows is the end for reads, and a broken pipe for writes. Source: Linux,
    /// `SO_ERROR`.
    ///
    /// # Errors
    ///
    /// As [`nodelay`](Self::nodelay).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.check()?;
        Ok(self.end.with(|end| end.take_failure()))
    }

    pub(super) fn check(&self) -> io::Result<()> {
        self.end.check().map_err(io::Error::other)?;
        let life = self.end.with(|end| end.life);
        // One whose host has crashed has failed, and says so itself.
        if life.is_here() { Ok(()) } else { Err(life.why_gone("stream")) }
    }

    /// Looks at what there is to read, and waits while there is nothing.
    pub(super) fn poll_incoming(
        &mut self,
        cx: &Context<'_>,
        look: impl FnOnce(&mut End) -> Incoming,
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        ready!(self.reading.poll(cx))?;
        match self.end.with(look) {
            Incoming::Bytes(length) => Poll::Ready(Ok(length)),
            Incoming::End => Poll::Ready(Ok(0)),
            Incoming::Failed(error) => Poll::Ready(Err(error)),
            Incoming::Nothing => {
                let (label, end) = (Label::on("read", self.end.id()), &self.end);
                let enter = |wait| end.with(|end| end.readers().enter(wait));
                self.reading.park(label, self.location, cx, enter);
                Poll::Pending
            }
        }
    }

    /// Waits until something may be sent; returns how much.
    pub(super) fn poll_free(&mut self, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        self.check()?;
        ready!(self.writing.poll(cx))?;
        let free = self.end.with(|end| end.may_send())?;
        if free == 0 {
            self.wait_to_write(cx);
            return Poll::Pending;
        }
        Poll::Ready(Ok(free))
    }

    pub(super) fn wait_to_write(&mut self, cx: &Context<'_>) {
        let (label, end) = (Label::on("write", self.end.id()), &self.end);
        let enter = |wait| end.with(|end| end.writers().enter(wait));
        self.writing.park(label, self.location, cx, enter);
        begin_to_wait(&self.end);
    }
}

impl Clone for TcpStream {
    fn clone(&self) -> Self {
        let TcpStream { local, peer, location, .. } = *self;
        let (end, reading, writing) = (self.end.clone(), Spot::default(), Spot::default());
        TcpStream { end, local, peer, reading, writing, location }
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let length = ready!(self.poll_incoming(cx, |end| end.read(buffer)))?;
        if length > 0 {
            has_read(&self.end);
        }
        Poll::Ready(Ok(length))
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            self.check()?;
            self.end.with(|end| end.may_send())?;
            return Poll::Ready(Ok(0));
        }
        let free = ready!(self.poll_free(cx))?;
        let length = free.min(buffer.len());
        let sending = at_sending_on(&self.end, "bytes");
        if sending != Sending::Vanishes {
            send_bytes(&self.end, buffer[..length].to_vec());
        }
        if sending != Sending::Leaves {
            // Its host goes down before it could hear of that.
            self.wait_to_write(cx);
            return Poll::Pending;
        }
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was written is on its way.
        Poll::Ready(self.check())
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        if self.end.with(|end| end.is_closed()) {
            let text = "the connection is closed, or has failed before";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::NotConnected, text)));
        }
        if finish(&self.end) != Sending::Leaves {
            self.wait_to_write(cx);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpStream({} to {})", self.local, self.peer)
    }
}
