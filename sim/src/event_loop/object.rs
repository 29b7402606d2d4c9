//! The arena of shared objects: the state of locks, queues and groups, and what reports need to
//! know of each.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::context::with_objects;
use super::core::Core;
use crate::base::{Access, Event, Id, Operation, Place, ResourceKey, TaskNumber};

pub(crate) type ObjectId = Id<ObjectCell>;

/// Who holds a resource, and since where; or who did something else to it.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) task: TaskNumber,
    /// What the task is called: its name, or the number in it.
    pub(crate) name: Option<Rc<str>>,
    pub(crate) unnamed: u32,
    pub(crate) since: &'static Location<'static>,
}

/// One shared object.
pub(crate) struct ObjectCell {
    pub(super) object: Rc<dyn Known>,
}

/// What is known of an object, whatever its state.
pub(super) trait Known: Any {
    fn notes(&self) -> &RefCell<Notes>;
}

/// What reports and policies need to know of an object.
pub(crate) struct Notes {
    pub(crate) kind: &'static str,
    /// Its number among all objects of the simulation, for events.
    pub(crate) number: u32,
    /// Its name in every run, for policies and reductions.
    pub(super) key: ResourceKey,
    /// Its number among those of its kind, for people: `lock#2`.
    of_kind: u32,
    /// Who holds it, for reports: the earliest ones, at most [`HOLDERS_MAX`].
    pub(crate) holders: Vec<Holder>,
    /// How many others hold it.
    more_holders: u32,
    /// Where it was made, for reports, if that tells who could end a wait for it.
    pub(super) made_at: Option<&'static Location<'static>>,
    /// Who notified it last when nobody waited and it kept nothing of it, for reports.
    pub(super) missed: Option<Holder>,
    /// How many have come and how many are to come, for reports: of a barrier.
    pub(super) arrived: Option<(usize, usize)>,
}

/// A report that names more is not read, and a semaphore may have thousands.
const HOLDERS_MAX: usize = 8;

impl Notes {
    /// Takes note that what runs has to do with the object.
    #[inline]
    pub(crate) fn meets(&self, core: &mut Core, access: Access) {
        core.meets(self.key, access);
    }

    /// Takes note that the running task holds the resource.
    pub(crate) fn acquired(&mut self, core: &mut Core, since: &'static Location<'static>) {
        self.hold(core, since);
        self.changed(core, "acquired", Access::Write, since);
    }

    /// Takes note that the resource was given back, by its holder or by another for it.
    pub(crate) fn released(&mut self, core: &mut Core, at: &'static Location<'static>) {
        self.give_up(core);
        self.changed(core, "released", Access::Write, at);
    }

    /// Reports an operation on the resource by the running task.
    #[inline]
    pub(crate) fn changed(
        &self,
        core: &mut Core,
        operation: &'static str,
        access: Access,
        at: &'static Location<'static>,
    ) {
        let by = core.source();
        core.session.fold_resource(operation, self.number, by);
        if core.session.observed {
            self.tell_changed(core, operation, access, at);
        }
    }

    /// Tells those who look on of an operation.
    #[inline(never)]
    fn tell_changed(
        &self,
        core: &mut Core,
        operation: &'static str,
        access: Access,
        at: &'static Location<'static>,
    ) {
        let event = Event::Resource { operation, resource: self.number, by: core.source() };
        core.session.note_at(event, at);
        core.touch(Operation { resource: self.key, access });
    }

    #[inline]
    fn hold(&mut self, core: &Core, since: &'static Location<'static>) {
        match self.holders.len() {
            HOLDERS_MAX.. => self.more_holders += 1,
            _ => self.holders.push(core.as_holder(since)),
        }
    }

    #[inline]
    fn give_up(&mut self, core: &Core) {
        let task = core.current_number();
        match self.holders.iter().position(|holder| holder.task == task) {
            Some(position) => drop(self.holders.remove(position)),
            None if self.more_holders > 0 => self.more_holders -= 1,
            None if self.holders.is_empty() => {}
            None => drop(self.holders.remove(0)),
        }
    }
}

/// What reports call it.
impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.kind, self.of_kind)
    }
}

/// The name of an object in every run, if it is there.
pub(super) fn key_of(id: ObjectId) -> Option<ResourceKey> {
    with_objects(|objects| Some(objects.get(id)?.object.notes().borrow().key)).flatten()
}

/// What a policy is told of an operation on an object.
pub(super) fn operation_on(id: ObjectId, access: Access) -> Operation {
    let key = if id.is_none() { None } else { key_of(id) };
    key.map_or(Operation::UNKNOWN, |resource| Operation { resource, access })
}

impl Core {
    /// What is known of a new object.
    pub(super) fn new_notes(&mut self, kind: &'static str) -> Notes {
        let (number, of_kind) = self.session.number_resource(kind);
        let key = self.next_resource_key();
        self.session.know_resource(kind, key);
        Notes {
            kind,
            number,
            key,
            of_kind,
            holders: Vec::new(),
            more_holders: 0,
            made_at: None,
            missed: None,
            arrived: None,
        }
    }

    /// The task that runs, as the holder of something since `since`.
    pub(super) fn as_holder(&self, since: &'static Location<'static>) -> Holder {
        let task = self.current_number();
        let cell = if task == 0 { None } else { self.tasks.get(self.step.task) };
        let (name, unnamed) = cell.map_or((None, 0), |cell| (cell.name.clone(), cell.unnamed));
        Holder { task, name, unnamed, since }
    }

    /// The key of the resource that the running task makes next.
    fn next_resource_key(&mut self) -> ResourceKey {
        match self.tasks.get_mut(self.step.task) {
            Some(cell) if !self.source_outside => {
                cell.made += 1;
                ResourceKey::made_by(cell.key, cell.made)
            }
            _ => self.session.next_root_resource(),
        }
    }
}

/// What reports need to know of an object.
pub(super) struct Described {
    pub(super) kind: &'static str,
    /// Its number among those of its kind.
    pub(super) number: u32,
    pub(super) holders: Vec<Holder>,
    pub(super) missed: Option<Holder>,
    pub(super) arrived: Option<(usize, usize)>,
}

/// Tells what reports need to know of an object.
pub(super) fn describe(id: ObjectId) -> Option<Described> {
    if id.is_none() {
        return None;
    }
    let described = |notes: &Notes| Described {
        kind: notes.kind,
        number: notes.of_kind,
        holders: notes.holders.clone(),
        missed: notes.missed.clone(),
        arrived: notes.arrived,
    };
    with_objects(|objects| objects.get(id).map(|cell| described(&cell.object.notes().borrow())))
        .flatten()
}

/// Where an object was made, if reports are to tell.
pub(super) fn made_at(id: ObjectId) -> Option<Place> {
    with_objects(|objects| objects.get(id)?.object.notes().borrow().made_at.map(Place::from))
        .flatten()
}

/// The number of an object, 0 for none.
pub(super) fn number_of(id: ObjectId) -> u32 {
    if id.is_none() {
        return 0;
    }
    with_objects(|objects| objects.get(id).map_or(0, |cell| cell.object.notes().borrow().number))
        .unwrap_or(0)
}
