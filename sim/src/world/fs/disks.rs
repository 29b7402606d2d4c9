//! The disks of all hosts, and how an operation comes to one.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
#[cfg(feature = "tokio-io")]
use std::time::Duration;

use super::disk::{Disk, Manner};
use super::durable::Syncing;
use super::in_flight::Happens;
use crate::event_loop::{Extension, call_outside_at, extension, with};
use crate::world::crashes::{at_disk, at_disk_end};
use crate::world::delay::choose_delay;
use crate::world::fault::{Ratio, strikes_later, tell_fault};
use crate::world::host::{Life, current_life, name_of};
use crate::world::operation::Operation;

/// The disks of a simulation.
#[derive(Default)]
struct Disks(RefCell<All>);

/// The disks, by the numbers of their hosts, and how one is that nobody has used yet.
#[derive(Default)]
struct All {
    disks: BTreeMap<u32, Disk>,
    manner: Manner,
}

impl Extension for Disks {
    fn end_simulation(&self) {
        let old = self.0.take();
        drop(old);
    }
}

/// Works with the disk of a host.
pub(super) fn with_disk<R>(host: u32, call: impl FnOnce(&mut Disk) -> R) -> R {
    let all = extension::<Disks>();
    let All { disks, manner } = &mut *all.0.borrow_mut();
    call(disks.entry(host).or_insert_with(|| Disk::new(manner.clone())))
}

/// Sets how each of the disks is, and those to come.
pub(super) fn set_all(set: impl Fn(&mut Manner)) {
    let all = extension::<Disks>();
    let All { disks, manner } = &mut *all.0.borrow_mut();
    disks.values_mut().for_each(|disk| set(&mut disk.manner));
    set(manner);
}

/// The disk's part of a crash.
pub(in crate::world) fn crash_disk(life: Life) {
    let in_flight = with_disk(life.host, |disk| std::mem::take(&mut disk.in_flight));
    let happens = Happens::choose(in_flight.len());
    for (index, effect) in in_flight.into_values().enumerate() {
        if happens.takes(index) {
            // What the program has given it is dropped when the disk is free again.
            let given = with_disk(life.host, effect);
            drop(given);
        }
    }
    with_disk(life.host, Disk::crash);
}

/// Linux's errors of a disk that fails, of a file that was not opened for this, and of what is not
/// possible with one.
pub(super) const EIO: i32 = 5;
pub(super) const EBADF: i32 = 9;
pub(super) const EINVAL: i32 = 22;

/// Lets no disk fail any more.
pub(in crate::world) fn heal_disks() {
    set_all(|manner| manner.failures = Ratio::ZERO);
}

/// What an operation does to the disk.
#[derive(Clone, Debug)]
pub(super) enum Does {
    /// It changes nothing.
    Read,
    /// It changes something, and may do so in a crash that comes before its end.
    Change,
    /// It lets something outlive a crash.
    Sync(Arc<Syncing>),
}

/// An operation on the disk of the host on which this runs: after its latency `effect` happens, if
/// the host has not crashed by then.
pub(super) fn begin<T: 'static>(
    does: Does,
    name: &'static str,
    location: &'static Location<'static>,
    effect: impl FnOnce(&mut Disk) -> io::Result<T> + 'static,
) -> io::Result<Operation<io::Result<T>>> {
    begin_in(current_life(), does, name, location, effect)
}

/// The same for what was opened in this life of a host.
pub(super) fn begin_in<T: 'static>(
    life: Life,
    does: Does,
    name: &'static str,
    location: &'static Location<'static>,
    effect: impl FnOnce(&mut Disk) -> io::Result<T> + 'static,
) -> io::Result<Operation<io::Result<T>>> {
    begin_landing(life, does, name, location, effect, |result| result)
}

