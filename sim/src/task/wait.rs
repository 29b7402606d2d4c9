//! The leaf of every wait: a future of the loop, and what a cancel puts in its place.

use std::panic::Location;
use std::task::{Context, Poll};

use super::raw::FutureRef;
use crate::base::{Cancelled, Error, Id, Place, Result, RuntimeError};
use crate::event_loop::{
    Delivery, Finished, FutureId, Label, LoopId, State, WaitId, WaitState, finish, try_with, with,
};

/// A wait of the running task on a future.
#[derive(Debug)]
pub(crate) struct Wait {
    id: WaitId,
}

impl Wait {
    pub(crate) const fn new() -> Self {
        Wait { id: Id::NONE }
    }

    pub(crate) fn is_parked(&self) -> bool {
        !self.id.is_none()
    }

    /// Polls the wait: ready when the future is done or a cancel is delivered in its place.
    #[track_caller]
    pub(crate) fn poll(
        &mut self,
        future: FutureId,
        label: Label,
        location: &'static Location<'static>,
        cx: &Context<'_>,
    ) -> Poll<Delivery> {
        match with(|core| core.poll_wait(&mut self.id, future, label, location, cx)) {
            WaitState::Parked => Poll::Pending,
            WaitState::Over(delivery) => Poll::Ready(delivery),
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.is_parked() {
            try_with(|core| core.unpark(self.id));
        }
    }
}

/// Puts a delivered cancel in the place of a result, unless that is a cancel itself: then its own
/// message wins, as in CPython.
pub(crate) fn settle<T>(result: Result<T>, delivery: Delivery) -> Result<T> {
    match delivery {
        Delivery::None => result,
        Delivery::Cancel(message) => match result {
            Err(error) if error.is_cancelled() => Err(error),
            _ => Err(Error::cancelled(Cancelled::from_option(message))),
        },
    }
}

/// The wait of a primitive on a private future that carries no value.
///
/// Dropping it forgets the future: whoever was to complete it finds it gone.
#[derive(Debug)]
pub(crate) struct WaitUnit {
    wait: Wait,
    future: FutureRef,
    label: Label,
    location: &'static Location<'static>,
}

impl WaitUnit {
    pub(crate) fn new(label: Label, location: &'static Location<'static>) -> Self {
        WaitUnit { wait: Wait::new(), future: FutureRef::new_pending(), label, location }
    }

    /// The future, to be completed with [`complete`](Self::complete) by its id.
    pub(crate) fn id(&self) -> FutureId {
        self.future.id()
    }

    /// Tells whether it was completed or cancelled.
    pub(crate) fn is_done(&self) -> bool {
        self.future.is_done()
    }

    /// Tells whether it was cancelled, in contrast to the task alone.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.future.state() == State::Cancelled
    }

    #[track_caller]
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), Cancelled>> {
        let delivery = match self.wait.poll(self.future.id(), self.label, self.location, cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(delivery) => delivery,
        };
        Poll::Ready(if self.is_cancelled() {
            Err(self.future.take_cancelled())
        } else if let Delivery::Cancel(message) = delivery {
            Err(Cancelled::from_option(message))
        } else {
            Ok(())
        })
    }

    /// Polls a wait that cannot fail: a cancel of the task drops what is around it, as it does with
    /// any foreign future.
    #[track_caller]
    pub(crate) fn poll_infallible(&mut self, cx: &Context<'_>) -> Poll<()> {
        let (wait, future) = (&mut self.wait.id, self.future.id());
        match with(|core| core.poll_infallible(wait, future, self.label, self.location, cx)) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// The loop in whose timers something still stands for this wait, if it was set to end by time.
    pub(crate) fn timer_owner(&self) -> Option<LoopId> {
        if !self.future.is_here() || self.future.state() == State::Finished {
            return None;
        }
        with(|core| core.futures.get(self.future.id()).map(|cell| cell.owner))
    }

    /// Completes the wait behind `future`; false if it is done or forgotten.
    pub(crate) fn complete(future: FutureId) -> bool {
        finish(future, Finished::Unit)
    }
}

/// The place that a report names for an await: where it stands in the source if `.await` polled
/// the future itself, else, where a combinator of some library did, the place at which the future
/// was made.
pub(crate) fn await_location(
    polled_at: &'static Location<'static>,
    made_at: &'static Location<'static>,
) -> &'static Location<'static> {
    if Place::from(polled_at).is_in_library() { made_at } else { polled_at }
}

/// A future that must not be awaited.
#[derive(Debug)]
pub(crate) struct Misuse {
    pub(crate) error: Error,
    /// The error comes after one turn: the task finds it when it is given the future to wait for.
    pub(crate) takes_turn: bool,
}

/// What stands in the way of awaiting a future at all.
///
/// Source: CPython 3.13, `_asynciomodule.c`, `task_step_handle_result_impl`: it leaves a misused
/// future marked as being awaited, so that every later `await` of it finds the mark and refuses.
pub(crate) fn misuse_of_await(future: &FutureRef) -> Option<Misuse> {
    if let Err(error) = future.check() {
        return Some(Misuse { error, takes_turn: true });
    }
    let (text, takes_turn) = with(|core| {
        let cell = core.futures.get(future.id())?;
        if cell.is_done() || core.step.task.is_none() {
            return None;
        }
        if cell.misused {
            return Some(("await wasn't used with future", false));
        }
        let itself = core.tasks.get(core.step.task).is_some_and(|t| t.future == future.id());
        let text = match itself {
            true => "task cannot await on itself",
            false if core.is_foreign(cell.owner) => "the future is attached to a different loop",
            false => return None,
        };
        core.futures[future.id()].misused = true;
        Some((text, true))
    })?;
    Some(Misuse { error: Error::new(RuntimeError::new(text)), takes_turn })
}
