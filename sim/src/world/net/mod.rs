//! A simulated network: hosts by name, TCP streams, UDP sockets, and everything that goes wrong
//! between two hosts.
//!
//! It has the shapes of `tokio::net`, with the `AsyncRead` and `AsyncWrite` of futures-io, and
//! nothing of it ever touches a real socket. A socket belongs to the [host](crate::host) of the
//! task that opens it. What one host sends another takes the [link](Link) between them: that says
//! how long it takes, within a range from which a choice picks, how much fits through, and what is
//! lost on the way. [Partitions](Link::partition) and [rules](rule) cut it.
//!
//! ```
//! use futures_lite::{AsyncReadExt, AsyncWriteExt};
//! use seedloop::host::Host;
//! use seedloop::net::{TcpListener, TcpStream};
//! use seedloop::{run, sleep};
//! use std::time::Duration;
//!
//! let answer = run(async {
//!     Host::new("server").run(async || {
//!         let listener = TcpListener::bind("0.0.0.0:7").await?;
//!         let (mut stream, _) = listener.accept().await?;
//!         let mut request = [0; 5];
//!         stream.read_exact(&mut request).await?;
//!         stream.write_all(&request).await?;
//!         Ok(())
//!     });
//!     sleep(Duration::from_millis(1)).await?;
//!     let mut stream = TcpStream::connect("server:7").await?;
//!     stream.write_all(b"hello").await?;
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer).await?;
//!     Ok(answer)
//! });
//! assert_eq!(answer.unwrap(), "hello");
//! ```
//!
//! # How a connection behaves
//!
//! As under Linux. `connect` takes a round trip; to a port on which nobody listens it is refused,
//! to a host that is down, cut off or has a full backlog it tries again after 1, 3, 7, .. seconds
//! and is timed out after 127. Bytes arrive in order; what is lost is sent again after 0.2, 0.4,
//! .. 120 seconds, and after 15 times the connection is timed out at the side that sent it. 64 KiB
//! may be on their way or unread; who writes more waits. Closing a stream is half-closing it: the
//! other side reads to the end and can still answer. A stream that is dropped with bytes unread
//! resets the connection, and so do a crash of its host and what arrives for a stream that is gone.
//!
//! # Addresses
//!
//! A host has one address, and `127.0.0.1` or `localhost` for itself. As under Linux a socket that
//! is bound to the loopback is found there alone: who asks for the host's own address is refused,
//! and datagrams to that are lost; one that is bound to the host's address is not found on the
//! loopback, and one that is bound to `0.0.0.0` is found at both. `local_addr` and `peer_addr` give
//! what the program has asked for, so that `0.0.0.0` is what a listener at all addresses gives:
//! other hosts find it by the name of the host. Less than under Linux is that a port is taken for
//! all addresses at once.
//!
//! Names are those of the hosts, in upper or lower case. To resolve one takes no time and does not
//! fail, unless the [resolver](resolver()) is told otherwise.
//!
//! # Another simulation
//!
//! A socket, a stream and a link of two hosts belong to the simulation in which they were made. In
//! another one what would use them is an error that says so, and the methods of a [`Link`] panic;
//! the addresses of a socket can still be read, and dropping it does nothing.
//!
//! # Errors
//!
//! All are [`io::Error`](std::io::Error)s of the kinds that a real network gives. A cancel of the
//! task that waits travels in one too, and `?` makes a cancelled [`Error`](crate::Error) of it.

mod address;
mod connect;
mod line;
mod link;
mod listener;
mod netstat;
mod network;
mod pipe;
#[cfg(feature = "tokio-io")]
mod readiness;
mod resolver;
mod rules;
mod stream;
mod tcp;
mod udp;

#[cfg(feature = "tokio-io")]
pub(crate) use address::Target;
pub use address::ToSocketAddrs;
pub(super) use link::heal_network;
pub use link::{Link, between, everywhere, from_to};
#[cfg(feature = "tokio-io")]
pub(crate) use listener::BACKLOG;
pub use listener::{Accept, TcpListener};
pub use netstat::{Netstat, Protocol, Socket, SocketState, netstat};
pub(super) use network::crash_network;
#[cfg(feature = "tokio-io")]
pub(crate) use readiness::{connect_from, port_on};
pub use resolver::{Resolver, lookup_host, resolver};
pub use rules::{Packet, PacketKind, RuleGuard, Verdict, rule};
pub use stream::TcpStream;
#[cfg(feature = "tokio-io")]
pub(crate) use udp::LARGEST_DATAGRAM;
pub use udp::{Receive, UdpSocket};
