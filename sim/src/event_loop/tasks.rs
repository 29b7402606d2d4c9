//! The tasks of a thread. The cell of each lies in async-task's metadata, right before its future,
//! so that all of a task is one allocation.
//!
//! The `unsafe` here was measured: a slab of cells beside async-task's allocations took another
//! two misses of the cache for each step where there are many tasks, and a copy of each cell.
//!
//! What makes it sound is that a cell is reached through [`Tasks`] alone, on the thread of its task
//! alone, and that a reference to it borrows the `Tasks` in the same way: shared, or alone.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ops::{Index, IndexMut};
use std::rc::Rc;

use async_task::Task as RawTask;

use super::cell::{Rare, TaskCell, Variables};
use super::waker::TaskMeta;
use crate::base::{Id, Slab};

/// What the loop holds of a task.
pub(crate) type Held = RawTask<(), TaskMeta>;

pub(crate) type TaskId = Id<Held>;

/// Where the cell of a task lies.
///
/// Empty until the task is [taken in](Tasks::insert). The cell is not dropped: what it holds is
/// taken out of it when the task is.
pub(super) struct TaskPlace(UnsafeCell<MaybeUninit<TaskCell>>);

impl TaskPlace {
    pub(super) const fn new() -> Self {
        TaskPlace(UnsafeCell::new(MaybeUninit::uninit()))
    }
}

/// The tasks of a thread whose end somebody may ask for.
pub(crate) struct Tasks {
    held: Slab<Held>,
}

/// A task that was taken out; to be dropped unborrowed, since it may hold what is the user's.
pub(crate) struct Removed {
    pub(super) variables: Variables,
    _rare: Option<Box<Rare>>,
    _name: Option<Rc<str>>,
    _held: Held,
}

impl Tasks {
    pub(super) const fn new() -> Self {
        Tasks { held: Slab::new() }
    }

    /// Takes a new task in.
    #[expect(unsafe_code, reason = "the cell lies in async-task's metadata, see above")]
    pub(crate) fn insert(&mut self, held: Held, cell: TaskCell) -> TaskId {
        let place = held.metadata().place.0.get();
        // SAFETY: the place is there, since `held` keeps it. Nobody else has come to know of the
        // task, and so nobody refers to the cell. Of every task in the slab it is filled.
        unsafe { (*place).write(cell) };
        let task = self.held.insert(held);
        self.held[task].metadata().set_task(task);
        task
    }

    #[expect(unsafe_code, reason = "the cell lies in async-task's metadata, see above")]
    #[inline]
    pub(crate) fn get(&self, task: TaskId) -> Option<&TaskCell> {
        let place = self.held.get(task)?.metadata().place.0.get();
        // SAFETY: the cell is there, since what is held keeps it, and it was filled. Whoever
        // changes it borrows all of these alone, and so not as long as the reference lives.
        Some(unsafe { (*place).assume_init_ref() })
    }

    #[expect(unsafe_code, reason = "the cell lies in async-task's metadata, see above")]
    #[inline]
    pub(crate) fn get_mut(&mut self, task: TaskId) -> Option<&mut TaskCell> {
        let place = self.held.get(task)?.metadata().place.0.get();
        // SAFETY: the cell is there, since what is held keeps it, and it was filled. It is reached
        // through these alone, which are borrowed alone as long as the reference lives.
        Some(unsafe { (*place).assume_init_mut() })
    }

    /// The cell of a task of this thread that was taken in: of one that is ready or runs, without
    /// a look for it.
    #[expect(unsafe_code, reason = "the cell lies in async-task's metadata, see above")]
    #[inline]
    pub(crate) fn of<'a>(&'a mut self, meta: &'a TaskMeta) -> &'a mut TaskCell {
        let place = meta.place.0.get();
        // SAFETY: the cell is there, since it is a part of what `meta` refers to, and it was filled
        // before anyone came to know of the task. It is reached through the `Tasks` of this thread
        // alone: these, which are borrowed alone, and when the thread ends those that it had
        // before, of which nothing is borrowed then.
        unsafe { (*place).assume_init_mut() }
    }

    /// Makes a task ready, unless it is.
    #[inline]
    pub(super) fn wake(&self, task: TaskId) {
        if let Some(held) = self.held.get(task) {
            held.metadata().wake();
        }
    }

    pub(crate) fn contains(&self, task: TaskId) -> bool {
        self.held.contains(task)
    }

    /// The tasks, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TaskId, &TaskCell)> {
        self.held.iter().filter_map(|(task, _)| Some((task, self.get(task)?)))
    }

    pub(super) fn remove(&mut self, task: TaskId) -> Option<Removed> {
        let cell = self.get_mut(task)?;
        let (variables, rare, name) = (cell.variables.take(), cell.rare.take(), cell.name.take());
        let held = self.held.remove(task)?;
        Some(Removed { variables, _rare: rare, _name: name, _held: held })
    }

    /// Forgets a task that has ended and holds nothing of the user's.
    pub(super) fn free(&mut self, task: TaskId) {
        if let Some(cell) = self.get_mut(task) {
            drop((cell.rare.take(), cell.name.take()));
        }
        if let Some(held) = self.held.remove(task) {
            held.detach();
        }
    }

    /// Gives memory back if there is no task.
    pub(super) fn shrink(&mut self) {
        self.held.shrink();
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        let left: Vec<TaskId> = self.held.iter().map(|(task, _)| task).collect();
        for task in left {
            drop(self.remove(task));
        }
    }
}

impl Index<TaskId> for Tasks {
    type Output = TaskCell;

    #[track_caller]
    fn index(&self, task: TaskId) -> &TaskCell {
        match self.get(task) {
            Some(cell) => cell,
            None => panic!("seedloop bug: stale task {task:?}"),
        }
    }
}

impl IndexMut<TaskId> for Tasks {
    #[track_caller]
    fn index_mut(&mut self, task: TaskId) -> &mut TaskCell {
        match self.get_mut(task) {
            Some(cell) => cell,
            None => panic!("seedloop bug: stale task {task:?}"),
        }
    }
}
