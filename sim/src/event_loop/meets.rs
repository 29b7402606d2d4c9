//! What each step has to do with, for a policy that leaves out orders which make no difference.
//!
//! Everything by which one task could come to know of another is named here: the state of each
//! primitive, whether a task was woken or cancelled, the end of a future, the queue of the loop's
//! own calls, timers of one moment. What has no name of its own meets everything.

use std::collections::BTreeMap;

use super::cell::{FutureId, Kind};
use super::context::{is_followed, try_with};
use super::core::Core;
use super::handle::HandleId;
use super::object::{ObjectId, key_of};
use super::tasks::TaskId;
use crate::base::{Access, Instant, Operation, ResourceKey, TaskKey};

/// The simulated machine, and what will happen outside of the loop.
pub(crate) const OUTSIDE: ResourceKey = ResourceKey::of_kernel(2);
/// What is printed, and what is reported.
pub(crate) const OUTPUT: ResourceKey = ResourceKey::of_kernel(3);
/// The generators that are open.
pub(crate) const GENERATORS: ResourceKey = ResourceKey::of_kernel(4);

/// The names of what has none otherwise.
#[derive(Default)]
pub(super) struct Met {
    futures: BTreeMap<FutureId, ResourceKey>,
    handles: BTreeMap<HandleId, ResourceKey>,
    /// How many each task has made.
    made: BTreeMap<TaskKey, u32>,
}

impl Met {
    pub(super) const fn new() -> Self {
        Met { futures: BTreeMap::new(), handles: BTreeMap::new(), made: BTreeMap::new() }
    }
}

impl Core {
    /// Takes note that what runs has to do with a resource.
    #[inline]
    pub(crate) fn meets(&mut self, resource: ResourceKey, access: Access) {
        if self.session.is_followed() {
            self.tell_met(Operation { resource, access });
        }
    }

    #[inline(never)]
    fn tell_met(&mut self, operation: Operation) {
        self.session.meets(&operation);
    }

    /// The same where nobody can say with what.
    pub(crate) fn meets_everything(&mut self) {
        self.meets(ResourceKey::UNKNOWN, Access::Write);
    }

    /// The same for what a task is told.
    #[inline]
    pub(crate) fn meets_task(&mut self, task: TaskId) {
        if self.session.is_followed() {
            self.tell_task_met(task);
        }
    }

    #[inline(never)]
    fn tell_task_met(&mut self, task: TaskId) {
        if let Some(key) = self.tasks.get(task).map(|cell| cell.key) {
            self.meets(ResourceKey::of_task(key), Access::Write);
        }
    }

    /// The same for the state of a future.
    #[inline]
    pub(crate) fn meets_future(&mut self, future: FutureId, access: Access) {
        if self.session.is_followed() {
            self.tell_future_met(future, access);
        }
    }

    #[inline(never)]
    fn tell_future_met(&mut self, future: FutureId, access: Access) {
        let resource = self.resource_of(future);
        self.meets(resource, access);
    }

    fn resource_of(&self, future: FutureId) -> ResourceKey {
        let task = match self.futures.get(future).map(|cell| &cell.kind) {
            Some(Kind::Task(task)) => self.tasks.get(*task).map(|cell| cell.key),
            _ => None,
        };
        let own = || self.session.met.futures.get(&future).copied();
        task.map(ResourceKey::of_end).or_else(own).unwrap_or(ResourceKey::UNKNOWN)
    }

    /// The same for a call that can be taken back.
    #[inline]
    pub(crate) fn meets_handle(&mut self, handle: HandleId) {
        if self.session.is_followed() {
            let resource = self.session.met.handles.get(&handle).copied();
            self.meets(resource.unwrap_or(ResourceKey::UNKNOWN), Access::Write);
        }
    }

    /// The same for what is set for a moment.
    #[inline]
    pub(crate) fn meets_instant(&mut self, when: Instant) {
        self.meets(ResourceKey::of_instant(when.as_nanos()), Access::Write);
    }

    /// Names a future that was made.
    #[inline]
    pub(crate) fn name_future(&mut self, future: FutureId) {
        if self.session.is_followed() {
            let name = self.next_name();
            self.session.met.futures.insert(future, name);
        }
    }

    /// Names a call that was queued or set for later.
    #[inline]
    pub(crate) fn name_handle(&mut self, handle: HandleId) {
        if self.session.is_followed() {
            let name = self.next_name();
            self.session.met.handles.insert(handle, name);
        }
    }

    fn next_name(&mut self) -> ResourceKey {
        let maker = self.tasks.get(self.step.task).map_or(TaskKey::LOOP, |cell| cell.key);
        let made = self.session.met.made.entry(maker).or_default();
        *made += 1;
        // As if it were a child of the end of its maker, which has none.
        ResourceKey::made_by(ResourceKey::of_end(maker).as_task(), *made)
    }
}

/// Takes note that what runs has to do with something whose key is asked for if somebody listens.
#[inline]
pub(super) fn meets_key(access: Access, key: impl FnOnce() -> Option<ResourceKey>) {
    if is_followed()
        && let Some(key) = key()
    {
        try_with(|core| core.meets(key, access));
    }
}

/// Takes note that what runs has to do with an object.
#[inline]
pub(super) fn meets_object(object: ObjectId, access: Access) {
    if is_followed() {
        tell_object_met(object, access);
    }
}

#[inline(never)]
fn tell_object_met(object: ObjectId, access: Access) {
    try_with(|core| {
        let key = key_of(object);
        core.meets(key.unwrap_or(ResourceKey::UNKNOWN), access);
    });
}
