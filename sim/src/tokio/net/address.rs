//! Addresses: what names a socket, one or more of them.

use std::future::{Future, ready};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::world::net;

/// What can name a socket: `tokio::net::ToSocketAddrs`. A name is that of a
/// [host](crate::host::Host).
///
/// The library alone implements it.
pub trait ToSocketAddrs: Sealed {}

mod sealed {
    use std::io;
    use std::net::SocketAddr;

    pub trait Sealed {
        /// All addresses that it names.
        fn addresses(&self) -> io::Result<Vec<SocketAddr>>;
    }
}

use sealed::Sealed;

macro_rules! socket_addresses {
    ($($kind:ty: $self:ident => $addresses:expr;)*) => {$(
        impl Sealed for $kind {
            fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
                let $self = self;
                $addresses
            }
        }
        impl ToSocketAddrs for $kind {}
    )*};
}

socket_addresses! {
    SocketAddr: it => one(*it);
    SocketAddrV4: it => one(*it);
    SocketAddrV6: it => one(*it);
    (IpAddr, u16): it => one(*it);
    (Ipv4Addr, u16): it => one(*it);
    (Ipv6Addr, u16): it => one((IpAddr::from(it.0), it.1));
    (&str, u16): it => one(*it);
    (String, u16): it => one((it.0.as_str(), it.1));
    str: it => one(it);
    String: it => one(it);
    &[SocketAddr]: it => it.iter().map(net::lookup_host).collect();
}

impl<T: ToSocketAddrs + ?Sized> Sealed for &T {
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        (**self).addresses()
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}

fn one(address: impl net::ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    net::lookup_host(address).map(|address| vec![address])
}

/// Looks a host up by its name, in no time: `tokio::net::lookup_host`. It has one address, and
/// `localhost` is 127.0.0.1.
///
/// # Errors
///
/// `NotFound` for a name that no host has, `InvalidInput` for what is no host and port.
///
/// # Cancel safety
///
/// It is ready at once.
pub fn lookup_host<T: ToSocketAddrs>(
    host: T,
) -> impl Future<Output = io::Result<impl Iterator<Item = SocketAddr> + use<T>>> + Send + use<T> {
    ready(host.addresses().map(Vec::into_iter))
}

/// Tries one address after the other; returns the first that works, or the last error.
pub(super) async fn first_of<T, F: Future<Output = io::Result<T>>>(
    addresses: io::Result<Vec<SocketAddr>>,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T> {
    let mut last = None;
    for address in addresses? {
        match attempt(address).await {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "there is no address to try")
    }))
}
