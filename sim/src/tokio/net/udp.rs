//! UDP sockets.

use std::fmt;
use std::future::{Future, poll_fn, ready};
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use super::address::{ToSocketAddrs, first_of};
use crate::tokio::plain::Plain;
use crate::world::net;

/// A socket for datagrams: `tokio::net::UdpSocket`.
///
/// What is sent may be lost, arrive twice or after what was sent later, as the
/// [link](crate::net::Link) says.
pub struct UdpSocket {
    inner: net::UdpSocket,
    broadcast: AtomicBool,
}

/// Linux's `EDESTADDRREQ` and `EMSGSIZE`, which the standard library has no kinds for.
const NO_DESTINATION: i32 = 89;
const TOO_LONG: i32 = 90;

impl UdpSocket {
    /// Binds a socket of this host; port 0 stands for any.
    ///
    /// # Errors
    ///
    /// - `AddrInUse`: another socket is bound there, or no port is left for port 0.
    /// - `AddrNotAvailable`: the address is that of another host.
    /// - `NotFound` and `InvalidInput`: this is no host and port.
    /// - `Other`: the name is not [resolved](crate::net::resolver) for now.
    ///
    /// # Cancel safety
    ///
    /// It is ready at once, but for the time that a name takes to be
    /// [resolved](crate::net::resolver).
    #[track_caller]
    pub fn bind<A: ToSocketAddrs>(
        address: A,
    ) -> impl Future<Output = io::Result<UdpSocket>> + Send + use<A> {
        let (targets, location) = (address.targets(), Location::caller());
        let bind = move |address| ready(net::UdpSocket::bind_at(address, location));
        async move {
            let inner = first_of(targets, location, bind).await?;
            Ok(UdpSocket { inner, broadcast: AtomicBool::new(false) })
        }
    }

