//! Addresses: what stands for a host and a port, and how a name becomes one.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::world::host::{address_of, all_names, current_life, host_by_name};

/// What can name a socket: `"server:80"`, `"10.0.0.2:80"`, a [`SocketAddr`], or a host and a port.
///
/// The library alone implements it.
pub trait ToSocketAddrs: Sealed {}

pub(super) mod sealed {
    use std::io;
    use std::net::SocketAddr;

    pub trait Sealed {
        fn resolve(&self) -> io::Result<SocketAddr>;
    }
}

use sealed::Sealed;

macro_rules! socket_addresses {
    ($($kind:ty: $self:ident => $address:expr;)*) => {$(
        impl Sealed for $kind {
            fn resolve(&self) -> io::Result<SocketAddr> {
                let $self = self;
                $address
            }
        }
        impl ToSocketAddrs for $kind {}
    )*};
}

socket_addresses! {
    SocketAddr: it => Ok(*it);
    SocketAddrV4: it => Ok(SocketAddr::V4(*it));
    SocketAddrV6: it => Ok(SocketAddr::V6(*it));
    (IpAddr, u16): it => Ok(SocketAddr::new(it.0, it.1));
    (Ipv4Addr, u16): it => Ok(SocketAddr::new(it.0.into(), it.1));
    (&str, u16): it => Ok(SocketAddr::new(address_of_name(it.0)?, it.1));
    (String, u16): it => Ok(SocketAddr::new(address_of_name(&it.0)?, it.1));
    str: it => parse(it);
    String: it => parse(it);
}

impl<T: ToSocketAddrs + ?Sized> Sealed for &T {
    fn resolve(&self) -> io::Result<SocketAddr> {
        (**self).resolve()
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}

fn parse(text: &str) -> io::Result<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let invalid = |why: &str| {
        let text = format!("{text:?} is no address: {why}, as in \"server:80\"");
        io::Error::new(io::ErrorKind::InvalidInput, text)
    };
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(invalid("write a host, a colon and a port"));
    };
    let Ok(port) = port.parse() else {
        return Err(invalid("the port is a number from 0 to 65535"));
    };
    Ok(SocketAddr::new(address_of_name(host)?, port))
}

/// The address of a host by its name.
fn address_of_name(name: &str) -> io::Result<IpAddr> {
    if let Ok(address) = name.parse() {
        return Ok(address);
    }
    if name == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    match host_by_name(name) {
        Some(host) => Ok(address_of(host)),
        None => {
            let text = format!("no such host: {name}; there are {}", all_names().join(", "));
            Err(io::Error::new(io::ErrorKind::NotFound, text))
        }
    }
}

/// Looks a host up by its name, in no time.
///
/// # Errors
///
/// `NotFound` for a name that no host has, `InvalidInput` for what is no host and port.
pub fn lookup_host(address: impl ToSocketAddrs) -> io::Result<SocketAddr> {
    address.resolve()
}

/// The address by which the network knows what a host calls `localhost`.
pub(super) fn at_home(address: SocketAddr) -> SocketAddr {
    match near(address.ip()) {
        Some(_) => SocketAddr::new(address_of(current_life().host), address.port()),
        None => address,
    }
}

/// The address of the loopback that is reached at `ip`, if it is one.
pub(super) fn near(ip: IpAddr) -> Option<IpAddr> {
    match ip.is_unspecified() {
        true => Some(loopback_like(ip)),
        false => ip.is_loopback().then_some(ip),
    }
}

/// The address from which a host speaks with itself.
pub(super) fn loopback_like(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}

/// Tells whether a socket that is bound to `bound` hears what its host is sent, or what it sends
/// itself to the address `near` of the loopback.
pub(super) fn hears(bound: IpAddr, near: Option<IpAddr>) -> bool {
    bound.is_unspecified() || near.map_or(!bound.is_loopback(), |near| near == bound)
}

/// Both addresses of a connection, seen from one side. The network knows a host by one address; a
/// program sees the loopback where it is used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) seen: (SocketAddr, SocketAddr),
}

impl Pair {
    /// The pair of who speaks with `wanted` through a port of its own.
    pub(super) fn of(local: SocketAddr, wanted: SocketAddr) -> Self {
        let seen = match near(wanted.ip()) {
            Some(ip) => (loopback_like(ip), ip),
            None => (local.ip(), wanted.ip()),
        };
        let seen_local = SocketAddr::new(seen.0, local.port());
        let seen_remote = SocketAddr::new(seen.1, wanted.port());
        Pair { local, remote: at_home(wanted), seen: (seen_local, seen_remote) }
    }

    /// The same from the other side.
    pub(super) fn turned(self) -> Self {
        let (local, remote) = self.seen;
        Pair { local: self.remote, remote: self.local, seen: (remote, local) }
    }

    /// The address of the loopback that the one who connects has used.
    pub(super) fn near(self) -> Option<IpAddr> {
        near(self.seen.1.ip())
    }
}
