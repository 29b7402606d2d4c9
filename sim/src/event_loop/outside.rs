//! Events from outside the loop: pools, the network. They happen at their own virtual moments.

use std::collections::BTreeMap;

use super::cell::Variables;
use super::context::{Hot, hot, set_hot, with};
use super::core::Core;
use super::meets::OUTSIDE;
use super::panics::catch;
use super::waits::Step;
use crate::base::{Access, Error, Instant, Panicked};

/// Names something that will happen outside, to take it back. Its order is that of the events: by
/// time, then by the order in which they were caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OutsideKey {
    pub(crate) when: Instant,
    number: u64,
}

/// What will happen outside, by time and then by the order in which it was caused.
pub(crate) struct OutsideEvents {
    events: BTreeMap<OutsideKey, Box<dyn FnOnce()>>,
    count: u64,
}

impl OutsideEvents {
    pub(crate) const fn new() -> Self {
        OutsideEvents { events: BTreeMap::new(), count: 0 }
    }

    #[inline]
    pub(crate) fn next_time(&self) -> Option<Instant> {
        if self.events.is_empty() {
            return None;
        }
        self.events.first_key_value().map(|(key, _)| key.when)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    fn push(&mut self, when: Instant, call: Box<dyn FnOnce()>) -> OutsideKey {
        self.count += 1;
        let key = OutsideKey { when, number: self.count };
        self.events.insert(key, call);
        key
    }

    /// Takes the next event that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Box<dyn FnOnce()>)> {
        if self.next_time()? > now {
            return None;
        }
        self.events.pop_first().map(|(key, call)| (key.when, call))
    }

    pub(crate) fn take_all(&mut self) -> Vec<Box<dyn FnOnce()>> {
        if self.events.is_empty() {
            return Vec::new();
        }
        std::mem::take(&mut self.events).into_values().collect()
    }
}

/// Lets `call` happen outside at `when`, or at once at the loop's next look if that is past.
pub(crate) fn call_outside_at(when: Instant, call: Box<dyn FnOnce()>) -> OutsideKey {
    with(|core| {
        core.meets(OUTSIDE, Access::Write);
        if when <= core.session.now {
            core.look_again();
        }
        core.outside.push(when, call)
    })
}

/// Takes back something that has not happened yet.
pub(crate) fn cancel_outside(key: OutsideKey) {
    let call = with(|core| {
        core.meets(OUTSIDE, Access::Write);
        core.outside.events.remove(&key)
    });
    drop(call);
}

/// Runs `call` as something outside, with context variables of its own: to it no task runs and no
/// loop is running. Returns what became of the variables, and its panic as an error.
pub(crate) fn run_outside<R>(
    variables: Variables,
    call: impl FnOnce() -> R,
) -> (Variables, Result<R, Panicked>) {
    let before = with(|core| core.enter_outside(variables));
    let was_hot = hot();
    set_hot(Hot::OUTSIDE);
    let result = catch(call);
    set_hot(was_hot);
    (with(|core| core.leave_outside(before)), result)
}

/// Lets something outside happen.
pub(crate) fn happen_outside(call: Box<dyn FnOnce()>) {
    if let (_, Err(panicked)) = run_outside(None, call) {
        with(|core| core.break_loop(Error::new(panicked)));
    }
}

/// What a look outside came to while the loop's own thread is blocked.
pub(crate) enum Pumped {
    /// Something happened; the clock stands where it did.
    Happened,
    /// Nothing outside goes on any more.
    Stuck,
    /// A limit, a panic or a deadlock has ended the run.
    Broken,
}

/// Lets the next thing outside happen while the loop stands still, and moves the clock to it.
pub(crate) fn pump_outside() -> Pumped {
    let next = with(|core| {
        // Without a loop that runs nothing but this looks at the limits.
        if core.is_broken() || core.session.passed_limit().is_some() {
            return Err(Pumped::Broken);
        }
        let Some(when) = core.outside.next_time() else { return Err(Pumped::Stuck) };
        core.move_clock(when);
        let now = core.session.now;
        core.outside.pop_due(now).ok_or(Pumped::Broken)
    });
    match next {
        Ok((_, call)) => {
            happen_outside(call);
            Pumped::Happened
        }
        Err(pumped) => pumped,
    }
}

/// What ran before something outside took its place.
struct Before {
    step: Step,
    interrupted: super::tasks::TaskId,
    variables: Variables,
    source_outside: bool,
}

impl Core {
    fn enter_outside(&mut self, variables: Variables) -> Before {
        let step = std::mem::replace(&mut self.step, Step::NONE);
        // Something outside may begin in the middle of a task's step, and then in the middle of
        // another thing outside: the task below stays the one that is interrupted.
        let running = if step.task.is_none() { self.interrupted } else { step.task };
        Before {
            step,
            interrupted: std::mem::replace(&mut self.interrupted, running),
            variables: std::mem::replace(&mut self.variables, variables),
            source_outside: std::mem::replace(&mut self.source_outside, true),
        }
    }

    fn leave_outside(&mut self, before: Before) -> Variables {
        self.step = before.step;
        self.interrupted = before.interrupted;
        self.source_outside = before.source_outside;
        std::mem::replace(&mut self.variables, before.variables)
    }
}
