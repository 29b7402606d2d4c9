//! The leaf of every wait: a future of the loop, and what a cancel puts in its place.

use std::panic::Location;
use std::task::{Context, Poll};

use super::raw::FutureRef;
use crate::base::{Access, Cancelled, Error, Id, Place, Result, RuntimeError};
use crate::event_loop::{
    Core, Delivery, FutureId, Label, LoopId, OwnState, PollWaker, Target, Told, WaitId, WaitState,
    context_id, is_context, poll_with, with,
};

/// A wait of the running task on a future.
#[derive(Debug)]
pub(crate) struct Wait {
    id: WaitId,
    /// The thread on which the task is parked.
    context: u32,
}

impl Wait {
    pub(crate) const fn new() -> Self {
        Wait { id: Id::NONE, context: 0 }
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
        self.poll_target(Target::Future(future), label, location, cx)
    }

    /// Polls a wait for the future's end that cannot fail: a cancel of the task neither reaches the
    /// future nor comes in its place.
    #[track_caller]
    pub(crate) fn poll_infallible(
        &mut self,
        future: FutureId,
        label: Label,
        location: &'static Location<'static>,
        cx: &Context<'_>,
    ) -> Poll<()> {
        self.poll_target(Target::End(future), label, location, cx).map(drop)
    }

    #[track_caller]
    fn poll_target(
        &mut self,
        target: Target,
        label: Label,
        location: &'static Location<'static>,
        cx: &Context<'_>,
    ) -> Poll<Delivery> {
        let here = context_id();
        if self.context != here {
            // It was parked on another thread, whose ids mean nothing here.
            *self = Wait { id: Id::NONE, context: here };
        }
        let id = &mut self.id;
        let poll = |core: &mut Core, waker: &mut PollWaker<'_>| {
            let target = match target {
                Target::Future(future) if core.without_cancel => Target::End(future),
                target => target,
            };
            core.poll_wait(id, target, label, location, waker)
        };
        match poll_with(cx, poll) {
            WaitState::Parked => Poll::Pending,
            WaitState::Over(delivery) => Poll::Ready(delivery),
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.is_parked() && self.context == context_id() {
            with(|core| core.unpark(self.id));
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

/// Polls waits that a cancel of the task is not to reach: for what has an error of its own, and
/// none that could tell a cancel. `poll` polls what is ours alone.
#[cfg(feature = "tokio-io")]
pub(crate) fn without_cancel<R>(poll: impl FnOnce() -> R) -> R {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            with(|core| core.without_cancel = self.0);
        }
    }
    let _before = Before(with(|core| std::mem::replace(&mut core.without_cancel, true)));
    poll()
}

/// The wait of a primitive or a timer, which is told when to go on.
///
/// Dropping it forgets it: whoever was to tell it finds it gone.
#[derive(Debug)]
pub(crate) struct WaitUnit {
    id: WaitId,
    context: u32,
    /// What it was told, once its poll was ready.
    told: Told,
}

impl WaitUnit {
    pub(crate) fn new(label: Label, location: &'static Location<'static>) -> Self {
        let id = with(|core| core.new_wait(label, location));
        WaitUnit { id, context: context_id(), told: Told::NotYet }
    }

    /// The wait that was made for the caller on this thread.
    pub(crate) fn of(id: WaitId) -> Self {
        WaitUnit { id, context: context_id(), told: Told::NotYet }
    }

    /// Makes a wait and parks the running task in it; false if it is still to be polled.
    pub(crate) fn parked(
        label: Label,
        location: &'static Location<'static>,
        infallible: bool,
        cx: &Context<'_>,
    ) -> (Self, bool) {
        let (id, is_parked) = with(|core| core.park_new(label, location, infallible, cx.waker()));
        (WaitUnit::of(id), is_parked)
    }

    /// Its id, to be told to go on with [`complete`](Self::complete).
    pub(crate) fn id(&self) -> WaitId {
        self.id
    }

    fn is_here(&self) -> bool {
        is_context(self.context)
    }

    fn told(&self) -> Told {
        match self.id.is_none() || !self.is_here() {
            true => self.told,
            false => with(|core| core.waits.get(self.id).map_or(self.told, |cell| cell.told)),
        }
    }

    /// Tells whether it was told to go on, in contrast to a cancel.
    pub(crate) fn is_woken(&self) -> bool {
        self.told() == Told::GoOn
    }

    /// Tells whether a cancel was for another task than the running one, or for an earlier step of
    /// it: for what is kept from one await to the next.
    pub(crate) fn was_cancelled_before(&self) -> bool {
        self.is_here() && with(|core| core.was_cancelled_before(self.id))
    }

    /// Polls it; true if it is over and there is no more to it than that it was told to go on. What
    /// else there is to it [`poll`](Self::poll) finds.
    #[inline(never)]
    pub(crate) fn ends_plainly(&mut self, cx: &Context<'_>) -> bool {
        let is_over = self.is_here() && with(|core| core.ends_plainly(self.id, cx.waker()));
        if is_over {
            (self.id, self.told) = (Id::NONE, Told::GoOn);
        }
        is_over
    }

