//! What runs at the places of a simulated world, by place: one of them can end without a look at
//! all the others.

use super::cell::Variables;
use super::context::with;
use super::core::Core;
use super::handle::{HandleId, cancel_handle};
use super::tasks::TaskId;

/// What a program calls itself, in contrast to what combinators queue.
const QUEUED_BY_PROGRAMS: [&str; 4] =
    ["call_soon", "call_soon_threadsafe", "call_later", "call_at"];

/// Tasks and calls of one place. Those that are over leave when the list would have to grow, so
/// that it costs no pass over all of them each time.
#[derive(Default)]
pub(super) struct Placed {
    tasks: Vec<TaskId>,
    calls: Vec<HandleId>,
}

impl Core {
    /// Takes note of where a task runs.
    pub(crate) fn place_task(&mut self, task: TaskId) {
        let Some(place) = self.place() else { return };
        let number = self.tasks[task].number;
        self.session.know_place(number, place);
        let (tasks, placed) = (&self.tasks, self.session.placed.entry(place).or_default());
        if placed.tasks.len() == placed.tasks.capacity() {
            placed.tasks.retain(|task| tasks.get(*task).is_some());
            placed.tasks.reserve(placed.tasks.len().max(4));
        }
        placed.tasks.push(task);
    }

    /// Takes note of where a call belongs that a program has queued or set for later.
    pub(super) fn place_call(&mut self, call: HandleId, operation: &'static str) {
        let Some(place) = self.place() else { return };
        if !QUEUED_BY_PROGRAMS.contains(&operation) {
            return;
        }
        let (handles, placed) = (&self.handles, self.session.placed.entry(place).or_default());
        if placed.calls.len() == placed.calls.capacity() {
            placed.calls.retain(|call| handles.get(*call).is_some());
            placed.calls.reserve(placed.calls.len().max(4));
        }
        placed.calls.push(call);
    }

    fn place(&self) -> Option<u32> {
        self.session.place_of.and_then(|place_of| place_of(&self.variables))
    }
}

/// Drops the futures of the tasks at a place whose context variables are those that `is_meant`,
/// each at its next step, and forgets what the program has queued or set for later among them.
pub(crate) fn abort_at(place: u32, is_meant: impl Fn(&Variables) -> bool) {
    let calls = with(|core| {
        let Some(placed) = core.session.placed.remove(&place) else { return Vec::new() };
        let running = core.step.task;
        for id in placed.tasks {
            let Some(cell) = core.tasks.get(id) else { continue };
            if is_meant(if id == running { &core.variables } else { &cell.variables }) {
                core.abort(id);
            }
        }
        let of_place = placed.calls.into_iter();
        let meant = |id: &HandleId| core.handles.get(*id).is_some_and(|it| is_meant(&it.variables));
        of_place.filter(meant).collect()
    });
    calls.into_iter().for_each(cancel_handle);
}
