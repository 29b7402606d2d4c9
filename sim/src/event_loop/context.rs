//! The one thread-local of the library: everything that handles are ids of.

use std::cell::{Cell, RefCell, RefMut};
use std::mem::{ManuallyDrop, take};
use std::sync::atomic::{AtomicU32, Ordering};

use async_task::Runnable;

use super::core::{Core, Trash};
use super::object::ObjectCell;
use super::panics::{PanicSlot, catch_quietly};
use super::waker::TaskMeta;
use crate::base::{Error, Slab};

/// All state of a thread. Its parts are borrowed apart, each for a few instructions at a time.
pub(super) struct Context {
    /// Tells this thread's handles from those of others; 0 until it is needed.
    id: Cell<u32>,
    /// The same for handles on objects; 0 again once the thread has ended, and the objects with it.
    home: Cell<u32>,
    core: RefCell<Core>,
    objects: RefCell<Slab<ObjectCell>>,
    panics: PanicSlot,
    hot: Cell<Hot>,
    /// The policy wants to know of every wake, and of all that a step meets.
    followed: Cell<bool>,
    /// A wake is on its way from inside a borrow: `schedule` puts the
    /// runnable into `incoming` and the waker's caller queues it.
    pub(super) collecting: Cell<bool>,
    pub(super) incoming: Cell<Option<Runnable<TaskMeta>>>,
}

thread_local! {
    /// Never dropped by the thread itself: destructors of user values find it in place whenever
    /// they run. [`ThreadEnd`] empties it.
    static CONTEXT: ManuallyDrop<Context> = const {
        ManuallyDrop::new(Context {
            id: Cell::new(0),
            home: Cell::new(0),
            core: RefCell::new(Core::new()),
            objects: RefCell::new(Slab::new()),
            panics: PanicSlot::new(),
            hot: Cell::new(Hot::OUTSIDE),
            followed: Cell::new(false),
            collecting: Cell::new(false),
            incoming: Cell::new(None),
        })
    };

    static END: ThreadEnd = const { ThreadEnd };
}

/// Empties the context when its thread ends.
struct ThreadEnd;

impl Drop for ThreadEnd {
    fn drop(&mut self) {
        let is_idle = CONTEXT
            .with(|context| context.core.try_borrow().is_ok_and(|core| core.running.is_none()));
        if !is_idle {
            // The process exits in the middle of a run: there is nothing to clean up for.
            return;
        }
        super::loops::close_all();
        // Whatever is left, such as tasks in a cycle of handles, is dropped unborrowed.
        let core = CONTEXT.with(|context| context.core.replace(Core::new()));
        catch_quietly(|| drop(core));
        // From now on this is the home of no handle, and what they point to may go.
        CONTEXT.with(|context| context.home.set(0));
        let objects = CONTEXT.with(|context| context.objects.replace(Slab::new()));
        catch_quietly(|| drop(objects));
    }
}

/// What the running step is like, for leaves and bodies that need not know more: read without a
/// borrow of the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hot(u8);

impl Hot {
    /// No task runs.
    pub(crate) const OUTSIDE: Hot = Hot(0);
    /// A task runs, no cancel is to be delivered, and no boundary is being polled.
    pub(crate) const PLAIN: Hot = Hot(1);
    /// A task runs whose pending cancel or order is to be looked at.
    pub(crate) const SPECIAL: Hot = Hot(2);
    /// A boundary is being polled in a step that was plain before.
    pub(crate) const INSIDE: Hot = Hot(3);
}

pub(crate) fn hot() -> Hot {
    CONTEXT.with(|context| context.hot.get())
}

pub(crate) fn set_hot(hot: Hot) {
    CONTEXT.with(|context| context.hot.set(hot));
}

/// Whether the policy wants to know of every wake, and of all that a step meets.
#[inline]
pub(super) fn is_followed() -> bool {
    CONTEXT.try_with(|context| context.followed.get()).unwrap_or(false)
}

pub(crate) fn set_followed(followed: bool) {
    CONTEXT.with(|context| context.followed.set(followed));
}

/// The context of a handle that was cloned away from its thread: no thread's.
pub(crate) const NOWHERE: u32 = u32::MAX;

