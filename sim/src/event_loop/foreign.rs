//! Wakes from other threads, which are no part of a simulation: they end the loop of the task that
//! they were for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::context::{context_id, with};
use super::tasks::TaskId;
use crate::base::{Error, ForeignWake};

/// Set when a task was woken from a thread that is not its own.
static FOREIGN_WAKE: AtomicBool = AtomicBool::new(false);
/// Those tasks with their contexts, until their own thread takes them in.
static FOREIGN_WAKES: Mutex<Vec<(u32, TaskId)>> = Mutex::new(Vec::new());

/// Takes note of a wake that came from another thread than that of `context`.
#[cold]
pub(super) fn note_foreign(context: u32, task: TaskId) {
    let mut wakes = FOREIGN_WAKES.lock().unwrap_or_else(PoisonError::into_inner);
    wakes.push((context, task));
    FOREIGN_WAKE.store(true, Ordering::Release);
}

/// Tells whether a task was woken from another thread, maybe one of this thread.
#[inline]
pub(super) fn is_foreign_wake_noted() -> bool {
    FOREIGN_WAKE.load(Ordering::Acquire)
}

/// Ends the loop when one of its tasks was woken from another thread.
pub(super) fn check_foreign_wakes() {
    if is_foreign_wake_noted() {
        take_in_foreign_wakes();
    }
}

/// Ends the loops of tasks of this thread that were woken from others.
#[cold]
fn take_in_foreign_wakes() {
    let here = context_id();
    let mut wakes = FOREIGN_WAKES.lock().unwrap_or_else(PoisonError::into_inner);
    let (ours, others): (Vec<_>, Vec<_>) =
        wakes.drain(..).partition(|(context, _)| *context == here);
    *wakes = others;
    FOREIGN_WAKE.store(!wakes.is_empty(), Ordering::Release);
    drop(wakes);
    with(|core| {
        for (_, task) in ours {
            let Some(cell) = core.tasks.get(task) else { continue };
            if !cell.held || cell.is_deferred() {
                // Its body has ended: nothing hears the wake.
                continue;
            }
            let text = format!(
                "task '{}' was woken from another thread, which no seed can repeat; run blocking \
                 work with `run_in_executor`, and let the simulation do what threads would",
                cell.name(),
            );
            core.break_loop_of(cell.owner, Error::new(ForeignWake::new(text)));
        }
    });
}