    /// Returns the address to which it is bound.
    ///
    /// # Errors
    ///
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.inner.local_addr())
    }

    /// Returns the address that [`connect`](Self::connect) has named.
    ///
    /// # Errors
    ///
    /// `NotConnected` when none was named.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Lets it speak with one address alone: [`send`](Self::send) goes there, and what others send
    /// is lost.
    ///
    /// # Errors
    ///
    /// - `NotFound` and `InvalidInput`: this is no host and port.
    /// - `Other`: the name is not [resolved](crate::net::resolver) for now.
    ///
    /// # Cancel safety
    ///
    /// It is ready at once, but for the time that a name takes to be
    /// [resolved](crate::net::resolver).
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(
        &self,
        address: A,
    ) -> impl Future<Output = io::Result<()>> + Send + use<'_, A> {
        let (targets, location) = (address.targets(), Location::caller());
        let connect = |address| ready(self.inner.connect(address));
        async move { first_of(targets, location, connect).await }
    }

    /// Sends a datagram to the address that [`connect`](Self::connect) has named.
    ///
    /// # Errors
    ///
    /// - `Uncategorized`, as Linux says `EDESTADDRREQ`: none was named.
    /// - `Uncategorized`, as Linux says `EMSGSIZE`: it has more than 65,507 bytes.
    /// - `NotConnected`: the host has crashed since the socket was bound.
    /// - `ConnectionRefused`, once, for what a [connected](Self::connect) socket has sent before;
    ///   nothing is sent then.
    ///
    /// # Cancel safety
    ///
    /// It is ready at once.
    pub fn send<'a>(
        &'a self,
        datagram: &'a [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        poll_fn(|_| Poll::Ready(self.try_send(datagram)))
    }

    /// Sends a datagram; as [`send`](Self::send) without a wait.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn try_send(&self, datagram: &[u8]) -> io::Result<usize> {
        match self.inner.peer_addr() {
            Some(peer) => self.try_send_to(datagram, peer),
            None => Err(io::Error::from_raw_os_error(NO_DESTINATION)),
        }
    }

    /// Sends a datagram; returns its length.
    ///
    /// # Errors
    ///
    /// - `Uncategorized`, as Linux says `EMSGSIZE`: it has more than 65,507 bytes.
    /// - `InvalidInput`: this is no host and port.
    /// - `NotFound` and `HostUnreachable`: there is no such host.
    /// - `PermissionDenied`: it is for 255.255.255.255, without
    ///   [permission](Self::set_broadcast).
    /// - `Other`: the name is not [resolved](crate::net::resolver) for now.
    /// - `NotConnected`: the host has crashed since the socket was bound.
    /// - `ConnectionRefused`, once, for what a [connected](Self::connect) socket has sent before;
    ///   nothing is sent then.
    ///
    /// # Cancel safety
    ///
    /// It is ready at once, but for the time that a name takes to be
    /// [resolved](crate::net::resolver).
    #[track_caller]
    pub fn send_to<'a, A: ToSocketAddrs>(
        &'a self,
        datagram: &'a [u8],
        address: A,
    ) -> impl Future<Output = io::Result<usize>> + Send + use<'a, A> {
        let (targets, location) = (address.targets(), Location::caller());
        let send = move |address| ready(self.try_send_to(datagram, address));
        async move { first_of(targets, location, send).await }
    }

    /// Sends a datagram; as [`send_to`](Self::send_to) without a wait.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    pub fn try_send_to(&self, datagram: &[u8], address: SocketAddr) -> io::Result<usize> {
        match datagram.len() > net::LARGEST_DATAGRAM {
            true => Err(io::Error::from_raw_os_error(TOO_LONG)),
            false => self.inner.send_to(datagram, address),
        }
    }

    /// Waits for a datagram; returns how many of its bytes went into `buffer`, and who sent it.
    /// What does not fit is lost.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the host has crashed; `ConnectionRefused`, once, when a
    /// [connected](Self::connect) socket has sent something to a port where nobody is bound.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no datagram.
    #[track_caller]
    pub fn recv_from<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send + 'a {
        Plain::new(self.inner.recv_from(buffer))
    }

    /// The same without the address of the sender: for a socket that is
    /// [connected](Self::connect).
    ///
    /// # Errors
    ///
    /// `NotConnected` when the host has crashed; `ConnectionRefused`, once, when a
    /// [connected](Self::connect) socket has sent something to a port where nobody is bound.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no datagram.
    #[track_caller]
    pub fn recv<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        Plain::new(self.inner.recv(buffer))
    }

    /// As [`recv_from`](Self::recv_from), but the datagram can be received again.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the host has crashed; `ConnectionRefused`, once, when a
    /// [connected](Self::connect) socket has sent something to a port where nobody is bound.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no datagram.
    #[track_caller]
    pub fn peek_from<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send + 'a {
        Plain::new(self.inner.peek_from(buffer))
    }

    /// Receives a datagram that is there.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is none, and those of [`recv_from`](Self::recv_from).
    pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.inner.try_recv_from(buffer)
    }

    /// Receives a datagram that is there.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is none, and those of [`recv_from`](Self::recv_from).
    pub fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.try_recv_from(buffer).map(|(length, _)| length)
    }

    /// Waits until there is a datagram. That what was sent before is refused is none: it is left to
    /// [`take_error`](Self::take_error) and to what is done next, as under Linux.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the host has crashed.
    ///
    /// # Cancel safety
    ///
    /// Holds nothing.
    #[track_caller]
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> + Send + use<'_> {
        let waiting = Plain::new(self.inner.readable());
        async move { waiting.await.map(drop) }
    }

    /// Waits for nothing: a datagram can always be sent.
    ///
    /// # Errors
    ///
    /// None.
    ///
    /// # Cancel safety
    ///
    /// It is ready at once.
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> + Send + use<'_> {
        ready(Ok(()))
    }

    /// Returns the error that the next operation would give, and clears it: the refusal of what a
    /// [connected](Self::connect) socket has sent.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the host has crashed.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }

    /// Returns what was set.
    ///
    /// # Errors
    ///
    /// None.
    pub fn broadcast(&self) -> io::Result<bool> {
        Ok(self.broadcast.load(Ordering::Relaxed))
    }

    /// Asks for permission to send to all. With it that is `HostUnreachable` in place of
    /// `PermissionDenied`: the network has no broadcasts.
    ///
    /// # Errors
    ///
    /// None.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.inner.allow_broadcast(on);
        self.broadcast.store(on, Ordering::Relaxed);
        Ok(())
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
