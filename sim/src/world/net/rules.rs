//! Rules: what a program says about single packets.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::network::network;
use super::probe::check_persist_timers;
use crate::event_loop::{context_id, try_with};
use crate::world::inside::assert_inside;

/// Something on its way from one host to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packet {
    /// The socket that sent it.
    pub from: SocketAddr,
    /// The socket to which it goes.
    pub to: SocketAddr,
    /// What it is.
    pub kind: PacketKind,
    /// How many bytes of the program's it carries.
    pub bytes: usize,
}

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketKind {
    /// Asks for a connection: SYN.
    Connect,
    /// Says yes to that: SYN and ACK.
    Accept,
    /// Says that this was heard: the ACK with which the connection is there for who has accepted
    /// it. It is sent again until it is acknowledged.
    Confirm,
    /// Bytes of a stream.
    Data,
    /// Asks whether there is room by now: a zero-window probe.
    Probe,
    /// The end of what a side sends on a stream: FIN.
    Finish,
    /// Says what has arrived, and what the reader has taken: ACK.
    Acknowledgement,
    /// There is no such connection, or no longer: RST.
    Reset,
    /// A datagram of UDP.
    Datagram,
    /// Nobody is bound where a datagram has arrived: ICMP, port unreachable. It is sent to a
    /// [connected](super::UdpSocket::connect) socket alone; no other would hear it.
    Unreachable,
}

/// What is to become of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The next rule decides; after the last one the link does.
    Pass,
    /// It arrives after this time, whatever the link says, but for the bandwidth. One that is
    /// longer than virtual time is a panic: [drop](Self::Drop) the packet.
    Deliver(Duration),
    /// It is lost.
    Drop,
}

/// A rule in force; dropping it ends the rule.
#[must_use = "dropping the guard ends the rule; `forget` it to keep the rule to the end"]
pub struct RuleGuard {
    context: u32,
    simulation: u64,
    number: u64,
}

pub(super) type Rule = Box<dyn FnMut(&Packet) -> Verdict>;

/// Puts a rule in force: each packet from one host to another is shown to the rules, the oldest
/// first, and the first that does not [pass](Verdict::Pass) it decides.
///
/// What a rule sends itself, or lets somebody send (the resets of a host that it crashes), leaves
/// when the rules have decided on the packet at hand, and is shown to all of them like any other.
///
/// ```
/// use seedloop::net::{self, PacketKind, Verdict};
///
/// # seedloop::run(async {
/// let mut seen = 0;
/// let rule = net::rule(move |packet| {
///     seen += u32::from(packet.kind == PacketKind::Datagram);
///     if seen == 3 { Verdict::Drop } else { Verdict::Pass }
/// });
/// # drop(rule); Ok(()) }).unwrap();
/// ```
#[track_caller]
pub fn rule(rule: impl FnMut(&Packet) -> Verdict + 'static) -> RuleGuard {
    assert_inside("a rule was put in force");
    let (simulation, number) = network().with(|network| {
        network.rules_made += 1;
        network.rules.push((network.rules_made, Box::new(rule) as Rule));
        (network.simulation, network.rules_made)
    });
    check_persist_timers();
    RuleGuard { context: context_id(), simulation, number }
}

impl RuleGuard {
    /// Keeps the rule in force to the end of the simulation.
    pub fn forget(mut self) {
        self.number = 0;
    }
}

impl Drop for RuleGuard {
    fn drop(&mut self) {
        if self.context != context_id() || try_with(|_| ()).is_none() {
            return;
        }
        let removed = network().with(|network| {
            if network.simulation != self.simulation {
                return None;
            }
            let position = network.rules.iter().position(|(number, _)| *number == self.number);
            if position.is_none() && self.number != 0 && network.is_asking {
                // The rules are being asked: it goes when they are put back.
                network.rules_ended.push(self.number);
            }
            position.map(|position| network.rules.remove(position))
        });
        drop(removed);
    }
}

impl fmt::Debug for RuleGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuleGuard({})", self.number)
    }
}

/// Asks the rules.
pub(super) fn verdict(packet: &Packet) -> Verdict {
    let mut asked = Asked::take();
    let mut verdicts = asked.rules.iter_mut().map(|(_, rule)| rule(packet));
    verdicts.find(|verdict| *verdict != Verdict::Pass).unwrap_or(Verdict::Pass)
}

/// The rules, taken out so that no borrow is held while they run. They go back when they have been
/// asked, also by a panic of one.
struct Asked {
    rules: Vec<(u64, Rule)>,
    simulation: u64,
}

impl Asked {
    fn take() -> Self {
        network().with(|network| {
            network.is_asking = true;
            Asked { rules: std::mem::take(&mut network.rules), simulation: network.simulation }
        })
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let rules = std::mem::take(&mut self.rules);
        let ended = network().with(|network| {
            if network.simulation != self.simulation {
                return rules;
            }
            network.is_asking = false;
            // Those that a rule has made meanwhile come last.
            let made = std::mem::replace(&mut network.rules, rules);
            network.rules.extend(made);
            let ended = std::mem::take(&mut network.rules_ended);
            if ended.is_empty() {
                return Vec::new();
            }
            let all = std::mem::take(&mut network.rules).into_iter();
            let (ended, stays) = all.partition(|(number, _)| ended.contains(number));
            network.rules = stays;
            ended
        });
        drop(ended);
    }
}
