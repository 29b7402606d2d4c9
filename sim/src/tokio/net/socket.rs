//! A TCP socket that is told how it is to be before it listens or connects.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::listener::TcpListener;
use super::stream::TcpStream;
use crate::tokio::plain::lock;
use crate::world::net;

/// A socket that neither listens nor is connected yet: `tokio::net::TcpSocket`.
#[derive(Debug)]
pub struct TcpSocket {
    local: Mutex<Option<SocketAddr>>,
    reuseaddr: AtomicBool,
    reuseport: AtomicBool,
    keepalive: AtomicBool,
    nodelay: AtomicBool,
}

/// What is remembered and changes nothing.
macro_rules! settings {
    ($($name:ident $set:ident)*) => {
        impl TcpSocket {
            $(
                /// Returns what was set.
                ///
                /// # Errors
                ///
                /// None.
                pub fn $name(&self) -> io::Result<bool> {
                    Ok(self.$name.load(Ordering::Relaxed))
                }

                /// Changes nothing but what the getter returns.
                ///
                /// # Errors
                ///
                /// None.
                pub fn $set(&self, value: bool) -> io::Result<()> {
                    self.$name.store(value, Ordering::Relaxed);
                    Ok(())
                }
            )*
        }
    };
}

settings! {
    reuseaddr set_reuseaddr
    reuseport set_reuseport
    keepalive set_keepalive
    nodelay set_nodelay
}

impl TcpSocket {
    /// Makes a socket.
    ///
    /// # Errors
    ///
    /// None.
    pub fn new_v4() -> io::Result<TcpSocket> {
        Ok(TcpSocket {
            local: Mutex::default(),
            reuseaddr: AtomicBool::new(false),
            reuseport: AtomicBool::new(false),
            keepalive: AtomicBool::new(false),
            nodelay: AtomicBool::new(false),
        })
    }

    /// Binds it to an address of this host; port 0 stands for any. The address is not taken before
    /// the socket listens.
    ///
    /// # Errors
    ///
    /// - `AddrInUse`: another socket listens there.
    /// - `AddrNotAvailable`: the address is that of another host.
    /// - `InvalidInput`: it is bound already.
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        let mut local = lock(&self.local);
        if local.is_some() {
            let text = "the socket is bound already";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        *local = Some(net::port_on(net::lookup_host(address)?)?);
        Ok(())
    }

    /// Returns the address to which it is bound; `0.0.0.0:0` before that.
    ///
    /// # Errors
    ///
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(lock(&self.local).unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0))))
    }

    /// Connects to a socket that listens.
    ///
    /// # Errors
    ///
    /// As [`TcpStream::connect`]; `AddrNotAvailable` when the address to which this socket is bound
    /// is connected there already.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up.
    #[track_caller]
    pub fn connect(
        self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<TcpStream>> + Send {
        let location = Location::caller();
        async move {
            let local = *lock(&self.local);
            let stream = TcpStream::connect_at(local, net::lookup_host(address)?, location).await?;
            stream.set_nodelay(self.nodelay()?)?;
            Ok(stream)
        }
    }

    /// Listens, with one more than `backlog` connections at most that wait to be accepted, so that
    /// one may for a backlog of 0. Source: Linux, `sk_acceptq_is_full`.
    ///
    /// # Errors
    ///
    /// `AddrInUse`: another socket listens there by now.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        TcpListener::bind_at(self.local_addr()?, backlog as usize, Location::caller())
    }
}
