//! Whether a stream can be read or written now: for those who ask before they do it.

use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::task::{Context, Poll, ready};

use super::connect::connect;
use super::network::{State, here, network, own_address};
use super::stream::TcpStream;
use super::tcp::{Incoming, at_sending_on, finish, has_read, send_bytes};
use crate::world::crashes::Sending;

impl TcpStream {
    /// The same connection with places to wait of its own, for reports used at `location`.
    pub(crate) fn another(&self, location: &'static Location<'static>) -> Self {
        let mut other = self.clone();
        other.location = location;
        other
    }

    /// Waits until a read would not wait: there are bytes, the end or a failure.
    pub(crate) fn poll_readable(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let looked = ready!(self.poll_incoming(cx, |end| match end.is_readable() {
            true => Incoming::Bytes(0),
            false => Incoming::Nothing,
        }));
        Poll::Ready(looked.map(drop))
    }

    /// Waits until a write would not wait: there is room, or it would fail.
    pub(crate) fn poll_writable(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        ready!(self.writing.poll(cx))?;
        if self.end.with(|end| end.is_writable()) {
            return Poll::Ready(Ok(()));
        }
        self.wait_to_write(cx);
        Poll::Pending
    }

    /// Reads what there is; `WouldBlock` if there is nothing.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        match self.end.with(|end| end.read(buffer)) {
            Incoming::Bytes(length) => {
                has_read(&self.end);
                Ok(length)
            }
            Incoming::End => Ok(0),
            Incoming::Failed(error) => Err(error),
            Incoming::Nothing => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Sends as much as may be sent; `WouldBlock` if that is nothing.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        let length = self.end.with(|end| end.may_send())?.min(bytes.len());
        if length == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if length > 0 && at_sending_on(&self.end, "bytes") != Sending::Vanishes {
            send_bytes(&self.end, bytes[..length].to_vec());
        }
        Ok(length)
    }

    /// Tells whether there is nobody on the other side any more.
    pub(crate) fn is_closed(&self) -> io::Result<bool> {
        self.check()?;
        Ok(self.end.with(|end| end.is_closed()))
    }

    /// Ends what this side sends.
    pub(crate) fn finish(&self) {
        if self.check().is_ok() {
            finish(&self.end);
        }
    }

    /// Sets whether the connection is reset when the last handle is dropped.
    pub(crate) fn set_resets_when_dropped(&self, resets: bool) -> io::Result<()> {
        self.check()?;
        self.end.with(|end| end.resets_when_dropped = resets);
        Ok(())
    }
}

/// Connects to `remote` from a socket that is bound to `local`.
pub(crate) async fn connect_from(
    local: Option<SocketAddr>,
    remote: SocketAddr,
    location: &'static Location<'static>,
) -> io::Result<TcpStream> {
    Ok(TcpStream::of(connect(local, remote, location).await?, location))
}

/// The address of this host that a stream socket gets which binds to `wanted`; port 0 stands for
/// any.
pub(crate) fn port_on(wanted: SocketAddr) -> io::Result<SocketAddr> {
    let (life, _) = here()?;
    let own = own_address(wanted, life)?;
    let is_free = |state: &State, at: &SocketAddr| !state.listeners.contains_key(at);
    let bound = network().with(|network| network.bind(own, life, is_free))?;
    Ok(SocketAddr::new(wanted.ip(), bound.port()))
}
