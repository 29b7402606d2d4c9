//! One direction of a connection: segments that arrive in their order, or not at all.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::link::{Fate, at, hold, send, shortest};
use super::network::network;
use super::rules::{Packet, PacketKind};
use super::tcp::{End, Heard, acknowledged, deliver, fail};
use crate::base::Instant;
use crate::event_loop::{Uncounted, with};
use crate::world::fault::strikes;
use crate::world::host::{Life, life_of};

/// What travels on a stream.
pub(super) enum Segment {
    /// The first word of who has connected.
    Open,
    Bytes(Vec<u8>),
    Finish,
}

/// One direction of a connection. It outlives the end that sends.
pub(super) struct Pipe {
    pub(super) sender: Side,
    pub(super) receiver: Side,
    /// What has not been handed over, from the first that has not arrived on.
    segments: VecDeque<Slot>,
    /// The number of the first of them.
    first: u64,
    last_arrival: Instant,
    /// An acknowledgement was lost, and will be sent again.
    acknowledges_again: bool,
    /// Nobody is at the sending end any more: what gets lost is not sent again.
    is_abandoned: bool,
    /// Nothing more comes through: one side has failed.
    broken: bool,
}

/// One side of a connection.
pub(super) struct Side {
    pub(super) end: Uncounted<End>,
    pub(super) life: Life,
    pub(super) address: SocketAddr,
}

struct Slot {
    segment: Segment,
    has_arrived: bool,
}

pub(super) type PipeRef = Rc<RefCell<Pipe>>;

/// How often something is sent again. Source: Linux, `net.ipv4.tcp_retries2`.
const RETRIES_MAX: u32 = 15;

/// How long until something that was lost is sent again. Source: Linux, `TCP_RTO_MIN`,
/// `TCP_RTO_MAX`.
fn retry_after(attempt: u32) -> Duration {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(120);
    FIRST.saturating_mul(1 << attempt.min(20)).min(LONGEST)
}

fn now() -> Instant {
    with(|core| core.session.now)
}

impl Pipe {
    pub(super) fn new(sender: Side, receiver: Side) -> PipeRef {
        Rc::new(RefCell::new(Pipe {
            sender,
            receiver,
            segments: VecDeque::new(),
            first: 0,
            last_arrival: Instant::START,
            acknowledges_again: false,
            is_abandoned: false,
            broken: false,
        }))
    }

    fn packet(&self, number: u64) -> Option<Packet> {
        let slot = self.segments.get(usize::try_from(number.checked_sub(self.first)?).ok()?)?;
        let (kind, bytes) = match &slot.segment {
            Segment::Open => (PacketKind::Data, 0),
            Segment::Bytes(bytes) => (PacketKind::Data, bytes.len()),
            Segment::Finish => (PacketKind::Finish, 0),
        };
        let (from, to) = (self.sender.address, self.receiver.address);
        Some(Packet { from, to, kind, bytes })
    }

    /// Takes what has arrived, as far as nothing before it is missing.
    fn take_arrived(&mut self) -> Vec<Segment> {
        let mut arrived = Vec::new();
        while self.segments.front().is_some_and(|slot| slot.has_arrived) {
            arrived.extend(self.segments.pop_front().map(|slot| slot.segment));
            self.first += 1;
        }
        arrived
    }
}

/// Sends a segment.
pub(super) fn push(pipe: &PipeRef, segment: Segment) {
    let number = {
        let mut pipe = pipe.borrow_mut();
        pipe.segments.push_back(Slot { segment, has_arrived: false });
        pipe.first + pipe.segments.len() as u64 - 1
    };
    depart(pipe, number, 0);
}

/// Lets nothing more through.
pub(super) fn cut_off(pipe: &PipeRef) {
    let mut pipe = pipe.borrow_mut();
    pipe.broken = true;
    pipe.segments.clear();
}

fn depart(pipe: &PipeRef, number: u64, attempt: u32) {
    let (from, to) = {
        let pipe = pipe.borrow();
        let is_gone = pipe.is_abandoned || !pipe.sender.life.is_alive();
        if pipe.broken || is_gone || pipe.packet(number).is_none() {
            return;
        }
        (pipe.sender.life.host, pipe.receiver.life.host)
    };
    let resets = network().with(|network| network.links.way(from, to).resets);
    if strikes("a connection is reset", resets) {
        return reset_both(pipe);
    }
    travel(pipe, number, attempt);
}

