//! `asyncio.TaskGroup`: tasks that have all ended when their block is left.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::Location;

use super::timeout::cancel_block;
use crate::base::{Cancelled, Error, Group, Id, Result, RuntimeError};
use crate::event_loop::{
    BoundaryId, FutureId, Label, LoopId, Report, ReportKind, Shared, State as FutureState, TaskId,
    WaitId, cancel_boundary_scope, report, try_with, with,
};
use crate::task::{
    Boundary, FutureRef, JoinHandle, WaitUnit, check_open, release_adopted, spawn_on,
};

/// Tasks that have all ended when their block is left: `asyncio.TaskGroup`. Clones are the same
/// group.
///
/// ```
/// use seedloop::{TaskGroup, run, sleep};
/// use std::time::Duration;
///
/// let sum = run(async {
///     let (a, b) = TaskGroup::new()
///         .scope(async |tg| {
///             let a = tg.spawn(async { Ok(1) })?;
///             let b = tg.spawn(async {
///                 sleep(Duration::from_secs(1)).await?;
///                 Ok(2)
///             })?;
///             Ok((a, b))
///         })
///         .await?;
///     Ok(a.await? + b.await?)
/// });
/// assert_eq!(sum.unwrap(), 3);
/// ```
///
/// Source: Python docs, asyncio-task, "Task Groups"; CPython 3.13, `TaskGroup`.
#[doc(alias = "asyncio.TaskGroup")]
#[derive(Clone, Debug)]
pub struct TaskGroup {
    state: Shared<State>,
}

struct State {
    entered: bool,
    exiting: bool,
    aborting: bool,
    /// The block was dropped: nobody will collect what the children end with.
    dropped: bool,
    owner: LoopId,
    parent: TaskId,
    parent_future: FutureId,
    /// Holds the body and the wait for the children: what the group's own cancel reaches.
    boundary: BoundaryId,
    parent_cancel_requested: bool,
    /// The children that have not ended, in the order in which they were spawned.
    tasks: BTreeMap<u64, FutureRef>,
    spawned: u64,
    errors: Vec<Error>,
    base_error: Option<Error>,
    on_completed: Option<WaitId>,
}

impl Default for TaskGroup {
    fn default() -> Self {
        TaskGroup::new()
    }
}

impl TaskGroup {
    /// Makes a group; its tasks are spawned inside its [`scope`](Self::scope).
    pub fn new() -> Self {
        let state = State {
            entered: false,
            exiting: false,
            aborting: false,
            dropped: false,
            owner: Id::NONE,
            parent: Id::NONE,
            parent_future: Id::NONE,
            boundary: Id::NONE,
            parent_cancel_requested: false,
            tasks: BTreeMap::new(),
            spawned: 0,
            errors: Vec::new(),
            base_error: None,
            on_completed: None,
        };
        TaskGroup { state: Shared::new("task group", state) }
    }

