//! Links: how long it takes from one host to another, and what gets lost.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::network::{State, network};
use super::probe::check_persist_timers;
use super::resolver::resolver;
use super::rules::{Packet, PacketKind, Verdict, verdict};
use crate::base::Instant;
use crate::event_loop::{Core, OutsideKey, call_outside_at, with};
use crate::world::delay::{check_range, choose_delay};
use crate::world::fault::{Ratio, strikes};
use crate::world::host::{Host, count, name_of};
use crate::world::inside::assert_inside;

/// The ways between hosts that [`between`], [`from_to`], [`around`] or [`everywhere`] names.
///
/// What is set stays for the whole simulation, and counts for what is sent from then on. In another
/// simulation the link of two hosts is of no use: all of its methods panic there.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    ways: Ways,
}

#[derive(Clone, Copy, Debug)]
enum Ways {
    /// From the one to the other.
    One(Host, Host),
    Both(Host, Host),
    /// Between one and all others, also those that are still to come.
    Around(Host),
    /// Also between hosts that are still to come.
    All,
}

/// The link between two hosts, both ways.
///
/// # Panics
///
/// When both are one host: what it sends itself takes no link.
#[must_use = "a link changes nothing by itself: call one of its methods"]
#[track_caller]
pub fn between(one: Host, other: Host) -> Link {
    let (one, other) = two(one, other);
    Link { ways: Ways::Both(one, other) }
}

/// The way from one host to another.
///
/// # Panics
///
/// When both are one host: what it sends itself takes no link.
#[must_use = "a link changes nothing by itself: call one of its methods"]
#[track_caller]
pub fn from_to(from: Host, to: Host) -> Link {
    let (from, to) = two(from, to);
    Link { ways: Ways::One(from, to) }
}

/// The links of one host with all others, both ways, also with those that are still to come:
/// `around(host).partition()` cuts it off, and `around(host).repair()` lets it in again.
#[must_use = "a link changes nothing by itself: call one of its methods"]
#[track_caller]
#[doc(alias = "isolate")]
pub fn around(host: Host) -> Link {
    host.assert_here();
    Link { ways: Ways::Around(host) }
}

/// All links, also those of hosts that are still to come; what was set for some of them before is
/// set anew.
#[must_use = "a link changes nothing by itself: call one of its methods"]
pub fn everywhere() -> Link {
    Link { ways: Ways::All }
}

#[track_caller]
fn two(one: Host, other: Host) -> (Host, Host) {
    assert!(one != other, "{one:?} has no link to itself; name two hosts");
    one.assert_here();
    other.assert_here();
    (one, other)
}

/// Lets everything through again.
pub(in crate::world) fn heal_network() {
    let all = everywhere().loss(Ratio::ZERO).duplication(Ratio::ZERO);
    all.resets(Ratio::ZERO).short_reads(Ratio::ZERO).repair();
    resolver().failures(Ratio::ZERO);
}

impl Link {
    /// Sets how long one way takes: a choice within `latency`, for each packet. From 0.5 to 5
    /// milliseconds unless set; a host reaches itself in no time.
    ///
    /// # Panics
    ///
    /// When the range is empty, or longer than virtual time.
    #[track_caller]
    pub fn latency(self, latency: RangeInclusive<Duration>) -> Self {
        check_range(&latency);
        self.set(|way| way.latency = latency.clone())
    }

    /// Sets how many bytes fit through each way in a second; unlimited unless set. What does not
    /// fit waits for its turn.
    ///
    /// # Panics
    ///
    /// When it is 0: use [`partition`](Self::partition) to let nothing through.
    #[track_caller]
    pub fn bandwidth(self, bytes_per_second: u64) -> Self {
        let Some(bandwidth) = NonZeroU64::new(bytes_per_second) else {
            panic!("a bandwidth of 0 lets nothing through; use `partition` for that");
        };
        self.set(|way| way.bandwidth = Some(bandwidth))
    }

    /// Sets how many packets get lost: a fault, which only an exploration chooses. A datagram is
    /// gone then; what belongs to a stream is sent again a while later.
    #[track_caller]
    pub fn loss(self, ratio: Ratio) -> Self {
        self.set(|way| way.loss = ratio)
    }

    /// Sets how many datagrams arrive twice: a fault.
    #[track_caller]
    pub fn duplication(self, ratio: Ratio) -> Self {
        self.set(|way| way.duplication = ratio)
    }

    /// Sets how often a stream is reset when something is sent on it: a fault. The side that has
    /// sent it hears of that at once, and the other side by a packet that rules see and may drop,
    /// and [`loss`](Self::loss) does not. While a way is cut or held nothing on it is reset.
    #[track_caller]
    pub fn resets(self, ratio: Ratio) -> Self {
        self.set(|way| way.resets = ratio)
    }

