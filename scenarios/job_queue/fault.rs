//! What goes wrong around the job queue: each kind of fault, and how it is brought about.

use std::time::Duration;

use seedloop::host::Host;
use seedloop::net::{self, PacketKind, Verdict};
use seedloop::sync::Queue;
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
    /// The broker's power fails: at any time, and just behind a message from or to it.
    BrokerCrashes,
    /// A worker crashes.
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
    crash: Option<&'static str>,
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
            crash: Some("worker-1 crashes"),
            clock: "worker-1's clock is behind",
        },
        Place {
            host: system.workers[1],
            cut: "worker-2 is cut off",
            crash: Some("worker-2 crashes"),
            clock: "worker-2's clock is behind",
        },
        Place {
            host: system.client,
            cut: "the client is cut off",
            crash: None,
            clock: "the client's clock is behind",
        },
    ];
    set_latencies(system, faults);
    let everywhere = net::everywhere().loss(faults.rate(Fault::Losses, Ratio::new(1, 100)));
    everywhere.resets(faults.rate(Fault::Resets, Ratio::new(1, 500)));
    let disk = fs::disk(system.broker);
    disk.set_failures(faults.rate(Fault::DiskFailures, Ratio::new(1, 300)));
    set_clocks(system.broker, &places, faults);
    let _watch = watch_messages(system.broker, faults);
    for _ in 0..ROUNDS {
        // Not always at the same moment of what is going on.
        sleep(ROUND + Duration::from_millis(10) * choose(20)).await?;
        if faults.strike(Fault::BrokerCrashes, "the broker's power fails", Ratio::new(1, 10)) {
            fail_power(system.broker);
        }
        for place in &places {
            if faults.strike(Fault::Partitions, place.cut, Ratio::new(1, 12)) {
                cut_off(place.host, system.broker);
            }
            if let Some(class) = place.crash
                && faults.strike(Fault::WorkerCrashes, class, Ratio::new(1, 12))
            {
                fail_power(place.host);
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

/// Lets the power fail shortly after a message from or to the broker, when there is most to lose,
/// until what is returned is dropped.
fn watch_messages(broker: Host, faults: Faults) -> net::RuleGuard {
    let (failures, address) = (Queue::unbounded(), broker.address());
    let strike = failures.clone();
    let guard = net::rule(move |packet| {
        const CLASS: &str = "the broker's power fails at a message";
        let is_near = [packet.from.ip(), packet.to.ip()].contains(&address);
        let is_message = packet.kind == PacketKind::Data && packet.bytes > 0;
        let ratio = Ratio::new(1, 60);
        if is_near && is_message && faults.strike(Fault::BrokerCrashes, CLASS, ratio) {
            let _ = strike.put_nowait(());
        }
        Verdict::Pass
    });
    spawn_named("power", async move {
        while let Ok(()) = failures.get().await {
            sleep(Duration::from_millis(choose(5).into())).await?;
            fail_power(broker);
        }
        Ok(())
    });
    guard
}

/// Cuts the power of a host for a while.
fn fail_power(host: Host) {
    if !host.is_up() {
        return;
    }
    host.crash();
    spawn_named("power", async move {
        sleep(Duration::from_millis(100) * (1 + choose(10))).await?;
        if !host.is_up() {
            host.restart();
        }
        Ok(())
    });
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