/// What has departed goes on, whatever becomes of who has sent it.
fn travel(pipe: &PipeRef, number: u64, attempt: u32) {
    let (from, to, packet) = {
        let pipe = pipe.borrow();
        let Some(packet) = pipe.packet(number).filter(|_| !pipe.broken) else { return };
        (pipe.sender.life.host, pipe.receiver.life.host, packet)
    };
    let departed = now();
    match send(from, to, &packet) {
        Fate::Arrives(when) => {
            let when = {
                let mut pipe = pipe.borrow_mut();
                pipe.last_arrival = pipe.last_arrival.max(when);
                pipe.last_arrival
            };
            let pipe = Rc::clone(pipe);
            at(when, move || arrive(&pipe, number, attempt, departed));
        }
        Fate::Lost => send_again(pipe, number, attempt, departed),
        Fate::Held => {
            let pipe = Rc::clone(pipe);
            hold(from, to, Box::new(move || travel(&pipe, number, attempt)));
        }
    }
}

fn send_again(pipe: &PipeRef, number: u64, attempt: u32, departed: Instant) {
    let pipe = Rc::clone(pipe);
    let when = departed.saturating_add(retry_after(attempt)).max(now());
    at(when, move || match attempt {
        RETRIES_MAX => time_out(&pipe),
        _ => depart(&pipe, number, attempt + 1),
    });
}

/// The sender has heard nothing for too long.
fn time_out(pipe: &PipeRef) {
    if pipe.borrow().broken {
        return;
    }
    cut_off(pipe);
    let sender = pipe.borrow().sender.end;
    fail(sender, io::ErrorKind::TimedOut);
}

fn arrive(pipe: &PipeRef, number: u64, attempt: u32, departed: Instant) {
    let (receiver, life) = {
        let pipe = pipe.borrow();
        if pipe.broken || pipe.packet(number).is_none() {
            return;
        }
        (pipe.receiver.end, pipe.receiver.life)
    };
    if life_of(life.host).is_none() {
        // Nobody is there to say that nobody is there.
        return send_again(pipe, number, attempt, departed);
    }
    if !life.is_alive() || !receiver.is_live() {
        return refuse(pipe);
    }
    let arrived = {
        let mut pipe = pipe.borrow_mut();
        let place = (number - pipe.first) as usize;
        pipe.segments[place].has_arrived = true;
        pipe.take_arrived()
    };
    if !arrived.is_empty() {
        deliver(pipe, receiver, arrived);
    }
}

/// Says that there is no such connection, and again if that is lost: the sender would ask again.
pub(super) fn refuse(pipe: &PipeRef) {
    let receiver = pipe.borrow().receiver.life.host;
    match life_of(receiver) {
        Some(_) => refuse_again(pipe, 0),
        // Its power was cut when it had just received something: that would be sent again.
        None => push(pipe, Segment::Bytes(Vec::new())),
    }
}

/// The receiver has gone without a word: whoever waits to send more, or to hear what was received,
/// asks from time to time. Source: RFC 9293, 3.8.6.1.
pub(super) fn probe(pipe: &PipeRef) {
    let (sender, is_unheard) = {
        let pipe = pipe.borrow();
        (pipe.sender.end, pipe.acknowledges_again)
    };
    let is_full = sender.try_with(|end| end.room() == 0) == Some(true);
    if (is_full || is_unheard) && !pipe.borrow().broken {
        push(pipe, Segment::Bytes(Vec::new()));
    }
}

fn refuse_again(pipe: &PipeRef, attempt: u32) {
    let (from, to, packet, sender) = {
        let pipe = pipe.borrow();
        let (from, to) = (pipe.receiver.address, pipe.sender.address);
        let packet = Packet { from, to, kind: PacketKind::Reset, bytes: 0 };
        (pipe.receiver.life.host, pipe.sender.life.host, packet, pipe.sender.end)
    };
    cut_off(pipe);
    if send_reset(from, to, packet, sender, None) == Fate::Lost && attempt < RETRIES_MAX {
        let pipe = Rc::clone(pipe);
        let when = now().saturating_add(retry_after(attempt));
        at(when, move || refuse_again(&pipe, attempt + 1));
    }
}

