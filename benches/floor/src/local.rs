//! The two lines of the floor that are `unsafe`: how its parts reach the executor of the thread,
//! and how a future that is not `Send` becomes a task.
//!
//! Safe twins of both cost instructions at every use, a borrow flag and a check of the thread; the
//! floor is to be the lowest cost that a correct program can have, and not what is convenient.
#![expect(unsafe_code, reason = "the arguments stand at the two blocks")]

use std::cell::Cell;
use std::future::Future;
use std::ptr;

use async_task::{Runnable, Task};

use crate::executor::Core;

thread_local! {
    static CORE: Cell<*mut Core> = const { Cell::new(ptr::null_mut()) };
}

/// Makes `core` the thread's executor while `body` runs.
pub fn enter<R>(core: &mut Core, body: impl FnOnce() -> R) -> R {
    let before = CORE.replace(ptr::from_mut(core));
    assert!(before.is_null(), "an executor runs on this thread already");
    let result = body();
    CORE.set(ptr::null_mut());
    result
}

/// Gives the thread's executor to `body`, which must neither call this again nor run foreign code:
/// no poll, wake, drop of a waker or of a runnable.
#[inline]
pub fn with<R>(body: impl FnOnce(&mut Core) -> R) -> R {
    let core = CORE.get();
    assert!(!core.is_null(), "no executor runs on this thread");
    // SAFETY: the pointer is that of a live core, which `enter` has borrowed for as long as it is
    // set, and a panic in between ends the process's only thread. Nothing else has a reference:
    // `enter`'s own is not used meanwhile, and no body in this crate calls `with` again or what
    // could (they move entries and numbers).
    body(unsafe { &mut *core })
}

/// Spawns a task that wakes into the thread's executor.
#[inline]
pub fn spawn<F: Future + 'static>(future: F) -> Task<F::Output>
where
    F::Output: 'static,
{
    let schedule = |runnable: Runnable| with(|core| core.ready.push(runnable));
    // SAFETY: the future and its output are 'static, and the schedule function borrows nothing and
    // is Send and Sync. The future need not be Send, since the program has one thread: runnable,
    // handle and wakers stay on it.
    let (runnable, task) = unsafe { async_task::spawn_unchecked(future, schedule) };
    runnable.schedule();
    task
}
