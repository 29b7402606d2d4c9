//! What the network looks like from inside a host: `netstat -an`.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use super::network::network;
use super::orphans::Orphan;
use super::pipe::PipeRef;
use super::tcp::End;
use crate::event_loop::Uncounted;
use crate::world::host::{Host, Life, name_of};

/// The sockets of a host, in the order of their kind and of their making.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Netstat {
    /// One for each socket.
    pub sockets: Vec<Socket>,
}

/// A socket of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Socket {
    /// What it speaks.
    pub protocol: Protocol,
    /// Bytes that the program has not read; of one that listens, connections that were not
    /// accepted.
    pub receive_queue: usize,
    /// Bytes that the host of the other side has not acknowledged; of one that listens, how many
    /// connections may wait to be accepted.
    pub send_queue: usize,
    /// Its own address.
    pub local: SocketAddr,
    /// The address of the other side.
    pub peer: Option<SocketAddr>,
    /// How far a connection has come; none for UDP.
    pub state: Option<SocketState>,
}

/// What a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// A stream.
    Tcp,
    /// Datagrams.
    Udp,
}

/// How far a connection has come, by the names of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketState {
    /// It waits for connections.
    Listen,
    /// It has asked for a connection.
    SynSent,
    /// It was asked for a connection and has said yes, and who has asked has not confirmed that.
    SynRecv,
    /// Both sides may send.
    Established,
    /// This side has ended what it sends, and the other host has not acknowledged all of that.
    FinWait1,
    /// The same, and it has.
    FinWait2,
    /// The other side has ended what it sends.
    CloseWait,
    /// Both have, the other side first, and the other host has not acknowledged all.
    LastAck,
    /// Both have, this side first, and the other host has not acknowledged all.
    Closing,
    /// Both have, and both hosts know; or it has failed.
    Closed,
}

impl SocketState {
    /// How far a connection has come of which this side has ended its direction, after the other
    /// one if it `answers_end`.
    pub(super) fn of_closing(out: &PipeRef, into: &PipeRef, answers_end: bool) -> Self {
        match (into.borrow().heard.end, out.borrow().known.end) {
            (false, false) => SocketState::FinWait1,
            (false, true) => SocketState::FinWait2,
            (true, false) if answers_end => SocketState::LastAck,
            (true, false) => SocketState::Closing,
            (true, true) => SocketState::Closed,
        }
    }
}

/// Lists the sockets of a host, also of connections that no program has any more and the host is
/// still to close.
pub fn netstat(host: Host) -> Netstat {
    let address = host.address();
    let (listeners, datagrams) = network().with(|network| {
        let ports = SocketAddr::new(address, 0)..=SocketAddr::new(address, u16::MAX);
        let listeners = network.listeners.range(ports.clone()).map(|(_, socket)| *socket);
        let datagrams = network.datagrams.range(ports).map(|(_, socket)| *socket);
        (listeners.collect::<Vec<_>>(), datagrams.collect::<Vec<_>>())
    });
    let listening = listeners.iter().filter_map(|listener| {
        listener.try_with(|state| {
            let (receive_queue, send_queue) = state.queue();
            let local = state.seen();
            let (protocol, state) = (Protocol::Tcp, Some(SocketState::Listen));
            Socket { protocol, receive_queue, send_queue, local, peer: None, state }
        })
    });
    let host = host.index();
    let connected = connections((host, 0)..=(host, u64::MAX)).into_values();
    let connected = connected.filter_map(|connection| match connection {
        Connection::Kept(end) => end.try_with(|end| socket_of(end)),
        Connection::Left(_, socket) => Some(socket),
    });
    let datagrams = datagrams.iter().filter_map(|socket| {
        socket.try_with(|state| {
            let (receive_queue, peer) = state.queue();
            let (local, protocol) = (state.seen(), Protocol::Udp);
            Socket { protocol, receive_queue, send_queue: 0, local, peer, state: None }
        })
    });
    Netstat { sockets: listening.chain(connected).chain(datagrams).collect() }
}

