//! The arena of shared objects: the state of locks, queues and groups, reached by id.
//!
//! A handle is an id and so `Send + Sync` whatever the state holds; the state never leaves its
//! thread.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;
use std::rc::Rc;

use super::context::{
    NOWHERE, context_id, is_context, try_with, try_with_context, with, with_objects,
};
use super::core::Core;
use super::meets::meets_object;
use crate::base::{
    Access, Id, Operation, Place, ResourceKey, Result, RuntimeError, Slab, TaskNumber,
};

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

/// One shared object with what reports need to know of it.
pub(crate) struct ObjectCell {
    /// A `RefCell` of the state, borrowed while somebody works with it.
    value: Rc<dyn Any>,
    refs: u32,
    pub(super) notes: Notes,
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
    made_at: Option<&'static Location<'static>>,
    /// Who notified it last when nobody waited and it kept nothing of it, for reports.
    missed: Option<Holder>,
    /// How many have come and how many are to come, for reports: of a barrier.
    arrived: Option<(usize, usize)>,
}

const ELSEWHERE: &str = "used on another thread than the simulation that made it; create it \
     inside the simulation that uses it";

/// A report that names more is not read, and a semaphore may have thousands.
const HOLDERS_MAX: usize = 8;

/// An id of shared state that does not keep it.
pub(crate) struct Uncounted<T> {
    context: u32,
    id: ObjectId,
    of: PhantomData<fn() -> T>,
}

/// A handle on shared state; the last one frees it.
pub(crate) struct Shared<T> {
    to: Uncounted<T>,
}

impl<T: 'static> Shared<T> {
    /// Puts `value` into the arena; `kind` names it in reports.
    pub(crate) fn new(kind: &'static str, value: T) -> Self {
        let (number, of_kind, key) = with(|core| {
            let (number, of_kind) = core.session.number_resource(kind);
            let key = core.next_resource_key();
            core.session.know_resource(kind, key);
            (number, of_kind, key)
        });
        let cell = ObjectCell {
            value: Rc::new(RefCell::new(value)),
            refs: 1,
            notes: Notes {
                kind,
                number,
                key,
                of_kind,
                holders: Vec::new(),
                more_holders: 0,
                made_at: None,
                missed: None,
                arrived: None,
            },
        };
        let id = with_objects(|objects| objects.insert(cell));
        let id = id.unwrap_or(Id::NONE);
        Shared { to: Uncounted { context: context_id(), id, of: PhantomData } }
    }

    /// Returns an id that does not keep the state: for what the state itself holds.
    pub(crate) fn uncounted(&self) -> Uncounted<T> {
        Uncounted { context: self.to.context, id: self.to.id, of: PhantomData }
    }
}

impl<T> Deref for Shared<T> {
    type Target = Uncounted<T>;

    fn deref(&self) -> &Uncounted<T> {
        &self.to
    }
}

impl<T> Clone for Uncounted<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Uncounted<T> {}

impl<T> Uncounted<T> {
    /// Tells whether the object is still there.
    pub(crate) fn is_live(&self) -> bool {
        self.is_here() && with_objects(|objects| objects.contains(self.id)).unwrap_or(false)
    }

    pub(crate) fn id(&self) -> ObjectId {
        self.id
    }

    /// Tells whether this is the thread on which the object lives.
    pub(crate) fn is_here(&self) -> bool {
        is_context(self.context)
    }
}

