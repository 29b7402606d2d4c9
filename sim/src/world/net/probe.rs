//! The persist timer: who waits for room where none is left sends zero-window probes from time to
//! time. Source: RFC 9293, 3.8.6.1, and Linux, `tcp_probe_timer`.
//!
//! A probe that would be answered as the last one is not sent: otherwise a simulation in which
//! nobody reads would go on for ever. So there is a timer only while one is needed, and it fires
//! when it would have fired had it run all the time.

use std::rc::Rc;

use super::link::{Loss, WayState, at, transmit};
use super::network::network;
use super::pipe::{LONGEST, Pipe, PipeRef, RETRIES_MAX, acknowledge, back_of, now, retry_after};
use super::presence::{Presence, send_reset, time_out};
use super::rules::PacketKind;
use crate::base::Instant;
use crate::event_loop::{OutsideKey, cancel_outside};

/// How many times a probe is due until the sender is given up, that time included.
const PROBES_MAX: u32 = RETRIES_MAX + 1;

/// A sender that waits for room.
pub(super) struct Stall {
    /// When it sends the next probe if it sends one at all, and how many it has sent or could have.
    next: Instant,
    probes: u32,
    /// How many it has sent since there was an answer.
    unanswered: u32,
    /// Somebody has waited since the last one.
    is_wanted: bool,
    /// How many it sends yet for the only reason that there are rules.
    probes_left: u32,
    timer: Option<OutsideKey>,
}

impl Stall {
    /// Passes over the times before `now`, at which the answer would have been the last one.
    fn catch_up(&mut self, now: Instant) {
        while self.next < now {
            let step = retry_after(self.probes);
            self.probes = self.probes.saturating_add(1);
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
            probes: 1,
            unanswered: 0,
            is_wanted: true,
            probes_left: PROBES_MAX,
            timer: None,
        });
        stall.is_wanted = true;
        (pipe.sender.life.host, pipe.sender.number)
    };
    network().with(|network| _ = network.stalled.insert(key, Rc::clone(pipe)));
    check_persist_timer(pipe);
}

/// The sender has heard something.
pub(super) fn update_persist_timer(pipe: &PipeRef) {
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
            if !needs_probe(pipe) {
                stop_persist_timer(pipe);
            }
        }
        (true, false) if sender.end.try_look(|end| end.is_awaited()) == Some(true) => {
            wait_for_room(pipe);
        }
        _ => {}
    }
}

/// Sends no more, until one is needed again.
fn stop_persist_timer(pipe: &PipeRef) {
    let timer = pipe.borrow_mut().stall.as_mut().and_then(|stall| {
        stall.unanswered = 0;
        stall.timer.take()
    });
    timer.into_iter().for_each(cancel_outside);
}

/// Tells whether the answer to a probe might be another one than the last.
fn needs_probe(pipe: &PipeRef) -> bool {
    let (receiver, from, to, has_news, probes_left) = {
        let pipe = pipe.borrow();
        let (from, to) = pipe.hosts();
        let has_news = pipe.to_announce() > pipe.known.taken;
        (
            pipe.receiver,
            from,
            to,
            has_news,
            pipe.stall.as_ref().map_or(0, |stall| stall.probes_left),
        )
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
            // Nobody knows what a rule does with the next packet: as many are sent as it takes to
            // time out.
            (WayState::Open, WayState::Open) => {
                let has_rules = network.has_rules() && from != to && probes_left > 0;
                has_news || presence == Presence::Gone || has_rules
            }
        }
    })
}

/// Something has changed for a sender that may be waiting for room.
pub(super) fn check_persist_timer(pipe: &PipeRef) {
    let rests = pipe.borrow().stall.as_ref().is_some_and(|stall| stall.timer.is_none());
    match rests && needs_probe(pipe) {
        true => start_persist_timer(pipe),
        false if rests => stop_persist_timer(pipe),
        false => {}
    }
}

/// The same of all who wait: a link or the rules are others now.
pub(super) fn check_persist_timers() {
    let all: Vec<PipeRef> = network().with(|network| network.stalled.values().cloned().collect());
    for pipe in &all {
        if let Some(stall) = &mut pipe.borrow_mut().stall {
            stall.probes_left = PROBES_MAX;
        }
        check_persist_timer(pipe);
    }
}

fn start_persist_timer(pipe: &PipeRef) {
    let when = match &mut pipe.borrow_mut().stall {
        Some(stall) => {
            stall.catch_up(now());
            stall.next
        }
        None => return,
    };
    let later = Rc::clone(pipe);
    let timer = at(when, move || persist_timer_fires(&later));
    if let Some(stall) = &mut pipe.borrow_mut().stall {
        stall.timer = Some(timer);
    }
}

fn persist_timer_fires(pipe: &PipeRef) {
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
    if !needs_probe(pipe) {
        return stop_persist_timer(pipe);
    }
    let is_given_up = match &mut pipe.borrow_mut().stall {
        Some(stall) => {
            let step = retry_after(stall.probes);
            stall.next = stall.next.saturating_add(step);
            stall.probes = stall.probes.saturating_add(1);
            stall.probes_left = stall.probes_left.saturating_sub(1);
            stall.unanswered += 1;
            stall.unanswered > RETRIES_MAX
        }
        None => return,
    };
    if is_given_up {
        return time_out(pipe);
    }
    start_persist_timer(pipe);
    send_probe(pipe);
}

fn send_probe(pipe: &PipeRef) {
    let (from, to, packet) = {
        let pipe = pipe.borrow();
        let (from, to) = pipe.hosts();
        (from, to, pipe.packet(PacketKind::Probe, 0))
    };
    let pipe = Rc::clone(pipe);
    transmit(from, to, packet, Loss::Possible, move |arrives| {
        if let Some(when) = arrives {
            let when = pipe.borrow_mut().in_order(when);
            at(when, move || receive_probe(&pipe));
        }
    });
}

fn receive_probe(pipe: &PipeRef) {
    let presence = pipe.borrow().receiver.presence();
    match presence {
        Presence::Here | Presence::Left => acknowledge(pipe),
        Presence::Gone => back_of(pipe).iter().for_each(|back| send_reset(back, None)),
        Presence::Down => {}
    }
}
