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
//! .. 120 seconds, and after 15 times the connection is timed out at the side that sent it. A read
//! gets what has come, of however many writes; what one write has sent comes as a whole, but for
//! [a fault](Link::short_reads) that ends a read anywhere. 64 KiB
//! may be on their way or unread; who writes more waits, and hears of room when 4 KiB of it are
//! free. Closing a stream is half-closing it: the other side reads to the end and can still answer.
//! A stream that is dropped is closed by its host, which sends what was lost eight times again and
//! waits for the other side's end for 60 seconds. One that is dropped with bytes unread resets the
//! connection, and so does a crash of its host.
//!
//! A side that is gone, in whatever way (crashed, timed out, reset, dropped), says so when it is
//! sent something: its host answers with a reset if it is up, and with nothing if it is down. A
//! reset comes behind what was sent before it, and what has arrived can still be read. Who only
//! reads from a side that is gone without a word waits for ever.
//!
//! Who waits for room asks whether there is some after 0.2, 0.6, 1.4, .. seconds, then each 120,
//! and is timed out when fifteen times nothing has answered. Questions that would be answered as
//! before are not sent: there are some only where a link is cut, the other side is gone or down,
//! room was made of which nothing has told, or [rules](rule) are in force (then sixteen of them,
//! and as many again when a rule or a link changes). So a [deadlock](crate::error::Deadlock) with
//! tasks that wait to write is one in which each would be told again and again that there is no
//! room; it is found at once, or after 924.6 seconds and more where there are rules. Behind a
//! partition such a task is timed out, and is none. Nobody gives up while a link
//! [holds](Link::hold) what is sent, there or back: that is on its way.
//!
//! Less than under Linux is that there is no TIME_WAIT: the port of a connection that both sides
//! have closed is free at once.
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
mod orphans;
mod pipe;
mod presence;
mod probe;
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
pub use link::{Link, around, between, everywhere, from_to};
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
