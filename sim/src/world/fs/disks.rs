//! The disks of all hosts, and how an operation comes to one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::panic::Location;
use std::path::Path;
use std::time::Duration;

use super::disk::Disk;
use super::path::Names;
use crate::event_loop::{Extension, extension};
use crate::world::delay::check_range;
use crate::world::fault::{Ratio, strikes};
use crate::world::host::{Host, Life, current_life};
use crate::world::operation::Operation;

/// The disks of a simulation, by the numbers of their hosts.
#[derive(Default)]
pub(super) struct Disks(RefCell<BTreeMap<u32, Disk>>);

impl Extension for Disks {
    fn end_simulation(&self) {
        self.0.take();
    }
}

/// Works with the disk of a host.
pub(super) fn with_disk<R>(host: u32, call: impl FnOnce(&mut Disk) -> R) -> R {
    call(extension::<Disks>().0.borrow_mut().entry(host).or_default())
}

/// The disk's part of a crash.
pub(in crate::world) fn crash_disk(life: Life) {
    with_disk(life.host, Disk::crash);
}

/// Lets no disk fail any more.
pub(in crate::world) fn heal_disks() {
    for disk in extension::<Disks>().0.borrow_mut().values_mut() {
        disk.failures = Ratio::ZERO;
    }
}

/// An operation on the disk of the host on which this runs: after its latency `effect` happens, if
/// the host has not crashed by then.
pub(super) fn begin<T: 'static>(
    name: &'static str,
    location: &'static Location<'static>,
    effect: impl FnOnce(&mut Disk) -> io::Result<T> + 'static,
) -> io::Result<Operation<io::Result<T>>> {
    begin_in(current_life(), name, location, effect)
}

/// The same for what was opened in this life of a host.
pub(super) fn begin_in<T: 'static>(
    life: Life,
    name: &'static str,
    location: &'static Location<'static>,
    effect: impl FnOnce(&mut Disk) -> io::Result<T> + 'static,
) -> io::Result<Operation<io::Result<T>>> {
    check(life)?;
    let latency = with_disk(life.host, |disk| disk.latency.clone());
    Ok(Operation::begin(name, latency, location, move || {
        check(life)?;
        if strikes("the disk fails", with_disk(life.host, |disk| disk.failures)) {
            return Err(io::Error::other(format!("input/output error: {name}")));
        }
        with_disk(life.host, effect)
    }))
}

/// Refuses what was opened on a host that has crashed since, or in another simulation.
pub(super) fn check(life: Life) -> io::Result<()> {
    match life.is_alive() {
        true => Ok(()),
        false if life.is_here() => Err(io::Error::other("the host of the file has crashed")),
        false => Err(io::Error::other("the file was opened in another simulation")),
    }
}

/// Lets the disk do something, after its latency.
pub(super) async fn operate<T: 'static>(
    name: &'static str,
    location: &'static Location<'static>,
    effect: impl FnOnce(&mut Disk) -> io::Result<T> + 'static,
) -> io::Result<T> {
    begin(name, location, effect)?.await?
}

/// The disk of a host, for a test that prepares or breaks it.
#[derive(Clone, Copy, Debug)]
pub struct DiskOf {
    host: Host,
}

/// Returns the disk of a host.
pub fn disk(host: Host) -> DiskOf {
    DiskOf { host }
}

impl DiskOf {
    /// Sets how long each operation takes: a choice within `latency`. From 0.1 to 10 milliseconds
    /// unless set.
    ///
    /// # Panics
    ///
    /// When the range is empty, or longer than virtual time.
    #[track_caller]
    pub fn set_latency(self, latency: RangeInclusive<Duration>) {
        check_range(&latency);
        self.with(|disk| disk.latency = latency);
    }

    /// Sets how many bytes all files together may have; `None`, which it is unless set, is no
    /// limit.
    pub fn set_capacity(self, bytes: Option<u64>) {
        self.with(|disk| disk.capacity = bytes);
    }

    /// Sets how often an operation fails with an input/output error: a fault, which only an
    /// exploration chooses.
    pub fn set_failures(self, ratio: Ratio) {
        self.with(|disk| disk.failures = ratio);
    }

    /// Flips all bits of a byte, as a disk does that has gone bad: reading it gives no error.
    ///
    /// # Errors
    ///
    /// `NotFound` for what is not there, `IsADirectory`, and `InvalidInput` beyond the end.
    pub fn corrupt(self, path: impl AsRef<Path>, position: u64) -> io::Result<()> {
        let names = Names::of(path.as_ref())?;
        self.with(|disk| {
            let node = disk.find(names.all())?;
            disk.corrupt(node, position)
        })
    }

    /// Returns how many bytes its files have.
    pub fn used(self) -> u64 {
        self.with(|disk| disk.used())
    }

    /// Returns how many files are open.
    pub fn open_files(self) -> usize {
        self.with(|disk| disk.open_files)
    }

    fn with<R>(self, call: impl FnOnce(&mut Disk) -> R) -> R {
        with_disk(self.host.index(), call)
    }
}