impl<T: 'static> Uncounted<T> {
    /// Works with the state. Must not reach for the same object again inside.
    ///
    /// # Panics
    ///
    /// On another thread than the object's, and when the object is gone.
    #[track_caller]
    pub(crate) fn with<R>(&self, call: impl FnOnce(&mut T) -> R) -> R {
        match self.try_with(call) {
            Some(result) => result,
            None => panic!("{ELSEWHERE}"),
        }
    }

    /// The error of what is used on another thread than the object's, where there can be one.
    pub(crate) fn check(&self) -> Result<(), RuntimeError> {
        if self.is_here() { Ok(()) } else { Err(RuntimeError::new(ELSEWHERE)) }
    }

    /// The same for what cannot fail.
    #[track_caller]
    pub(crate) fn assert_here(&self) {
        assert!(self.is_here(), "{ELSEWHERE}");
    }

    /// Looks at the state, and changes nothing that anyone could tell.
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with).
    #[track_caller]
    pub(crate) fn peek<R>(&self, call: impl FnOnce(&mut T) -> R) -> R {
        if self.is_here() {
            meets_object(self.id, Access::Read);
        }
        self.look(call)
    }

    pub(crate) fn try_with<R>(&self, call: impl FnOnce(&mut T) -> R) -> Option<R> {
        if self.is_here() {
            meets_object(self.id, Access::Write);
        }
        self.try_look(call)
    }

    /// Works with the state where a policy was told of it: see [`touch`](Self::touch).
    #[track_caller]
    pub(crate) fn look<R>(&self, call: impl FnOnce(&mut T) -> R) -> R {
        match self.try_look(call) {
            Some(result) => result,
            None => panic!("{ELSEWHERE}"),
        }
    }

    pub(crate) fn try_look<R>(&self, call: impl FnOnce(&mut T) -> R) -> Option<R> {
        if !self.is_here() {
            return None;
        }
        // It stays there for as long as somebody works with it, also if the last handle goes.
        let find = |objects: &mut Slab<ObjectCell>| {
            objects.get(self.id).map(|cell| Rc::clone(&cell.value))
        };
        let value = with_objects(find)??;
        let state = value.downcast_ref::<RefCell<T>>();
        let state = state.expect("seedloop bug: an object of another type");
        match state.try_borrow_mut() {
            Ok(mut state) => Some(call(&mut state)),
            Err(_) => panic!("seedloop bug: {:?} is already in use", self.id),
        }
    }

    /// Lets reports tell where it was made.
    pub(crate) fn note_made(&self, at: &'static Location<'static>) {
        with_objects(|objects| {
            if let Some(cell) = objects.get_mut(self.id) {
                cell.notes.made_at = Some(at);
            }
        });
    }

    /// Takes note that the running task holds the resource.
    pub(crate) fn note_acquired(&self, since: &'static Location<'static>) {
        self.note_change("acquired", Access::Write, since, |notes, core| notes.hold(core, since));
    }

    /// Takes note that the resource was given back, by its holder or by another for it.
    #[track_caller]
    pub(crate) fn note_released(&self) {
        let at = Location::caller();
        self.note_change("released", Access::Write, at, Notes::give_up);
    }

    /// Reports an operation on the resource by the caller.
    #[track_caller]
    pub(crate) fn note(&self, operation: &'static str) {
        self.note_at(operation, Location::caller());
    }

    /// The same for an operation that was called elsewhere.
    pub(crate) fn note_at(&self, operation: &'static str, at: &'static Location<'static>) {
        self.touch(Access::Write, operation, at);
    }

    /// Takes note that the resource was notified when nobody waited, and that this is lost.
    pub(crate) fn note_missed(&self, at: &'static Location<'static>) {
        try_with(|core| {
            let by = core.as_holder(at);
            with_objects(|objects| {
                if let Some(cell) = objects.get_mut(self.id) {
                    cell.notes.missed = Some(by);
                }
            });
        });
    }

    /// Lets reports tell how many have come to a barrier, and how many are to come.
    pub(crate) fn note_arrived(&self, arrived: usize, of: usize) {
        with_objects(|objects| {
            if let Some(cell) = objects.get_mut(self.id) {
                cell.notes.arrived = Some((arrived, of));
            }
        });
    }

    /// Reports an access to a value.
    pub(crate) fn touch(
        &self,
        access: Access,
        operation: &'static str,
        at: &'static Location<'static>,
    ) {
        self.note_change(operation, access, at, |_, _| ());
    }

    /// Reports an operation on the resource by the running task, which changes what is known of it.
    fn note_change(
        &self,
        operation: &'static str,
        access: Access,
        at: &'static Location<'static>,
        change: impl FnOnce(&mut Notes, &Core),
    ) {
        try_with(|core| {
            with_objects(|objects| {
                if let Some(ObjectCell { notes, .. }) = objects.get_mut(self.id) {
                    change(notes, core);
                    notes.changed(core, operation, access, at);
                }
            });
        });
    }

    /// Works with the state, and with what is known of it, in one look for both; then goes on with
    /// what came of it in the same borrow of the kernel. `call` must not reach for any object, and
    /// tells itself what it [meets](Notes::meets).
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with).
    #[inline]
    #[track_caller]
    pub(crate) fn visit<R, S>(
        &self,
        call: impl FnOnce(&mut Core, &mut T, &mut Notes) -> R,
        then: impl FnOnce(&mut Core, R) -> S,
    ) -> S {
        let visited = self.visit_awaiting(false, call, then);
        visited.unwrap_or_else(|| panic!("seedloop bug: stopped where no await is counted"))
    }

    /// The same for an await that may not wait, which [`counts`](Core::count_await); none if the
    /// task is to stop where it is.
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with).
    #[inline(always)]
    #[track_caller]
    pub(crate) fn visit_awaiting<R, S>(
        &self,
        counts: bool,
        call: impl FnOnce(&mut Core, &mut T, &mut Notes) -> R,
        then: impl FnOnce(&mut Core, R) -> S,
    ) -> Option<S> {
        let visited = with(|core| {
            // Before the look at the object: the text of a limit names what tasks wait for.
            if counts && !core.count_await() {
                return Some(None);
            }
            let came = self.visit_in(core, call)?;
            Some(Some(then(core, came)))
        });
        match visited {
            Some(result) => result,
            None => panic!("{ELSEWHERE}"),
        }
    }

    /// The same where the kernel is borrowed already; none on another thread than the object's, and
    /// when the object is gone.
    #[inline]
    pub(crate) fn visit_in<R>(
        &self,
        core: &mut Core,
        call: impl FnOnce(&mut Core, &mut T, &mut Notes) -> R,
    ) -> Option<R> {
        if !self.is_here() {
            return None;
        }
        with_objects(|objects| {
            let ObjectCell { value, notes, .. } = objects.get_mut(self.id)?;
            let state = value.downcast_ref::<RefCell<T>>();
            let state = state.expect("seedloop bug: an object of another type");
            match state.try_borrow_mut() {
                Ok(mut state) => Some(call(core, &mut state, notes)),
                Err(_) => panic!("seedloop bug: {:?} is already in use", self.id),
            }
        })?
    }
}

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
        core.session.emit_resource(operation, self.number, by, at);
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

