//! Boundaries: the combinators that hold a future. When a cancel meets a task that waits on
//! something foreign, what lies inside the innermost boundary is dropped and the boundary returns
//! the cancel; the code around it goes on, and can clean up.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::base::{Cancelled, Error, Id, Result};
use crate::event_loop::{
    BoundaryId, Core, Delivery, Hot, Label, PollWaker, Refused, Target, WaitCell, context_id, hot,
    poll_with, set_hot, with,
};

pin_project! {
    /// A future inside a boundary.
    pub(crate) struct Boundary<F> {
        #[pin]
        inner: Option<F>,
        place: Place,
    }
}

/// The registration of a boundary; closes it when dropped.
struct Place {
    id: BoundaryId,
    /// The thread on which it was opened.
    context: u32,
    location: &'static Location<'static>,
}

impl Place {
    /// Opens the boundary in the running task, if it is not open there, and takes the cancel that
    /// is to drop what is inside; none when a limit has ended the run.
    fn open(&mut self, cx: &Context<'_>) -> Option<Delivery> {
        let here = context_id();
        if self.context != here {
            // Ids of another thread mean nothing here.
            (self.id, self.context) = (Id::NONE, here);
        }
        poll_with(cx, |core, waker| {
            let first = self.id.is_none();
            core.enter_task_of_boundary(&mut self.id, self.location)?;
            core.put_boundary(self.id, !core.is_own(waker));
            let goes_on = if first { core.count_await() } else { core.goes_on() };
            Ok(goes_on.then(|| core.take_boundary_cancel(self.id)))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.id.is_none() && self.context == context_id() {
            with(|core| core.close_boundary(self.id));
        }
    }
}

impl<F> Boundary<F> {
    pub(crate) fn new(inner: F, location: &'static Location<'static>) -> Self {
        Boundary { inner: Some(inner), place: Place { id: Id::NONE, context: 0, location } }
    }

    /// Opens the boundary before its first poll, for those that need its id earlier.
    pub(crate) fn open(self: Pin<&mut Self>, cx: &Context<'_>) -> BoundaryId {
        let place = self.project().place;
        place.open(cx);
        place.id
    }

    /// Closes the boundary after [`poll_open`](Self::poll_open) was ready.
    pub(crate) fn close(self: Pin<&mut Self>) {
        let place = self.project().place;
        with(|core| core.close_boundary(std::mem::replace(&mut place.id, Id::NONE)));
    }
}

impl<F: Future> Boundary<F> {
    /// Polls what is inside; once that is over the boundary is empty and still open.
    pub(crate) fn poll_open(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<F::Output, Cancelled>> {
        let mut this = self.project();
        let place = this.place;
        let Some(cancelled) = place.open(cx) else {
            // A limit has ended the run.
            return Poll::Pending;
        };
        if let Delivery::Cancel(message) = cancelled {
            this.inner.set(None);
            return Poll::Ready(Err(Cancelled::from_option(message)));
        }
        let inner = this.inner.as_mut().as_pin_mut().expect("a finished future was polled again");
        let inside = Inside::enter(place.id);
        let polled = inner.poll(cx);
        let waits = inside.leave();
        match polled {
            Poll::Pending => {
                poll_with(cx, |core, waker| core.park_boundary(place.id, waits, waker));
                Poll::Pending
            }
            Poll::Ready(output) => {
                this.inner.set(None);
                Poll::Ready(Ok(output))
            }
        }
    }
}

impl<F: Future> Future for Boundary<F> {
    type Output = Result<F::Output, Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let output = std::task::ready!(self.as_mut().poll_open(cx));
        self.close();
        Poll::Ready(output)
    }
}

/// Makes a boundary the innermost one for as long as it lives, also when the poll panics.
pub(super) struct Inside {
    outer: BoundaryId,
    /// What is known of the outer one.
    waits: bool,
    before: Hot,
}

impl Inside {
    pub(super) fn enter(boundary: BoundaryId) -> Self {
        let before = hot();
        if before == Hot::PLAIN {
            set_hot(Hot::INSIDE);
        }
        with(|core| {
            let outer = std::mem::replace(&mut core.step.boundary, boundary);
            let waits = std::mem::replace(&mut core.step.waits, false);
            Inside { outer, waits, before }
        })
    }

    /// Goes back to the outer one; returns whether something of ours waits inside.
    pub(super) fn leave(self) -> bool {
        let waits = self.restore();
        std::mem::forget(self);
        waits
    }

    fn restore(&self) -> bool {
        set_hot(self.before);
        with(|core| {
            core.step.boundary = self.outer;
            std::mem::replace(&mut core.step.waits, self.waits)
        })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.restore();
    }
}

impl Core {
    /// Opens the boundary in the running task; anew if it has moved to another one.
    pub(super) fn enter_task_of_boundary(
        &mut self,
        id: &mut BoundaryId,
        location: &'static Location<'static>,
    ) -> Result<(), Refused> {
        if self.step.task.is_none() {
            return Err(Refused::Outside);
        }
        let here = self.boundaries.get(*id).is_some_and(|cell| cell.task == self.step.task);
        if !here {
            self.close_boundary(*id);
            *id = self.open_boundary(location);
        }
        Ok(())
    }

    /// Puts a boundary where it is polled now; one that is `counted` is polled by another waker
    /// than the task's own.
    pub(super) fn put_boundary(&mut self, id: BoundaryId, counted: bool) {
        let parent = self.step.boundary;
        let cell = &self.boundaries[id];
        if cell.parent == parent && cell.counted == counted {
            return;
        }
        self.count_boundary(id, false);
        self.boundaries[id].parent = parent;
        self.count_boundary(id, counted);
    }

    /// Says whether a boundary counts in its parent by itself.
    pub(super) fn count_boundary(&mut self, id: BoundaryId, counted: bool) {
        let cell = &mut self.boundaries[id];
        if std::mem::replace(&mut cell.counted, counted) != counted {
            let parent = cell.parent;
            self.count_apart(parent, if counted { 1 } else { -1 });
        }
    }

    /// Takes the cancel that is to drop what is inside: one that was addressed to the boundary, or
    /// one that is delivered at this step while something foreign is waited for.
    fn take_boundary_cancel(&mut self, id: BoundaryId) -> Delivery {
        let cell = &self.boundaries[id];
        if cell.cancelled {
            return Delivery::Cancel(cell.message.clone());
        }
        if !self.was_awaited_here(cell.wait) {
            return Delivery::None;
        }
        match self.delivers_to(id) {
            true => self.take_delivery_of_task(),
            false => Delivery::None,
        }
    }

    /// Registers the boundary as a wait of its task if nothing of ours is waited for inside.
    fn park_boundary(
        &mut self,
        id: BoundaryId,
        waits: bool,
        waker: &mut PollWaker<'_>,
    ) -> Result<(), Refused> {
        // Either way the boundary around this one has something of ours inside.
        self.step.waits = true;
        let cell = &self.boundaries[id];
        let (wait, location) = (cell.wait, cell.location);
        let foreign = !waits && cell.apart == 0 && !self.step.yielding;
        if !foreign || !self.is_parked_here(wait) {
            self.unpark(wait);
            self.boundaries[id].wait = Id::NONE;
        }
        if !foreign {
            return Ok(());
        }
        if self.boundaries[id].wait.is_none() {
            let label = Label::new("something that is not seedloop's");
            let cell = WaitCell::new(Target::Boundary(id), label, location);
            self.boundaries[id].wait = self.park(cell, waker)?;
        } else {
            self.update_waker(wait, waker)?;
        }
        Ok(())
    }
}

/// Runs `body` as Python's `try` does: `?` and `return` inside leave only the body.
///
/// Match on the error for `except`; what stands between this and the `?` on its result is
/// `finally`. A cancel that meets the task while the body waits on something foreign drops the
/// body and is returned here.
///
/// ```
/// use seedloop::error::ValueError;
/// use seedloop::{attempt, run, sleep};
/// use std::time::Duration;
///
/// let caught = run(async {
///     let result = attempt(async {
///         sleep(Duration::from_secs(1)).await?;
///         Err::<(), _>(ValueError::new("bad").into())
///     })
///     .await;
///     Ok(result.is_err_and(|error| error.is::<ValueError>()))
/// });
/// assert!(caught.unwrap());
/// ```
///
/// # Errors
///
/// The body's; a cancelled error when a cancel dropped the body.
///
/// # Cancel safety
///
/// As the body's.
#[doc(alias = "try")]
#[track_caller]
pub fn attempt<T, F>(body: F) -> Attempt<F>
where
    F: Future<Output = Result<T>>,
{
    Attempt { boundary: Boundary::new(body, Location::caller()) }
}

pin_project! {
    /// The future of [`attempt`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Attempt<F> {
        #[pin]
        boundary: Boundary<F>,
    }
}

impl<T, F: Future<Output = Result<T>>> Future for Attempt<F> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        self.project().boundary.poll(cx).map(|result| match result {
            Ok(output) => output,
            Err(cancelled) => Err(Error::cancelled(cancelled)),
        })
    }
}
