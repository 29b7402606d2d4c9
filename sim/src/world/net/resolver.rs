//! How names of hosts become addresses.

use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::panic::Location;
use std::time::Duration;

use super::address::{Target, ToSocketAddrs};
use super::network::{here, network};
use crate::world::delay::check_range;
use crate::world::fault::{Ratio, strikes};
use crate::world::host::{address_of, all_names, host_by_name};
use crate::world::inside::assert_inside;
use crate::world::operation::Operation;

/// What answers when a program asks for a host by its name: see [`resolver`].
///
/// What is set stays for the whole simulation.
#[derive(Clone, Copy, Debug)]
pub struct Resolver {
    _of_library: (),
}

/// How it is set to answer.
pub(super) struct Answers {
    latency: RangeInclusive<Duration>,
    failures: Ratio,
}

impl Default for Answers {
    fn default() -> Self {
        Answers { latency: Duration::ZERO..=Duration::ZERO, failures: Ratio::ZERO }
    }
}

/// The resolver of all hosts, which finds each host by its name, in upper or lower case. Unless it
/// is told otherwise it takes no time and never fails.
///
/// ```
/// use seedloop::net::{self, TcpStream};
/// use seedloop::{Instant, run};
/// use std::io::ErrorKind;
/// use std::time::Duration;
///
/// run(async {
///     let delay = Duration::from_millis(20);
///     net::resolver().latency(delay..=delay);
///     let error = TcpStream::connect("nobody:80").await.unwrap_err();
///     assert_eq!(error.kind(), ErrorKind::NotFound);
///     Ok(assert_eq!(Instant::now().since_start(), delay))
/// })
/// .unwrap();
/// ```
#[must_use = "a resolver changes nothing by itself: call one of its methods"]
pub fn resolver() -> Resolver {
    Resolver { _of_library: () }
}

impl Resolver {
    /// Sets how long it takes to find a host by its name, or that there is none: a choice within
    /// `latency`, each time that somebody connects, binds or sends to a name. Addresses and
    /// `localhost` take no time, nor does what cannot wait: [`lookup_host`], and
    /// [`UdpSocket`](super::UdpSocket)'s `connect` and `send_to`.
    ///
    /// # Panics
    ///
    /// When the range is empty, or longer than virtual time.
    #[track_caller]
    pub fn latency(self, latency: RangeInclusive<Duration>) -> Self {
        check_range(&latency);
        assert_inside("the resolver was changed");
        network().with(|network| network.answers.latency = latency);
        self
    }

    /// Sets how often a look-up fails: a fault, which only an exploration chooses. The error is of
    /// kind `Other` and says what Linux says of `EAI_AGAIN`; the next look-up may go well.
    /// [`heal`](crate::host::heal) ends it.
    #[track_caller]
    pub fn failures(self, ratio: Ratio) -> Self {
        assert_inside("the resolver was changed");
        network().with(|network| network.answers.failures = ratio);
        self
    }
}

/// Looks a host up by its name, in no time.
///
/// # Errors
///
/// - `NotFound`: a name that no host has.
/// - `InvalidInput`: this is no host and port.
/// - `Other`: the [`resolver`] fails for now.
pub fn lookup_host(address: impl ToSocketAddrs) -> io::Result<SocketAddr> {
    address.target()?.at_once()
}

impl Target {
    /// Finds the address in no time.
    pub(crate) fn at_once(self) -> io::Result<SocketAddr> {
        let (name, port) = match self {
            Target::Address(address) => return Ok(address),
            Target::Name(name, port) => (name, port),
        };
        let failures = network().with(|network| network.answers.failures);
        if strikes("a name is not resolved", failures) {
            // Source: glibc, `gai_strerror(EAI_AGAIN)`, in the words of the standard library.
            let text = format!(
                "failed to lookup address information: Temporary failure in name resolution \
                 ({name})"
            );
            return Err(io::Error::other(text));
        }
        match host_by_name(&name) {
            Some(host) => Ok(SocketAddr::new(address_of(host), port)),
            None => {
                let text = format!("no such host: {name}; there are {}", all_names().join(", "));
                Err(io::Error::new(io::ErrorKind::NotFound, text))
            }
        }
    }

    /// Finds the address, which takes as long as the resolver takes.
    pub(crate) async fn resolve(
        self,
        location: &'static Location<'static>,
    ) -> io::Result<SocketAddr> {
        let latency = network().with(|network| network.answers.latency.clone());
        if matches!(self, Target::Name(..)) && !latency.end().is_zero() {
            // Where nothing can wait, this is the error.
            here()?;
            Operation::begin("resolve", latency, location, || ()).await?;
        }
        self.at_once()
    }
}
