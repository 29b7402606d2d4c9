//! Handles on shared objects: a count of them and, at home, the way to the state.
//!
//! A handle is `Send + Sync` whatever the state holds; the state never leaves its thread.
//!
//! The `unsafe` here was measured: with a look for the object by its id, whose type is to be found
//! out then, each operation on a primitive took 35 instructions more, and there are two to ten of
//! them in an await.
//!
//! What makes it sound is that a handle's pointer is used at home alone. There the object stays
//! where it is for as long as a handle counts, since the arena keeps it until the count is zero, or
//! until the thread ends; and then the thread is the home of none of these handles any more (see
//! `context.rs`). A handle that is made elsewhere has no pointer.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::rc::Rc;

use super::context::{NOWHERE, home_id, is_home, try_with, with, with_objects};
use super::core::Core;
use super::meets::{meets_key, meets_object};
use super::object::{Known, Notes, ObjectCell, ObjectId};
use crate::base::{Access, Id, RuntimeError};

const ELSEWHERE: &str = "used on another thread than the simulation that made it; create it \
     inside the simulation that uses it";

/// An object: some state with what reports need to know of it.
struct Object<T> {
    /// How many handles there are.
    refs: Cell<u32>,
    notes: RefCell<Notes>,
    /// Borrowed while somebody works with it.
    state: RefCell<T>,
}

impl<T: 'static> Known for Object<T> {
    fn notes(&self) -> &RefCell<Notes> {
        &self.notes
    }
}

/// An id of shared state that does not keep it.
pub(crate) struct Uncounted<T> {
    home: u32,
    id: ObjectId,
    /// Of this very type, whatever is a `T` too.
    of: PhantomData<fn(T) -> T>,
}

/// A handle on shared state; the last one frees it.
pub(crate) struct Shared<T> {
    to: Uncounted<T>,
    /// None where it does not count.
    at: Option<NonNull<Object<T>>>,
}

#[expect(unsafe_code, reason = "the pointer is used at home alone, see above")]
// SAFETY: what is reached through it is reached on the thread that has made it, and nowhere else.
unsafe impl<T> Send for Shared<T> {}

#[expect(unsafe_code, reason = "the pointer is used at home alone, see above")]
// SAFETY: as above; and nothing of the handle itself changes while it is shared.
unsafe impl<T> Sync for Shared<T> {}

/// What a panic leaves of the state is found there whichever handle is used, as by an id.
impl<T> UnwindSafe for Shared<T> {}
impl<T> RefUnwindSafe for Shared<T> {}

impl<T: 'static> Shared<T> {
    /// Puts `value` into the arena; `kind` names it in reports.
    pub(crate) fn new(kind: &'static str, value: T) -> Self {
        let notes = with(|core| core.new_notes(kind));
        let (refs, notes, state) = (Cell::new(1), RefCell::new(notes), RefCell::new(value));
        let object = Rc::new(Object { refs, notes, state });
        let at = NonNull::new(Rc::as_ptr(&object).cast_mut());
        let id = with_objects(|objects| objects.insert(ObjectCell { object }));
        let to = Uncounted { home: home_id(), id: id.unwrap_or(Id::NONE), of: PhantomData };
        Shared { to, at }
    }

    /// Returns an id that does not keep the state: for what the state itself holds.
    pub(crate) fn uncounted(&self) -> Uncounted<T> {
        self.to
    }
}

impl<T> Shared<T> {
    /// The object, at home.
    #[expect(unsafe_code, reason = "a handle at home counts, see above")]
    #[inline]
    fn object(&self) -> Option<&Object<T>> {
        if !self.to.is_here() {
            return None;
        }
        // SAFETY: this is the home of the handle, which counts for as long as it is borrowed.
        self.at.map(|at| unsafe { at.as_ref() })
    }

    /// Takes the handle out of what will not use it again; what is left there holds nothing.
    pub(crate) fn take(&mut self) -> Shared<T> {
        std::mem::replace(self, Shared::nowhere(Id::NONE))
    }

    fn nowhere(id: ObjectId) -> Shared<T> {
        Shared { to: Uncounted { home: NOWHERE, id, of: PhantomData }, at: None }
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
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        is_home(self.home)
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
}

impl<T: 'static> Uncounted<T> {
    /// Works with the state, as [`Shared::with`].
    ///
    /// # Panics
    ///
    /// On another thread than the object's, and when the object is gone.
    #[track_caller]
    pub(crate) fn with<R>(&self, call: impl FnOnce(&mut T) -> R) -> R {
        present(self.try_with(call))
    }

    pub(crate) fn try_with<R>(&self, call: impl FnOnce(&mut T) -> R) -> Option<R> {
        if self.is_here() {
            meets_object(self.id, Access::Write);
        }
        self.try_look(call)
    }

    /// Works with the state where a policy was told of it: see [`touch`](Shared::touch).
    pub(crate) fn try_look<R>(&self, call: impl FnOnce(&mut T) -> R) -> Option<R> {
        if !self.is_here() {
            return None;
        }
        // It stays there for as long as somebody works with it, also if the last handle goes.
        let object = with_objects(|objects| {
            objects.get(self.id).map(|cell| Rc::clone(&cell.object) as Rc<dyn Any>)
        })??;
        let object = object.downcast_ref::<Object<T>>();
        Some(object.expect("seedloop bug: an object of another type").work(call))
    }
}

