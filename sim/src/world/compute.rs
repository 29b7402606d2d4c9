//! The machine's cores at work: computations that begin, go on and are over.

use std::time::Duration;

use super::inside::assert_inside;
use super::machine::{Machine, ThreadNumber, Ticket, machine};
use crate::base::{Error, Result, ValueError};
use crate::event_loop::{call_outside_at, cancel_outside, with};

/// Returns how many cores the simulated machine has; 4 unless [`set_cores`] was called.
pub fn cores() -> usize {
    usize::from(machine().cpu.borrow().cores())
}

/// Sets how many cores the simulated machine has, for the simulation that runs.
///
/// The work of all threads and processes that compute is shared evenly: as many as there are cores,
/// or fewer, compute at full speed, and n of them on c cores at c/n of it. The end of a computation
/// is rounded up to a whole nanosecond.
///
/// Pools that are made later have as many workers as go with the number: processes as many as
/// cores, threads 4 more, 32 at most.
///
/// # Errors
///
/// A [`ValueError`] for zero, and for more than 65,535.
#[doc(alias = "os.process_cpu_count")]
#[track_caller]
pub fn set_cores(cores: usize) -> Result<()> {
    assert_inside("the cores of the machine were set");
    let Some(cores) = u16::try_from(cores).ok().filter(|cores| *cores > 0) else {
        let text = format!("a machine has 1 to 65535 cores, not {cores}");
        return Err(Error::new(ValueError::new(text)));
    };
    let machine = machine();
    let now = with(|core| core.session.now);
    machine.cpu.borrow_mut().set_cores(now, cores);
    machine.reschedule();
    Ok(())
}

impl Machine {
    /// Begins to compute; the ticket is called when it is over.
    pub(super) fn begin_to_compute(&self, ticket: Ticket, work: Duration, gil: bool) {
        let now = with(|core| core.session.now);
        self.cpu.borrow_mut().begin(now, ticket, work, gil);
        self.reschedule();
    }

    /// Lets go of the GIL, if `thread` holds it.
    pub(super) fn release_gil(&self, thread: ThreadNumber) {
        let now = with(|core| core.session.now);
        let released = self.cpu.borrow_mut().release_gil(now, thread);
        if released {
            self.reschedule();
        }
    }

    /// Forgets what a thread computes: it is no more, or was cut off.
    pub(super) fn forget_computation(&self, thread: ThreadNumber) {
        let now = with(|core| core.session.now);
        let changed = self.cpu.borrow_mut().remove(now, thread);
        if changed {
            self.reschedule();
        }
    }

    /// Sets the event of the next change. It stays where it is if its time does, and so does its
    /// place among the events of that moment.
    fn reschedule(&self) {
        let next = self.cpu.borrow().next_change();
        let set = self.cpu_event.get();
        if set.map(|event| event.when) == next {
            return;
        }
        set.into_iter().for_each(cancel_outside);
        let event = next.map(|when| call_outside_at(when, Box::new(|| machine().tick())));
        self.cpu_event.set(event);
    }

    fn tick(&self) {
        self.cpu_event.set(None);
        let now = with(|core| core.session.now);
        let over = self.cpu.borrow_mut().tick(now);
        self.reschedule();
        for ticket in over {
            self.wake(ticket);
        }
    }
}
