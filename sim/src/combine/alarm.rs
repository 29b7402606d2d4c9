//! A timer for those whose waits cannot fail.

use std::panic::Location;
use std::task::{Context, Poll, ready};

use crate::base::Instant;
use crate::event_loop::{Label, try_with, with};
use crate::task::WaitUnit;

/// A timer that is set when it is first polled. A cancel of the task does not reach it: what lies
/// inside the innermost boundary is dropped, or else the whole task.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    wait: Option<WaitUnit>,
}

impl Alarm {
    /// The moment that is never reached: nothing is set for it.
    pub(crate) const NEVER: Instant = Instant::from_nanos(u64::MAX);

    pub(crate) fn is_set(&self) -> bool {
        self.wait.is_some()
    }

    /// Waits until `deadline`, which is taken note of at the first poll.
    #[track_caller]
    pub(crate) fn poll(
        &mut self,
        deadline: Instant,
        operation: &'static str,
        location: &'static Location<'static>,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let wait = self.wait.get_or_insert_with(|| {
            let wait = WaitUnit::new(Label::new(operation), location);
            if deadline != Alarm::NEVER {
                with(|core| core.set_sleep(deadline, wait.id()));
            }
            wait
        });
        ready!(wait.poll_infallible(cx));
        self.wait = None;
        Poll::Ready(())
    }

    /// Takes the timer back.
    pub(crate) fn clear(&mut self) {
        // A timer that has not fired stays in the heap until it is swept.
        if let Some(wait) = self.wait.take()
            && let Some(owner) = wait.timer_owner()
        {
            try_with(|core| core.note_dead_timer(owner));
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.clear();
    }
}
