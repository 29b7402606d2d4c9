//! The waker that a task shows to futures, and how async-task gets to make the task.
//!
//! async-task's own waker would not tell a wake on another thread while the task runs: the task
//! would be ready again at the end of its step, on its own thread. The one that is shown looks at
//! the thread first. It points to the metadata of the task's cell, and its clones hold references
//! to the cell, so that it costs no memory of its own. The version of async-task for which that is
//! known to be right stands in `Cargo.toml`.
//!
//! The `unsafe` here was measured, as that of the cells in `tasks.rs`: a counted waker of its own
//! for each task, and async-task's check of the thread at each poll, cost 70 of the 750
//! instructions of a step, and an allocation for each task.
//!
//! What makes it sound is that of a task nothing but its memory is reached on another thread. Its
//! future, its `Runnable` and its `Task` stay on the thread that has made it: the kernel keeps both
//! in its thread-local state and hands them to nobody, and async-task's own waker, which could
//! schedule a runnable elsewhere or let a future be dropped elsewhere, is hidden behind the one
//! that is shown, which on another thread does nothing but count.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::mem::{ManuallyDrop, forget};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use async_task::{Builder, Runnable};
use pin_project_lite::pin_project;

use super::context::{context_id, is_followed, try_with_context, with};
use super::foreign::note_foreign;
use super::prefetch::prefetch;
use super::tasks::{Held, TaskId, TaskPlace};
use crate::base::Id;

/// The metadata that async-task keeps with a task: its cell, and enough to wake it.
///
/// Laid out as it is written: the first of it goes with what of the cell every step touches.
#[repr(C)]
pub(crate) struct TaskMeta {
    /// Set when the task is made, before anyone else has come to know of it, and never again.
    task: Cell<TaskId>,
    /// The thread of the task.
    context: u32,
    /// It was woken on another thread, and that was noted already.
    noted: AtomicBool,
    pub(super) place: TaskPlace,
    /// What async-task wakes the task by, without a reference of its own. Set as its number.
    inner: Cell<Option<(*const (), &'static RawWakerVTable)>>,
}

/// How many bytes the processor fetches at once, as most do.
const CACHE_LINE: usize = 64;

/// How many bytes of async-task's own stand before the metadata of a task; behind it stands the
/// future.
const HEADER: usize = 32;

/// What a task runs.
pub(crate) trait TaskBody {
    /// Goes on with it; the context holds the waker that the task shows.
    fn poll(self: Pin<&mut Self>, task: &TaskMeta, cx: &mut Context<'_>) -> Poll<()>;
}

pin_project! {
    /// The future that async-task drives.
    struct Showing<B> {
        // It is dropped before the metadata is.
        meta: NonNull<TaskMeta>,
        #[pin]
        body: B,
    }
}

impl<B: TaskBody> Future for Showing<B> {
    type Output = ();

    #[expect(unsafe_code, reason = "the task's own waker, see above")]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        // SAFETY: the metadata lies in the task's cell, in which this future does.
        let meta = unsafe { this.meta.as_ref() };
        this.body.poll(meta, &mut Context::from_waker(&meta.shown()))
    }
}

/// Makes a task of this thread, whose number among all is not known yet.
#[expect(unsafe_code, reason = "async-task would check the thread at each poll, see above")]
pub(crate) fn new_task<B: TaskBody + 'static>(body: B) -> (Runnable<TaskMeta>, Held) {
    let builder = Builder::new().metadata(TaskMeta {
        place: TaskPlace::new(),
        task: Cell::new(Id::NONE),
        inner: Cell::new(None),
        context: context_id(),
        noted: AtomicBool::new(false),
    });
    let showing = |meta: &TaskMeta| Showing { meta: NonNull::from(meta), body };
    // SAFETY: async-task asks for four things. The future need not be `Send`, and may be dropped
    // and polled, where the runnable and the task stay on this thread; they do, as said above, and
    // `schedule` is called on it alone. The future is `'static`. `schedule` is `Send`, `Sync` and
    // `'static`, a function item.
    let (runnable, held) = unsafe { builder.spawn_unchecked(showing, schedule) };
    let waker = runnable.waker();
    runnable.metadata().inner.set(Some((waker.data(), waker.vtable())));
    (runnable, held)
}

impl TaskMeta {
    pub(crate) fn task(&self) -> TaskId {
        self.task.get()
    }

    /// Lets the processor fetch what a step needs of the task.
    #[inline]
    pub(super) fn prefetch(&self) {
        let first = std::ptr::from_ref(self).cast::<u8>().wrapping_sub(HEADER);
        for line in 0..(HEADER + size_of::<TaskMeta>()).div_ceil(CACHE_LINE) + 1 {
            prefetch(first.wrapping_add(line * CACHE_LINE));
        }
    }