    /// Spawns a task in the group: `tg.create_task(coro)`.
    ///
    /// It is a task of the loop like any other. When it fails, the other tasks of the group and the
    /// block are cancelled.
    ///
    /// # Errors
    ///
    /// A [`RuntimeError`] before the block is entered, while the group ends because of a failure,
    /// once it has ended, and when its loop is closed; the future is then dropped.
    #[doc(alias = "create_task")]
    #[track_caller]
    pub fn spawn<T, F>(&self, future: F) -> Result<JoinHandle<T>>
    where
        T: 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        self.spawn_with(None, future, Location::caller())
    }

    /// Spawns a task with a name. Errors as [`spawn`](Self::spawn).
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_named<T, F>(&self, name: impl AsRef<str>, future: F) -> Result<JoinHandle<T>>
    where
        T: 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        self.spawn_with(Some(name.as_ref()), future, Location::caller())
    }

    fn spawn_with<T, F>(
        &self,
        name: Option<&str>,
        future: F,
        location: &'static Location<'static>,
    ) -> Result<JoinHandle<T>>
    where
        T: 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        self.state.check()?;
        let owner = self.state.with(|state| {
            let refuse = |text: &str| Err(Error::new(RuntimeError::new(text)));
            if !state.entered {
                return refuse("the task group has not been entered");
            }
            if state.exiting && state.tasks.is_empty() {
                return refuse("the task group is finished");
            }
            if state.aborting {
                return refuse("the task group is shutting down");
            }
            Ok(state.owner)
        })?;
        // A block that was leaked outlives its loop.
        check_open(owner)?;
        let task = spawn_on(owner, future, name, location);
        let key = self.state.with(|state| {
            state.spawned += 1;
            state.tasks.insert(state.spawned, task.raw().clone());
            state.spawned
        });
        let this = self.clone();
        let ended = move |id| this.child_ended(key, id);
        task.raw().add_done_callback("task group", Box::new(ended))?;
        Ok(task)
    }

    /// Runs `body` and waits for all tasks of the group: `async with asyncio.TaskGroup() as tg`.
    ///
    /// The body gets the group. When it fails or is cancelled, the tasks are cancelled. When a task
    /// fails, the other tasks are, and so is the body, once; what the task awaits beside the block,
    /// in a `join!`, is not. Whatever happens, all tasks have ended
    /// when this is ready. A waiter resumes two hops after the last one.
    ///
    /// # Errors
    ///
    /// A [`Group`] of the errors of the tasks in the order in which they ended, then the body's;
    /// cancelled ones are not among them. A cancelled error when the block was cancelled from
    /// outside and nothing failed; when something did, the cancel comes at the next await. An
    /// [`Exit`](crate::error::Exit) or an [`Interrupt`](crate::error::Interrupt) as it is, in no
    /// group. A [`RuntimeError`] when the group was entered before or outside of a task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the tasks of the group; the task that dropped it is done only
    /// after they have ended, and their errors are reported. A cancel that the group had requested
    /// of the task is taken back.
    #[track_caller]
    pub fn scope<T>(
        self,
        body: impl AsyncFnOnce(&TaskGroup) -> Result<T>,
    ) -> impl Future<Output = Result<T>> {
        let location = Location::caller();
        async move {
            self.enter()?;
            let block = async {
                self.state.with(|state| state.boundary = with(|core| core.step.boundary));
                let live = Live { group: self.clone() };
                let result = inside(body(&self), location).await;
                let result = self.exit(result, location).await;
                drop(live);
                result
            };
            inside(block, location).await
        }
    }

    fn enter(&self) -> Result<()> {
        let refuse = |text: &str| Err(Error::new(RuntimeError::new(text)));
        let (owner, parent) = with(|core| (core.running, core.step.task));
        let Some(parent_future) = with(|core| core.tasks.get(parent).map(|cell| cell.future))
        else {
            return refuse("the task group cannot determine the parent task");
        };
        self.state.check()?;
        self.state.with(|state| {
            if state.entered {
                return refuse("the task group has already been entered");
            }
            state.entered = true;
            (state.owner, state.parent, state.parent_future) = (owner, parent, parent_future);
            Ok(())
        })
    }

    /// Leaves the block. Source: CPython 3.13, `TaskGroup.__aexit__`.
    async fn exit<T>(&self, result: Result<T>, location: &'static Location<'static>) -> Result<T> {
        let mut propagate = result.as_ref().err().and_then(Error::as_cancelled).cloned();
        let (aborting, parent, boundary) = self.state.with(|state| {
            state.exiting = true;
            if let Err(error) = &result
                && error.is_fatal()
            {
                state.base_error.get_or_insert_with(|| error.clone());
            }
            (state.aborting, state.parent, state.boundary)
        });
        if result.is_err() && !aborting {
            self.abort();
        }
        self.wait_for_children(&mut propagate, location).await;
        let requested = self.state.with(|state| std::mem::take(&mut state.parent_cancel_requested));
        if let Some(error) = self.state.with(|state| state.base_error.take()) {
            return Err(error);
        }
        if requested && with(|core| core.uncancel_expired(parent, boundary)) == 0 {
            propagate = None;
        }
        let mut errors = self.state.with(|state| std::mem::take(&mut state.errors));
        if let Some(cancelled) = propagate
            && errors.is_empty()
        {
            return Err(Error::cancelled(cancelled));
        }
        match result {
            Ok(value) if errors.is_empty() => return Ok(value),
            Err(error) if !error.is_cancelled() => errors.push(error),
            // A cancel that is no longer wanted, and nothing else: it goes on as it is.
            Err(error) if errors.is_empty() => return Err(error),
            _ => {}
        }
        renew_outside_cancel(parent, boundary);
        Err(Error::new(Group::new("unhandled errors in a TaskGroup", errors)))
    }

    /// Waits until no child is left; cancels meanwhile are kept for later, and abort the group.
    async fn wait_for_children(
        &self,
        propagate: &mut Option<Cancelled>,
        location: &'static Location<'static>,
    ) {
        while !self.state.with(|state| state.tasks.is_empty()) {
            let mut wait = WaitUnit::new(Label::on("task group", self.state.id()), location);
            self.state.with(|state| state.on_completed = Some(wait.id()));
            let waited = std::future::poll_fn(|cx| wait.poll(cx)).await;
            self.state.with(|state| state.on_completed = None);
            if let Err(cancelled) = waited
                && !self.state.with(|state| state.aborting)
            {
                *propagate = Some(cancelled);
                self.abort();
            }
        }
    }

    /// Cancels the tasks that have not ended.
    fn abort(&self) {
        let tasks: Vec<FutureRef> = self.state.with(|state| {
            state.aborting = true;
            state.tasks.values().cloned().collect()
        });
        for task in tasks {
            if !task.is_done() {
                task.cancel(None);
            }
        }
    }

    /// A task of the group has ended. Source: CPython 3.13, `TaskGroup._on_task_done`.
    fn child_ended(&self, key: u64, child: FutureId) {
        let (removed, completed, orphaned) = self.state.with(|state| {
            let removed = state.tasks.remove(&key);
            let none_left = state.tasks.is_empty();
            let completed = if none_left { state.on_completed.take() } else { None };
            (removed, completed, none_left && state.dropped)
        });
        drop(removed);
        if let Some(completed) = completed {
            WaitUnit::complete(completed);
        }
        self.take_error_of(FutureRef::to(child));
        if orphaned {
            release_adopted(self.state.with(|state| state.parent));
        }
    }

    fn take_error_of(&self, child: FutureRef) {
        if child.state() == FutureState::Cancelled {
            return;
        }
        let Ok(Some(error)) = child.exception() else { return };
        let (parent, future, boundary, dropped) = self.state.with(|state| {
            state.errors.push(error.clone());
            if error.is_fatal() {
                state.base_error.get_or_insert_with(|| error.clone());
            }
            (state.parent, state.parent_future, state.boundary, state.dropped)
        });
        if dropped || with(|core| core.ask_done(future)) {
            let text = "a task of a group has failed, and its parent task has left the group";
            report(Report::new(ReportKind::TaskGroup, text).with_error(error));
            return;
        }
        let abort = self.state.with(|state| {
            let abort = !state.aborting && !state.parent_cancel_requested;
            state.parent_cancel_requested |= abort;
            abort
        });
        if abort {
            self.abort();
            cancel_block(parent, boundary);
        }
    }
}

