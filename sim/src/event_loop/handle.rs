//! Calls that wait for their turn, and the handles that take them back.

use std::fmt;
use std::panic::Location;

use super::cell::{FutureId, LoopId, Told, Variables, WaitCell};
use super::context::{context_id, with};
use super::timer::Due;
use crate::base::{Id, Instant, Result, Slab};

pub(crate) type HandleId = Id<HandleCell>;

/// What a queued call does.
pub(crate) enum Call {
    /// A callback of the user's or of a combinator.
    Plain(Box<dyn FnOnce() -> Result<()>>),
    /// A done-callback, with the future that is done.
    Done(Box<dyn FnOnce(FutureId)>, FutureId),
}

/// A call that was queued or set for later.
pub(crate) struct HandleCell {
    pub(crate) call: Option<Call>,
    pub(crate) cancelled: bool,
    /// Stands in the timers.
    pub(crate) waiting: bool,
    /// It has left the queue; only handles keep the cell.
    pub(crate) gone: bool,
    pub(crate) refs: u32,
    pub(crate) owner: LoopId,
    pub(crate) operation: &'static str,
    pub(crate) location: &'static Location<'static>,
    pub(crate) variables: Variables,
}

/// A callback that was queued with `call_soon`.
///
/// Dropping the handle does not cancel the callback.
pub struct Handle {
    context: u32,
    pub(crate) id: HandleId,
}

impl Handle {
    pub(crate) fn new(id: HandleId) -> Self {
        Handle { context: context_id(), id }
    }

    /// Prevents the callback from running. It keeps its place in the queue; does nothing once it
    /// ran. Source: Python docs, asyncio-eventloop, "Callback Handles".
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn cancel(&self) {
        self.assert_here();
        cancel_handle(self.id);
    }

    /// Tells whether the callback was cancelled.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn is_cancelled(&self) -> bool {
        self.assert_here();
        with(|core| {
            core.meets_handle(self.id);
            core.handles.get(self.id).is_some_and(|cell| cell.cancelled)
        })
    }

    #[track_caller]
    fn assert_here(&self) {
        assert!(
            self.context == context_id(),
            "the handle of a callback was used on another thread than that of its loop; take the \
             callback back on the loop's own thread"
        );
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.context != context_id() {
            // What it keeps alive goes with its thread.
            return;
        }
        let freed = with(|core| {
            let cell = core.handles.get_mut(self.id)?;
            cell.refs -= 1;
            if cell.refs == 0 && cell.gone { core.handles.remove(self.id) } else { None }
        });
        drop(freed);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.context != context_id() {
            return f.write_str("<Handle on another thread>");
        }
        let known = with(|core| {
            let cell = core.handles.get(self.id)?;
            Some((cell.operation, cell.location, cell.cancelled))
        });
        match known {
            Some((operation, at, cancelled)) => {
                let cancelled = if cancelled { ", cancelled" } else { "" };
                write!(f, "<Handle of {operation} at {}:{}{cancelled}>", at.file(), at.line())
            }
            None => f.write_str("<Handle of a closed loop>"),
        }
    }
}

/// A callback that was set with `call_later` or `call_at`.
#[derive(Debug)]
pub struct TimerHandle {
    pub(crate) handle: Handle,
    pub(crate) when: Instant,
}

impl TimerHandle {
    /// Prevents the callback from running; does nothing once it ran.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn cancel(&self) {
        self.handle.cancel();
    }

    /// Tells whether the callback was cancelled.
    ///
    /// # Panics
    ///
    /// On another thread than the loop's.
    #[track_caller]
    pub fn is_cancelled(&self) -> bool {
        self.handle.is_cancelled()
    }

    /// Returns the virtual time for which the callback is set.
    pub fn when(&self) -> Instant {
        self.when
    }
}

/// Cancels a call and drops what it holds. What stands for it in the queue or the timers finds
/// nothing when its turn comes.
pub(crate) fn cancel_handle(id: HandleId) {
    let cancelled = with(|core| {
        core.meets_handle(id);
        let cell = core.handles.get_mut(id)?;
        if cell.gone {
            return None;
        }
        cell.cancelled = true;
        cell.gone = true;
        let (call, waiting, owner) = (cell.call.take(), cell.waiting, cell.owner);
        let freed = if cell.refs == 0 { core.handles.remove(id) } else { None };
        if waiting {
            core.note_dead_timer(owner);
        }
        Some((call, freed))
    });
    if let Some((call, freed)) = cancelled {
        drop(freed);
        drop_call(call);
    }
}

/// Drops a call that will not run, unborrowed, with the future that it kept.
pub(crate) fn drop_call(call: Option<Call>) {
    if let Some(Call::Done(_, future)) = &call {
        super::complete::release(*future);
    }
    drop(call);
}

/// Tells whether a timer will still do something.
pub(super) fn is_live(handles: &Slab<HandleCell>, waits: &Slab<WaitCell>, due: Due) -> bool {
    match due {
        Due::Call(handle) => handles.get(handle).is_some_and(|cell| !cell.cancelled),
        Due::Elapsed(wait) => waits.get(wait).is_some_and(|cell| cell.told == Told::NotYet),
    }
}
