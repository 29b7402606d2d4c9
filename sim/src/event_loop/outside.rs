//! Events from outside the loop: pools, the network. They happen at their own virtual moments.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::context::with;
use crate::base::Instant;

/// Something that will happen outside.
struct OutsideEvent {
    key: Reverse<(Instant, u64)>,
    call: Box<dyn FnOnce()>,
}

impl PartialEq for OutsideEvent {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl Eq for OutsideEvent {}
impl PartialOrd for OutsideEvent {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for OutsideEvent {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

/// What will happen outside, by time and then by the order in which it was caused.
pub(crate) struct OutsideEvents {
    heap: BinaryHeap<OutsideEvent>,
    count: u64,
}

impl OutsideEvents {
    pub(crate) const fn new() -> Self {
        OutsideEvents { heap: BinaryHeap::new(), count: 0 }
    }

    pub(crate) fn next_time(&self) -> Option<Instant> {
        self.heap.peek().map(|event| event.key.0.0)
    }

    fn push(&mut self, when: Instant, call: Box<dyn FnOnce()>) {
        self.count += 1;
        self.heap.push(OutsideEvent { key: Reverse((when, self.count)), call });
    }

    /// Takes the next event that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Box<dyn FnOnce()>)> {
        if self.next_time()? > now {
            return None;
        }
        self.heap.pop().map(|event| (event.key.0.0, event.call))
    }

    pub(crate) fn take_all(&mut self) -> Vec<Box<dyn FnOnce()>> {
        self.heap.drain().map(|event| event.call).collect()
    }
}

/// Lets `call` happen outside at `when`, or at once at the loop's next look if that is past.
pub(crate) fn call_outside_at(when: Instant, call: Box<dyn FnOnce()>) {
    with(|core| {
        core.outside.push(when, call);
        if when <= core.session.now {
            core.look_again();
        }
    });
}
