//! What ordinary code does that takes time: it sleeps, waits for input and output, or computes.
//!
//! These calls are for closures that a pool runs ([`run_in_executor`](crate::run_in_executor),
//! [`to_thread`](crate::to_thread), [`Pool::submit`](crate::Pool::submit)). There they take virtual
//! time while the loop and the other jobs go on, and what the closure does between them happens at
//! its own virtual moment. Code between them takes no time, and needs neither a core nor the GIL.
//!
//! In a task or a callback they take the same time and *freeze the loop*, as `time.sleep` in a
//! coroutine does: no other task runs meanwhile and no timer fires; jobs of pools go on, and what
//! they hand over is queued. The loop reports it as a slow callback.
//!
//! ```
//! use seedloop::{blocking, run, run_in_executor};
//! use std::time::Duration;
//!
//! let result = run(async {
//!     run_in_executor(None, || {
//!         blocking::sleep(Duration::from_secs(3));
//!         Ok("result")
//!     })
//!     .await
//! });
//! assert_eq!(result.unwrap(), "result");
//! ```
//!
//! In the middle of a panic all of them return at once: no other code may run on the same real
//! thread before the panic is caught.
//!
//! What else blocks is not simulated. A closure that never returns and calls none of these stops
//! the test, as does a `std::sync::Mutex` that one job holds over one of these calls and another
//! locks: all of them run on one real thread.

use std::ops::RangeInclusive;
use std::panic::Location;
use std::time::Duration;

use super::delay::choose_delay;
use super::machine::{Awaited, LOOP, machine};
use super::pool_core::Kind;
use crate::base::deadline_after;
use crate::event_loop::{call_outside_at, with};

/// Blocks the thread for `duration` of virtual time: `time.sleep(duration)`.
///
/// The GIL is free meanwhile. Jobs that wake at one moment go on in the order in which they fell
/// asleep; a zero `duration` lets all that is due outside happen first.
///
/// # Panics
///
/// Outside of a simulation, where no virtual time passes; when the sleep ends after the 584 years
/// of virtual time; on the loop's thread when a limit of the run is reached meanwhile.
#[doc(alias = "time.sleep")]
#[track_caller]
pub fn sleep(duration: Duration) {
    let location = Location::caller();
    let machine = machine();
    if machine.may_block("blocking::sleep") {
        let deadline = deadline_after(with(|core| core.session.now), duration);
        let ticket = machine.begin_wait(Awaited::Time, Some(deadline), location);
        machine.block(ticket);
    }
}

/// Waits for input or output that takes a time within `range`, which is a choice.
///
/// The dull choice is the shortest. Apart from that this is [`sleep`].
///
/// # Panics
///
/// As [`sleep`]; when the range is empty.
#[track_caller]
pub fn io(range: RangeInclusive<Duration>) {
    let location = Location::caller();
    let machine = machine();
    if machine.may_block("blocking::io") {
        let deadline = deadline_after(with(|core| core.session.now), choose_delay(range));
        let ticket = machine.begin_wait(Awaited::Time, Some(deadline), location);
        machine.block(ticket);
    }
}

/// Computes for `work`: for so long if the thread has a core for itself all along.
///
/// The cores are shared by all that compute, see [`set_cores`](crate::set_cores). A thread of a
/// pool that has a GIL computes only while it holds the GIL, which is handed over every 5 ms while
/// others wait for it, first come, first served; so does the loop's thread. Processes have no GIL.
///
/// # Panics
///
/// As [`sleep`].
#[track_caller]
pub fn compute(work: Duration) {
    let location = Location::caller();
    let machine = machine();
    if !machine.may_block("blocking::compute") || work.is_zero() {
        return;
    }
    // Even without anyone to share with it must end in time.
    deadline_after(with(|core| core.session.now), work);
    let gil = machine.current_pool().is_none_or(|pool| pool.gil);
    let ticket = machine.begin_wait(Awaited::Core, None, location);
    machine.begin_to_compute(ticket, work, gil);
    machine.block(ticket);
    if machine.current() == LOOP {
        // The loop looks for events next, and lets go of the GIL for that.
        machine.release_gil(LOOP);
    }
}

/// Ends the worker process that runs this job, as `os._exit` or the kernel's lack of memory would.
///
/// This breaks its pool: all jobs that have not ended fail with
/// [`BrokenPoolError`](crate::error::BrokenPoolError), and so does each later submit. Unlike those
/// of a real process, the values on the job's stack are dropped.
///
/// # Panics
///
/// When this is not a job of a [`ProcessPool`](crate::ProcessPool): no other process could end
/// alone.
#[doc(alias = "os._exit")]
#[track_caller]
pub fn die() -> ! {
    let machine = machine();
    let pool = machine.current_pool().filter(|pool| pool.kind == Kind::Processes);
    let Some(pool) = pool else {
        panic!("only the worker of a process pool can die alone; submit the job to a `ProcessPool`")
    };
    let (now, job) = (with(|core| core.session.now), machine.current_job());
    call_outside_at(now, Box::new(move || pool.break_down(job)));
    machine.unwind_current()
}