impl<T> Object<T> {
    #[inline]
    fn work<R>(&self, call: impl FnOnce(&mut T) -> R) -> R {
        match self.state.try_borrow_mut() {
            Ok(mut state) => call(&mut state),
            Err(_) => in_use(),
        }
    }
}

#[cold]
#[inline(never)]
fn in_use() -> ! {
    panic!("seedloop bug: an object is already in use")
}

/// What came of some work with an object, if it is at home and there.
#[track_caller]
#[inline]
fn present<R>(result: Option<R>) -> R {
    match result {
        Some(result) => result,
        None => panic!("{ELSEWHERE}"),
    }
}

impl<T> Shared<T> {
    /// Works with the state. Must not reach for the same object again inside.
    ///
    /// # Panics
    ///
    /// On another thread than the object's.
    #[track_caller]
    #[inline]
    pub(crate) fn with<R>(&self, call: impl FnOnce(&mut T) -> R) -> R {
        present(self.try_with(call))
    }

    /// Looks at the state, and changes nothing that anyone could tell.
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with).
    #[track_caller]
    #[inline]
    pub(crate) fn peek<R>(&self, call: impl FnOnce(&mut T) -> R) -> R {
        self.meets(Access::Read);
        self.look(call)
    }

    #[inline]
    pub(crate) fn try_with<R>(&self, call: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.meets(Access::Write);
        self.try_look(call)
    }

    /// Works with the state where a policy was told of it: see [`touch`](Self::touch).
    #[track_caller]
    #[inline]
    pub(crate) fn look<R>(&self, call: impl FnOnce(&mut T) -> R) -> R {
        present(self.try_look(call))
    }

    #[inline]
    pub(crate) fn try_look<R>(&self, call: impl FnOnce(&mut T) -> R) -> Option<R> {
        Some(self.object()?.work(call))
    }

    /// Takes note that what runs has to do with the object.
    #[inline]
    fn meets(&self, access: Access) {
        meets_key(access, || Some(self.object()?.notes.borrow().key));
    }

    /// Lets reports tell where it was made.
    pub(crate) fn note_made(&self, at: &'static Location<'static>) {
        if let Some(object) = self.object() {
            object.notes.borrow_mut().made_at = Some(at);
        }
    }

    /// Takes note that the resource was given back, by its holder or by another for it.
    #[track_caller]
    pub(crate) fn note_released(&self) {
        let at = Location::caller();
        self.note_change(|notes, core| notes.released(core, at));
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
        self.note_change(|notes, core| notes.missed = Some(core.as_holder(at)));
    }

    /// Lets reports tell how many have come to a barrier, and how many are to come.
    pub(crate) fn note_arrived(&self, arrived: usize, of: usize) {
        if let Some(object) = self.object() {
            object.notes.borrow_mut().arrived = Some((arrived, of));
        }
    }

    /// Reports an access to a value.
    pub(crate) fn touch(
        &self,
        access: Access,
        operation: &'static str,
        at: &'static Location<'static>,
    ) {
        self.note_change(|notes, core| notes.changed(core, operation, access, at));
    }

    /// Changes what is known of the object, in a borrow of the kernel.
    #[inline]
    fn note_change(&self, change: impl FnOnce(&mut Notes, &mut Core)) {
        if let Some(object) = self.object() {
            try_with(|core| change(&mut object.notes.borrow_mut(), core));
        }
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
        present(with(|core| {
            let came = self.visit_in(core, call)?;
            Some(then(core, came))
        }))
    }

    /// The same for an await that may not wait, which is [counted](Core::count_await); none if the
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
        present(with(|core| {
            // Before the look at the object: the text of a limit names what tasks wait for.
            if counts && !core.count_await() {
                return Some(None);
            }
            let came = self.visit_in(core, call)?;
            Some(Some(then(core, came)))
        }))
    }

    /// The same where the kernel is borrowed already; none on another thread than the object's.
    #[inline]
    pub(crate) fn visit_in<R>(
        &self,
        core: &mut Core,
        call: impl FnOnce(&mut Core, &mut T, &mut Notes) -> R,
    ) -> Option<R> {
        let object = self.object()?;
        Some(object.work(|state| call(core, state, &mut object.notes.borrow_mut())))
    }
}

impl<T> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Self {
        let Some(object) = self.object() else {
            // It cannot be counted from here, and so it must not be given up at home.
            return Shared::nowhere(self.id);
        };
        let refs = object.refs.get().checked_add(1);
        object.refs.set(refs.expect("more than 4 billion handles on one object"));
        Shared { to: self.to, at: self.at }
    }
}

impl<T> Drop for Shared<T> {
    #[inline]
    fn drop(&mut self) {
        let Some(object) = self.object() else { return };
        let refs = object.refs.get() - 1;
        object.refs.set(refs);
        if refs == 0 {
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

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.object() {
            Some(object) => write!(f, "{}", object.notes.borrow()),
            None => f.write_str("object on another thread"),
        }
    }
}