/// Awaits something inside a boundary.
async fn inside<T>(
    body: impl Future<Output = Result<T>>,
    location: &'static Location<'static>,
) -> Result<T> {
    match Boundary::new(body, location).await {
        Ok(result) => result,
        Err(cancelled) => Err(Error::cancelled(cancelled)),
    }
}

/// An outside cancel that a group's error hides is requested again, for the next await. If it is
/// that of blocks around the group, it goes no further than the outermost of them.
fn renew_outside_cancel(parent: TaskId, boundary: BoundaryId) {
    let renewed = with(|core| {
        let cancels = core.cancels_of(parent, boundary);
        if cancels == 0 {
            return None;
        }
        let cell = core.tasks.get(parent)?;
        let around = |other: &&BoundaryId| core.is_within(boundary, **other);
        let blocks = || cell.expired().iter().filter(around);
        let depth = |other: &&BoundaryId| blocks().filter(|b| core.is_within(**other, **b)).count();
        let outermost = blocks().min_by_key(depth).copied().unwrap_or(Id::NONE);
        let only_theirs = blocks().count() >= cancels as usize;
        let reach = if only_theirs { outermost } else { Id::NONE };
        let future = cell.future;
        core.uncancel(parent);
        Some((future, reach))
    });
    if let Some((future, reach)) = renewed {
        cancel_boundary_scope(future, reach);
    }
}

/// A block that was entered. Dropped with children left, it hands them to the loop: they are
/// cancelled, and the task is done only after they have ended.
struct Live {
    group: TaskGroup,
}

impl Drop for Live {
    fn drop(&mut self) {
        let state = &self.group.state;
        if try_with(|_| ()).is_none() || !state.is_here() {
            return;
        }
        let (left, requested, parent, boundary) = state.with(|state| {
            let left = !state.tasks.is_empty();
            state.dropped = left;
            state.exiting = true;
            let requested = std::mem::take(&mut state.parent_cancel_requested);
            (left, requested, state.parent, state.boundary)
        });
        if requested {
            with(|core| core.uncancel_expired(parent, boundary));
        }
        if left {
            with(|core| {
                if let Some(cell) = core.tasks.get_mut(parent) {
                    cell.rare_mut().adopted += 1;
                }
            });
            self.group.abort();
        }
    }
}
