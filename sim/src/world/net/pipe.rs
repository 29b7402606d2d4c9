//! One direction of a connection: segments that arrive in their order, and are sent again until
//! they are acknowledged.
//!
//! What would happen anyway takes no event: a timer runs only for what was lost, or has come to
//! nobody.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::link::{Loss, at, transmit};
use super::listener::admit;
use super::network::network;
use super::orphans::{come_to_orphan, settle};
use super::presence::{Presence, be_reset, reset_by_fault, send_reset, time_out};
use super::probe::{Stall, check_persist_timer, update_persist_timer};
use super::rules::{Packet, PacketKind};
use super::tcp::{End, LEAST_WINDOW, WINDOW, deliver, has_room};
use crate::base::Instant;
use crate::event_loop::{OutsideKey, Uncounted, cancel_outside, with};
use crate::world::fault::strikes;
use crate::world::host::Life;

/// What travels on a stream.
pub(super) enum Segment {
    /// The first word of who has connected.
    Open,
    Bytes(Vec<u8>),
    Finish,
}

/// One direction of a connection, as both hosts know it. It outlives the end that sends.
pub(super) struct Pipe {
    pub(super) sender: Side,
    pub(super) receiver: Side,
    /// The other direction.
    back: Weak<RefCell<Pipe>>,
    /// What the sender does not know to have arrived, from the first such segment on.
    segments: VecDeque<Slot>,
    /// The number of the first of them.
    first: u64,
    /// The number of the first segment that was not handed over.
    next: u64,
    /// How many bytes were sent.
    sent: u64,
    /// How far the receiver has come with them, of how many taken bytes it has told, and how far
    /// it has come as far as the sender knows.
    pub(super) heard: Heard,
    announced: u64,
    pub(super) known: Heard,
    last_arrival: Instant,
    /// The sending end sends nothing any more, and nothing again.
    is_abandoned: bool,
    /// The sender waits for room.
    pub(super) stall: Option<Stall>,
}

/// One side of a connection.
#[derive(Clone, Copy)]
pub(super) struct Side {
    pub(super) end: Uncounted<End>,
    pub(super) number: u64,
    pub(super) life: Life,
    pub(super) address: SocketAddr,
}

/// How far a side has come with what it was sent: what each segment says that it sends itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    /// How many segments have arrived, with how many bytes, and how many of these the program has
    /// taken.
    segments: u64,
    pub(super) received: u64,
    pub(super) taken: u64,
    /// The end has arrived.
    pub(super) end: bool,
}

/// A segment that was sent.
struct Slot {
    kind: PacketKind,
    bytes: usize,
    /// What it holds, until that is handed over.
    segment: Option<Segment>,
    has_arrived: bool,
    /// When it was sent last, and how often it was sent again.
    departed: Instant,
    attempt: u32,
    /// When it is sent again.
    again: Option<OutsideKey>,
}

pub(super) type PipeRef = Rc<RefCell<Pipe>>;

/// How often something is sent again. Source: Linux, `net.ipv4.tcp_retries2`.
pub(super) const RETRIES_MAX: u32 = 15;

/// The same when no program has the stream any more. Source: Linux, `tcp_orphan_retries`.
const RETRIES_OF_ORPHANS: u32 = 8;

/// The longest time until something is sent again. Source: Linux, `TCP_RTO_MAX`.
pub(super) const LONGEST: Duration = Duration::from_secs(120);

/// How long until something that was lost is sent again. Source: Linux, `TCP_RTO_MIN`.
pub(super) fn retry_after(attempt: u32) -> Duration {
    const FIRST: Duration = Duration::from_millis(200);
    FIRST.saturating_mul(1 << attempt.min(20)).min(LONGEST)
}

pub(super) fn now() -> Instant {
    with(|core| core.session.now)
}

impl Pipe {
    /// Both directions of a connection.
    pub(super) fn both(one: Side, other: Side) -> (PipeRef, PipeRef) {
        let there = Rc::new(RefCell::new(Pipe::new(one, other)));
        let back = Rc::new(RefCell::new(Pipe::new(other, one)));
        there.borrow_mut().back = Rc::downgrade(&back);
        back.borrow_mut().back = Rc::downgrade(&there);
        (there, back)
    }

