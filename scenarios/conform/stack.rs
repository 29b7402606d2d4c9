//! A large stack for the few programs that nest deeply: reading and running them is recursive.

use std::panic::resume_unwind;
use std::thread;

/// So many blocks may stand in one another in a body.
pub(super) const BLOCKS_MAX: usize = 500;

/// So many blocks and calls in place may be under way in one another.
pub(super) const NESTING_MAX: usize = 2_000;

/// Reserved only: the system gives the pages that are touched.
const STACK_BYTES: usize = 256 << 20;

/// Does `work` on a stack that is large enough for the limits above.
#[expect(clippy::disallowed_methods, reason = "a whole run, for which this thread waits")]
pub(super) fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let thread = thread.expect("the system has a thread to give");
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
