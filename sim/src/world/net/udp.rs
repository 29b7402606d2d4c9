//! UDP sockets: datagrams that arrive, or do not, or twice, in any order.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::address::{Pair, ToSocketAddrs, hears, loopback_like, near};
use super::line::{Line, Spot, wake};
use super::link::{Loss, at, transmit};
use super::network::{here, host_at, is_of_all, network, own_address};
use super::rules::{Packet, PacketKind};
use crate::event_loop::{Label, LoopId, Shared, Uncounted, WaitId, queue_plain, try_with};
use crate::world::crashes::{Sending, at_sending};
use crate::world::fault::strikes;
use crate::world::host::{Life, life_of};

/// How many bytes a datagram has at most. Source: RFC 768, less the header of IPv4.
pub(crate) const LARGEST_DATAGRAM: usize = 65_507;

/// How many bytes wait to be received at most; what comes then is lost. A datagram without any
/// counts as one byte. Source: Linux, `net.core.rmem_default`.
const BUFFER: usize = 212_992;

/// A socket for datagrams.
///
/// What is sent may be lost, arrive twice or after what was sent later, as the
/// [link](super::Link) says.
pub struct UdpSocket {
    state: Shared<UdpState>,
    local: SocketAddr,
}

pub(super) struct UdpState {
    pub(super) life: Life,
    owner: LoopId,
    local: SocketAddr,
    /// What it was bound to: an address of the loopback, that of the host, or all.
    bound: IpAddr,
    /// With whom alone it speaks.
    peer: Option<SocketAddr>,
    received: VecDeque<(Rc<[u8]>, SocketAddr)>,
    bytes: usize,
    /// The same, where an empty datagram counts as one byte.
    cost: usize,
    /// Where what was sent to the peer has come to nobody, if nobody was told.
    refused_at: Option<SocketAddr>,
    /// It has asked for permission to send to all: `SO_BROADCAST`.
    may_broadcast: bool,
    waiting: Line,
    /// Those who only want to know that there is something.
    watching: Line,
    location: &'static Location<'static>,
}

impl UdpSocket {
    fn check(&self) -> io::Result<()> {
        self.state.check().map_err(io::Error::other)?;
        let life = self.state.with(|state| state.life);
        if life.is_alive() { Ok(()) } else { Err(life.why_gone("socket")) }
    }