    fn new(sender: Side, receiver: Side) -> Self {
        Pipe {
            sender,
            receiver,
            back: Weak::new(),
            segments: VecDeque::new(),
            first: 0,
            next: 0,
            sent: 0,
            heard: Heard::default(),
            announced: 0,
            known: Heard::default(),
            last_arrival: Instant::START,
            is_abandoned: false,
            stall: None,
        }
    }

    pub(super) fn hosts(&self) -> (u32, u32) {
        (self.sender.life.host, self.receiver.life.host)
    }

    /// A packet of this direction.
    pub(super) fn packet(&self, kind: PacketKind, bytes: usize) -> Packet {
        Packet { from: self.sender.address, to: self.receiver.address, kind, bytes }
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        self.segments.get_mut(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    fn append(&mut self, segment: Segment) -> u64 {
        let (kind, bytes) = match &segment {
            Segment::Open => (PacketKind::Confirm, 0),
            Segment::Bytes(bytes) => (PacketKind::Data, bytes.len()),
            Segment::Finish => (PacketKind::Finish, 0),
        };
        self.sent += bytes as u64;
        let segment = Some(segment);
        let (departed, again) = (Instant::START, None);
        let slot = Slot { kind, bytes, segment, has_arrived: false, departed, attempt: 0, again };
        self.segments.push_back(slot);
        self.first + self.segments.len() as u64 - 1
    }

    /// When something that takes until `when` arrives: not before what was sent before.
    pub(super) fn in_order(&mut self, when: Instant) -> Instant {
        self.last_arrival = self.last_arrival.max(when);
        self.last_arrival
    }

    /// Takes what has arrived, as far as nothing before it is missing.
    fn take_arrived(&mut self) -> Vec<Segment> {
        let mut arrived = Vec::new();
        while let Some(slot) = self.slot(self.next).filter(|slot| slot.has_arrived) {
            arrived.extend(slot.segment.take());
            self.next += 1;
        }
        arrived
    }

    /// The receiver has got so much.
    pub(super) fn hear(&mut self, segments: &[Segment]) {
        for segment in segments {
            self.heard.segments += 1;
            match segment {
                Segment::Open => {}
                Segment::Bytes(bytes) => self.heard.received += bytes.len() as u64,
                Segment::Finish => self.heard.end = true,
            }
        }
    }

    /// How far the receiver has come, which the sender is told now.
    fn announce(&mut self) -> Heard {
        self.announced = self.to_announce();
        Heard { taken: self.announced, ..self.heard }
    }

    /// Of how many taken bytes the receiver would tell now: a window of less than the least one is
    /// not opened, and one that is open is not taken back. Source: Linux, `__tcp_select_window`.
    pub(super) fn to_announce(&self) -> u64 {
        match WINDOW - (self.heard.received - self.heard.taken) >= LEAST_WINDOW {
            true => self.heard.taken,
            false => self.announced,
        }
    }

    /// Tells whether the receiver may say at once that the window has opened: it is twice as wide
    /// as the sender knows, at least. Source: Linux, `__tcp_cleanup_rbuf`.
    pub(super) fn has_opened(&self) -> bool {
        let window = |taken| taken + WINDOW - self.heard.received;
        let (old, new) = (window(self.announced), window(self.to_announce()));
        new >= LEAST_WINDOW && new >= 2 * old
    }

    /// How many bytes more may be sent.
    pub(super) fn room(&self) -> u64 {
        WINDOW - (self.sent - self.known.taken)
    }

    /// How many bytes the host of the receiver has not acknowledged.
    pub(super) fn unacknowledged(&self) -> u64 {
        self.sent - self.known.received
    }

    /// Tells whether all that was sent is acknowledged, and no more fits.
    pub(super) fn is_full(&self) -> bool {
        self.segments.is_empty() && self.room() == 0 && !self.is_abandoned
    }

    /// Tells whether it sends nothing any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned
    }

    /// Tells whether a segment holds bytes.
    pub(super) fn is_data(&mut self, number: u64) -> bool {
        self.slot(number).is_some_and(|slot| slot.kind == PacketKind::Data)
    }

    /// Tells whether the receiver has got all that there was to get and knows that all of its own
    /// has arrived: what is left of it answers whoever sends the end again. Source: RFC 9293,
    /// TIME-WAIT.
    fn is_over(&self) -> bool {
        let is_acknowledged = |back: PipeRef| back.borrow().known.end;
        self.receiver.life.is_alive()
            && self.heard.end
            && self.back.upgrade().is_some_and(is_acknowledged)
    }

    /// Sends nothing any more, and nothing again. What is on its way arrives.
    pub(super) fn abandon(&mut self) {
        self.is_abandoned = true;
        let timers = self.segments.iter_mut().filter_map(|slot| slot.again.take());
        timers.for_each(cancel_outside);
        self.end_stall();
    }
}

/// The other direction, if anybody is left who uses it.
pub(super) fn back_of(pipe: &PipeRef) -> Option<PipeRef> {
    pipe.borrow().back.upgrade()
}

/// Sends a segment.
pub(super) fn push(pipe: &PipeRef, segment: Segment) {
    let number = pipe.borrow_mut().append(segment);
    depart(pipe, number);
}

fn depart(pipe: &PipeRef, number: u64) {
    let (from, to) = {
        let pipe = pipe.borrow();
        if pipe.is_abandoned || !pipe.sender.life.is_alive() {
            return;
        }
        pipe.hosts()
    };
    let resets = network().with(|network| network.links.way(from, to).strikes_resets());
    if strikes("a connection is reset", resets) {
        return reset_by_fault(pipe);
    }
    let told = back_of(pipe).map(|back| back.borrow_mut().announce());
    travel(pipe, number, told);
}

/// What has departed goes on, whatever becomes of who has sent it. It says how far its sender has
/// come itself.
fn travel(pipe: &PipeRef, number: u64, told: Option<Heard>) {
    let (from, to, packet) = {
        let mut pipe = pipe.borrow_mut();
        let Some(slot) = pipe.slot(number) else { return };
        let (kind, bytes) = (slot.kind, slot.bytes);
        let (from, to) = pipe.hosts();
        (from, to, pipe.packet(kind, bytes))
    };
    let pipe = Rc::clone(pipe);
    transmit(from, to, packet, Loss::Possible, move |arrives| {
        if let Some(slot) = pipe.borrow_mut().slot(number) {
            slot.departed = now();
        }
        let Some(when) = arrives else { return retransmit_later(&pipe, number) };
        let when = pipe.borrow_mut().in_order(when);
        at(when, move || arrive(&pipe, number, told));
    });
}

/// Lets a segment be sent again of which the sender hears nothing, counted from when it was sent.
pub(super) fn retransmit_later(pipe: &PipeRef, number: u64) {
    let when = {
        let mut pipe = pipe.borrow_mut();
        if pipe.is_abandoned || !pipe.sender.life.is_alive() {
            return;
        }
        match pipe.slot(number).filter(|slot| slot.again.is_none()) {
            Some(slot) => slot.departed.saturating_add(retry_after(slot.attempt)).max(now()),
            None => return,
        }
    };
    let later = Rc::clone(pipe);
    let key = at(when, move || {
        let sender = later.borrow().sender;
        let retries_max = match sender.presence() {
            Presence::Left => RETRIES_OF_ORPHANS,
            _ => RETRIES_MAX,
        };
        let is_given_up = later.borrow_mut().slot(number).map(|slot| {
            slot.again = None;
            slot.attempt += 1;
            slot.attempt > retries_max
        });
        match is_given_up {
            Some(true) => time_out(&later),
            Some(false) => depart(&later, number),
            None => {}
        }
    });
    if let Some(slot) = pipe.borrow_mut().slot(number) {
        slot.again = Some(key);
    }
}

fn arrive(pipe: &PipeRef, number: u64, told: Option<Heard>) {
    let presence = pipe.borrow().receiver.presence();
    match presence {
        // Nobody is there to say that nobody is there.
        Presence::Down => return retransmit_later(pipe, number),
        Presence::Gone if pipe.borrow().is_over() => return acknowledge(pipe),
        Presence::Gone => return refuse(pipe, number),
        Presence::Left | Presence::Here => {}
    }
    if let (Some(told), Some(back)) = (told, back_of(pipe)) {
        acknowledged(&back, told);
    }
    let receiver = {
        let mut pipe = pipe.borrow_mut();
        let receiver = pipe.receiver.end;
        let (is_known, is_handed_over) = (number < pipe.heard.segments, number < pipe.next);
        match pipe.slot(number) {
            _ if is_known => None,
            Some(slot) if !is_handed_over => {
                Some((receiver, slot.segment.as_ref().is_some_and(is_first_word)))
            }
            // It is on its way to the program.
            _ => return,
        }
    };
    let Some((receiver, is_first_word)) = receiver else { return acknowledge(pipe) };
    if is_first_word && presence == Presence::Here && !admit(receiver) {
        // As if it had been lost. Source: Linux, `tcp_v4_syn_recv_sock` with a full queue.
        return retransmit_later(pipe, number);
    }
    let arrived = {
        let mut pipe = pipe.borrow_mut();
        if let Some(slot) = pipe.slot(number) {
            slot.has_arrived = true;
        }
        pipe.take_arrived()
    };
    match presence {
        Presence::Left => come_to_orphan(pipe, number, &arrived),
        _ if !arrived.is_empty() => deliver(pipe, receiver, number, arrived),
        _ => {}
    }
}

fn is_first_word(segment: &Segment) -> bool {
    matches!(segment, Segment::Open)
}

/// Says that there is no such connection. If that is lost the segment comes again.
pub(super) fn refuse(pipe: &PipeRef, number: u64) {
    if let Some(back) = back_of(pipe) {
        send_reset(&back, Some((Rc::clone(pipe), number)));
    }
}

/// Lets the sender know what has arrived, and what the reader has taken of it.
pub(super) fn acknowledge(pipe: &PipeRef) {
    let heard = pipe.borrow_mut().announce();
    let (from, to, packet) = {
        let pipe = pipe.borrow();
        let (to, from) = pipe.hosts();
        let Packet { from: there, to: here, .. } = pipe.packet(PacketKind::Acknowledgement, 0);
        (from, to, Packet { from: here, to: there, kind: PacketKind::Acknowledgement, bytes: 0 })
    };
    let pipe = Rc::clone(pipe);
    transmit(from, to, packet, Loss::Possible, move |arrives| {
        if let Some(when) = arrives {
            at(when, move || receive_acknowledgement(&pipe, heard));
            return;
        }
        // The newest of what it would have told of is sent again, if no other one tells of it.
        if let Some(newest) = heard.segments.checked_sub(1) {
            retransmit_later(&pipe, newest);
        }
        check_persist_timer(&pipe);
    });
}

/// An acknowledgement has arrived.
fn receive_acknowledgement(pipe: &PipeRef, heard: Heard) {
    let presence = pipe.borrow().sender.presence();
    match presence {
        Presence::Here | Presence::Left => acknowledged(pipe, heard),
        Presence::Down => {}
        Presence::Gone => {
            let is_over = back_of(pipe).is_some_and(|back| back.borrow().is_over());
            if !is_over {
                send_reset(pipe, None);
            }
        }
    }
}

/// The other side has come so far. What it says may be older than what is known.
fn acknowledged(pipe: &PipeRef, heard: Heard) {
    let (sender, has_opened) = {
        let mut pipe = pipe.borrow_mut();
        let known = pipe.known;
        pipe.known = Heard {
            segments: known.segments.max(heard.segments),
            received: known.received.max(heard.received),
            taken: known.taken.max(heard.taken),
            end: known.end || heard.end,
        };
        while pipe.first < pipe.known.segments {
            let slot = pipe.segments.pop_front();
            slot.and_then(|slot| slot.again).into_iter().for_each(cancel_outside);
            pipe.first += 1;
        }
        (pipe.sender, heard.taken > known.taken)
    };
    has_room(sender.end, has_opened);
    settle(sender);
    update_persist_timer(pipe);
}

/// A reset has arrived for the side that sends here.
pub(super) fn be_reset_behind(pipe: &PipeRef, when: Instant) {
    let (when, side) = {
        let mut pipe = pipe.borrow_mut();
        (pipe.in_order(when), pipe.receiver)
    };
    at(when, move || be_reset(side));
}
