//! Addresses: what stands for a host and a port, and how a name becomes one.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

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
    Ok(at_home(address.resolve()?))
}

/// The address by which the network knows what a host calls `localhost`.
pub(super) fn at_home(address: SocketAddr) -> SocketAddr {
    match address.ip().is_loopback() || address.ip().is_unspecified() {
        true => SocketAddr::new(address_of(current_life().host), address.port()),
        false => address,
    }
}
