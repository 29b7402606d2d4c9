//! The line of those who wait for a primitive: first come, first served, and whoever loses heart
//! leaves it from wherever it stands.

use crate::base::{Id, Slab};
use crate::event_loop::{Core, WaitId, with};

/// A place in a [`WaitQueue`].
pub(super) type Ticket<P = ()> = Id<Node<P>>;

/// One waiter.
pub(super) struct Node<P> {
    wait: WaitId,
    /// It was told to go on, and has not done so yet.
    woken: bool,
    payload: P,
    previous: Ticket<P>,
    next: Ticket<P>,
}

/// Waiters in the order in which they came, each with what it waits for (`P`).
///
/// Entering, leaving from any place and finding whom to wake are all O(1), the last one amortised:
/// a waiter is *done* once it was woken or its wait was cancelled, and it stays so; all before
/// `pending` are done and are never looked at again. A linked list rather than a ring with gaps: a
/// line with one patient waiter and many that give up behind it must not grow.
///
/// Nobody is woken here: completing a wait runs wakers, which may be the user's, so it is done by
/// the caller after the borrow of the primitive's state.
pub(super) struct WaitQueue<P = ()> {
    nodes: Slab<Node<P>>,
    first: Ticket<P>,
    last: Ticket<P>,
    /// The first that may be not done; none when all are.
    pending: Ticket<P>,
    /// How many were woken and still stand in the line.
    woken: usize,
}

impl<P> WaitQueue<P> {
    pub(super) const fn new() -> Self {
        WaitQueue {
            nodes: Slab::new(),
            first: Id::NONE,
            last: Id::NONE,
            pending: Id::NONE,
            woken: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Enters the line at its end.
    pub(super) fn push_with(&mut self, wait: WaitId, payload: P) -> Ticket<P> {
        let (previous, next) = (self.last, Id::NONE);
        let ticket = self.nodes.insert(Node { wait, woken: false, payload, previous, next });
        match self.nodes.get_mut(previous) {
            Some(node) => node.next = ticket,
            None => self.first = ticket,
        }
        self.last = ticket;
        if self.pending.is_none() {
            self.pending = ticket;
        }
        ticket
    }

    /// Leaves the line, if it has not done so already; returns what it waited for.
    pub(super) fn remove(&mut self, ticket: Ticket<P>) -> Option<P> {
        let node = self.nodes.remove(ticket)?;
        match self.nodes.get_mut(node.previous) {
            Some(previous) => previous.next = node.next,
            None => self.first = node.next,
        }
        match self.nodes.get_mut(node.next) {
            Some(next) => next.previous = node.previous,
            None => self.last = node.previous,
        }
        if self.pending == ticket {
            self.pending = node.next;
        }
        if node.woken {
            self.woken -= 1;
        }
        Some(node.payload)
    }

    /// Finds the first waiter that is not done.
    fn find_pending(&mut self) -> Option<Ticket<P>> {
        if self.pending.is_none() {
            return None;
        }
        with(|core| self.find_pending_in(core))
    }

    /// The same where the kernel is borrowed already.
    #[inline]
    fn find_pending_in(&mut self, core: &Core) -> Option<Ticket<P>> {
        while let Some(node) = self.nodes.get(self.pending) {
            if !node.is_done(core) {
                return Some(self.pending);
            }
            self.pending = node.next;
        }
        None
    }

    /// Tells whether somebody stands in the line whose wait was not cancelled, woken or not.
    pub(super) fn is_crowded_in(&mut self, core: &Core) -> bool {
        self.woken > 0 || self.find_pending_in(core).is_some()
    }

    /// Tells whether there is a waiter that is not done, where the kernel is borrowed already.
    pub(super) fn is_pending_in(&mut self, core: &Core) -> bool {
        self.find_pending_in(core).is_some()
    }

    /// Marks the first waiter that is not done as woken; the caller completes its wait.
    #[must_use = "the wait is to be completed"]
    pub(super) fn wake_next(&mut self) -> Option<WaitId> {
        let ticket = self.find_pending()?;
        Some(self.wake(ticket))
    }

    /// The same where the kernel is borrowed already.
    #[must_use = "the wait is to be completed"]
    #[inline]
    pub(super) fn wake_next_in(&mut self, core: &Core) -> Option<WaitId> {
        let ticket = self.find_pending_in(core)?;
        Some(self.wake(ticket))
    }

    /// Marks the first in the line as woken, unless that one is done.
    #[must_use = "the wait is to be completed"]
    pub(super) fn wake_first(&mut self) -> Option<WaitId> {
        let ticket = self.find_pending()?;
        (ticket == self.first).then(|| self.wake(ticket))
    }

    /// The same where the kernel is borrowed already.
    #[must_use = "the wait is to be completed"]
    pub(super) fn wake_first_in(&mut self, core: &Core) -> Option<WaitId> {
        let ticket = self.find_pending_in(core)?;
        (ticket == self.first).then(|| self.wake(ticket))
    }

    /// What the first waiter that is not done waits for.
    pub(super) fn peek_next(&mut self) -> Option<&P> {
        let ticket = self.find_pending()?;
        self.nodes.get(ticket).map(|node| &node.payload)
    }

    /// Takes the first waiter that is not done out of the line, with all before it.
    #[must_use = "the wait is to be completed"]
    pub(super) fn take_next(&mut self) -> Option<WaitId> {
        let found = self.find_pending();
        self.take_until(found)
    }

    /// The same where the kernel is borrowed already.
    #[must_use = "the wait is to be completed"]
    #[inline]
    pub(super) fn take_next_in(&mut self, core: &Core) -> Option<WaitId> {
        if self.first.is_none() {
            return None;
        }
        let found = self.find_pending_in(core);
        self.take_until(found)
    }

    fn take_until(&mut self, found: Option<Ticket<P>>) -> Option<WaitId> {
        while !self.first.is_none() && Some(self.first) != found {
            self.remove(self.first);
        }
        let ticket = found?;
        let wait = self.nodes[ticket].wait;
        self.remove(ticket);
        Some(wait)
    }

    fn wake(&mut self, ticket: Ticket<P>) -> WaitId {
        let node = &mut self.nodes[ticket];
        node.woken = true;
        self.woken += 1;
        self.pending = node.next;
        node.wait
    }
}

impl WaitQueue {
    /// Enters the line at its end.
    pub(super) fn push(&mut self, wait: WaitId) -> Ticket {
        self.push_with(wait, ())
    }
}

impl<P> Node<P> {
    fn is_done(&self, core: &Core) -> bool {
        self.woken || core.is_wait_over(self.wait)
    }
}
