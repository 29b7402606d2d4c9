//! How a connection comes about: SYN, SYN and ACK, ACK.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use super::address::{Pair, at_home};
use super::link::{Loss, at, transmit};
use super::listener::{Answer, answer, remember};
use super::network::{here, host_at, is_of_all, network};
use super::orphans::forget;
use super::pipe::{PipeRef, Side};
use super::presence::be_reset;
use super::rules::{Packet, PacketKind};
use super::tcp::{End, join, send_open};
use crate::event_loop::{Shared, Uncounted, cancel_outside, with};
use crate::world::crashes::{Sending, at_sending};
use crate::world::host::{Life, life_of};
use crate::world::operation::{Operation, Settle};

/// When a connection is asked for again, and when that is given up, in seconds from the beginning.
/// Source: Linux, `net.ipv4.tcp_syn_retries`, which is 6.
const ASKED_AT: [u64; 7] = [0, 1, 3, 7, 15, 31, 63];
const GIVEN_UP_AT: u64 = 127;

/// Asks, and again a while later if there was no answer.
fn send_syn_from(caller: &Rc<Caller>, attempt: usize) {
    let wait = match (ASKED_AT.get(attempt), ASKED_AT.get(attempt + 1)) {
        (Some(now), Some(next)) => next - now,
        (Some(now), None) => GIVEN_UP_AT - now,
        (None, _) => {
            let text = format!("no answer from {}", caller.pair.remote);
            return caller.settle(Err(io::Error::new(io::ErrorKind::TimedOut, text)));
        }
    };
    let when = with(|core| core.session.now).saturating_add(Duration::from_secs(wait));
    let later = Rc::clone(caller);
    let again = at(when, move || send_syn_from(&later, attempt + 1));
    caller.end.with(|end| end.handshake = Some(again));
    send_syn(caller);
}

/// Someone who asks for a connection.
pub(super) struct Caller {
    end: Shared<End>,
    life: Life,
    pair: Pair,
    host: u32,
    /// The other end, once the host has made one, and what leads there and back.
    answered: RefCell<Option<Answered>>,
    settle: Cell<Option<Settle<io::Result<Shared<End>>>>>,
}

#[derive(Clone)]
struct Answered {
    end: Uncounted<End>,
    there: PipeRef,
    back: PipeRef,
}

/// Connects to `remote`, from `local` if that is said.
pub(super) async fn connect(
    local: Option<SocketAddr>,
    remote: SocketAddr,
    location: &'static Location<'static>,
) -> io::Result<Shared<End>> {
    let (operation, asking) = begin(local, remote, location)?;
    let connected = operation.await?;
    drop(asking);
    connected
}

/// Gives the connection up when nobody waits for it any more.
struct Asking(Shared<End>);

impl Drop for Asking {
    fn drop(&mut self) {
        let asks_again = self.0.try_with(|end| {
            end.is_given_up = true;
            end.handshake.take()
        });
        asks_again.flatten().into_iter().for_each(cancel_outside);
    }
}

fn begin(
    local: Option<SocketAddr>,
    remote: SocketAddr,
    location: &'static Location<'static>,
) -> io::Result<(Operation<io::Result<Shared<End>>>, Asking)> {
    let (life, owner) = here()?;
    let at = at_home(remote);
    if is_of_all(at.ip()) || at.ip().is_multicast() {
        let text = format!("no connection leads to {remote}, the address of several hosts");
        return Err(io::Error::new(io::ErrorKind::NetworkUnreachable, text));
    }
    let host = host_at(at)?;
    if local.is_some_and(|local| local.ip().is_loopback()) && host != life.host {
        let text = format!("a socket that is bound to the loopback does not reach {remote}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let (local, old) = network().with(|network| match local.map(at_home) {
        Some(local) => match network.connected(local, at) {
            Some(side) if !network.orphans.only_waits(side) => {
                let text = format!("{local} is connected to {remote} already");
                Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text))
            }
            old => Ok((local, old)),
        },
        None => network.port_of_end(life.host, at).map(|local| (local, None)),
    })?;
    // All of it has arrived, and the host gives it up for the new one. Source: Linux,
    // `__inet_check_established` for a socket that was bound, `twsk_unique`.
    old.into_iter().for_each(forget);
    let pair = Pair::of(local, remote);
    let end = End::make(life, owner, pair, location);
    let (operation, settle) = Operation::pending("connect", location);
    let caller = Rc::new(Caller {
        end,
        life,
        pair,
        host,
        answered: RefCell::new(None),
        settle: Cell::new(Some(settle)),
    });
    caller.end.with(|end| end.caller = Rc::downgrade(&caller));
    let asking = Asking(caller.end.clone());
    if at_sending(life, owner, "a request to connect", location) != Sending::Vanishes {
        send_syn_from(&caller, 0);
    }
    Ok((operation, asking))
}

impl Caller {
    fn is_settled(&self) -> bool {
        self.end.with(|end| end.is_given_up) || !self.life.is_alive()
    }

