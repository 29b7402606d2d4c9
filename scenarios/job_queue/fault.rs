//! What goes wrong around the job queue: each kind of fault, and how it is brought about.

use std::ops::RangeInclusive;
use std::time::Duration;

use seedloop::host::Host;
use seedloop::net;
use seedloop::{Ratio, Result, choose, fs, sleep, spawn_named, strikes};

use super::system::System;

/// A kind of fault, or of what is not the same each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Packets get lost.
    Losses,
    /// Connections are reset.
    Resets,
    /// A worker or the client is cut off from the broker for a while, in one direction or both.
    Partitions,
    /// The broker crashes, at an operation of its disk or at something that it sends.
    BrokerCrashes,
    /// A worker crashes, at something that it sends.
    WorkerCrashes,
    /// The client is cancelled, and started again.
    Cancels,
    /// Clocks are wrong from the beginning, or drift.
    Clocks,
    /// Operations of the broker's disk fail.
    DiskFailures,
    /// Packets and operations of disks take longer, or not as long as others.
    Latencies,
}

/// A set of kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults(u16);

impl Faults {
    /// No fault.
    pub const NONE: Faults = Faults(0);
    /// All kinds.
    pub const ALL: Faults = Faults(u16::MAX);

    /// These kinds beside those.
    pub fn with(self, faults: &[Fault]) -> Self {
        faults.iter().fold(self, |set, fault| Faults(set.0 | 1 << *fault as u16))
    }

    /// All but these kinds.
    pub fn without(self, faults: &[Fault]) -> Self {
        faults.iter().fold(self, |set, fault| Faults(set.0 & !(1 << *fault as u16)))
    }

    fn has(self, fault: Fault) -> bool {
        self.0 >> fault as u16 & 1 == 1
    }

    /// Whether a fault of this kind strikes now: a choice of the run.
    fn strike(self, fault: Fault, class: &'static str, ratio: Ratio) -> bool {
        self.has(fault) && strikes(class, ratio)
    }

    fn rate(self, fault: Fault, ratio: Ratio) -> Ratio {
        if self.has(fault) { ratio } else { Ratio::ZERO }
    }
}

/// How often something may go wrong, and how long that takes in all.
const ROUNDS: u32 = 8;
const ROUND: Duration = Duration::from_millis(500);

/// A host beside the broker, and what its faults are called in reports.
struct Place {
    host: Host,
    cut: &'static str,
    clock: &'static str,
}

/// Lets things go wrong for a while. What is broken at the end stays so until it is
/// [healed](seedloop::host::heal).
///
/// # Errors
///
/// A cancel.
///
/// # Cancel safety
///
/// What has gone wrong by then stays so.
pub async fn wreck(system: &System, faults: Faults) -> Result<()> {
    let places = [
        Place {
            host: system.workers[0],
            cut: "worker-1 is cut off",
            clock: "worker-1's clock is behind",
        },
        Place {
            host: system.workers[1],
            cut: "worker-2 is cut off",
            clock: "worker-2's clock is behind",
        },
        Place {
            host: system.client,
            cut: "the client is cut off",
            clock: "the client's clock is behind",
        },
    ];
    set_latencies(system, faults);
    set_crashes(system, faults);
    let everywhere = net::everywhere().loss(faults.rate(Fault::Losses, Ratio::new(1, 100)));
    everywhere.resets(faults.rate(Fault::Resets, Ratio::new(1, 500)));
    let disk = fs::disk(system.broker);
    disk.set_failures(faults.rate(Fault::DiskFailures, Ratio::new(1, 300)));
    set_clocks(system.broker, &places, faults);
    for _ in 0..ROUNDS {
        // Not always at the same moment of what is going on.
        sleep(ROUND + Duration::from_millis(10) * choose(20)).await?;
        for place in &places {
            if faults.strike(Fault::Partitions, place.cut, Ratio::new(1, 12)) {
                cut_off(place.host, system.broker);
            }
        }
        if faults.strike(Fault::Cancels, "the client is cancelled", Ratio::new(1, 12)) {
            system.restart_client();
        }
    }
    Ok(())
}

/// Lets everything take its whole time, unless latencies are to vary: then a run has hundreds of
/// choices more, of which few failures need any.
fn set_latencies(system: &System, faults: Faults) {
    const WAY: Duration = Duration::from_millis(1);
    const DISK: Duration = Duration::from_millis(2);
    if !faults.strike(Fault::Latencies, "latencies vary", Ratio::new(1, 2)) {
        net::everywhere().latency(WAY..=WAY);
        fs::disk(system.broker).set_latency(DISK..=DISK);
    }
}

fn set_clocks(broker: Host, places: &[Place], faults: Faults) {
    // A clock of a real machine is wrong by much less.
    const DRIFT: i32 = 10_000;
    const BEHIND: Duration = Duration::from_secs(4);
    let half = Ratio::new(1, 2);
    if faults.strike(Fault::Clocks, "the broker's clock is fast", half) {
        broker.set_clock_drift(DRIFT);
    }
    for place in places {
        if faults.strike(Fault::Clocks, place.clock, half) {
            place.host.set_clock_behind(BEHIND);
            place.host.set_clock_drift(-DRIFT);
        }
    }
}

/// Lets the broker and the workers crash of themselves, and come back after a while.
fn set_crashes(system: &System, faults: Faults) {
    const DOWN: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(1);
    let places = [
        (system.broker, Fault::BrokerCrashes, Ratio::new(1, 60)),
        (system.workers[0], Fault::WorkerCrashes, Ratio::new(1, 40)),
        (system.workers[1], Fault::WorkerCrashes, Ratio::new(1, 40)),
    ];
    for (host, fault, ratio) in places {
        host.set_crashes(faults.rate(fault, ratio));
        host.set_downtime(DOWN);
    }
}

/// Cuts a host off from the broker for a while.
fn cut_off(host: Host, broker: Host) {
    let link = match choose(3) {
        0 => net::between(host, broker),
        1 => net::from_to(host, broker),
        _ => net::from_to(broker, host),
    };
    link.partition();
    spawn_named("cable", async move {
        sleep(Duration::from_millis(500) * (3 + choose(5))).await?;
        link.repair();
        Ok(())
    });
}