    /// Sets how often a read of a stream gets a part of what has come, from one byte to all but
    /// one: a fault. The rest is there for the next read. On this way are the bytes, not the
    /// reader.
    ///
    /// Without it what one call has written, up to 64 KiB, comes as a whole, and a program that
    /// takes a read for a message goes unnoticed; on a real network it may end anywhere. Source:
    /// RFC 9293, 3.1, a stream without boundaries.
    #[track_caller]
    pub fn short_reads(self, ratio: Ratio) -> Self {
        self.set(|way| way.short_reads = ratio)
    }

    /// Lets nothing through from now on; what is on its way arrives.
    #[track_caller]
    pub fn partition(self) -> Self {
        self.set(|way| way.state = WayState::Cut)
    }

    /// Holds what is sent from now on, until it is [released](Self::release).
    ///
    /// What is held is on its way: it stays there when the host that has sent it crashes. Rules see
    /// it, and it takes its share of the bandwidth, when it is released.
    #[track_caller]
    pub fn hold(self) -> Self {
        self.set(|way| way.state = WayState::Held)
    }

    /// Ends a partition: everything gets through again.
    #[track_caller]
    pub fn repair(self) -> Self {
        self.release()
    }

    /// Lets through again what gets through, and sends what was held, in its order.
    #[track_caller]
    pub fn release(self) -> Self {
        let mut held = Vec::new();
        let link = self.set(|way| {
            way.state = WayState::Open;
            held.extend(way.held.drain(..));
        });
        for send in held {
            send();
        }
        link
    }

    #[track_caller]
    fn set(self, mut change: impl FnMut(&mut Way)) -> Self {
        match self.ways {
            Ways::One(one, other) | Ways::Both(one, other) => {
                one.assert_here();
                other.assert_here();
            }
            Ways::Around(host) => host.assert_here(),
            Ways::All => {}
        }
        assert_inside("a link was changed");
        network().with(|network| network.links.change(self.ways, &mut change));
        check_persist_timers();
        self
    }
}

/// One way from a host to another.
pub(super) struct Way {
    latency: RangeInclusive<Duration>,
    bandwidth: Option<NonZeroU64>,
    loss: Ratio,
    pub(super) duplication: Ratio,
    resets: Ratio,
    pub(super) short_reads: Ratio,
    state: WayState,
    /// When what was sent before has left.
    busy_until: Instant,
    held: VecDeque<Box<dyn FnOnce()>>,
}

/// What gets through on a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WayState {
    Open,
    Cut,
    Held,
}

/// All ways, by the numbers of the two hosts; those that nobody has set or used are not there.
pub(super) struct Links {
    ways: BTreeMap<(u32, u32), Way>,
    /// How those of a host with hosts that are still to come are set, if it was
    /// [set](Ways::Around).
    around: BTreeMap<u32, Way>,
    common: Way,
}

const LATENCY: RangeInclusive<Duration> = Duration::from_micros(500)..=Duration::from_millis(5);

impl Default for Links {
    fn default() -> Self {
        Links { ways: BTreeMap::new(), around: BTreeMap::new(), common: Way::new(LATENCY) }
    }
}

impl Way {
    fn new(latency: RangeInclusive<Duration>) -> Self {
        Way {
            latency,
            bandwidth: None,
            loss: Ratio::ZERO,
            duplication: Ratio::ZERO,
            resets: Ratio::ZERO,
            short_reads: Ratio::ZERO,
            state: WayState::Open,
            busy_until: Instant::START,
            held: VecDeque::new(),
        }
    }

    /// One that is set like this one, and on which nothing is.
    fn like(&self) -> Self {
        Way { held: VecDeque::new(), latency: self.latency.clone(), ..*self }
    }

    /// How often it resets what is sent now: what does not get through is not reset on the way.
    pub(super) fn strikes_resets(&self) -> Ratio {
        if self.state == WayState::Open { self.resets } else { Ratio::ZERO }
    }

    /// When something of `bytes` bytes that is sent now has left.
    fn departs(&mut self, bytes: usize) -> Instant {
        let now = with(|core| core.session.now);
        let Some(bandwidth) = self.bandwidth else { return now };
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(bandwidth.get());
        let busy = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.busy_until = self.busy_until.max(now).saturating_add(busy);
        self.busy_until
    }
}

impl Links {
    fn change(&mut self, ways: Ways, change: &mut dyn FnMut(&mut Way)) {
        match ways {
            Ways::One(from, to) => change(self.way(from.index(), to.index())),
            Ways::Both(one, other) => {
                change(self.way(one.index(), other.index()));
                change(self.way(other.index(), one.index()));
            }
            Ways::Around(host) => {
                let host = host.index();
                let others = (0..count()).filter(|other| *other != host);
                for other in others {
                    change(self.way(host, other));
                    change(self.way(other, host));
                }
                let common = &self.common;
                change(self.around.entry(host).or_insert_with(|| common.like()));
            }
            Ways::All => {
                change(&mut self.common);
                self.around.values_mut().for_each(&mut *change);
                for ((from, to), way) in &mut self.ways {
                    if from != to {
                        change(way);
                    }
                }
            }
        }
    }

