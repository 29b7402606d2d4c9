//! `asyncio.Queue`: items from those who put to those who get.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::task::Waker;

use super::queue_state as state;
use super::queue_state::{Order, State};
use super::queue_wait::{Get, Join, Put};
use super::waiter::{Begun, complete};
use crate::base::{Access, GetError, PutError, ValueError};
use crate::event_loop::{Core, Shared};
use crate::task::SwitchPoint;

/// A first-in-first-out queue: `asyncio.Queue`. Clones are the same queue.
///
/// A [`put`](Self::put) wakes the first getter in line, which resumes one hop later and then takes
/// whatever item comes first. Until then anyone may take it; a getter that finds nothing goes back
/// to the *end* of the line. The same holds for putters and room. No item is ever lost to a cancel
/// or a drop: whoever was woken and cannot come wakes the next one.
///
/// Works with `T`s of any kind; the handle itself is `Send + Sync` even if `T` is not.
/// [`LifoQueue`](super::LifoQueue) and [`PriorityQueue`](super::PriorityQueue) are this queue in
/// another order, and can be passed where a `&Queue` is asked for.
///
/// ```
/// use seedloop::sync::Queue;
/// use seedloop::{run, spawn};
///
/// run(async {
///     let queue = Queue::new(1);
///     let theirs = queue.clone();
///     let producer = spawn(async move {
///         for item in 0..3 {
///             theirs.put(item).await?;
///         }
///         theirs.shutdown(false);
///         Ok(())
///     });
///     let mut seen = Vec::new();
///     while let Ok(item) = queue.get().await {
///         seen.push(item);
///         queue.task_done()?;
///     }
///     assert_eq!(seen, [0, 1, 2]);
///     queue.join().await?;
///     producer.await
/// })
/// .unwrap();
/// ```
///
/// Source: Python docs, asyncio-queue; CPython 3.13, `queues.Queue`.
#[doc(alias = "asyncio.Queue")]
pub struct Queue<T> {
    pub(super) state: Shared<State<T>>,
}

