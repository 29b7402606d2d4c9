//! Addresses: what names a socket, one or more of them.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::panic::Location;

use crate::tokio::plain::Plain;
use crate::world::net::{self, Target};

/// What can name a socket: `tokio::net::ToSocketAddrs`. A name is that of a
/// [host](crate::host::Host).
///
/// The library alone implements it.
pub trait ToSocketAddrs: Sealed {}

mod sealed {
    use std::io;

    use crate::world::net::Target;

    pub trait Sealed {
        /// All that it names.
        fn targets(&self) -> io::Result<Vec<Target>>;
    }
}

use sealed::Sealed;

macro_rules! socket_addresses {
    ($($kind:ty: $self:ident => $addresses:expr;)*) => {$(
        impl Sealed for $kind {
            fn targets(&self) -> io::Result<Vec<Target>> {
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
    &[SocketAddr]: it => Ok(it.iter().copied().map(Target::Address).collect());
}

impl<T: ToSocketAddrs + ?Sized> Sealed for &T {
    fn targets(&self) -> io::Result<Vec<Target>> {
        (**self).targets()
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}

fn one(address: impl net::ToSocketAddrs) -> io::Result<Vec<Target>> {
    address.target().map(|target| vec![target])
}

/// Looks a host up by its name: `tokio::net::lookup_host`. It has one address, and `localhost` is
/// 127.0.0.1. It takes as long as the [resolver](crate::net::resolver) takes.
///
/// # Errors
///
/// `NotFound` for a name that no host has, `InvalidInput` for what is no host and port, `Other`
/// when the resolver fails for now.
///
/// # Cancel safety
///
/// Dropping the future loses nothing.
#[track_caller]
pub fn lookup_host<T: ToSocketAddrs>(
    host: T,
) -> impl Future<Output = io::Result<impl Iterator<Item = SocketAddr> + use<T>>> + Send + use<T> {
    let (targets, location) = (host.targets(), Location::caller());
    async move {
        let mut addresses = Vec::new();
        for target in targets? {
            addresses.push(resolve(target, location).await?);
        }
        Ok(addresses.into_iter())
    }
}

fn resolve(
    target: Target,
    location: &'static Location<'static>,
) -> impl Future<Output = io::Result<SocketAddr>> + Send {
    Plain::new(target.resolve(location))
}

/// Tries one address after the other; returns the first that works, or the last error.
pub(super) async fn first_of<T, F: Future<Output = io::Result<T>>>(
    targets: io::Result<Vec<Target>>,
    location: &'static Location<'static>,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T> {
    let mut last = None;
    for target in targets? {
        let address = resolve(target, location).await?;
        match attempt(address).await {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "there is no address to try")
    }))
}