    /// Source: Linux, `EACCES` of ip_route_output for a socket without `SO_BROADCAST`.
    fn check_broadcast(&self, to: SocketAddr) -> io::Result<()> {
        if is_of_all(to.ip()) && !self.state.with(|state| state.may_broadcast) {
            let text = format!("the socket has no permission to send to all, as {to} asks for");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        Ok(())
    }

    /// Lets what is sent to all be an unreachable host in place of one without permission.
    #[cfg(feature = "tokio-io")]
    pub(crate) fn allow_broadcast(&self, may_broadcast: bool) {
        self.state.try_with(|state| state.may_broadcast = may_broadcast);
    }

    /// Binds a socket of this host; port 0 stands for any.
    ///
    /// # Errors
    ///
    /// - `AddrInUse`: another socket is bound there, or no port is left for port 0.
    /// - `AddrNotAvailable`: the address is that of another host.
    /// - `NotFound` and `InvalidInput`: this is no host and port.
    /// - `Other`: the name is not [resolved](super::resolver()) for now.
    ///
    /// # Cancel safety
    ///
    /// It is ready at once, but for the time that a name takes to be [resolved](super::resolver()).
    #[track_caller]
    pub fn bind<A: ToSocketAddrs>(
        address: A,
    ) -> impl Future<Output = io::Result<UdpSocket>> + Send + use<A> {
        let (wanted, location) = (address.target(), Location::caller());
        async move { Self::bind_at(wanted?.resolve(location).await?, location) }
    }

    /// Binds a socket; a report names the place.
    pub(crate) fn bind_at(
        wanted: SocketAddr,
        location: &'static Location<'static>,
    ) -> io::Result<UdpSocket> {
        let (life, owner) = here()?;
        let bound = wanted.ip();
        let wanted = own_address(wanted, life)?;
        let local = network().with(|network| {
            network.bind(wanted, life, |state, at| !state.datagrams.contains_key(at))
        })?;
        let state = Shared::new(
            "udp socket",
            UdpState {
                life,
                owner,
                local,
                bound,
                peer: None,
                received: VecDeque::new(),
                bytes: 0,
                cost: 0,
                refused_at: None,
                may_broadcast: false,
                waiting: Line::default(),
                watching: Line::default(),
                location,
            },
        );
        network().with(|network| network.datagrams.insert(local, state.uncounted()));
        Ok(UdpSocket { state, local })
    }

    /// Returns the address to which it is bound: the one that was asked for, with its port; for one
    /// of all addresses that was [connected](Self::connect), the address that the other side sees.
    pub fn local_addr(&self) -> SocketAddr {
        self.state.with(|state| state.seen())
    }

    /// Lets it speak with one address alone: [`send`](Self::send) goes there, and what others send
    /// is lost.
    ///
    /// A connected socket learns that nobody is bound at the port to which it sends, from a host
    /// that is up: the next operation on it is `ConnectionRefused`, once. Source: Linux, udp(7).
    ///
    /// # Errors
    ///
    /// - `NotFound` and `InvalidInput`: this is no host and port.
    /// - `PermissionDenied`: it is 255.255.255.255, and there are no broadcasts.
    /// - `Other`: the name is not [resolved](super::resolver()) for now.
    pub fn connect(&self, peer: impl ToSocketAddrs) -> io::Result<()> {
        self.check()?;
        let peer = peer.target()?.at_once()?;
        let peer = SocketAddr::new(near(peer.ip()).unwrap_or(peer.ip()), peer.port());
        self.check_broadcast(peer)?;
        self.state.with(|state| state.peer = Some(peer));
        Ok(())
    }

    /// Sends a datagram, in no time; returns its length.
    ///
    /// # Errors
    ///
    /// - `InvalidInput`: it has more than 65,507 bytes, or this is no host and port, or port 0, or
    ///   another host for a socket that is bound to 127.0.0.1.
    /// - `NotFound` and `HostUnreachable`: there is no such host.
    /// - `PermissionDenied`: it is for 255.255.255.255, and there are no broadcasts.
    /// - `Other`: the name is not [resolved](super::resolver()) for now.
    /// - `NotConnected`: the host has crashed since the socket was bound.
    /// - `ConnectionRefused`, once, for what a [connected](Self::connect) socket has sent before;
    ///   nothing is sent then.
    pub fn send_to(&self, datagram: &[u8], to: impl ToSocketAddrs) -> io::Result<usize> {
        self.check()?;
        let to = to.target()?.at_once()?;
        let (life, owner, bound) = self.state.with(|state| (state.life, state.owner, state.bound));
        if to.port() == 0 {
            let text = format!("no socket has port 0, to which {to} leads");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        if datagram.len() > LARGEST_DATAGRAM {
            let text =
                format!("a datagram has {LARGEST_DATAGRAM} bytes at most, not {}", datagram.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        self.check_broadcast(to)?;
        let pair = Pair::of(self.local, to);
        let host = host_at(pair.remote)?;
        if bound.is_loopback() && host != life.host {
            let text = format!("a socket that is bound to the loopback does not reach {to}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        if let Some(refused) = self.state.with(UdpState::take_refusal) {
            return Err(refused);
        }
        let from = if bound.is_loopback() { bound } else { pair.seen.0.ip() };
        let datagram = Datagram {
            contents: datagram.into(),
            from: SocketAddr::new(from, self.local.port()),
            near: pair.near(),
        };
        let (kind, bytes) = (PacketKind::Datagram, datagram.contents.len());
        let packet = Packet { from: pair.local, to: pair.remote, kind, bytes };
        let location = self.state.with(|state| state.location);
        let sending = at_sending(life, owner, "a datagram", location);
        if sending == Sending::Vanishes {
            return Ok(bytes);
        }
        let twice = network().with(|network| network.links.way(life.host, host).duplication);
        dispatch(life.host, host, packet, datagram.clone());
        if strikes("a datagram arrives twice", twice) {
            dispatch(life.host, host, packet, datagram);
        }
        Ok(bytes)
    }

    /// Sends a datagram to the address that [`connect`](Self::connect) has named.
    ///
    /// # Errors
    ///
    /// `NotConnected` when none was named, and those of [`send_to`](Self::send_to).
    pub fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        self.check()?;
        let Some(peer) = self.state.with(|state| state.peer) else {
            let text = "the socket is not connected; call `connect`, or use `send_to`";
            return Err(io::Error::new(io::ErrorKind::NotConnected, text));
        };
        self.send_to(datagram, peer)
    }

    /// Waits for a datagram; returns how many of its bytes went into `buffer`, and who sent it.
    /// What does not fit is lost.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the host has crashed; `ConnectionRefused`, once, when a
    /// [connected](Self::connect) socket has sent something to a port where nobody is bound; a
    /// cancel of the task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no datagram.
    #[track_caller]
    pub fn recv_from<'a>(&'a self, buffer: &'a mut [u8]) -> Receive<'a> {
        let (spot, location) = (Spot::default(), Location::caller());
        Receive { socket: self, buffer, wants: Wants::Datagram, spot, location }
    }

    /// The same, but the datagram can be received again.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no datagram.
    #[track_caller]
    pub fn peek_from<'a>(&'a self, buffer: &'a mut [u8]) -> Receive<'a> {
        let mut receive = self.recv_from(buffer);
        receive.wants = Wants::Look;
        receive
    }

    /// Waits until there is a datagram. That what was sent is refused is none, and stays to be
    /// told. Source: tokio 1.54 on Linux 6.18, `EPOLLERR` without `EPOLLIN`.
    #[cfg(feature = "tokio-io")]
    #[track_caller]
    pub(crate) fn readable(&self) -> Receive<'_> {
        let mut receive = self.recv_from(&mut []);
        receive.wants = Wants::Readiness;
        receive
    }

    /// Receives a datagram that is there, as [`recv_from`](Self::recv_from) does.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is none, and those of [`recv_from`](Self::recv_from).
    pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.state.check().map_err(io::Error::other)?;
        let next = self.state.with(|state| state.next(buffer, Wants::Datagram))?;
        next.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    /// Returns the error that the next operation would give, and clears it: the refusal of what a
    /// [connected](Self::connect) socket has sent. Source: Linux, `SO_ERROR`.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the host has crashed.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.check()?;
        Ok(self.state.with(UdpState::take_refusal))
    }

    /// Returns the address that [`connect`](Self::connect) has named.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.state.with(|state| state.peer)
    }

    /// The same without the address of the sender: for a socket that is
    /// [connected](Self::connect).
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no datagram.
    #[track_caller]
    pub fn recv<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let receive = self.recv_from(buffer);
        async move { Ok(receive.await?.0) }
    }
}