impl<T: 'static> Queue<T> {
    /// Makes a queue that holds at most `maxsize` items; 0 is no limit.
    pub fn new(maxsize: usize) -> Self {
        Queue::of(Order::Fifo, maxsize)
    }

    /// Makes a queue without a limit.
    pub fn unbounded() -> Self {
        Queue::new(0)
    }

    pub(super) fn of(order: Order<T>, maxsize: usize) -> Self {
        Queue { state: Shared::new("queue", State::new(order, maxsize)) }
    }

    /// Returns the number of items.
    #[doc(alias = "len")]
    #[track_caller]
    pub fn qsize(&self) -> usize {
        self.state.peek(|state| state.items.len())
    }

    /// Returns the most items that it holds; 0 is no limit.
    #[doc(alias = "capacity")]
    #[track_caller]
    pub fn maxsize(&self) -> usize {
        self.state.peek(|state| state.maxsize)
    }

    /// Tells whether there is no item.
    #[doc(alias = "is_empty")]
    #[track_caller]
    pub fn empty(&self) -> bool {
        self.state.peek(|state| state.items.is_empty())
    }

    /// Tells whether there is no room.
    #[doc(alias = "is_full")]
    #[track_caller]
    pub fn full(&self) -> bool {
        self.state.peek(|state| state.is_full())
    }

    /// Tells whether [`shutdown`](Self::shutdown) was called.
    #[track_caller]
    pub fn is_shut_down(&self) -> bool {
        self.state.peek(|state| state.shut_down)
    }

    /// Puts an item into the queue; waits in line while there is no room: `queue.put(item)`.
    ///
    /// # Errors
    ///
    /// [`QueueError::ShutDown`](crate::sync::QueueError::ShutDown) when the queue was shut down,
    /// also while it waited; [`QueueError::Cancelled`](crate::sync::QueueError::Cancelled) when the
    /// task was cancelled while it waited. The item is dropped.
    ///
    /// # Panics
    ///
    /// When polled and the queue was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the item, which is then not in the queue. Room that it was woken
    /// for goes to the next putter.
    ///
    /// Source: CPython 3.13, `queues.Queue.put`.
    #[doc(alias = "send")]
    #[track_caller]
    pub fn put(&self, item: T) -> Put<T> {
        Put::new(self, item, Location::caller())
    }

    /// Puts an item into the queue at once: `queue.put_nowait(item)`.
    ///
    /// # Errors
    ///
    /// [`PutError::ShutDown`] when the queue was shut down, else [`PutError::Full`] when there is
    /// no room. The item is dropped then; nothing runs between a look at [`full`](Self::full) and
    /// this, so that one need not be lost.
    ///
    /// Source: CPython 3.13, `queues.Queue.put_nowait`.
    #[doc(alias = "try_send")]
    #[track_caller]
    pub fn put_nowait(&self, item: T) -> Result<(), PutError> {
        // The item is dropped here, unborrowed, if it is refused.
        self.try_put(&mut Some(item), Location::caller())
    }

    /// Puts the item, or leaves it where it is.
    #[track_caller]
    pub(super) fn try_put(
        &self,
        item: &mut Option<T>,
        at: &'static Location<'static>,
    ) -> Result<(), PutError> {
        let put = self.state.visit(
            |core, state, notes| state.put(core, notes, item, at),
            |core, put| put.map(|put| put.tell(core)),
        )?;
        self.finish_put(put, item, at);
        Ok(())
    }

    /// Begins to put the item: the choice to give way before, then a look whether there is room.
    pub(super) fn begin_put(
        &self,
        item: &mut Option<T>,
        at: &'static Location<'static>,
    ) -> Begun<Result<(), PutError>> {
        let begun = self.state.visit_awaiting(
            true,
            |core, state, notes| {
                let passes = |core: &mut Core| {
                    notes.meets(core, Access::Read);
                    state.refusal_of_put() != Some(PutError::Full)
                };
                let gives_way = SwitchPoint::choose(core, passes);
                (!gives_way).then(|| state.put(core, notes, item, at))
            },
            |core, put| put.map(|put| put.map(|put| put.tell(core))),
        );
        let finish = |put| self.finish_put(put, item, at);
        Begun::of(begun, |put| put.map(finish))
    }

    /// Does what is left of a put unborrowed.
    #[inline]
    fn finish_put(
        &self,
        put: state::Put<T, Option<Waker>>,
        item: &mut Option<T>,
        at: &'static Location<'static>,
    ) {
        let waker = match put {
            state::Put::Done(waker) => waker,
            state::Put::Unsorted(sorted) => {
                let item = item.take().expect("seedloop bug: there is no item to be put");
                Comparing::of(self).items(|items| (sorted.push)(items, item));
                self.state.visit(
                    |core, state, notes| {
                        notes.meets(core, Access::Write);
                        state.count_put(core, notes, at)
                    },
                    |core, woken| woken.and_then(|woken| core.wake_told(woken)),
                )
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes an item out of the queue; waits in line while there is none: `queue.get()`.
    ///
    /// # Errors
    ///
    /// [`QueueError::ShutDown`](crate::sync::QueueError::ShutDown) when the queue is empty and was
    /// shut down, also while it waited;
    /// [`QueueError::Cancelled`](crate::sync::QueueError::Cancelled) when the task was cancelled
    /// while it waited.
    ///
    /// # Panics
    ///
    /// When polled and the queue was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes nothing. An item that it was woken for goes to the next getter.
    ///
    /// Source: CPython 3.13, `queues.Queue.get`.
    #[doc(alias = "recv")]
    #[track_caller]
    pub fn get(&self) -> Get<T> {
        Get::new(self, Location::caller())
    }

    /// Takes an item out of the queue at once: `queue.get_nowait()`.
    ///
    /// # Errors
    ///
    /// [`GetError::Empty`] when there is none; [`GetError::ShutDown`] when there is none and the
    /// queue was shut down.
    ///
    /// Source: CPython 3.13, `queues.Queue.get_nowait`.
    #[doc(alias = "try_recv")]
    #[track_caller]
    pub fn get_nowait(&self) -> Result<T, GetError> {
        self.try_get(Location::caller())
    }

    #[track_caller]
    pub(super) fn try_get(&self, at: &'static Location<'static>) -> Result<T, GetError> {
        let got = self.state.visit(
            |core, state, notes| state.get(core, notes, at),
            |core, got| got.map(|got| got.tell(core)),
        )?;
        Ok(self.finish_get(got, at))
    }

    /// Begins to get an item: the choice to give way before, then a look whether there is one.
    pub(super) fn begin_get(&self, at: &'static Location<'static>) -> Begun<Result<T, GetError>> {
        let begun = self.state.visit_awaiting(
            true,
            |core, state, notes| {
                let passes = |core: &mut Core| {
                    notes.meets(core, Access::Read);
                    state.refusal_of_get() != Some(GetError::Empty)
                };
                let gives_way = SwitchPoint::choose(core, passes);
                (!gives_way).then(|| state.get(core, notes, at))
            },
            |core, got| got.map(|got| got.map(|got| got.tell(core))),
        );
        Begun::of(begun, |got| got.map(|got| self.finish_get(got, at)))
    }

    /// Does what is left of a get unborrowed.
    #[inline]
    fn finish_get(&self, got: state::Get<T, Option<Waker>>, at: &'static Location<'static>) -> T {
        let (item, waker) = match got {
            state::Get::Done(item, waker) => (item, waker),
            state::Get::Unsorted(sorted) => {
                let item = Comparing::of(self).items(sorted.pop);
                let item = item.expect("seedloop bug: the queue was not empty");
                let waker = self.state.visit(
                    |core, state, notes| {
                        notes.meets(core, Access::Write);
                        state.count_get(core, notes, at)
                    },
                    |core, woken| woken.and_then(|woken| core.wake_told(woken)),
                );
                (item, waker)
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        item
    }

    /// Declares an item that was got as done: `queue.task_done()`. When all that were put are done,
    /// [`join`](Self::join) returns one hop later.
    ///
    /// # Errors
    ///
    /// A [`ValueError`] when no item is left to be done.
    ///
    /// Source: CPython 3.13, `queues.Queue.task_done`.
    #[track_caller]
    pub fn task_done(&self) -> Result<(), ValueError> {
        self.state.with(|state| match state.unfinished.checked_sub(1) {
            None => Err(ValueError::new("task_done() called too many times")),
            Some(left) => {
                state.unfinished = left;
                Ok(())
            }
        })?;
        self.state.note("task_done");
        self.wake_joiners();
        Ok(())
    }

    /// Waits until all items that were put are done; no hop if they are: `queue.join()`.
    ///
    /// Once woken it returns, also if items were put since.
    ///
    /// # Errors
    ///
    /// [`Cancelled`](crate::Cancelled) when the task was cancelled while it waited.
    ///
    /// # Panics
    ///
    /// When polled and the queue was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets the wait; nothing is lost.
    ///
    /// Source: CPython 3.13, `queues.Queue.join`.
    #[track_caller]
    pub fn join(&self) -> Join<T> {
        Join::new(self, Location::caller())
    }

    /// Shuts the queue down: `queue.shutdown(immediate)`.
    ///
    /// From now on nothing can be put; what is in the queue can still be got, and then getting
    /// fails too. All who wait to put or to get are woken. `immediate` drops the items first, in
    /// the order in which they would have been got, and counts them as done; an item that was got
    /// and is not done still holds up [`join`](Self::join).
    ///
    /// Source: CPython 3.13, `queues.Queue.shutdown`.
    #[doc(alias = "close")]
    #[track_caller]
    pub fn shutdown(&self, immediate: bool) {
        self.state.with(|state| state.shut_down = true);
        self.state.note("shutdown");
        if immediate {
            while let Some(item) = self.discard() {
                // The user's destructor: nothing is borrowed here.
                drop(item);
            }
            self.wake_joiners();
        }
        while let Some(getter) = self.state.with(|state| state.getters.take_next()) {
            complete(Some(getter));
        }
        while let Some(putter) = self.state.with(|state| state.putters.take_next()) {
            complete(Some(putter));
        }
    }

    /// Takes the next item out as if it were done, and wakes nobody.
    fn discard(&self) -> Option<T> {
        let item = match self.state.with(State::discard)? {
            Ok(item) => item,
            Err(sorted) => Comparing::of(self).items(sorted.pop)?,
        };
        self.state.with(|state| state.unfinished = state.unfinished.saturating_sub(1));
        Some(item)
    }

    fn wake_joiners(&self) {
        let next = |state: &mut State<T>| match state.unfinished {
            0 => state.joiners.wake_next(),
            _ => None,
        };
        while let Some(joiner) = self.state.with(next) {
            complete(Some(joiner));
        }
    }
}

/// The items of a queue while they are compared, which is the user's code; they go back whatever it
/// does.
struct Comparing<'a, T: 'static> {
    queue: &'a Queue<T>,
    items: VecDeque<T>,
}

impl<'a, T> Comparing<'a, T> {
    fn of(queue: &'a Queue<T>) -> Self {
        let items = queue.state.with(|state| {
            state.is_comparing = true;
            std::mem::take(&mut state.items)
        });
        Comparing { queue, items }
    }

    fn items<R>(mut self, call: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
        call(&mut self.items)
    }
}

impl<T> Drop for Comparing<'_, T> {
    fn drop(&mut self) {
        let items = std::mem::take(&mut self.items);
        self.queue.state.try_with(|state| {
            state.is_comparing = false;
            state.items = items;
        });
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Queue { state: self.state.clone() }
    }
}

impl<T: 'static> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.state.try_with(|state| {
            (state.items.len(), state.maxsize, state.unfinished, state.shut_down)
        });
        let Some((qsize, maxsize, unfinished, shut_down)) = seen else {
            return f.write_str("<queue#? on another thread>");
        };
        write!(f, "<{:?} maxsize: {maxsize}, qsize: {qsize}, tasks: {unfinished}", self.state)?;
        f.write_str(if shut_down { ", shut down>" } else { ">" })
    }
}
