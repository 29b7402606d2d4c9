//! Spawning tasks, and what can be asked about them.

use std::future::Future;
use std::panic::Location;

use super::any::AnyFuture;
use super::body::Body;
use super::future::LoopFuture;
use super::join::JoinHandle;
use super::raw::{FutureRef, closed, take_if};
use crate::base::{Error, Result, RuntimeError, TaskKey};
use crate::event_loop::{
    Core, FutureCell, FutureId, Held, Kind, LoopId, TaskCell, TaskInfo, new_task, with,
};

/// Spawns a task on the running loop: `asyncio.create_task(coro)`.
///
/// The task is ready at once, behind all that is ready already; nothing of its body runs before
/// that. Its name is `Task-N`.
///
/// # Panics
///
/// When no loop runs: there is nothing that could run the task. Use
/// [`EventLoop::create_task`](crate::EventLoop::create_task) to spawn on a loop that does not run.
#[doc(alias = "create_task")]
#[track_caller]
pub fn spawn<T, F>(future: F) -> JoinHandle<T>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    spawn_at(future, None, Location::caller())
}

/// Spawns a task with a name: `asyncio.create_task(coro, name=name)`.
///
/// # Panics
///
/// When no loop runs.
#[track_caller]
pub fn spawn_named<T, F>(name: impl AsRef<str>, future: F) -> JoinHandle<T>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    spawn_at(future, Some(name.as_ref()), Location::caller())
}

/// Spawns a task on the running loop for a call at `location`.
///
/// # Panics
///
/// When no loop runs.
#[track_caller]
pub(crate) fn spawn_at<T, F>(
    future: F,
    name: Option<&str>,
    location: &'static Location<'static>,
) -> JoinHandle<T>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let Some(owner) = with(|core| core.running_loop()) else {
        panic!("no running event loop: call `spawn` from inside `seedloop::run(async {{ .. }})`");
    };
    spawn_on(owner, future, name, location)
}

/// Spawns a task on `owner`, which must not be closed.
pub(crate) fn spawn_on<T, F>(
    owner: LoopId,
    future: F,
    name: Option<&str>,
    location: &'static Location<'static>,
) -> JoinHandle<T>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let (runnable, held) = new_task(Body::new(future));
    let raw = with(|core| {
        let raw = core.adopt_task(owner, held, name, location);
        core.enqueue(runnable);
        raw
    });
    JoinHandle::from_raw(FutureRef::from_counted(raw), location)
}

impl Core {
    /// Takes a new task in; returns its future.
    fn adopt_task(
        &mut self,
        owner: LoopId,
        held: Held,
        name: Option<&str>,
        location: &'static Location<'static>,
    ) -> FutureId {
        let by = self.source();
        let parent = self.current_number();
        let (key, child_index) = match self.tasks.get_mut(self.step.task) {
            Some(cell) => {
                cell.children += 1;
                (cell.key, cell.children)
            }
            None => {
                self.session.roots += 1;
                (TaskKey::LOOP, self.session.roots)
            }
        };
        let key = key.child(child_index);
        self.session.tasks_spawned += 1;
        let number = self.session.tasks_spawned;
        if name.is_none() {
            self.session.tasks_unnamed += 1;
        }
        let unnamed = self.session.tasks_unnamed;
        let order = self.first_order();
        let task = self.tasks.insert(
            held,
            TaskCell {
                number,
                owner,
                order,
                key,
                parent,
                unnamed,
                name: name.map(Into::into),
                variables: self.variables.clone(),
                ..TaskCell::new(location)
            },
        );
        // One for the handle and one for the loop, which keeps the task until it has ended.
        let cell = FutureCell { refs: 2, ..FutureCell::new(owner, Kind::Task(task)) };
        let future = self.futures.insert(cell);
        self.tasks[task].future = future;
        self.place_task(task);
        self.name_future(future);
        self.session.emit_spawned(number, by, location);
        self.session.order_spawned(number, key, parent);
        self.session.know_task(number, || TaskInfo {
            name: name.map_or_else(|| format!("Task-{unnamed}"), str::to_owned),
            parent,
            child_index,
            spawned_at: location.into(),
        });
        future
    }
}

