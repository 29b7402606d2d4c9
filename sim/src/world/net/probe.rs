//! Who waits for room where none is left asks from time to time. Source: RFC 9293, 3.8.6.1, and
//! Linux, `tcp_probe_timer`.
//!
//! A question that would be answered as the last one is not asked: otherwise a simulation in which
//! nobody reads would go on for ever. So there is a timer only while something is amiss, and it
//! fires when it would have fired had it run all the time.

use std::rc::Rc;

use super::link::{Loss, WayState, at, transmit};
use super::network::network;
use super::pipe::{LONGEST, Pipe, PipeRef, RETRIES_MAX, acknowledge, back_of, now, retry_after};
use super::presence::{Presence, send_reset, time_out};
use super::rules::PacketKind;
use crate::base::Instant;
use crate::event_loop::{OutsideKey, cancel_outside};

/// How often it is asked before it is given up, the last time included.
const ASKS_MAX: u32 = RETRIES_MAX + 1;

/// A sender that waits for room.
pub(super) struct Stall {
    /// When it asks next if it asks at all, and how often it has done so or could have.
    next: Instant,
    asked: u32,
    /// How often it has asked since there was an answer.
    unanswered: u32,
    /// Somebody has waited since it asked last.
    is_wanted: bool,
    /// How often it asks yet where nothing is amiss but that there are rules.
    doubts: u32,
    timer: Option<OutsideKey>,
}

impl Stall {
    /// Passes over the times before `now`, at which the answer would have been the last one.
    fn catch_up(&mut self, now: Instant) {
        while self.next < now {
            let step = retry_after(self.asked);
            self.asked = self.asked.saturating_add(1);
            self.next = self.next.saturating_add(step);
            if step == LONGEST && self.next < now {
                let behind = now.duration_since(self.next).as_nanos();
                let steps = behind.div_ceil(step.as_nanos());
                let steps = u32::try_from(steps).unwrap_or(u32::MAX);
                self.next = self.next.saturating_add(step.saturating_mul(steps));
            }
        }
    }
}

impl Pipe {
    /// The sender waits for room no more.
    pub(super) fn end_stall(&mut self) {
        let Some(stall) = self.stall.take() else { return };
        stall.timer.into_iter().for_each(cancel_outside);
        let key = (self.sender.life.host, self.sender.number);
        network().with(|network| network.stalled.remove(&key));
    }
}

/// Begins to wait, if all that was sent is acknowledged and somebody waits for room.
pub(super) fn wait_for_room(pipe: &PipeRef) {
    let key = {
        let mut pipe = pipe.borrow_mut();
        if !pipe.is_full() {
            return;
        }
        let next = now().saturating_add(retry_after(0));
        // Who waits again and again, for a short time each, waits on.
        let stall = pipe.stall.get_or_insert(Stall {
            next,
            asked: 1,
            unanswered: 0,
            is_wanted: true,
            doubts: ASKS_MAX,
            timer: None,
        });
        stall.is_wanted = true;
        (pipe.sender.life.host, pipe.sender.number)
    };
    network().with(|network| _ = network.stalled.insert(key, Rc::clone(pipe)));
    stir(pipe);
}

/// The sender has heard something.
pub(super) fn reconsider(pipe: &PipeRef) {
    let (is_full, is_stalled, sender) = {
        let pipe = pipe.borrow();
        (pipe.is_full(), pipe.stall.is_some(), pipe.sender)
    };
    match (is_full, is_stalled) {
        (false, true) => pipe.borrow_mut().end_stall(),
        (true, true) => {
            if let Some(stall) = &mut pipe.borrow_mut().stall {
                stall.unanswered = 0;
            }
            if !is_amiss(pipe) {
                rest(pipe);
            }
        }
        (true, false) if sender.end.try_look(|end| end.is_awaited()) == Some(true) => {
            wait_for_room(pipe);
        }
        _ => {}
    }
}

/// Asks no more, until something is amiss again.
fn rest(pipe: &PipeRef) {
    let timer = pipe.borrow_mut().stall.as_mut().and_then(|stall| {
        stall.unanswered = 0;
        stall.timer.take()
    });
    timer.into_iter().for_each(cancel_outside);
}

