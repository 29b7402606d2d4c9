//! `asyncio.LifoQueue` and `asyncio.PriorityQueue`: queues in another order.

use std::fmt;
use std::ops::Deref;

use super::heap;
use super::queue::Queue;
use super::queue_state::{Order, Sorted};

/// A queue that gives the newest item first: `asyncio.LifoQueue`. Clones are the same queue.
///
/// Everything of a [`Queue`] works on it; getters and putters still wait first come, first served.
///
/// ```
/// use seedloop::sync::LifoQueue;
///
/// let queue = LifoQueue::unbounded();
/// for item in 0..3 {
///     queue.put_nowait(item)?;
/// }
/// assert_eq!(queue.get_nowait()?, 2);
/// # Ok::<(), seedloop::Error>(())
/// ```
///
/// Source: Python docs, asyncio-queue, "LIFO Queue"; CPython 3.13, `queues.LifoQueue`.
#[doc(alias = "asyncio.LifoQueue")]
pub struct LifoQueue<T> {
    queue: Queue<T>,
}

impl<T: 'static> LifoQueue<T> {
    /// Makes a queue that holds at most `maxsize` items; 0 is no limit.
    pub fn new(maxsize: usize) -> Self {
        LifoQueue { queue: Queue::of(Order::Lifo, maxsize) }
    }

    /// Makes a queue without a limit.
    pub fn unbounded() -> Self {
        LifoQueue::new(0)
    }
}

/// A queue that gives the least item first: `asyncio.PriorityQueue`. Clones are the same queue.
///
/// Everything of a [`Queue`] works on it. Items that are equal come out in `heapq`'s order, which
/// is neither that of putting nor its reverse: six of them as 0 2 5 4 1 3. Put a counter into the
/// item for first come, first served. Mind that `std`'s `BinaryHeap` gives the greatest first.
///
/// ```
/// use seedloop::sync::PriorityQueue;
///
/// let queue = PriorityQueue::unbounded();
/// for item in [2, 3, 1] {
///     queue.put_nowait(item)?;
/// }
/// assert_eq!(queue.get_nowait()?, 1);
/// # Ok::<(), seedloop::Error>(())
/// ```
///
/// # Panics
///
/// When the comparison of two items uses the queue they are in.
///
/// Source: Python docs, asyncio-queue, "Priority Queue"; CPython 3.13, `queues.PriorityQueue`.
#[doc(alias = "asyncio.PriorityQueue")]
#[doc(alias = "BinaryHeap")]
pub struct PriorityQueue<T> {
    queue: Queue<T>,
}

impl<T: Ord + 'static> PriorityQueue<T> {
    /// Makes a queue that holds at most `maxsize` items; 0 is no limit.
    pub fn new(maxsize: usize) -> Self {
        let sorted = Sorted { push: heap::push, pop: heap::pop };
        PriorityQueue { queue: Queue::of(Order::Sorted(sorted), maxsize) }
    }

    /// Makes a queue without a limit.
    pub fn unbounded() -> Self {
        PriorityQueue::new(0)
    }
}

impl<T> Deref for LifoQueue<T> {
    type Target = Queue<T>;

    fn deref(&self) -> &Queue<T> {
        &self.queue
    }
}

impl<T> Deref for PriorityQueue<T> {
    type Target = Queue<T>;

    fn deref(&self) -> &Queue<T> {
        &self.queue
    }
}

impl<T> From<LifoQueue<T>> for Queue<T> {
    fn from(queue: LifoQueue<T>) -> Self {
        queue.queue
    }
}

impl<T> From<PriorityQueue<T>> for Queue<T> {
    fn from(queue: PriorityQueue<T>) -> Self {
        queue.queue
    }
}

impl<T> Clone for LifoQueue<T> {
    fn clone(&self) -> Self {
        LifoQueue { queue: self.queue.clone() }
    }
}

impl<T> Clone for PriorityQueue<T> {
    fn clone(&self) -> Self {
        PriorityQueue { queue: self.queue.clone() }
    }
}

impl<T: 'static> fmt::Debug for LifoQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.queue.fmt(f)
    }
}

impl<T: 'static> fmt::Debug for PriorityQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.queue.fmt(f)
    }
}
