//! What can be said of the simulated world only while there is one.

use std::thread::panicking;

use crate::event_loop::with;

/// Tells whether a simulation goes on on this thread, or a loop is open that was made by hand:
/// the world begins with one and ends with it.
pub(super) fn is_inside() -> bool {
    with(|core| core.session.active || core.loops.iter().any(|(_, cell)| !cell.closed))
}

/// # Panics
///
/// Where there is no world of which something could be said: it would count for the next
/// simulation on the thread, and for no other, so that the same seed would be another run.
#[track_caller]
pub(super) fn assert_inside(what: &str) {
    assert!(
        is_inside() || panicking(),
        "{what} outside of a simulation, where it would count for the next one on this thread \
         alone; do so inside, as in `seedloop::run(async {{ .. }})`"
    );
}