/// Resets the other side of a pipe, at whose sending end nobody is any more: behind what is on its
/// way, which arrives as if nothing had happened. What was lost is not sent again.
pub(super) fn reset(pipe: &PipeRef) {
    let (from, to, packet, receiver) = {
        let mut pipe = pipe.borrow_mut();
        pipe.is_abandoned = true;
        let (from, to) = (pipe.sender.address, pipe.receiver.address);
        let packet = Packet { from, to, kind: PacketKind::Reset, bytes: 0 };
        (pipe.sender.life.host, pipe.receiver.life.host, packet, pipe.receiver.end)
    };
    send_reset(from, to, packet, receiver, Some(Rc::clone(pipe)));
}

/// A fault: something on the way has reset the connection, and tells both sides.
fn reset_both(pipe: &PipeRef) {
    cut_off(pipe);
    let (sender, receiver, from, to) = {
        let pipe = pipe.borrow();
        let (from, to) = (pipe.sender.life.host, pipe.receiver.life.host);
        (pipe.sender.end, pipe.receiver.end, from, to)
    };
    let when = now().saturating_add(shortest(from, to));
    at(when, move || fail(receiver, io::ErrorKind::ConnectionReset));
    fail(sender, io::ErrorKind::ConnectionReset);
}

/// Sends a reset, which does not overtake what is on its way through `behind`.
fn send_reset(
    from: u32,
    to: u32,
    packet: Packet,
    end: Uncounted<End>,
    behind: Option<PipeRef>,
) -> Fate {
    let fate = send(from, to, &packet);
    match fate {
        Fate::Arrives(when) => {
            let behind = behind.map_or(Instant::START, |pipe| pipe.borrow().last_arrival);
            at(when.max(behind), move || fail(end, io::ErrorKind::ConnectionReset));
        }
        Fate::Lost => {}
        Fate::Held => {
            let again = move || {
                send_reset(from, to, packet, end, behind);
            };
            hold(from, to, Box::new(again));
        }
    }
    fate
}

/// Lets the sender know what has arrived, and what the reader has taken of it.
pub(super) fn acknowledge(pipe: &PipeRef) {
    if !pipe.borrow().acknowledges_again {
        send_acknowledgement(pipe, 0);
    }
}

fn send_acknowledgement(pipe: &PipeRef, attempt: u32) {
    let receiver = {
        let pipe = pipe.borrow();
        if !pipe.receiver.life.is_alive() {
            return;
        }
        pipe.receiver.end
    };
    let Some(heard) = receiver.try_with(End::announce) else { return };
    pipe.borrow_mut().acknowledges_again = false;
    carry_acknowledgement(pipe, heard, attempt);
}

fn carry_acknowledgement(pipe: &PipeRef, heard: Heard, attempt: u32) {
    let (from, to, packet) = {
        let pipe = pipe.borrow();
        if pipe.broken {
            return;
        }
        let (from, to) = (pipe.receiver.address, pipe.sender.address);
        let packet = Packet { from, to, kind: PacketKind::Acknowledgement, bytes: 0 };
        (pipe.receiver.life.host, pipe.sender.life.host, packet)
    };
    match send(from, to, &packet) {
        Fate::Arrives(when) => {
            let pipe = Rc::clone(pipe);
            at(when, move || acknowledged(pipe.borrow().sender.end, heard));
        }
        Fate::Lost => {
            pipe.borrow_mut().acknowledges_again = true;
            let pipe = Rc::clone(pipe);
            let when = now().saturating_add(retry_after(attempt));
            at(when, move || match attempt {
                RETRIES_MAX => time_out(&pipe),
                _ => send_acknowledgement(&pipe, attempt + 1),
            });
        }
        Fate::Held => {
            let pipe = Rc::clone(pipe);
            hold(from, to, Box::new(move || carry_acknowledgement(&pipe, heard, attempt)));
        }
    }
}
