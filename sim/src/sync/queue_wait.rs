//! Waiting for a queue: for an item, for room, and for all to be done.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::queue::Queue;
use super::wait_queue::Ticket;
use super::waiter::{Line, Waiter, complete};
use crate::base::{Cancelled, GetError, PutError, QueueError};
use crate::event_loop::{Label, WaitId};
use crate::task::SwitchPoint;

/// The line of those who wait for an item.
struct Getters<T>(Queue<T>);

impl<T: 'static> Line for Getters<T> {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.0.state.with(|state| {
            state.home.enter("queue");
            state.getters.push(wait)
        })
    }

    /// Who was woken for an item that it will not take wakes the next one.
    fn abandon(&self, ticket: Ticket, woken: bool) {
        let next = self.0.state.try_with(|state| {
            state.getters.remove(ticket);
            let hands_over = woken && !state.items.is_empty();
            hands_over.then(|| state.getters.take_next()).flatten()
        });
        complete(next.flatten());
    }
}

/// The line of those who wait for room.
struct Putters<T>(Queue<T>);

impl<T: 'static> Line for Putters<T> {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.0.state.with(|state| {
            state.home.enter("queue");
            state.putters.push(wait)
        })
    }

    /// Who was woken for room that it will not use wakes the next one.
    fn abandon(&self, ticket: Ticket, woken: bool) {
        let next = self.0.state.try_with(|state| {
            state.putters.remove(ticket);
            let hands_over = woken && !state.is_full();
            hands_over.then(|| state.putters.take_next()).flatten()
        });
        complete(next.flatten());
    }
}

/// The line of those who wait for all items to be done.
struct Joiners<T>(Queue<T>);

impl<T: 'static> Line for Joiners<T> {
    type Payload = ();

    fn enter(&self, wait: WaitId, (): ()) -> Ticket {
        self.0.state.with(|state| {
            state.home.enter("queue");
            state.joiners.push(wait)
        })
    }

    fn abandon(&self, ticket: Ticket, _woken: bool) {
        self.0.state.try_with(|state| state.joiners.remove(ticket));
    }
}

/// The future of [`Queue::get`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Get<T: 'static> {
    waiter: Waiter<Getters<T>>,
    switch: SwitchPoint,
    location: &'static Location<'static>,
}

impl<T> Get<T> {
    pub(super) fn new(queue: &Queue<T>, location: &'static Location<'static>) -> Self {
        Get { waiter: Waiter::new(Getters(queue.clone())), switch: SwitchPoint::Ahead, location }
    }
}

impl<T> Future for Get<T> {
    type Output = Result<T, QueueError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.waiter.is_waiting() {
            // Who woke it has taken it out of the line.
            if let Err(refused) = ready!(this.waiter.poll(cx)) {
                this.waiter.line.abandon(refused.ticket, refused.woken);
                return Poll::Ready(Err(QueueError::Cancelled(refused.cancelled)));
            }
        } else {
            let queue = &this.waiter.line.0;
            let passes = || queue.state.peek(|s| s.refusal_of_get() != Some(GetError::Empty));
            ready!(this.switch.poll_if(queue.state.id(), this.location, passes, cx))?;
        }
        match this.waiter.line.0.try_get(this.location) {
            Ok(item) => Poll::Ready(Ok(item)),
            Err(GetError::ShutDown) => Poll::Ready(Err(QueueError::ShutDown)),
            Err(GetError::Empty) => {
                let label = Label::on("get", this.waiter.line.0.state.id());
                this.waiter.park((), label, this.location, cx);
                Poll::Pending
            }
        }
    }
}

/// The future of [`Queue::put`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Put<T: 'static> {
    waiter: Waiter<Putters<T>>,
    switch: SwitchPoint,
    item: Option<T>,
    location: &'static Location<'static>,
}

// The item is moved, never pinned.
impl<T> Unpin for Put<T> {}

impl<T> Put<T> {
    pub(super) fn new(queue: &Queue<T>, item: T, location: &'static Location<'static>) -> Self {
        let waiter = Waiter::new(Putters(queue.clone()));
        Put { waiter, switch: SwitchPoint::Ahead, item: Some(item), location }
    }
}

impl<T> Future for Put<T> {
    type Output = Result<(), QueueError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.waiter.is_waiting() {
            if let Err(refused) = ready!(this.waiter.poll(cx)) {
                this.waiter.line.abandon(refused.ticket, refused.woken);
                return Poll::Ready(Err(QueueError::Cancelled(refused.cancelled)));
            }
        } else {
            let queue = &this.waiter.line.0;
            let passes = || queue.state.peek(|s| s.refusal_of_put() != Some(PutError::Full));
            ready!(this.switch.poll_if(queue.state.id(), this.location, passes, cx))?;
        }
        let item = this.item.take().expect("`Put` was polled again after it was over");
        match this.waiter.line.0.try_put(item, this.location) {
            Ok(()) => Poll::Ready(Ok(())),
            Err((PutError::ShutDown, _)) => Poll::Ready(Err(QueueError::ShutDown)),
            Err((PutError::Full, item)) => {
                this.item = Some(item);
                let label = Label::on("put", this.waiter.line.0.state.id());
                this.waiter.park((), label, this.location, cx);
                Poll::Pending
            }
        }
    }
}

/// The future of [`Queue::join`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Join<T: 'static> {
    waiter: Waiter<Joiners<T>>,
    switch: SwitchPoint,
    location: &'static Location<'static>,
}

impl<T> Join<T> {
    pub(super) fn new(queue: &Queue<T>, location: &'static Location<'static>) -> Self {
        Join { waiter: Waiter::new(Joiners(queue.clone())), switch: SwitchPoint::Ahead, location }
    }
}

impl<T> Future for Join<T> {
    type Output = Result<(), Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.waiter.is_waiting() {
            let (ticket, result) = match ready!(this.waiter.poll(cx)) {
                Ok(ticket) => (ticket, Ok(())),
                Err(refused) => (refused.ticket, Err(refused.cancelled)),
            };
            this.waiter.line.0.state.with(|state| state.joiners.remove(ticket));
            return Poll::Ready(result);
        }
        let queue = &this.waiter.line.0;
        let is_done = || queue.state.peek(|state| state.unfinished == 0);
        ready!(this.switch.poll_if(queue.state.id(), this.location, is_done, cx))?;
        if is_done() {
            return Poll::Ready(Ok(()));
        }
        let label = Label::on("join", queue.state.id());
        this.waiter.park((), label, this.location, cx);
        Poll::Pending
    }
}

impl<T> fmt::Debug for Get<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Get").field("waiter", &self.waiter).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Put<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put").field("waiter", &self.waiter).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Join<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").field("waiter", &self.waiter).finish_non_exhaustive()
    }
}
