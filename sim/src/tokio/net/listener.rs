//! Listening for connections.

use std::fmt;
use std::future::{Future, ready};
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use super::address::{ToSocketAddrs, first_of};
use super::stream::{TTL, TcpStream};
use crate::task::without_cancel;
use crate::tokio::plain::{Plain, lock};
use crate::world::net;

/// A socket that listens for connections: `tokio::net::TcpListener`. Dropping it refuses those that
/// were not accepted.
pub struct TcpListener {
    inner: net::TcpListener,
    /// The wait of those who poll.
    accepting: Mutex<Option<net::Accept>>,
    ttl: AtomicU32,
}

impl TcpListener {
    /// Binds a socket of this host and listens; port 0 stands for any.
    ///
    /// # Errors
    ///
    /// - `AddrInUse`: another socket listens there, or no port is left for port 0.
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
    ) -> impl Future<Output = io::Result<TcpListener>> + Send + use<A> {
        let (targets, location) = (address.targets(), Location::caller());
        let bind = move |address| ready(Self::bind_at(address, net::BACKLOG, location));
        async move { first_of(targets, location, bind).await }
    }

    pub(super) fn bind_at(
        address: SocketAddr,
        backlog: usize,
        location: &'static Location<'static>,
    ) -> io::Result<TcpListener> {
        let inner = net::TcpListener::bind_at(net::lookup_host(address)?, backlog, location)?;
        Ok(TcpListener { inner, accepting: Mutex::default(), ttl: AtomicU32::new(TTL) })
    }

    /// Waits for a connection; returns it with the address of who has connected.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the host has crashed meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection: the next `accept` gets it.
    #[track_caller]
    pub fn accept(
        &self,
    ) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send + use<'_> {
        let accepting = Plain::new(self.inner.accept());
        async move { accepting.await.map(of_tokio) }
    }

    /// Polls for a connection, as [`accept`](Self::accept) does; only the task that has polled last
    /// is woken.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    #[track_caller]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        // Taken out, since the poll clones a waker, which may do anything with this listener.
        let kept = lock(&self.accepting).take();
        let mut accepting = kept.unwrap_or_else(|| self.inner.accept().watching());
        let polled = without_cancel(|| Pin::new(&mut accepting).poll(cx));
        if polled.is_pending() {
            // It stays here when the task that polled it is gone: the turn of others it takes
            // never.
            let other = lock(&self.accepting).replace(accepting);
            drop(other);
        }
        polled.map_ok(of_tokio)
    }

    /// Returns the address at which it listens: the one that was asked for, with its port.
    ///
    /// # Errors
    ///
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.inner.local_addr())
    }

    /// Returns what was set.
    ///
    /// # Errors
    ///
    /// None.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(self.ttl.load(Ordering::Relaxed))
    }

    /// Changes nothing but what [`ttl`](Self::ttl) returns.
    ///
    /// # Errors
    ///
    /// None.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.ttl.store(ttl, Ordering::Relaxed);
        Ok(())
    }
}

fn of_tokio((stream, peer): (net::TcpStream, SocketAddr)) -> (TcpStream, SocketAddr) {
    (TcpStream::new(stream), peer)
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
