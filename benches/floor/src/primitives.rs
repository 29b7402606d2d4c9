//! A semaphore and a channel, for one thread and without clean-up when a waiter is dropped.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Permits that are handed over to who waits first.
pub struct Semaphore {
    permits: Cell<usize>,
    waiters: RefCell<VecDeque<Waker>>,
}

impl Semaphore {
    pub fn new(permits: usize) -> Self {
        Semaphore { permits: Cell::new(permits), waiters: RefCell::default() }
    }

    pub fn acquire(&self) -> Acquire<'_> {
        Acquire { semaphore: self, waits: false }
    }

    pub fn release(&self) {
        let next = self.waiters.borrow_mut().pop_front();
        match next {
            // The permit is now the waiter's.
            Some(waker) => waker.wake(),
            None => self.permits.set(self.permits.get() + 1),
        }
    }
}

/// A wait for a permit.
pub struct Acquire<'a> {
    semaphore: &'a Semaphore,
    waits: bool,
}

impl Future for Acquire<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.waits {
            // Only a release wakes it, and hands its permit over.
            return Poll::Ready(());
        }
        let permits = self.semaphore.permits.get();
        if permits > 0 {
            self.semaphore.permits.set(permits - 1);
            return Poll::Ready(());
        }
        self.semaphore.waiters.borrow_mut().push_back(cx.waker().clone());
        self.waits = true;
        Poll::Pending
    }
}

/// A queue without limit, for one receiver.
pub struct Channel<T> {
    items: RefCell<VecDeque<T>>,
    waiter: Cell<Option<Waker>>,
}

impl<T> Channel<T> {
    pub fn new() -> Rc<Self> {
        Rc::new(Channel { items: RefCell::default(), waiter: Cell::new(None) })
    }

    pub fn send(&self, item: T) {
        self.items.borrow_mut().push_back(item);
        if let Some(waker) = self.waiter.take() {
            waker.wake();
        }
    }

    pub fn receive(&self) -> Receive<'_, T> {
        Receive { channel: self }
    }
}

/// A wait for an item.
pub struct Receive<'a, T> {
    channel: &'a Channel<T>,
}

impl<T> Future for Receive<'_, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let item = self.channel.items.borrow_mut().pop_front();
        if let Some(item) = item {
            return Poll::Ready(item);
        }
        self.channel.waiter.set(Some(cx.waker().clone()));
        Poll::Pending
    }
}