/// The future of [`UdpSocket::recv_from`] and [`UdpSocket::peek_from`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Receive<'a> {
    socket: &'a UdpSocket,
    buffer: &'a mut [u8],
    wants: Wants,
    spot: Spot,
    location: &'static Location<'static>,
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    /// A datagram, which is taken away.
    Datagram,
    /// To see one.
    Look,
    /// To know that there is one.
    Readiness,
}

impl Future for Receive<'_> {
    type Output = io::Result<(usize, SocketAddr)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let socket = &this.socket.state;
        socket.check().map_err(io::Error::other)?;
        if let Err(cancelled) = ready!(this.spot.poll(cx)) {
            this.hand_over();
            return Poll::Ready(Err(cancelled));
        }
        let (wants, buffer) = (this.wants, &mut *this.buffer);
        if let Some(received) = socket.with(|state| state.next(buffer, wants)).transpose() {
            // Who has only looked, or got an error, leaves the datagram to the next.
            let others = socket.with(|state| match wants == Wants::Datagram && received.is_ok() {
                true => None,
                false => state.first_for_what_is_there(),
            });
            wake(others);
            return Poll::Ready(received);
        }
        let label = Label::on("recv", socket.id());
        let enter = |wait| {
            socket.with(|state| match wants {
                Wants::Readiness => state.watching.enter(wait),
                Wants::Datagram | Wants::Look => state.waiting.enter(wait),
            });
        };
        this.spot.park(label, this.location, cx, enter);
        Poll::Pending
    }
}

impl Receive<'_> {
    /// What it was woken for is the next one's.
    fn hand_over(&mut self) {
        if self.spot.leave() && self.wants != Wants::Readiness {
            let next = self.socket.state.try_with(UdpState::first_for_what_is_there);
            wake(next.flatten());
        }
    }
}

impl Drop for Receive<'_> {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// What is on its way: who it seems to be from, and the address of the loopback that it was sent to
/// if it was.
#[derive(Clone)]
struct Datagram {
    contents: Rc<[u8]>,
    from: SocketAddr,
    near: Option<IpAddr>,
}

fn dispatch(from: u32, to: u32, packet: Packet, datagram: Datagram) {
    transmit(from, to, packet, Loss::Possible, move |arrives| {
        if let Some(when) = arrives {
            at(when, move || arrive(from, to, packet, datagram));
        }
    });
}

fn arrive(from: u32, to: u32, packet: Packet, datagram: Datagram) {
    if life_of(to).is_none() {
        return;
    }
    let heard = bound_at(packet.to).and_then(|socket| {
        let owner = socket
            .try_with(|state| state.is_for(&datagram).then_some((state.owner, state.location)))?;
        Some((socket, owner?))
    });
    let Some((socket, (owner, location))) = heard else {
        return refuse(to, from, packet);
    };
    queue_plain(owner, "udp datagram", location, move || {
        let told = socket.try_with(|state| {
            let (is_wanted, Datagram { contents, from, .. }) = (state.is_for(&datagram), datagram);
            let cost = contents.len().max(1);
            if !is_wanted || state.cost + cost > BUFFER {
                return None;
            }
            state.bytes += contents.len();
            state.cost += cost;
            state.received.push_back((contents, from));
            let mut told = state.watching.all();
            told.extend(state.waiting.first());
            Some(told)
        });
        wake(told.flatten().unwrap_or_default());
        Ok(())
    });
}