impl<T> Shared<T> {
    /// Takes the handle out of what will not use it again; what is left there holds nothing.
    pub(crate) fn take(&mut self) -> Shared<T> {
        let gone = Uncounted { context: NOWHERE, id: Id::NONE, of: PhantomData };
        std::mem::replace(self, Shared { to: gone })
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        if !self.is_here() {
            // It cannot be counted from here, and so it must not be given up at home.
            return Shared { to: Uncounted { context: NOWHERE, id: self.id, of: PhantomData } };
        }
        with_objects(|objects| {
            if let Some(cell) = objects.get_mut(self.id) {
                cell.refs += 1;
            }
        });
        Shared { to: Uncounted { context: self.context, id: self.id, of: PhantomData } }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let is_last = try_here(self.context, |objects| {
            let cell = objects.get_mut(self.id)?;
            cell.refs -= 1;
            Some(cell.refs == 0)
        });
        if is_last == Some(Some(true)) {
            free(self.id);
        }
    }
}

/// Frees an object to which nobody holds a handle any more.
#[inline(never)]
fn free(id: ObjectId) {
    // The user's values are dropped here, unborrowed.
    drop(with_objects(|objects| objects.remove(id)));
}

/// Borrows the arena if this is the thread of `context` and not about to end.
fn try_here<R>(context: u32, call: impl FnOnce(&mut Slab<ObjectCell>) -> R) -> Option<R> {
    let here = try_with_context(|here| here.is(context))?;
    if here { with_objects(call) } else { None }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_here() {
            return f.write_str("object on another thread");
        }
        match with_objects(|objects| {
            objects.get(self.id).map(|cell| (cell.notes.kind, cell.notes.of_kind))
        }) {
            Some(Some((kind, number))) => write!(f, "{kind}#{number}"),
            _ => write!(f, "object{:?}", self.id),
        }
    }
}

/// What a policy is told of an operation on an object.
pub(super) fn operation_on(id: ObjectId, access: Access) -> Operation {
    let key = match id.is_none() {
        true => None,
        false => with_objects(|objects| objects.get(id).map(|cell| cell.notes.key)).flatten(),
    };
    key.map_or(Operation::UNKNOWN, |resource| Operation { resource, access })
}

impl Core {
    /// The task that runs, as the holder of something since `since`.
    fn as_holder(&self, since: &'static Location<'static>) -> Holder {
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
    with_objects(|objects| objects.get(id).map(|cell| described(&cell.notes))).flatten()
}

/// Where an object was made, if reports are to tell.
pub(super) fn made_at(id: ObjectId) -> Option<Place> {
    with_objects(|objects| objects.get(id)?.notes.made_at.map(Place::from)).flatten()
}

/// The number of an object, 0 for none.
pub(super) fn number_of(id: ObjectId) -> u32 {
    if id.is_none() {
        return 0;
    }
    with_objects(|objects| objects.get(id).map_or(0, |cell| cell.notes.number)).unwrap_or(0)
}
