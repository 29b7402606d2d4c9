//! All that there is once in a network: who listens where, and who is connected to whom.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use super::address::at_home;
use super::line::wake;
use super::link::Links;
use super::listener::ListenerState;
use super::netstat::open_ends;
use super::orphans::Orphans;
use super::pipe::{PipeRef, Side};
use super::presence::Presence;
use super::resolver::Answers;
use super::rules::Rule;
use super::tcp::{End, fail_all};
use super::udp::UdpState;
use crate::event_loop::{Extension, LoopId, Uncounted, extension, with};
use crate::world::host::{Life, address_of, current_life, host_by_address};

/// The network of a simulation.
#[derive(Default)]
pub(super) struct Network {
    state: RefCell<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) simulation: u64,
    pub(super) links: Links,
    pub(super) answers: Answers,
    pub(super) rules: Vec<(u64, Rule)>,
    pub(super) rules_made: u64,
    /// The rules are being asked, and stand elsewhere meanwhile.
    pub(super) is_asking: bool,
    /// Rules that have ended while they were being asked.
    pub(super) rules_ended: Vec<u64>,
    pub(super) listeners: BTreeMap<SocketAddr, Uncounted<ListenerState>>,
    pub(super) datagrams: BTreeMap<SocketAddr, Uncounted<UdpState>>,
    /// By host and by number, in the order in which they were made.
    pub(super) ends: BTreeMap<(u32, u64), Uncounted<End>>,
    ends_made: u64,
    /// By the addresses of both sides the last end that had them, with its number.
    pub(super) pairs: BTreeMap<(SocketAddr, SocketAddr), Side>,
    /// Connections that no program has any more.
    pub(super) orphans: Orphans,
    /// Directions whose sender waits for room, by its host and its number.
    pub(super) stalled: BTreeMap<(u32, u64), PipeRef>,
    /// The last port that was given to a socket which asked for any, by host.
    last_port: BTreeMap<u32, u16>,
}

impl Network {
    pub(super) fn with<R>(&self, call: impl FnOnce(&mut State) -> R) -> R {
        call(&mut self.state.borrow_mut())
    }
}

impl Extension for Network {
    fn end_simulation(&self) {
        // What is dropped here belongs to the simulation that is over.
        let old = self.with(|state| {
            let simulation = state.simulation + 1;
            std::mem::replace(state, State { simulation, ..State::default() })
        });
        drop(old);
    }

    fn connections(&self) -> Vec<String> {
        // The extension that is asked is the one that is found.
        open_ends()
    }

    fn obstacles(&self) -> Vec<String> {
        self.with(|state| state.links.obstacles())
    }
}

pub(super) fn network() -> Rc<Network> {
    extension::<Network>()
}

/// Ports that are given to those who ask for any: those of Linux.
const ANY_PORTS: std::ops::RangeInclusive<u16> = 32_768..=60_999;

impl State {
    pub(super) fn number_end(&mut self) -> u64 {
        self.ends_made += 1;
        self.ends_made
    }

    /// The ends of a host, in the order in which they were made.
    pub(super) fn ends_of(&self, host: u32) -> Vec<Uncounted<End>> {
        self.ends.range((host, 0)..=(host, u64::MAX)).map(|(_, end)| *end).collect()
    }

    /// The side of a connection between these addresses that its host knows.
    pub(super) fn connected(&self, local: SocketAddr, remote: SocketAddr) -> Option<Side> {
        let side = *self.pairs.get(&(local, remote))?;
        let is_closed = side.end.try_look(|end| end.is_closed()) == Some(true);
        let is_known = matches!(self.presence(side), Presence::Here | Presence::Left);
        (is_known && !is_closed).then_some(side)
    }

    /// The end with this number leaves its two addresses to others.
    pub(super) fn free_pair(&mut self, number: u64, local: SocketAddr, remote: SocketAddr) {
        if self.pairs.get(&(local, remote)).is_some_and(|side| side.number == number) {
            self.pairs.remove(&(local, remote));
        }
    }

    /// Tells whether packets are shown to rules.
    pub(super) fn has_rules(&self) -> bool {
        self.is_asking || !self.rules.is_empty()
    }

    /// A port of the host that is `free`, where any will do; none when all are in use.
    fn any_port(&mut self, host: u32, free: impl Fn(&Self, u16) -> bool) -> Option<u16> {
        let last = self.last_port.get(&host).copied().unwrap_or(*ANY_PORTS.end());
        let after = last.saturating_add(1)..=*ANY_PORTS.end();
        let port = after.chain(ANY_PORTS).find(|port| free(self, *port))?;
        self.last_port.insert(host, port);
        Some(port)
    }