/// An end of a connection.
enum Connection {
    /// A program has it, or is to get it.
    Kept(Uncounted<End>),
    /// Its host alone has it.
    Left(Life, Socket),
}

/// Those by host and by number.
fn connections(keys: RangeInclusive<(u32, u64)>) -> BTreeMap<(u32, u64), Connection> {
    network().with(|network| {
        let left = network.orphans.known(keys.clone());
        let left = left.map(|(key, it)| (*key, Connection::Left(it.side.life, socket_left(it))));
        let kept = network.ends.range(keys).map(|(key, end)| (*key, Connection::Kept(*end)));
        left.chain(kept).collect()
    })
}

fn socket_of(end: &End) -> Socket {
    let (receive_queue, send_queue) = end.queues();
    let (protocol, send_queue) = (Protocol::Tcp, send_queue as usize);
    let (local, peer) = end.pair.seen;
    let (peer, state) = (Some(peer), Some(end.state()));
    Socket { protocol, receive_queue, send_queue, local, peer, state }
}

fn socket_left(orphan: &Orphan) -> Socket {
    let send_queue = orphan.out.borrow().unacknowledged() as usize;
    let (local, peer) = orphan.pair.seen;
    let state = SocketState::of_closing(&orphan.out, &orphan.into, orphan.answers_end);
    let (peer, state) = (Some(peer), Some(state));
    Socket { protocol: Protocol::Tcp, receive_queue: 0, send_queue, local, peer, state }
}

/// The ends of all connections on hosts that are up, a line for each, by host and by their making:
/// for reports.
pub(super) fn open_ends() -> Vec<String> {
    let all = connections((0, 0)..=(u32::MAX, u64::MAX)).into_values();
    let told = all.filter_map(|connection| {
        let (life, socket) = match connection {
            Connection::Kept(end) => end.try_look(|end| (end.life, socket_of(end)))?,
            Connection::Left(life, socket) => (life, socket),
        };
        // One that is over is kept by who holds it, and tells only what nobody has read.
        let is_over = socket.state == Some(SocketState::Closed) && socket.receive_queue == 0;
        (life.is_alive() && !is_over).then_some((life.host, socket))
    });
    told.map(|(host, socket)| {
        let Socket { local, peer, state, receive_queue, send_queue, .. } = socket;
        let mut line = format!("'{}' {local}", name_of(host));
        let _ = peer.map(|peer| write!(line, " to {peer}"));
        let _ = state.map(|state| write!(line, " {state}"));
        for (bytes, what) in [(receive_queue, "unread"), (send_queue, "unacknowledged")] {
            if bytes > 0 {
                let _ = write!(line, ", {bytes} bytes {what}");
            }
        }
        line
    })
    .collect()
}

impl fmt::Display for SocketState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            SocketState::Listen => "LISTEN",
            SocketState::SynSent => "SYN_SENT",
            SocketState::SynRecv => "SYN_RECV",
            SocketState::Established => "ESTABLISHED",
            SocketState::FinWait1 => "FIN_WAIT1",
            SocketState::FinWait2 => "FIN_WAIT2",
            SocketState::LastAck => "LAST_ACK",
            SocketState::Closing => "CLOSING",
            SocketState::CloseWait => "CLOSE_WAIT",
            SocketState::Closed => "CLOSED",
        })
    }
}

impl fmt::Display for Netstat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, foreign) = ("Local Address", "Foreign Address");
        write!(f, "Proto Recv-Q Send-Q {local:21} {foreign:21} State")?;
        for socket in &self.sockets {
            let Socket { receive_queue, send_queue, .. } = socket;
            let protocol = match socket.protocol {
                Protocol::Tcp => "tcp",
                Protocol::Udp => "udp",
            };
            let local = socket.local.to_string();
            let peer = socket.peer.map_or_else(|| "*:*".to_owned(), |peer| peer.to_string());
            write!(f, "\n{protocol:5} {receive_queue:6} {send_queue:6} {local:21} {peer:21}")?;
            if let Some(state) = socket.state {
                write!(f, " {state}")?;
            }
        }
        Ok(())
    }
}