    #[track_caller]
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), Cancelled>> {
        self.poll_own(false, cx).map(|delivery| match delivery {
            Delivery::None => Ok(()),
            Delivery::Cancel(message) => Err(Cancelled::from_option(message)),
        })
    }

    /// Polls a wait that cannot fail: a cancel of the task drops what is around it, as it does with
    /// any foreign future.
    #[inline]
    #[track_caller]
    pub(crate) fn poll_infallible(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.ends_plainly(cx) {
            return Poll::Ready(());
        }
        self.poll_own(true, cx).map(drop)
    }

    #[inline(never)]
    #[track_caller]
    fn poll_own(&mut self, infallible: bool, cx: &Context<'_>) -> Poll<Delivery> {
        assert!(
            self.is_here() && !self.id.is_none(),
            "a future of seedloop was polled on another thread than before, or after it was over"
        );
        match poll_with(cx, |core, waker| core.poll_own(self.id, infallible, waker)) {
            OwnState::Parked => Poll::Pending,
            OwnState::Over(told, delivery) => {
                (self.id, self.told) = (Id::NONE, told);
                Poll::Ready(delivery)
            }
        }
    }

    /// The loop in whose timers something still stands for this wait, if it was set to end by time.
    pub(crate) fn timer_owner(&self) -> Option<LoopId> {
        if self.id.is_none() && self.told == Told::GoOn || !self.is_here() {
            return None;
        }
        with(|core| {
            if core.waits.get(self.id).is_some_and(|cell| cell.told == Told::GoOn) {
                return None;
            }
            let task = core.waits.get(self.id).map(|cell| cell.task);
            let owner = task.and_then(|task| core.tasks.get(task)).map(|cell| cell.owner);
            owner.or((!core.running.is_none()).then_some(core.running))
        })
    }

    /// Tells a wait to go on; false if it was told something already, or is forgotten.
    pub(crate) fn complete(wait: WaitId) -> bool {
        let (accepted, waker) = with(|core| core.tell(wait, Told::GoOn));
        if let Some(waker) = waker {
            waker.wake();
        }
        accepted
    }
}

impl Drop for WaitUnit {
    #[inline]
    fn drop(&mut self) {
        if !self.id.is_none() && self.is_here() {
            with(|core| core.unpark(self.id));
        }
    }
}

/// The place that a report names for an await: where it stands in the source if `.await` polled
/// the future itself, else, where a combinator of some library did, the place at which the future
/// was made.
pub(crate) fn await_location(
    polled_at: &'static Location<'static>,
    made_at: &'static Location<'static>,
) -> &'static Location<'static> {
    // Of one file both are, or neither is, and then one is as good as the other: the search through
    // its name is spared.
    let is_one_file = std::ptr::eq(polled_at.file(), made_at.file());
    if !is_one_file && Place::from(polled_at).is_in_library() { made_at } else { polled_at }
}

/// A future that must not be awaited.
#[derive(Debug)]
pub(crate) struct Misuse {
    pub(crate) error: Error,
    /// The error comes after one turn: the task finds it when it is given the future to wait for.
    pub(crate) takes_turn: bool,
}

/// What the first poll of an await came to.
pub(crate) enum Begun {
    /// The future is to be waited for, or done.
    Waits,
    /// It is done, and there is nobody who would have to be told.
    Done,
    Misused(Misuse),
    /// A limit has ended the run.
    Stopped,
}

/// Begins to await a future, unless something stands in the way of awaiting it at all. An await
/// that need not wait is counted against the limits.
///
/// Source: CPython 3.13, `_asynciomodule.c`, `task_step_handle_result_impl`: it leaves a misused
/// future marked as being awaited, so that every later `await` of it finds the mark and refuses.
pub(crate) fn begin_await(future: &FutureRef) -> Begun {
    if let Err(error) = future.check() {
        return Begun::Misused(Misuse { error, takes_turn: true });
    }
    let refused = with(|core| {
        core.meets_future(future.id(), Access::Read);
        let Some(cell) = core.futures.get_mut(future.id()) else { return Ok(Begun::Waits) };
        if cell.is_done() {
            let goes_on = core.count_await();
            core.meets_future(future.id(), Access::Write);
            let begun = if core.session.observed { Begun::Waits } else { Begun::Done };
            return if goes_on { Ok(begun) } else { Err(None) };
        }
        let (misused, owner) = (cell.misused, cell.owner);
        core.meets_future(future.id(), Access::Write);
        let Some(task) = core.tasks.get(core.step.task) else { return Ok(Begun::Waits) };
        if misused {
            return Err(Some(("await wasn't used with future", false)));
        }
        let text = match task.future == future.id() {
            true => "task cannot await on itself",
            false if core.is_foreign(owner) => "the future is attached to a different loop",
            false => return Ok(Begun::Waits),
        };
        core.futures[future.id()].misused = true;
        Err(Some((text, true)))
    });
    match refused {
        Ok(begun) => begun,
        Err(None) => Begun::Stopped,
        Err(Some((text, takes_turn))) => {
            Begun::Misused(Misuse { error: Error::new(RuntimeError::new(text)), takes_turn })
        }
    }
}
