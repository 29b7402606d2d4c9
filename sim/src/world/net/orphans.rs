//! Connections that no program has any more, and the host still closes.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::address::Pair;
use super::network::network;
use super::pipe::{PipeRef, Segment, Side, acknowledge, now, refuse};
use crate::base::Instant;

/// How long a host waits for the end of the other side. Source: Linux, `net.ipv4.tcp_fin_timeout`.
const WAITS_FOR: Duration = Duration::from_secs(60);

/// Those of all hosts, by host and by number. None has a timer: who looks at one that has waited
/// for too long finds none.
#[derive(Default)]
pub(super) struct Orphans {
    all: BTreeMap<(u32, u64), Orphan>,
    /// How many there are when those are taken out that have waited for too long.
    swept_at: usize,
}

/// A connection of which the program has let go.
pub(super) struct Orphan {
    pub(super) side: Side,
    pub(super) pair: Pair,
    /// The other side had ended before the program did.
    pub(super) answers_end: bool,
    pub(super) out: PipeRef,
    pub(super) into: PipeRef,
    /// Since when it only waits for the other side.
    waits_since: Option<Instant>,
}

impl Orphan {
    pub(super) fn new(pair: Pair, answers_end: bool, out: PipeRef, into: PipeRef) -> Self {
        let side = out.borrow().sender;
        Orphan { side, pair, answers_end, out, into, waits_since: None }
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.waits_since.is_some_and(|since| since.saturating_add(WAITS_FOR) <= now())
    }

    fn is_over(&self) -> bool {
        self.out.borrow().known.end && self.into.borrow().heard.end
    }
}

impl Orphans {
    pub(super) fn is_known(&self, side: Side) -> bool {
        let orphan = self.all.get(&(side.life.host, side.number));
        orphan.is_some_and(|orphan| !orphan.is_forgotten())
    }

    /// Tells whether all that it has sent was acknowledged, and it waits for the other side alone.
    pub(super) fn only_waits(&self, side: Side) -> bool {
        let orphan = self.all.get(&(side.life.host, side.number));
        orphan.is_some_and(|orphan| orphan.waits_since.is_some())
    }

    /// Those by host and by number that their hosts know.
    pub(super) fn known(
        &self,
        keys: RangeInclusive<(u32, u64)>,
    ) -> impl Iterator<Item = (&(u32, u64), &Orphan)> {
        self.all.range(keys).filter(|(_, orphan)| !orphan.is_forgotten())
    }

    /// Those of a host, which are none any more.
    fn take_of(&mut self, host: u32) -> Vec<Orphan> {
        let keys = self.all.range((host, 0)..=(host, u64::MAX)).map(|(key, _)| *key);
        let keys: Vec<_> = keys.collect();
        keys.iter().filter_map(|key| self.all.remove(key)).collect()
    }
}

/// The program has let go of a connection that the host is to close.
pub(super) fn leave(orphan: Orphan) {
    let key = (orphan.side.life.host, orphan.side.number);
    let swept = network().with(|network| {
        let orphans = &mut network.orphans;
        orphans.all.insert(key, orphan);
        if orphans.all.len() <= orphans.swept_at {
            return Vec::new();
        }
        let is_old = |(key, orphan): (&(u32, u64), &Orphan)| orphan.is_forgotten().then_some(*key);
        let old: Vec<_> = orphans.all.iter().filter_map(is_old).collect();
        let swept: Vec<_> = old.iter().filter_map(|key| orphans.all.remove(key)).collect();
        orphans.swept_at = orphans.all.len() * 2 + 64;
        swept
    });
    swept.iter().for_each(end);
}

/// The host has come further with what it sends: if that was a connection that nobody has, it may
/// be over.
pub(super) fn settle(side: Side) {
    let over = network().with(|network| {
        let all = &mut network.orphans.all;
        let orphan = all.get_mut(&(side.life.host, side.number))?;
        if orphan.out.borrow().known.end {
            orphan.waits_since.get_or_insert_with(now);
        }
        if orphan.is_over() { all.remove(&(side.life.host, side.number)) } else { None }
    });
    over.iter().for_each(end);
}

/// The host knows nothing of a connection any more.
pub(super) fn forget(side: Side) {
    let key = (side.life.host, side.number);
    let orphan = network().with(|network| network.orphans.all.remove(&key));
    orphan.iter().for_each(end);
}

/// A host has crashed: what it was still to close is gone too.
pub(super) fn take_orphans(host: u32) -> Vec<Orphan> {
    let orphans = network().with(|network| network.orphans.take_of(host));
    orphans.iter().for_each(end);
    orphans
}

fn end(orphan: &Orphan) {
    orphan.out.borrow_mut().abandon();
    network().with(|network| {
        network.free_pair(orphan.side.number, orphan.pair.local, orphan.pair.remote)
    });
}

/// Something has come for a connection that nobody has. Bytes that nobody can read any more end it
/// with a reset. Source: Linux, `tcp_rcv_state_process`, `LINUX_MIB_TCPABORTONDATA`.
pub(super) fn come_to_orphan(pipe: &PipeRef, number: u64, arrived: &[Segment]) {
    let side = pipe.borrow().receiver;
    let is_data = pipe.borrow_mut().is_data(number);
    if is_data || arrived.iter().any(|segment| !matches!(segment, Segment::Finish)) {
        refuse(pipe, number);
        return forget(side);
    }
    if !arrived.is_empty() {
        pipe.borrow_mut().hear(arrived);
        acknowledge(pipe);
        settle(side);
    }
}