    fn settle(&self, result: io::Result<Shared<End>>) {
        let asks_again = self.end.with(|end| end.handshake.take());
        asks_again.into_iter().for_each(cancel_outside);
        if let Some(settle) = self.settle.take() {
            settle.settle(move || result);
        }
    }

    fn packet_there(&self) -> Packet {
        Packet { from: self.pair.local, to: self.pair.remote, kind: PacketKind::Connect, bytes: 0 }
    }

    fn packet_back(&self, kind: PacketKind) -> Packet {
        Packet { from: self.pair.remote, to: self.pair.local, kind, bytes: 0 }
    }
}

/// SYN. What is lost is asked again by the next one.
fn send_syn(caller: &Rc<Caller>) {
    if caller.is_settled() {
        return;
    }
    let (from, to) = (caller.life.host, caller.host);
    let (caller, packet) = (Rc::clone(caller), caller.packet_there());
    transmit(from, to, packet, Loss::Possible, move |arrives| {
        if let Some(when) = arrives {
            at(when, move || receive_syn(&caller));
        }
    });
}

fn receive_syn(caller: &Rc<Caller>) {
    if caller.is_settled() || life_of(caller.host).is_none() {
        return;
    }
    let known = caller.answered.borrow().clone().filter(|known| known.end.is_live());
    let Pair { local, remote, .. } = caller.pair;
    let old = network().with(|network| network.connected(remote, local));
    if let Some(old) = old.filter(|_| known.is_none()) {
        return challenge(caller, old);
    }
    if let Some(known) = known {
        remember(known.end);
        return send_answer(caller, Some(known));
    }
    match answer(caller.pair.turned(), caller.pair.near()) {
        Answer::Yes(end) => {
            let (there, back) = join(&caller.end, &end);
            let answered = Answered { end, there, back };
            caller.answered.replace(Some(answered.clone()));
            send_answer(caller, Some(answered));
        }
        Answer::NobodyListens => send_answer(caller, None),
        Answer::IsFull => {}
    }
}

/// Someone asks for a connection that the host has: it has come back after a crash of which nobody
/// was told. The host says how far it is with the old one, whereupon it hears that there is no such
/// connection; the next one that asks is answered. Source: RFC 5961, 4.2; RFC 9293, 3.5.1.
fn challenge(caller: &Rc<Caller>, old: Side) {
    let (from, to) = (caller.host, caller.life.host);
    let packet = caller.packet_back(PacketKind::Acknowledgement);
    let caller = Rc::clone(caller);
    transmit(from, to, packet, Loss::Possible, move |arrives| {
        if let Some(when) = arrives {
            at(when, move || disown(&caller, old));
        }
    });
}

fn disown(caller: &Rc<Caller>, old: Side) {
    let (from, to) = (caller.life.host, caller.host);
    if life_of(from).is_none() {
        return;
    }
    let packet = Packet { kind: PacketKind::Reset, ..caller.packet_there() };
    transmit(from, to, packet, Loss::Possible, move |arrives| {
        if let Some(when) = arrives {
            at(when, move || be_reset(old));
        }
    });
}

/// Says yes, or that nobody listens.
fn send_answer(caller: &Rc<Caller>, answered: Option<Answered>) {
    let (from, to) = (caller.host, caller.life.host);
    let kind = if answered.is_some() { PacketKind::Accept } else { PacketKind::Reset };
    let (caller, packet) = (Rc::clone(caller), caller.packet_back(kind));
    transmit(from, to, packet, Loss::Possible, move |arrives| {
        let Some(when) = arrives else { return };
        // A crash that comes meanwhile is told behind it.
        let when = answered.as_ref().map_or(when, |it| it.back.borrow_mut().in_order(when));
        at(when, move || receive_answer(&caller, answered));
    });
}

/// A reset has come to an end that may still be asking: then it is refused. Source: RFC 9293,
/// 3.10.7.3, SYN-SENT.
pub(super) fn be_refused(end: Uncounted<End>) -> bool {
    let asking = end.try_with(|end| end.caller.upgrade().filter(|_| !end.is_connected()));
    let Some(caller) = asking.flatten() else { return false };
    if !caller.is_settled() {
        let text = format!("the host of {} has gone down meanwhile", caller.pair.remote);
        caller.settle(Err(io::Error::new(io::ErrorKind::ConnectionRefused, text)));
    }
    true
}

fn receive_answer(caller: &Rc<Caller>, answered: Option<Answered>) {
    let is_connected = caller.end.with(|end| end.is_connected());
    if is_connected || caller.is_settled() {
        // Who is not connected any more says so to who thinks that it is.
        let answered = answered.filter(|_| !is_connected);
        return answered.iter().for_each(|it| disown(caller, it.back.borrow().sender));
    }
    let Some(Answered { there, back, .. }) = answered else {
        let text = format!("nobody listens at {}", caller.pair.remote);
        return caller.settle(Err(io::Error::new(io::ErrorKind::ConnectionRefused, text)));
    };
    // Closing it from here on is closing a connection, whether or not anybody has taken it.
    caller.end.with(|end| {
        end.connect(there, back);
        end.is_accepted = true;
    });
    send_open(&caller.end);
    caller.settle(Ok(caller.end.clone()));
}
