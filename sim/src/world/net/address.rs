//! Addresses: what stands for a host and a port, and how a name becomes one.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::world::host::{address_of, current_life};

/// What can name a socket: `"server:80"`, `"10.0.0.2:80"`, a [`SocketAddr`], or a host and a port.
///
/// The library alone implements it.
pub trait ToSocketAddrs: Sealed {}

pub(super) mod sealed {
    use std::io;

    use super::Target;

    pub trait Sealed {
        fn target(&self) -> io::Result<Target>;
    }
}

use sealed::Sealed;

/// What was named: an address, or a host that is still to be found.
#[derive(Clone, Debug)]
pub enum Target {
    /// An address.
    Address(SocketAddr),
    /// The name of a host, and a port.
    Name(String, u16),
}

macro_rules! socket_addresses {
    ($($kind:ty: $self:ident => $target:expr;)*) => {$(
        impl Sealed for $kind {
            fn target(&self) -> io::Result<Target> {
                let $self = self;
                $target
            }
        }
        impl ToSocketAddrs for $kind {}
    )*};
}

socket_addresses! {
    SocketAddr: it => Ok(Target::Address(*it));
    SocketAddrV4: it => Ok(Target::Address(SocketAddr::V4(*it)));
    SocketAddrV6: it => Ok(Target::Address(SocketAddr::V6(*it)));
    (IpAddr, u16): it => Ok(Target::Address(SocketAddr::new(it.0, it.1)));
    (Ipv4Addr, u16): it => Ok(Target::Address(SocketAddr::new(it.0.into(), it.1)));
    (&str, u16): it => Ok(target_of(it.0, it.1));
    (String, u16): it => Ok(target_of(&it.0, it.1));
    str: it => parse(it);
    String: it => parse(it);
}

impl<T: ToSocketAddrs + ?Sized> Sealed for &T {
    fn target(&self) -> io::Result<Target> {
        (**self).target()
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}

fn parse(text: &str) -> io::Result<Target> {
    if let Ok(address) = text.parse() {
        return Ok(Target::Address(address));
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
    Ok(target_of(host, port))
}

fn target_of(host: &str, port: u16) -> Target {
    match host.parse() {
        Ok(ip) => Target::Address(SocketAddr::new(ip, port)),
        // As in everybody's /etc/hosts.
        Err(_) if host.eq_ignore_ascii_case("localhost") => {
            Target::Address(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port))
        }
        Err(_) => Target::Name(host.to_owned(), port),
    }
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
