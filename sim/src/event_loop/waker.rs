//! The waker that a task shows to futures. It tells wakes from other threads, which are no part of
//! a simulation.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Wake, Waker};

use async_task::Runnable;

use super::cell::{TaskId, TaskMeta};
use super::context::{context_id, is_followed, try_with_context, with};
use crate::base::{Error, ForeignWake};

/// What a task's body shows to its future in place of async-task's waker, which would not tell a
/// wake on another thread while the task runs: the task would be ready again at the end of its
/// step, on its own thread.
pub(crate) struct TaskWaker {
    context: u32,
    task: TaskId,
    /// async-task's, used on the task's own thread only. The body is dropped when it ends, and with
    /// it the way round from the task to itself.
    inner: OnceLock<Waker>,
    /// It was used on another thread, and was noted already.
    noted: AtomicBool,
}

impl TaskWaker {
    /// Makes the waker of a task of this thread.
    pub(crate) fn new(task: TaskId) -> Arc<Self> {
        let (inner, noted) = (OnceLock::new(), AtomicBool::new(false));
        Arc::new(TaskWaker { context: context_id(), task, inner, noted })
    }

    /// Says what wakes the task, once that is there.
    pub(crate) fn set_inner(&self, waker: Waker) {
        self.inner.set(waker).expect("seedloop bug: a task has two wakers");
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if try_with_context(|context| context.is(self.context)).unwrap_or(false) {
            if let Some(waker) = self.inner.get() {
                waker.wake_by_ref();
            }
            if is_followed() {
                // Also of a task that is ready already: another wake might have come first.
                with(|core| core.meets_task(self.task));
            }
        } else if !self.noted.swap(true, Ordering::Relaxed) {
            note_foreign(self.context, self.task);
        }
    }
}

/// The schedule function of every task: its runnable becomes ready.
pub(crate) fn schedule(runnable: Runnable<TaskMeta>) {
    try_with_context(|context| context.enqueue(runnable));
}

/// Set when a task was woken from a thread that is not its own.
static FOREIGN_WAKE: AtomicBool = AtomicBool::new(false);
/// Those tasks with their contexts, until their own thread takes them in.
static FOREIGN_WAKES: Mutex<Vec<(u32, TaskId)>> = Mutex::new(Vec::new());

#[cold]
fn note_foreign(context: u32, task: TaskId) {
    let mut wakes = FOREIGN_WAKES.lock().unwrap_or_else(PoisonError::into_inner);
    wakes.push((context, task));
    FOREIGN_WAKE.store(true, Ordering::Release);
}

/// Ends the loop when one of its tasks was woken from another thread.
pub(super) fn check_foreign_wakes() {
    if FOREIGN_WAKE.load(Ordering::Acquire) {
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
            if cell.waker.is_none() || cell.deferred.is_some() {
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
