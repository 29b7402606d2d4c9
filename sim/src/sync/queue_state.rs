//! What is inside a queue.

use std::collections::VecDeque;
use std::panic::Location;
use std::task::Waker;

use super::wait_queue::WaitQueue;
use super::waiter::Home;
use crate::base::{Access, GetError, PutError};
use crate::event_loop::{Core, Notes, WaitId};

/// In which order items leave a queue.
pub(super) enum Order<T> {
    /// The oldest first.
    Fifo,
    /// The newest first.
    Lifo,
    /// The least first. Comparing is the user's code, so it must run unborrowed.
    Sorted(Sorted<T>),
}

/// How to add to a heap and to take from it.
pub(super) struct Sorted<T> {
    pub(super) push: fn(&mut VecDeque<T>, T),
    pub(super) pop: fn(&mut VecDeque<T>) -> Option<T>,
}

impl<T> Clone for Sorted<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Sorted<T> {}

pub(super) struct State<T> {
    order: Order<T>,
    /// Empty while they are being compared.
    pub(super) items: VecDeque<T>,
    pub(super) is_comparing: bool,
    pub(super) maxsize: usize,
    /// Items that were put and not yet declared done.
    pub(super) unfinished: usize,
    pub(super) shut_down: bool,
    pub(super) getters: WaitQueue,
    pub(super) putters: WaitQueue,
    pub(super) joiners: WaitQueue,
    pub(super) home: Home,
}

/// An item on its way into the queue.
pub(super) enum Put<T, W> {
    /// It is in; the getter to be woken.
    Done(W),
    /// It is to be sorted in first.
    Unsorted(Sorted<T>),
}

/// An item on its way out of the queue.
pub(super) enum Get<T, W> {
    /// It is out; the putter to be woken.
    Done(T, W),
    /// The least one is to be found first.
    Unsorted(Sorted<T>),
}

impl<T> Put<T, Option<WaitId>> {
    /// Tells the getter to go on.
    #[inline]
    pub(super) fn tell(self, core: &mut Core) -> Put<T, Option<Waker>> {
        match self {
            Put::Done(woken) => Put::Done(woken.and_then(|woken| core.wake_told(woken))),
            Put::Unsorted(sorted) => Put::Unsorted(sorted),
        }
    }
}

impl<T> Get<T, Option<WaitId>> {
    /// Tells the putter to go on.
    #[inline]
    pub(super) fn tell(self, core: &mut Core) -> Get<T, Option<Waker>> {
        match self {
            Get::Done(item, woken) => {
                Get::Done(item, woken.and_then(|woken| core.wake_told(woken)))
            }
            Get::Unsorted(sorted) => Get::Unsorted(sorted),
        }
    }
}

impl<T> State<T> {
    pub(super) fn new(order: Order<T>, maxsize: usize) -> Self {
        State {
            order,
            items: VecDeque::new(),
            is_comparing: false,
            maxsize,
            unfinished: 0,
            shut_down: false,
            getters: WaitQueue::new(),
            putters: WaitQueue::new(),
            joiners: WaitQueue::new(),
            home: Home::new(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.maxsize > 0 && self.items.len() >= self.maxsize
    }

    /// Why an item cannot be put at once, if it cannot.
    pub(super) fn refusal_of_put(&self) -> Option<PutError> {
        match self.is_full() {
            _ if self.shut_down => Some(PutError::ShutDown),
            true => Some(PutError::Full),
            false => None,
        }
    }

    /// Why no item can be taken at once, if none can.
    pub(super) fn refusal_of_get(&self) -> Option<GetError> {
        match self.items.is_empty() {
            true if self.shut_down => Some(GetError::ShutDown),
            true => Some(GetError::Empty),
            false => None,
        }
    }

    /// Puts the item in, or leaves it where it is: the reason says why, or how to sort it in.
    #[inline]
    pub(super) fn put(
        &mut self,
        core: &mut Core,
        notes: &Notes,
        item: &mut Option<T>,
        at: &'static Location<'static>,
    ) -> Result<Put<T, Option<WaitId>>, PutError> {
        notes.meets(core, Access::Write);
        self.check_not_comparing();
        if let Some(refusal) = self.refusal_of_put() {
            return Err(refusal);
        }
        if let Order::Sorted(sorted) = self.order {
            return Ok(Put::Unsorted(sorted));
        }
        self.items.extend(item.take());
        Ok(Put::Done(self.count_put(core, notes, at)))
    }

    /// Counts an item that is in; returns the getter to be woken.
    #[inline]
    pub(super) fn count_put(
        &mut self,
        core: &mut Core,
        notes: &Notes,
        at: &'static Location<'static>,
    ) -> Option<WaitId> {
        self.unfinished += 1;
        let woken = self.getters.take_next_in(core);
        notes.changed(core, "put", Access::Write, at);
        woken
    }

    /// Takes the next item out.
    #[inline]
    pub(super) fn get(
        &mut self,
        core: &mut Core,
        notes: &Notes,
        at: &'static Location<'static>,
    ) -> Result<Get<T, Option<WaitId>>, GetError> {
        notes.meets(core, Access::Write);
        self.check_not_comparing();
        if let Some(refusal) = self.refusal_of_get() {
            return Err(refusal);
        }
        let item = match self.order {
            Order::Fifo => self.items.pop_front(),
            Order::Lifo => self.items.pop_back(),
            Order::Sorted(sorted) => return Ok(Get::Unsorted(sorted)),
        };
        let item = item.expect("seedloop bug: the queue was not empty");
        Ok(Get::Done(item, self.count_get(core, notes, at)))
    }

    /// An item is out; returns the putter to be woken.
    #[inline]
    pub(super) fn count_get(
        &mut self,
        core: &mut Core,
        notes: &Notes,
        at: &'static Location<'static>,
    ) -> Option<WaitId> {
        let woken = self.putters.take_next_in(core);
        notes.changed(core, "get", Access::Write, at);
        woken
    }

    /// Takes the next item out and wakes nobody; how to find it if that needs comparing; none when
    /// there is no item.
    pub(super) fn discard(&mut self) -> Option<Result<T, Sorted<T>>> {
        self.check_not_comparing();
        match self.order {
            Order::Fifo => self.items.pop_front().map(Ok),
            Order::Lifo => self.items.pop_back().map(Ok),
            Order::Sorted(_) if self.items.is_empty() => None,
            Order::Sorted(sorted) => Some(Err(sorted)),
        }
    }

    fn check_not_comparing(&self) {
        assert!(
            !self.is_comparing,
            "a queue was used by the comparison of its own items; compare them without it"
        );
    }
}
