//! What somebody meets who sends something to a side of a connection, and how a side ends.

use std::io;
use std::rc::Rc;

use super::connect::be_refused;
use super::link::{Loss, transmit};
use super::listener::forget_request;
use super::network::{State, network};
use super::orphans::forget;
use super::pipe::{PipeRef, Side, back_of, be_reset_behind, retransmit_later};
use super::probe::check_persist_timer;
use super::rules::PacketKind;
use super::tcp::fail;
use crate::world::host::life_of;

/// What a segment meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// The host is down: nothing answers.
    Down,
    /// The host is up and knows no such connection, or no longer: a reset answers. Source: RFC
    /// 9293, 3.10.7.1.
    Gone,
    /// The program has let go of the stream, and the host keeps the connection until both sides
    /// have come to their end.
    Left,
    /// The program has the stream, or is about to get it.
    Here,
}

impl Side {
    pub(super) fn presence(self) -> Presence {
        network().with(|network| network.presence(self))
    }
}

impl State {
    pub(super) fn presence(&self, side: Side) -> Presence {
        if life_of(side.life.host).is_none() {
            return Presence::Down;
        }
        if !side.life.is_alive() {
            return Presence::Gone;
        }
        match side.end.try_look(|end| end.has_gone()) {
            Some(true) => Presence::Gone,
            Some(false) => Presence::Here,
            None if self.orphans.is_known(side) => Presence::Left,
            None => Presence::Gone,
        }
    }
}

/// Resets the other side of a pipe: behind what is on its way, which arrives as if nothing had
/// happened. What was lost is not sent again.
pub(super) fn reset(pipe: &PipeRef) {
    pipe.borrow_mut().abandon();
    send_reset(pipe, None);
}

/// Sends a reset, which does not overtake what is on its way. If it is lost, what it would have
/// refused is sent again.
pub(super) fn send_reset(pipe: &PipeRef, refused: Option<(PipeRef, u64)>) {
    carry_reset(pipe, Loss::Possible, refused);
}

fn carry_reset(pipe: &PipeRef, loss: Loss, refused: Option<(PipeRef, u64)>) {
    let (from, to, packet) = {
        let pipe = pipe.borrow();
        let (from, to) = pipe.hosts();
        (from, to, pipe.packet(PacketKind::Reset, 0))
    };
    let pipe = Rc::clone(pipe);
    transmit(from, to, packet, loss, move |arrives| match arrives {
        Some(when) => be_reset_behind(&pipe, when),
        None => {
            if let Some((refused, number)) = refused {
                retransmit_later(&refused, number);
            }
            back_of(&pipe).iter().for_each(check_persist_timer);
        }
    });
}

/// A reset has arrived.
pub(super) fn be_reset(side: Side) {
    match side.presence() {
        // What was only asked for is forgotten. Source: Linux, `tcp_check_req`.
        Presence::Here if forget_request(side.end) || be_refused(side.end) => {}
        Presence::Here => fail(side.end, io::ErrorKind::ConnectionReset),
        Presence::Left => forget(side),
        Presence::Down | Presence::Gone => {}
    }
}

/// A fault: something on the way has reset the connection, and tells both sides.
pub(super) fn reset_by_fault(pipe: &PipeRef) {
    pipe.borrow_mut().abandon();
    carry_reset(pipe, Loss::Spared, None);
    let sender = pipe.borrow().sender;
    be_reset(sender);
}

/// The sender has heard nothing for too long. It says nothing of that. Source: Linux,
/// `tcp_write_err`.
pub(super) fn time_out(pipe: &PipeRef) {
    let sender = pipe.borrow().sender;
    match sender.presence() {
        Presence::Here => fail(sender.end, io::ErrorKind::TimedOut),
        Presence::Left => forget(sender),
        Presence::Down | Presence::Gone => {}
    }
}