/// The same where what the effect gives `lands` when the disk is free again: it may wake somebody,
/// then or when it is dropped.
pub(super) fn begin_landing<E: 'static, T: 'static>(
    life: Life,
    does: Does,
    name: &'static str,
    location: &'static Location<'static>,
    effect: impl FnOnce(&mut Disk) -> E + 'static,
    lands: fn(E) -> io::Result<T>,
) -> io::Result<Operation<io::Result<T>>> {
    check(life)?;
    // First, since it panics where nothing can wait: then nothing is in flight.
    let (operation, settle) = Operation::pending(name, location);
    let latency = with_disk(life.host, |disk| disk.manner.latency.clone());
    let when = with(|core| core.session.now).saturating_add(choose_delay(latency));
    let fails = fails_at_its_end(life);
    // Whoever comes first takes it: its time, or a crash.
    let effect = Rc::new(Cell::new(Some(effect)));
    let number = with_disk(life.host, |disk| {
        let number = disk.begun;
        disk.begun += 1;
        if !matches!(does, Does::Read) {
            let effect = Rc::clone(&effect);
            let happen = move |disk: &mut Disk| -> Box<dyn Any> {
                Box::new(effect.take().map(|effect| effect(disk)))
            };
            disk.in_flight.insert(number, Box::new(happen));
        }
        number
    });
    let end = move || {
        check(life)?;
        let heals = with_disk(life.host, |disk| {
            disk.in_flight.remove(&number);
            disk.manner.failures == Ratio::ZERO
        });
        if fails && !heals {
            tell_fault(FAILS, format!("'{}' during '{name}'", name_of(life.host)));
            if let Does::Sync(syncing) = does {
                with_disk(life.host, |disk| disk.sync_failed(&syncing));
            }
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let effect = effect.take().expect("seedloop bug: an operation takes effect twice");
        lands(with_disk(life.host, effect))
    };
    let down = at_disk(life);
    let happen = move || match at_disk_end(life, down, name) {
        // The operation is still in flight then, and its end finds the host gone.
        Some(down) => down.queue(settle.owner(), location, || settle.settle(end)),
        None => settle.settle(end),
    };
    call_outside_at(when, Box::new(happen));
    Ok(operation)
}

/// What a fault of a disk is called in a report.
const FAILS: &str = "the disk fails";

/// Decides, when an operation begins, whether the disk fails at its end, unless it is healed by
/// then: what a task asks for is the same choice in each run in which it does that.
fn fails_at_its_end(life: Life) -> bool {
    let failures = with_disk(life.host, |disk| disk.manner.failures);
    strikes_later(FAILS, failures, 1) > 0
}

/// What the system does with a file without its disk: it takes no time, but a turn.
#[cfg(feature = "tokio-io")]
pub(super) fn begin_in_memory<T: 'static>(
    life: Life,
    name: &'static str,
    location: &'static Location<'static>,
    effect: impl FnOnce(&mut Disk) -> io::Result<T> + 'static,
) -> io::Result<Operation<io::Result<T>>> {
    begin_in_memory_landing(life, name, location, effect, |result| result)
}

/// The same where what the effect gives [lands](begin_landing).
#[cfg(feature = "tokio-io")]
pub(super) fn begin_in_memory_landing<E: 'static, T: 'static>(
    life: Life,
    name: &'static str,
    location: &'static Location<'static>,
    effect: impl FnOnce(&mut Disk) -> E + 'static,
    lands: fn(E) -> io::Result<T>,
) -> io::Result<Operation<io::Result<T>>> {
    check(life)?;
    Ok(Operation::begin(name, Duration::ZERO..=Duration::ZERO, location, move || {
        check(life)?;
        lands(with_disk(life.host, effect))
    }))
}

/// Refuses what was opened on a host that has crashed since, or in another simulation.
pub(super) fn check(life: Life) -> io::Result<()> {
    match life.is_alive() {
        true => Ok(()),
        false => Err(life.why_gone("file")),
    }
}

/// Lets the disk do something, after its latency.
pub(super) async fn operate<T: 'static>(
    does: Does,
    name: &'static str,
    location: &'static Location<'static>,
    effect: impl FnOnce(&mut Disk) -> io::Result<T> + 'static,
) -> io::Result<T> {
    begin(does, name, location, effect)?.await?
}