    /// Says which of the kernel's tasks it is; once.
    pub(super) fn set_task(&self, task: TaskId) {
        self.task.set(task);
    }

    /// The waker that the task shows, without a reference of its own.
    #[expect(unsafe_code, reason = "a waker that costs no memory, see above")]
    fn shown(&self) -> ManuallyDrop<Waker> {
        let data = std::ptr::from_ref(self).cast();
        // SAFETY: the functions of the table take a pointer to a `TaskMeta` that is still there,
        // as it is for those who only borrow this waker.
        ManuallyDrop::new(unsafe { Waker::from_raw(RawWaker::new(data, &SHOWN)) })
    }

    /// The task of this thread that shows this waker to futures.
    #[expect(unsafe_code, reason = "the data of a waker is a bare pointer")]
    pub(super) fn of(waker: &Waker) -> Option<&TaskMeta> {
        if !std::ptr::eq(waker.vtable(), &raw const SHOWN) {
            return None;
        }
        // SAFETY: it is the data of a shown waker, which lives as long as the reference.
        let meta = unsafe { meta(waker.data()) };
        meta.is_here().then_some(meta)
    }

    /// async-task's waker, without a reference of its own.
    #[expect(unsafe_code, reason = "it is made of its parts, see above")]
    fn inner(&self) -> Option<ManuallyDrop<Waker>> {
        let (data, vtable) = self.inner.get()?;
        // SAFETY: these are the parts of a waker that async-task has made for the cell in which
        // this metadata lies, and so the cell is there. It is not dropped, and so no reference is
        // given up that it does not hold.
        Some(ManuallyDrop::new(unsafe { Waker::from_raw(RawWaker::new(data, vtable)) }))
    }

    /// Makes the task ready, unless it is. On the task's thread only.
    pub(super) fn wake(&self) {
        if let Some(inner) = self.inner() {
            inner.wake_by_ref();
        }
    }

    /// Tells whether this is the thread of the task.
    fn is_here(&self) -> bool {
        try_with_context(|context| context.is(self.context)).unwrap_or(false)
    }

    /// The task was woken, on whatever thread.
    fn woken(&self) {
        if self.is_here() {
            self.wake();
            if is_followed() {
                // Also of a task that is ready already: another wake might have come first.
                with(|core| core.meets_task(self.task.get()));
            }
        } else if !self.noted.swap(true, Ordering::Relaxed) {
            note_foreign(self.context, self.task.get());
        }
    }
}

impl fmt::Debug for TaskMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskMeta").field("task", &self.task.get()).finish_non_exhaustive()
    }
}

/// What the shown waker does. Its data is the task's metadata.
static SHOWN: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release);

/// The metadata that a shown waker points to.
#[expect(unsafe_code, reason = "the data of a waker is a bare pointer")]
unsafe fn meta<'a>(data: *const ()) -> &'a TaskMeta {
    // SAFETY: it is the data of a shown waker, which the caller vouches for: a `TaskMeta` that
    // lives as long as the waker. Other threads read only what never changes after the task was
    // made, and an atomic.
    unsafe { &*data.cast() }
}

#[expect(unsafe_code, reason = "the functions of a waker take bare pointers")]
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: a waker's clone is given its data.
    let meta = unsafe { meta(data) };
    // Without it the new waker would hold no reference, and give one up in the end.
    let inner = meta.inner().expect("seedloop bug: a waker was cloned before its task was made");
    // The new waker holds the reference.
    forget(Waker::clone(&inner));
    RawWaker::new(data, &SHOWN)
}

#[expect(unsafe_code, reason = "the functions of a waker take bare pointers")]
unsafe fn wake(data: *const ()) {
    // SAFETY: a waker's functions are given its data; this one gives up its reference.
    unsafe {
        wake_by_ref(data);
        release(data);
    }
}

#[expect(unsafe_code, reason = "the functions of a waker take bare pointers")]
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: a waker's functions are given its data.
    unsafe { meta(data) }.woken();
}

#[expect(unsafe_code, reason = "the functions of a waker take bare pointers")]
unsafe fn release(data: *const ()) {
    // SAFETY: a waker's functions are given its data.
    let meta = unsafe { meta(data) };
    // Elsewhere the reference is left: the last one might let the future be dropped there. It is
    // memory that is lost, of a waker that has no business there.
    if meta.is_here()
        && let Some(inner) = meta.inner()
    {
        drop(ManuallyDrop::into_inner(inner));
    }
}

/// The schedule function of every task: its runnable becomes ready.
fn schedule(runnable: Runnable<TaskMeta>) {
    try_with_context(|context| context.enqueue(runnable));
}