fn bound_at(address: SocketAddr) -> Option<Uncounted<UdpState>> {
    network().with(|network| network.datagrams.get(&address).copied())
}

/// Says that nobody is bound where `sent` has come to, if that is heard: by a socket that speaks
/// with that address alone. Source: RFC 1122, 4.1.3.3.
fn refuse(from: u32, to: u32, sent: Packet) {
    let is_connected = |socket: Uncounted<UdpState>| socket.try_with(|state| state.peer.is_some());
    if bound_at(sent.from).and_then(is_connected) != Some(true) {
        return;
    }
    let packet = Packet { from: sent.to, to: sent.from, kind: PacketKind::Unreachable, bytes: 0 };
    transmit(from, to, packet, Loss::Possible, move |arrives| {
        if let Some(when) = arrives {
            at(when, move || be_refused(packet));
        }
    });
}

fn be_refused(packet: Packet) {
    let Some(socket) = bound_at(packet.to) else { return };
    let known = socket.try_with(|state| {
        let is_peer = state.peer.is_some_and(|peer| match near(peer.ip()) {
            Some(_) => packet.from == SocketAddr::new(state.local.ip(), peer.port()),
            None => packet.from == peer,
        });
        is_peer.then_some((state.owner, state.location))
    });
    let Some((owner, location)) = known.flatten() else { return };
    queue_plain(owner, "icmp", location, move || {
        let first = socket.try_with(|state| {
            state.refused_at = state.peer;
            state.waiting.first()
        });
        wake(first.flatten());
        Ok(())
    });
}

impl UdpState {
    /// Tells whether it hears a datagram.
    fn is_for(&self, datagram: &Datagram) -> bool {
        let is_from_peer = self.peer.is_none_or(|peer| peer == datagram.from);
        is_from_peer && hears(self.bound, datagram.near)
    }

    /// That what was sent was refused, if nobody was told.
    fn take_refusal(&mut self) -> Option<io::Error> {
        let text = format!("no socket is bound at {}", self.refused_at.take()?);
        Some(io::Error::new(io::ErrorKind::ConnectionRefused, text))
    }

    /// The next one who waits, if there is something to be told.
    fn first_for_what_is_there(&mut self) -> Option<WaitId> {
        match self.received.is_empty() && self.refused_at.is_none() {
            true => None,
            false => self.waiting.first(),
        }
    }

    /// All who wait, when there is nothing to wait for any more.
    pub(super) fn all_waiting(&mut self) -> VecDeque<WaitId> {
        let mut all = self.waiting.all();
        all.extend(self.watching.all());
        all
    }

    /// Reads the first datagram that there is, and takes it away or not.
    fn next(&mut self, buffer: &mut [u8], wants: Wants) -> io::Result<Option<(usize, SocketAddr)>> {
        if wants != Wants::Readiness
            && let Some(refused) = self.take_refusal().filter(|_| self.life.is_alive())
        {
            return Err(refused);
        }
        let Some((datagram, from)) = self.received.front().cloned() else {
            return if self.life.is_alive() { Ok(None) } else { Err(self.life.why_gone("socket")) };
        };
        if !self.life.is_here() {
            return Err(self.life.why_gone("socket"));
        }
        if wants == Wants::Datagram {
            self.received.pop_front();
            self.bytes -= datagram.len();
            self.cost -= datagram.len().max(1);
        }
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(Some((length, from)))
    }

    /// The address that a program sees.
    pub(super) fn seen(&self) -> SocketAddr {
        let ip = match self.peer.filter(|_| self.bound.is_unspecified()) {
            Some(peer) => near(peer.ip()).map_or(self.local.ip(), loopback_like),
            None => self.bound,
        };
        SocketAddr::new(ip, self.local.port())
    }

    /// How many bytes wait to be received, and with whom alone it speaks.
    pub(super) fn queue(&self) -> (usize, Option<SocketAddr>) {
        (self.bytes, self.peer)
    }
}

impl Drop for UdpState {
    fn drop(&mut self) {
        if try_with(|_| ()).is_none() || !self.life.is_alive() {
            return;
        }
        network().with(|network| network.datagrams.remove(&self.local));
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UdpSocket({})", self.local)
    }
}

impl fmt::Debug for Receive<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receive")
    }
}
