//! Waiting for a queue: for an item, for room, and for all to be done.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::queue::Queue;
use super::wait_queue::Ticket;
use super::waiter::{Begun, Line, Parking, Waiter, complete, park_at};
use crate::base::{Cancelled, GetError, PutError, QueueError};
use crate::event_loop::{Label, WaitId};
use crate::task::{SwitchPoint, WaitUnit};

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

    fn park(&self, (): (), as_what: Parking, cx: &Context<'_>) -> (Ticket, WaitUnit, bool) {
        park_at(&self.0.state, as_what, "queue", cx, |state, running, wait| {
            state.home.is_of(running).then(|| state.getters.push(wait))
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

    fn park(&self, (): (), as_what: Parking, cx: &Context<'_>) -> (Ticket, WaitUnit, bool) {
        park_at(&self.0.state, as_what, "queue", cx, |state, running, wait| {
            state.home.is_of(running).then(|| state.putters.push(wait))
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

    fn park(&self, (): (), as_what: Parking, cx: &Context<'_>) -> (Ticket, WaitUnit, bool) {
        park_at(&self.0.state, as_what, "queue", cx, |state, running, wait| {
            state.home.is_of(running).then(|| state.joiners.push(wait))
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
            if this.switch.is_ahead() {
                match queue.begin_get(this.location) {
                    Begun::Stopped => return Poll::Pending,
                    Begun::GivesWay => this.switch.give_way(queue.state.id(), this.location),
                    Begun::Over(got) => {
                        this.switch = SwitchPoint::Passed;
                        return this.end(got, cx);
                    }
                }
            }
            ready!(this.switch.poll_turn(cx))?;
        }
        let got = this.waiter.line.0.try_get(this.location);
        this.end(got, cx)
    }
}

impl<T> Get<T> {
    /// Ends with what was got, or parks.
    #[inline]
    fn end(&mut self, got: Result<T, GetError>, cx: &Context<'_>) -> Poll<Result<T, QueueError>> {
        match got {
            Ok(item) => Poll::Ready(Ok(item)),
            Err(GetError::ShutDown) => Poll::Ready(Err(QueueError::ShutDown)),
            Err(GetError::Empty) => {
                let label = Label::on("get", self.waiter.line.0.state.id());
                self.waiter.park((), label, self.location, cx);
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
            assert!(this.item.is_some(), "`Put` was polled again after it was over");
            let queue = &this.waiter.line.0;
            if this.switch.is_ahead() {
                match queue.begin_put(&mut this.item, this.location) {
                    Begun::Stopped => return Poll::Pending,
                    Begun::GivesWay => this.switch.give_way(queue.state.id(), this.location),
                    Begun::Over(put) => {
                        this.switch = SwitchPoint::Passed;
                        return this.end(put, cx);
                    }
                }
            }
            ready!(this.switch.poll_turn(cx))?;
        }
        let put = this.waiter.line.0.try_put(&mut this.item, this.location);
        this.end(put, cx)
    }
}

impl<T> Put<T> {
    /// Ends, or parks where there is no room.
    #[inline]
    fn end(&mut self, put: Result<(), PutError>, cx: &Context<'_>) -> Poll<Result<(), QueueError>> {
        match put {
            Ok(()) => Poll::Ready(Ok(())),
            Err(PutError::ShutDown) => {
                // Dropped here, unborrowed.
                self.item = None;
                Poll::Ready(Err(QueueError::ShutDown))
            }
            Err(PutError::Full) => {
                let label = Label::on("put", self.waiter.line.0.state.id());
                self.waiter.park((), label, self.location, cx);
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