/// The error of a loop on which nothing can be spawned any more.
pub(crate) fn check_open(owner: LoopId) -> Result<()> {
    match with(|core| core.loops.get(owner).is_none_or(|cell| cell.closed)) {
        true if owner.is_none() => Err(Error::new(RuntimeError::new("no running event loop"))),
        true => Err(closed()),
        false => Ok(()),
    }
}

/// Turns what can be awaited into a future of `owner`: a handle is itself, anything else becomes a
/// task. Source: CPython 3.13, `ensure_future`.
pub(crate) fn ensure_future<T, F>(
    owner: LoopId,
    awaitable: F,
    location: &'static Location<'static>,
) -> Result<LoopFuture<T>>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let future = ensure_future_anywhere(owner, awaitable, location)?;
    future.raw().check_of(owner)?;
    Ok(future)
}

/// The same where a handle may be of another loop of this thread.
pub(crate) fn ensure_future_anywhere<T, F>(
    owner: LoopId,
    awaitable: F,
    location: &'static Location<'static>,
) -> Result<LoopFuture<T>>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let future = match to_handle(awaitable) {
        Ok(future) => future,
        Err(awaitable) => {
            check_open(owner)?;
            spawn_on(owner, awaitable, None, location).into_future_handle()
        }
    };
    future.raw().check()?;
    Ok(future)
}

/// Takes a handle as what it is; gives anything else back.
pub(crate) fn to_handle<T, F>(awaitable: F) -> Result<LoopFuture<T>, F>
where
    T: 'static,
    F: 'static,
{
    let mut slot = Some(awaitable);
    if let Some(handle) = take_if::<JoinHandle<T>>(&mut slot) {
        return Ok(handle.into_future_handle());
    }
    if let Some(future) = take_if::<LoopFuture<T>>(&mut slot) {
        return Ok(future);
    }
    // `T` is `()` then, which is what awaiting a handle without a type gives.
    if let Some(any) = take_if::<AnyFuture>(&mut slot)
        && let Some(future) = take_if::<LoopFuture<T>>(&mut Some(any.into_future_handle()))
    {
        return Ok(future);
    }
    Err(slot.expect("seedloop bug: the awaitable is gone"))
}

/// Returns the task that runs, or none in a callback.
///
/// # Errors
///
/// A [`RuntimeError`] when no loop runs.
pub fn current_task() -> Result<Option<JoinHandle<()>>> {
    let (running, future) = with(|core| {
        let future = core.tasks.get(core.step.task).map(|cell| (cell.future, cell.location));
        (core.running_loop(), future)
    });
    if running.is_none() {
        return Err(Error::new(RuntimeError::new("no running event loop")));
    }
    Ok(future.map(|(id, location)| JoinHandle::from_raw(FutureRef::to(id), location)))
}

/// Returns the tasks of the running loop that have not ended, in the order in which they were
/// spawned.
///
/// # Errors
///
/// A [`RuntimeError`] when no loop runs.
pub fn all_tasks() -> Result<Vec<AnyFuture>> {
    match with(|core| core.running_loop()) {
        Some(owner) => Ok(tasks_of(owner)),
        None => Err(Error::new(RuntimeError::new("no running event loop"))),
    }
}

/// The tasks of a loop that have not ended, in the order in which they were spawned.
pub(crate) fn tasks_of(owner: LoopId) -> Vec<AnyFuture> {
    let mut live = with(|core| {
        core.meets_everything();
        core.live_tasks(owner)
    });
    live.sort_by_key(|(number, _)| *number);
    let futures: Vec<_> = with(|core| {
        let tasks = live.iter().map(|(_, task)| &core.tasks[*task]);
        tasks.map(|cell| (cell.future, cell.location)).collect()
    });
    let handle = |(id, location)| AnyFuture::from_raw(FutureRef::to(id), location);
    futures.into_iter().map(handle).collect()
}
