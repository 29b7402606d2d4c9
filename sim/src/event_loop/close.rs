//! The end of a loop: its tasks, calls and timers are dropped.
//!
//! Source: CPython 3.13, `BaseEventLoop.close`.

use async_task::Runnable;

use super::cell::{LoopId, Order};
use super::complete::release;
use super::context::{Hot, hot, set_hot, with};
use super::core::Core;
use super::extension::end_outside;
use super::foreign::check_foreign_wakes;
use super::handle::{HandleId, drop_call};
use super::panics::catch_quietly;
use super::ready::Entry;
use super::report::{Report, ReportKind, report_within};
use super::tasks::TaskId;
use super::timer::Due;
use super::waker::TaskMeta;
use crate::base::{Error, Event, Result, RuntimeError};

/// Closes a loop: drops its tasks, calls and timers. A second close does nothing.
pub(crate) fn close_loop(id: LoopId) -> Result<()> {
    let refused = with(|core| match core.loops.get(id) {
        Some(cell) if cell.running => true,
        Some(cell) if !cell.closed => {
            core.session.emit(Event::Phase { name: "close the loop" });
            false
        }
        _ => false,
    });
    if refused {
        return Err(Error::new(RuntimeError::new("cannot close a running event loop")));
    }
    check_foreign_wakes();
    // The running task may be the one that closes the loop; those that are dropped are not as it.
    let was_hot = hot();
    set_hot(Hot::OUTSIDE);
    kill_tasks(id);
    set_hot(was_hot);
    let owned = with(|core| {
        let cell = core.loops.get_mut(id)?;
        cell.closed = true;
        cell.executor_closed = true;
        let generators = std::mem::take(&mut cell.generators);
        Some((cell.default_executor.take(), generators, cell.handler.take()))
    });
    catch_quietly(|| drop(owned));
    drop_entries(id);
    let last = with(|core| !core.session.active && core.loops.iter().all(|(_, cell)| cell.closed));
    if last {
        // No simulation is around the loops: nothing moves the clock any more.
        end_outside();
    }
    Ok(())
}

/// How often tasks may be spawned by the destructors of tasks that a closing loop drops.
const KILL_ROUNDS: usize = 1_000;

/// Drops the bodies of all tasks of a loop that is being closed.
///
/// A body is dropped by its own poll: async-task would abort the process if a destructor panicked
/// while it drops the future itself.
fn kill_tasks(id: LoopId) {
    for _ in 0..KILL_ROUNDS {
        let mut tasks = with(|core| core.live_tasks(id));
        if tasks.is_empty() {
            return;
        }
        tasks.sort_by_key(|(number, _)| *number);
        tasks.iter().for_each(|(_, task)| doom(*task));
        drop_entries(id);
        tasks.iter().for_each(|(_, task)| bury(*task));
    }
}

impl Core {
    /// The tasks of a loop that have not ended, with their numbers, in no order.
    pub(crate) fn live_tasks(&self, owner: LoopId) -> Vec<(u32, TaskId)> {
        let live = self
            .tasks
            .iter()
            .filter(|(_, cell)| cell.owner == owner && cell.held && !self.is_done(cell.future));
        live.map(|(id, cell)| (cell.number, id)).collect()
    }
}

/// Reports that a task was pending and makes it ready to drop its body.
fn doom(task: TaskId) {
    let pending = with(|core| {
        let cell = core.tasks.get_mut(task)?;
        cell.order = Order::Kill;
        let number = cell.number;
        let broken = core.loops[cell.owner].broken;
        let text = "Task was destroyed but it is pending!";
        let pending =
            Report::new(ReportKind::DestroyedPending, text).with_task(cell.name(), cell.location);
        if !cell.scheduled {
            core.wake_task(task);
        }
        core.session.note(Event::Dropped { task: number });
        // Where a panic, a deadlock or a limit ended the run, that is the thing to tell.
        let cell = &core.tasks[task];
        (!broken).then(|| (cell.owner, cell.variables.clone(), pending))
    });
    if let Some((owner, variables, pending)) = pending {
        report_within(owner, variables, pending);
    }
}

/// Gives up what the loop held of a task whose body was dropped.
fn bury(task: TaskId) {
    let taken = with(|core| {
        let cell = core.tasks.get_mut(task)?;
        cell.scheduled = false;
        std::mem::take(&mut cell.held).then(|| (cell.variables.take(), cell.future))
    });
    if let Some((variables, future)) = taken {
        catch_quietly(|| drop(variables));
        release(future);
    }
}

/// Drops the calls and timers of a loop.
fn drop_entries(id: LoopId) {
    let Some((entries, timers)) = with(|core| {
        let cell = core.loops.get_mut(id)?;
        Some((cell.ready.take_all(), cell.timers.take_all()))
    }) else {
        return;
    };
    for entry in entries {
        match entry {
            Entry::Call(handle) => drop_handle(handle),
            Entry::Step(runnable) => kill(runnable),
            Entry::Elapsed(_) => {}
        }
    }
    for due in timers {
        if let Due::Call(handle) = due {
            drop_handle(handle);
        }
    }
}

/// Lets a task drop its body by its own poll. What a destructor does must not end the others'
/// clean-up.
fn kill(runnable: Runnable<TaskMeta>) {
    let task = runnable.metadata().task();
    with(|core| {
        if let Some(cell) = core.tasks.get_mut(task) {
            cell.order = Order::Kill;
        }
    });
    catch_quietly(|| {
        runnable.run();
    });
}

fn drop_handle(id: HandleId) {
    let dropped = with(|core| {
        let cell = core.handles.get_mut(id)?;
        cell.gone = true;
        let call = cell.call.take();
        Some((call, if cell.refs == 0 { core.handles.remove(id) } else { None }))
    });
    if let Some((call, freed)) = dropped {
        catch_quietly(|| {
            drop(freed);
            drop_call(call);
        });
    }
}