static NEXT_ID: AtomicU32 = AtomicU32::new(1);

/// Returns the number of this thread's context.
pub(crate) fn context_id() -> u32 {
    CONTEXT.with(|context| known(&context.id))
}

/// Returns the number by which this thread's handles on objects know their home.
pub(super) fn home_id() -> u32 {
    CONTEXT.with(|context| known(&context.home))
}

/// Tells whether handles on objects that know their home by this number are at home.
#[inline]
pub(super) fn is_home(id: u32) -> bool {
    CONTEXT.with(|context| context.home.get() == id)
}

/// The number in the cell, which is made when it is needed.
fn known(number: &Cell<u32>) -> u32 {
    if number.get() == 0 {
        // No two threads have one: whoever has a task's is its thread.
        let next = |id: u32| id.checked_add(1);
        let id = NEXT_ID.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        number.set(id.expect("simulations ran on more than 2 billion threads"));
        // From now on there is something to empty in the end.
        END.try_with(|_| ()).unwrap_or_default();
    }
    number.get()
}

/// Tells whether `id`, which some thread's context has given, is that of this thread.
#[inline]
pub(crate) fn is_context(id: u32) -> bool {
    CONTEXT.with(|context| context.is(id))
}

/// Borrows the kernel for a few instructions. No user code may run inside.
#[inline]
pub(crate) fn with<R>(call: impl FnOnce(&mut Core) -> R) -> R {
    CONTEXT.with(|context| {
        let Ok(mut core) = context.core.try_borrow_mut() else { reentered() };
        let result = call(&mut core);
        if core.trash.is_empty() {
            return result;
        }
        dispose(core);
        result
    })
}

/// Drops what may run the user's code; a panic of it ends the run.
#[cold]
#[inline(never)]
fn dispose(mut core: RefMut<'_, Core>) {
    let trash: Vec<Trash> = take(&mut core.trash);
    drop(core);
    if let Some(panicked) = catch_quietly(|| drop(trash)) {
        with(|core| core.break_loop(Error::new(panicked)));
    }
}

#[cold]
#[inline(never)]
fn reentered() -> ! {
    panic!(
        "seedloop was called from where it must not be: from a `Policy`, or from a destructor, a \
         waker or a panic hook that runs in the middle of the loop's own work"
    )
}

/// The same where the thread may be ending, as in `Drop`.
pub(crate) fn try_with<R>(call: impl FnOnce(&mut Core) -> R) -> Option<R> {
    CONTEXT.try_with(|_| ()).ok().map(|()| with(call))
}

/// The same; none where the core is at work already, too.
pub(crate) fn try_with_idle<R>(call: impl FnOnce(&mut Core) -> R) -> Option<R> {
    let call =
        |context: &Context| context.core.try_borrow_mut().ok().map(|mut core| call(&mut core));
    CONTEXT.try_with(|context| call(context)).ok()?
}

/// The whole context, where the thread may be ending.
pub(super) fn try_with_context<R>(call: impl FnOnce(&Context) -> R) -> Option<R> {
    CONTEXT.try_with(|context| call(context)).ok()
}

/// Borrows the arena of shared objects. No user code may run inside.
pub(super) fn with_objects<R>(call: impl FnOnce(&mut Slab<ObjectCell>) -> R) -> Option<R> {
    CONTEXT.try_with(|context| call(&mut context.objects.borrow_mut())).ok()
}

pub(super) fn with_panics<R>(call: impl FnOnce(&PanicSlot) -> R) -> Option<R> {
    CONTEXT.try_with(|context| call(&context.panics)).ok()
}

impl Context {
    pub(super) fn is(&self, id: u32) -> bool {
        self.id.get() == id
    }

    #[inline]
    pub(super) fn enqueue(&self, runnable: Runnable<TaskMeta>) {
        if self.collecting.get() {
            // There is none: whoever collects takes it at once.
            std::mem::forget(self.incoming.replace(Some(runnable)));
        } else {
            match self.core.try_borrow_mut() {
                Ok(mut core) => core.enqueue(runnable),
                Err(_) => {
                    // To drop it would drop its future, inside the borrow.
                    std::mem::forget(runnable);
                    reentered()
                }
            }
        }
    }
}