    /// The address at which a socket that asks for `wanted` is bound.
    pub(super) fn bind(
        &mut self,
        wanted: SocketAddr,
        life: Life,
        is_free: impl Fn(&Self, &SocketAddr) -> bool,
    ) -> io::Result<SocketAddr> {
        let at = |port| SocketAddr::new(wanted.ip(), port);
        if wanted.port() == 0 {
            let port = self.any_port(life.host, |state, port| is_free(state, &at(port)));
            return port.map(at).ok_or_else(|| all_in_use(io::ErrorKind::AddrInUse));
        }
        if is_free(self, &wanted) {
            return Ok(wanted);
        }
        let text = format!("another socket is bound to {wanted} already");
        Err(io::Error::new(io::ErrorKind::AddrInUse, text))
    }

    /// A port for the near end of a connection.
    pub(super) fn port_of_end(&mut self, host: u32, remote: SocketAddr) -> io::Result<SocketAddr> {
        let ip = address_of(host);
        let free = |state: &Self, port| {
            let local = SocketAddr::new(ip, port);
            !state.pairs.contains_key(&(local, remote)) && !state.listeners.contains_key(&local)
        };
        let port = self.any_port(host, free).map(|port| SocketAddr::new(ip, port));
        port.ok_or_else(|| all_in_use(io::ErrorKind::AddrNotAvailable))
    }
}

/// Source: Linux, `EADDRINUSE` of bind(2), `EADDRNOTAVAIL` of connect(2).
fn all_in_use(kind: io::ErrorKind) -> io::Error {
    let text = "all ports of the host that are given to those who ask for any are in use";
    io::Error::new(kind, text)
}

/// The host of what runs, if it may use the network, and its loop.
pub(super) fn here() -> io::Result<(Life, LoopId)> {
    let Some(owner) = with(|core| core.running_loop()) else {
        let text = "no running event loop: use the network inside `seedloop::run(async { .. })`";
        return Err(io::Error::other(text));
    };
    let life = current_life();
    match life.is_alive() {
        true => Ok((life, owner)),
        false => Err(io::Error::new(io::ErrorKind::NotConnected, "the host has crashed")),
    }
}

/// The address that `wanted` is on this host.
///
/// # Errors
///
/// `AddrNotAvailable` for that of another one.
pub(super) fn own_address(wanted: SocketAddr, life: Life) -> io::Result<SocketAddr> {
    let own = at_home(wanted);
    if own.ip() == address_of(life.host) {
        return Ok(own);
    }
    let text = format!("{wanted} is not an address of this host; bind to 0.0.0.0");
    Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text))
}

/// The host at an address.
///
/// # Errors
///
/// `HostUnreachable` where there is none.
pub(super) fn host_at(address: SocketAddr) -> io::Result<u32> {
    host_by_address(address.ip()).ok_or_else(|| {
        let text = format!("no host has the address {}", address.ip());
        io::Error::new(io::ErrorKind::HostUnreachable, text)
    })
}

/// Tells whether an address is that of all hosts: `255.255.255.255`, the one broadcast of a network
/// in which each host is on a network of its own.
pub(super) fn is_of_all(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_broadcast())
}

/// Takes out what is bound to an address.
fn take_of<T>(bound: &mut BTreeMap<SocketAddr, T>, ip: IpAddr) -> Vec<T> {
    let ports = SocketAddr::new(ip, 0)..=SocketAddr::new(ip, u16::MAX);
    let places: Vec<SocketAddr> = bound.range(ports).map(|(place, _)| *place).collect();
    places.iter().filter_map(|place| bound.remove(place)).collect()
}

/// The network's part of a crash: sockets are gone, and connections are reset if `resets`.
pub(in crate::world) fn crash_network(life: Life, resets: bool) {
    let ip = address_of(life.host);
    let (listeners, datagrams) = network()
        .with(|state| (take_of(&mut state.listeners, ip), take_of(&mut state.datagrams, ip)));
    fail_all(life, resets);
    // A task of another host may wait at what was bound on this one.
    let waiting = |it: Uncounted<ListenerState>| it.try_with(ListenerState::all_waiting);
    listeners.into_iter().filter_map(waiting).for_each(wake);
    let waiting = |it: Uncounted<UdpState>| it.try_with(UdpState::all_waiting);
    datagrams.into_iter().filter_map(waiting).for_each(wake);
}