    pub(super) fn way(&mut self, from: u32, to: u32) -> &mut Way {
        let (around, common) = (&self.around, &self.common);
        let fresh = || match from == to {
            true => Way::new(Duration::ZERO..=Duration::ZERO),
            false => template(around, common, from, to).like(),
        };
        self.ways.entry((from, to)).or_insert_with(fresh)
    }

    /// Tells what gets through, whether or not anybody has used that way.
    pub(super) fn state(&self, from: u32, to: u32) -> WayState {
        match self.ways.get(&(from, to)) {
            Some(way) => way.state,
            None if from == to => WayState::Open,
            None => template(&self.around, &self.common, from, to).state,
        }
    }

    /// The ways on which nothing gets through, in the words of reports.
    pub(super) fn obstacles(&self) -> Vec<String> {
        let told = |(&(from, to), way): (&(u32, u32), &Way)| {
            let hosts = format!("from '{}' to '{}'", name_of(from), name_of(to));
            match (way.state, way.held.len()) {
                (WayState::Open, _) | (WayState::Held, 0) => None,
                (WayState::Cut, _) => Some(format!("a partition lets nothing through {hosts}")),
                (WayState::Held, 1) => Some(format!("1 packet is held {hosts}")),
                (WayState::Held, held) => Some(format!("{held} packets are held {hosts}")),
            }
        };
        let cut = |hosts| format!("a partition lets nothing through between any {hosts}");
        let known = self.ways.iter().filter(|((from, to), _)| from != to);
        match self.common.state {
            WayState::Cut if known.clone().all(|(_, way)| way.state == WayState::Cut) => {
                vec![cut("two hosts")]
            }
            WayState::Cut => known.filter_map(told).chain([cut("other two hosts")]).collect(),
            WayState::Open | WayState::Held => known.filter_map(told).collect(),
        }
    }
}

/// What a way is like that nobody has set by itself. No more than one of its hosts was set with all
/// others: for the later one of two, the ways to all that were there have been made.
fn template<'a>(around: &'a BTreeMap<u32, Way>, common: &'a Way, from: u32, to: u32) -> &'a Way {
    around.get(&from).or_else(|| around.get(&to)).unwrap_or(common)
}

/// Whether a fault of the link may lose a packet. A partition or a rule may lose any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Possible,
    Spared,
}

/// Sends a packet from one host to another: `leaves` is called with the time at which it arrives,
/// or none if it is lost. That is at once, or when what is held is let go.
pub(super) fn transmit(
    from: u32,
    to: u32,
    packet: Packet,
    loss: Loss,
    leaves: impl FnOnce(Option<Instant>) + 'static,
) {
    let is_kept = |network: &mut State| {
        network.is_asking || network.links.way(from, to).state == WayState::Held
    };
    if network().with(is_kept) {
        return hold(from, to, Box::new(move || transmit(from, to, packet, loss, leaves)));
    }
    leaves(arrival(from, to, &packet, loss));
}

/// Decides when a packet arrives that leaves now, if it does.
///
/// How long it takes is a choice, but for what only says that something has arrived, or that
/// nothing is there: that takes the shortest time. The caller sees to it that what belongs to a
/// stream arrives in its order all the same.
fn arrival(from: u32, to: u32, packet: &Packet, may_be_lost: Loss) -> Option<Instant> {
    let network = network();
    let verdict = if from == to { Verdict::Pass } else { verdict(packet) };
    let (state, latency, loss, departs) = network.with(|network| {
        let way = network.links.way(from, to);
        (way.state, way.latency.clone(), way.loss, way.departs(packet.bytes))
    });
    match verdict {
        Verdict::Drop => return None,
        Verdict::Deliver(after) => {
            assert!(
                u64::try_from(after.as_nanos()).is_ok(),
                "a rule delivers a packet after {after:?}, longer than virtual time; drop it"
            );
            return Some(departs.saturating_add(after));
        }
        Verdict::Pass if state == WayState::Cut => return None,
        Verdict::Pass => {}
    }
    if may_be_lost == Loss::Possible && strikes("a packet is lost", loss) {
        return None;
    }
    let took = match packet.kind {
        // What only says that something has arrived, or that nothing is there, is no choice.
        PacketKind::Acknowledgement | PacketKind::Reset | PacketKind::Unreachable => {
            *latency.start()
        }
        _ => choose_delay(latency),
    };
    Some(departs.saturating_add(took))
}

/// Keeps something until the way is released. What a rule sends itself, or lets somebody send,
/// comes behind the packet on which the rules decide.
fn hold(from: u32, to: u32, send: Box<dyn FnOnce()>) {
    let network = network();
    if network.with(|network| network.is_asking) {
        let send = move || {
            // A rule may send something for each packet that it sees.
            with(Core::count_step);
            send();
        };
        at(with(|core| core.session.now), send);
    } else {
        network.with(|network| network.links.way(from, to).held.push_back(send));
    }
}

/// Lets `call` happen outside at `when`.
pub(super) fn at(when: Instant, call: impl FnOnce() + 'static) -> OutsideKey {
    call_outside_at(when, Box::new(call))
}
