//! The end of all that goes wrong.

use super::crashes::heal_crashes;
use super::fs::heal_disks;
use super::host::all_hosts;
use super::net::heal_network;

/// Ends all that goes wrong, so that what follows has to make progress:
///
/// - hosts that are down start again, with their [software](crate::host::Host::run), and crash of
///   themselves [no more](crate::host::Host::set_crashes): one that is about to do so crashes now
///   and starts again, and a task of it that has called this takes no further step;
/// - all links are [repaired](crate::net::Link::repair), also between hosts that are still to come:
///   partitions end, and what was held is sent;
/// - links lose, double and reset nothing more, and names are [resolved](crate::net::resolver);
/// - operations of disks do not fail any more.
///
/// What was lost or corrupted stays so. The capacity of disks, latencies, bandwidths, how long
/// names take and hosts are down, rules, clocks and their drift stay as they are; so do faults of
/// the program's own ([`strikes`](crate::strikes)).
///
/// See [`eventually!`](crate::eventually).
///
/// # Panics
///
/// When a host has software to start and no loop runs.
pub fn heal() {
    heal_network();
    heal_disks();
    heal_crashes();
    for host in all_hosts() {
        if !host.is_up() {
            host.restart();
        }
    }
}
