//! Wakes from other threads: no part of a simulation, detected and told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use async_task::Runnable;

use super::cell::TaskMeta;
use super::context::{context_id, try_with_context, with};
use crate::base::{Error, ForeignWake};

/// Set when a task was woken from a thread that is not its own.
static FOREIGN_WAKE: AtomicBool = AtomicBool::new(false);
/// The runnables of those tasks, until their own thread takes them in.
static FOREIGN_WAKES: Mutex<Vec<Runnable<TaskMeta>>> = Mutex::new(Vec::new());

/// The schedule function of every task: its runnable becomes ready.
///
/// A wake from another thread is not part of the simulation. The runnable is then left for its own
/// thread, since dropping it here would drop the task's future here; the loop ends with an error.
pub(crate) fn schedule(runnable: Runnable<TaskMeta>) {
    let meta = *runnable.metadata();
    let mut slot = Some(runnable);
    try_with_context(|context| {
        if context.is(meta.context)
            && let Some(runnable) = slot.take()
        {
            context.enqueue(runnable);
        }
    });
    if let Some(runnable) = slot {
        note_foreign(runnable);
    }
}

#[cold]
fn note_foreign(runnable: Runnable<TaskMeta>) {
    let mut wakes = FOREIGN_WAKES.lock().unwrap_or_else(PoisonError::into_inner);
    wakes.push(runnable);
    FOREIGN_WAKE.store(true, Ordering::Release);
}

/// Ends the loop when one of its tasks was woken from another thread.
pub(super) fn check_foreign_wakes() {
    if FOREIGN_WAKE.load(Ordering::Acquire) {
        take_in_foreign_wakes();
    }
}

/// Makes the tasks of this thread that were woken from others ready, and ends their loops.
pub(super) fn take_in_foreign_wakes() {
    if !FOREIGN_WAKE.load(Ordering::Acquire) {
        return;
    }
    let context = context_id();
    let mut wakes = FOREIGN_WAKES.lock().unwrap_or_else(PoisonError::into_inner);
    let is_ours = |runnable: &Runnable<TaskMeta>| runnable.metadata().context == context;
    let (ours, others): (Vec<_>, Vec<_>) = wakes.drain(..).partition(is_ours);
    *wakes = others;
    FOREIGN_WAKE.store(!wakes.is_empty(), Ordering::Release);
    drop(wakes);
    with(|core| {
        for runnable in ours {
            let cell = &core.tasks[runnable.metadata().task];
            let text = format!(
                "task '{}' was woken from another thread, which no seed can repeat; run blocking \
                 work with `run_in_executor`, and let the simulation do what threads would",
                cell.name(),
            );
            core.break_loop_of(cell.owner, Error::new(ForeignWake::new(text)));
            core.enqueue(runnable);
        }
    });
}