/// Tells whether the answer to a question might be another one than the last.
fn is_amiss(pipe: &PipeRef) -> bool {
    let (receiver, from, to, has_news, doubts) = {
        let pipe = pipe.borrow();
        let (from, to) = pipe.hosts();
        let has_news = pipe.to_announce() > pipe.known.taken;
        (pipe.receiver, from, to, has_news, pipe.stall.as_ref().map_or(0, |stall| stall.doubts))
    };
    network().with(|network| {
        let presence = network.presence(receiver);
        let (there, back) = (network.links.state(from, to), network.links.state(to, from));
        match (there, back) {
            // What is held is on its way.
            (WayState::Held, _) => false,
            (WayState::Cut, _) => true,
            (WayState::Open, _) if presence == Presence::Down => true,
            (WayState::Open, WayState::Held) => false,
            (WayState::Open, WayState::Cut) => true,
            // Nobody knows what a rule does with the next packet: it is asked for as often as it
            // takes to time out.
            (WayState::Open, WayState::Open) => {
                let has_rules = network.has_rules() && from != to && doubts > 0;
                has_news || presence == Presence::Gone || has_rules
            }
        }
    })
}

/// Something has changed for a sender that may be waiting for room.
pub(super) fn stir(pipe: &PipeRef) {
    let rests = pipe.borrow().stall.as_ref().is_some_and(|stall| stall.timer.is_none());
    match rests && is_amiss(pipe) {
        true => arm(pipe),
        false if rests => rest(pipe),
        false => {}
    }
}

/// The same of all who wait: a link or the rules are others now.
pub(super) fn stir_all() {
    let all: Vec<PipeRef> = network().with(|network| network.stalled.values().cloned().collect());
    for pipe in &all {
        if let Some(stall) = &mut pipe.borrow_mut().stall {
            stall.doubts = ASKS_MAX;
        }
        stir(pipe);
    }
}

fn arm(pipe: &PipeRef) {
    let when = match &mut pipe.borrow_mut().stall {
        Some(stall) => {
            stall.catch_up(now());
            stall.next
        }
        None => return,
    };
    let later = Rc::clone(pipe);
    let timer = at(when, move || fire(&later));
    if let Some(stall) = &mut pipe.borrow_mut().stall {
        stall.timer = Some(timer);
    }
}

fn fire(pipe: &PipeRef) {
    let sender = pipe.borrow().sender;
    let is_awaited = sender.end.try_look(|end| end.is_awaited()) == Some(true);
    let is_wanted = pipe.borrow_mut().stall.as_mut().is_some_and(|stall| {
        stall.timer = None;
        std::mem::take(&mut stall.is_wanted)
    });
    if sender.presence() != Presence::Here {
        return pipe.borrow_mut().end_stall();
    }
    if !is_wanted && !is_awaited {
        // The count goes on when somebody waits again.
        return;
    }
    if !is_amiss(pipe) {
        return rest(pipe);
    }
    let is_given_up = match &mut pipe.borrow_mut().stall {
        Some(stall) => {
            let step = retry_after(stall.asked);
            stall.next = stall.next.saturating_add(step);
            stall.asked = stall.asked.saturating_add(1);
            stall.doubts = stall.doubts.saturating_sub(1);
            stall.unanswered += 1;
            stall.unanswered > RETRIES_MAX
        }
        None => return,
    };
    if is_given_up {
        return time_out(pipe);
    }
    arm(pipe);
    ask(pipe);
}

fn ask(pipe: &PipeRef) {
    let (from, to, packet) = {
        let pipe = pipe.borrow();
        let (from, to) = pipe.hosts();
        (from, to, pipe.packet(PacketKind::Probe, 0))
    };
    let pipe = Rc::clone(pipe);
    transmit(from, to, packet, Loss::Possible, move |arrives| {
        if let Some(when) = arrives {
            let when = pipe.borrow_mut().in_order(when);
            at(when, move || be_asked(&pipe));
        }
    });
}

fn be_asked(pipe: &PipeRef) {
    let presence = pipe.borrow().receiver.presence();
    match presence {
        Presence::Here | Presence::Left => acknowledge(pipe),
        Presence::Gone => back_of(pipe).iter().for_each(|back| send_reset(back, None)),
        Presence::Down => {}
    }
}
