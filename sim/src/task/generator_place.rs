//! Where the body of a generator stands among the boundaries of its task.

use std::panic::Location;
use std::task::Context;

use super::boundary::Inside;
use crate::base::Id;
use crate::event_loop::{BoundaryId, Core, TaskId, poll_with, try_with, with};

/// The place of a generator's body. What is waited for inside counts for the code around it while
/// the body is awaited, and not while it stands at a `yield_`: then the task waits elsewhere.
pub(crate) struct GeneratorPlace {
    id: BoundaryId,
    /// Something of ours is awaited inside, which a cancel can reach.
    reachable: bool,
    location: &'static Location<'static>,
}

/// How a poll of the body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyState {
    /// It waits.
    Waits,
    /// It stands at a `yield_`.
    Away,
    /// It has ended.
    Over,
}

impl GeneratorPlace {
    pub(crate) fn new(location: &'static Location<'static>) -> Self {
        GeneratorPlace { id: Id::NONE, reachable: false, location }
    }

    /// Enters the place for a poll of the body, in the running task. In a callback there is none:
    /// the body may run there as far as it need not wait.
    pub(crate) fn enter(&mut self, cx: &Context<'_>) -> InGenerator {
        if with(|core| core.step.task.is_none()) {
            return InGenerator { inside: None, is_own: true };
        }
        let is_own = poll_with(cx, |core, waker| {
            core.enter_task_of_boundary(&mut self.id, self.location)?;
            core.put_boundary(self.id, false);
            let cell = &mut core.boundaries[self.id];
            (cell.away, cell.abandoned) = (false, false);
            Ok(core.is_own(waker))
        });
        InGenerator { inside: Some(Inside::enter(self.id)), is_own }
    }

    /// Leaves the place after the poll.
    pub(crate) fn leave(&mut self, poll: InGenerator, state: BodyState) {
        let was_entered = poll.inside.is_some();
        let waits = poll.inside.is_some_and(Inside::leave);
        with(|core| {
            core.step.yielding = false;
            match state {
                _ if !was_entered => {}
                BodyState::Over => core.close_boundary(std::mem::replace(&mut self.id, Id::NONE)),
                BodyState::Away => core.boundaries[self.id].away = true,
                BodyState::Waits => {
                    self.reachable = core.wait_in_generator(self.id, waits, poll.is_own);
                }
            }
        });
    }
}

impl GeneratorPlace {
    /// The running task and the place in it, if a cancel can reach what the body awaits there.
    pub(crate) fn awaited(&self) -> Option<(TaskId, BoundaryId)> {
        let task = with(|core| core.boundaries.get(self.id).map(|cell| cell.task))?;
        self.reachable.then_some((task, self.id))
    }

    /// Nobody awaits the body any more, which stands at some await of its own.
    pub(crate) fn abandon(&mut self) {
        try_with(|core| {
            if core.boundaries.contains(self.id) {
                core.boundaries[self.id].abandoned = true;
                core.count_boundary(self.id, false);
            }
        });
    }
}

impl Drop for GeneratorPlace {
    fn drop(&mut self) {
        if !self.id.is_none() {
            try_with(|core| core.close_boundary(self.id));
        }
    }
}

/// A poll of a generator's body.
#[must_use = "`leave` ends it"]
pub(crate) struct InGenerator {
    inside: Option<Inside>,
    is_own: bool,
}

impl Core {
    /// The body waits; returns whether on something of ours. A place is no boundary for foreign
    /// waits: one around it has to take care of them.
    fn wait_in_generator(&mut self, id: BoundaryId, waits: bool, is_own: bool) -> bool {
        let waits = waits || self.boundaries[id].apart > 0;
        if waits {
            self.step.waits = true;
            self.count_boundary(id, !is_own);
        }
        waits
    }

    /// How far the cancel of a timeout reaches: its own block, or all of the task if nobody awaits
    /// the block, since a generator stands at a `yield_` in it.
    pub(crate) fn reach_of(&self, scope: BoundaryId) -> BoundaryId {
        let mut boundary = scope;
        while let Some(cell) = self.boundaries.get(boundary) {
            if cell.away {
                return Id::NONE;
            }
            boundary = cell.parent;
        }
        if self.boundaries.contains(scope) { scope } else { Id::NONE }
    }
}
