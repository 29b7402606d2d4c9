//! What the network looks like from inside a host: `netstat -an`.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;

use super::network::network;
use super::tcp::End;
use crate::world::host::{Host, name_of};

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

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketState {
    /// It waits for connections.
    Listen,
    /// It has asked for a connection.
    SynSent,
    /// Both sides may send.
    Established,
    /// This side has ended what it sends.
    FinWait,
    /// The other side has ended what it sends.
    CloseWait,
    /// Both have, or it has failed.
    Closed,
}

/// Lists the sockets of a host.
pub fn netstat(host: Host) -> Netstat {
    let address = host.address();
    let (listeners, ends, datagrams) = network().with(|network| {
        let ports = SocketAddr::new(address, 0)..=SocketAddr::new(address, u16::MAX);
        let listeners = network.listeners.range(ports.clone()).map(|(_, socket)| *socket);
        let datagrams = network.datagrams.range(ports).map(|(_, socket)| *socket);
        let ends = network.ends_of(host.index());
        (listeners.collect::<Vec<_>>(), ends, datagrams.collect::<Vec<_>>())
    });
    let listening = listeners.iter().filter_map(|listener| {
        listener.try_with(|state| {
            let (receive_queue, send_queue) = state.queue();
            let local = state.seen();
            let (protocol, state) = (Protocol::Tcp, Some(SocketState::Listen));
            Socket { protocol, receive_queue, send_queue, local, peer: None, state }
        })
    });
    let connected = ends.iter().filter_map(|end| end.try_with(socket_of));
    let datagrams = datagrams.iter().filter_map(|socket| {
        socket.try_with(|state| {
            let (receive_queue, peer) = state.queue();
            let (local, protocol) = (state.seen(), Protocol::Udp);
            Socket { protocol, receive_queue, send_queue: 0, local, peer, state: None }
        })
    });
    Netstat { sockets: listening.chain(connected).chain(datagrams).collect() }
}

fn socket_of(end: &mut End) -> Socket {
    let state = match (end.is_finished(), end.is_at_end()) {
        _ if end.has_failed() => SocketState::Closed,
        _ if !end.is_connected() => SocketState::SynSent,
        (true, true) => SocketState::Closed,
        (true, false) => SocketState::FinWait,
        (false, true) => SocketState::CloseWait,
        (false, false) => SocketState::Established,
    };
    let (receive_queue, send_queue) = end.queues();
    let (protocol, send_queue) = (Protocol::Tcp, send_queue as usize);
    let (local, peer) = end.pair.seen;
    let (peer, state) = (Some(peer), Some(state));
    Socket { protocol, receive_queue, send_queue, local, peer, state }
}

/// The ends of all connections on hosts that are up, a line for each, by host and by their making:
/// for reports.
pub(super) fn open_ends() -> Vec<String> {
    let ends: Vec<_> = network().with(|network| network.ends.values().copied().collect());
    let told = ends.iter().filter_map(|end| {
        let (life, socket) = end.try_look(|end| (end.life, socket_of(end)))?;
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
            SocketState::Established => "ESTABLISHED",
            SocketState::FinWait => "FIN_WAIT",
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
