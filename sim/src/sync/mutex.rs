//! A value that one task holds at a time, as Rust's async runtimes have it.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::gate::{Access, Enter, Gated, leave, try_enter};
use crate::event_loop::Shared;

/// A value that one task holds at a time. Clones are the same mutex.
///
/// First come, first served: a guard that is dropped hands the mutex to the first in line, which
/// resumes one hop later; nobody can overtake it. The wait knows no cancel: a task that is
/// cancelled while it waits is treated as in any foreign wait, and the innermost
/// [`attempt`](crate::attempt), timeout, scope or group around it, or else the whole task, is
/// dropped. Where asyncio's errors and order are wanted, see [`Lock`](super::Lock).
///
/// ```
/// use seedloop::sync::Mutex;
/// use seedloop::{run, spawn, yield_now};
///
/// run(async {
///     let count = Mutex::new(0);
///     let theirs = count.clone();
///     let other = spawn(async move {
///         let mut count = theirs.lock().await;
///         let seen = *count;
///         yield_now().await?;
///         *count = seen + 1;
///         Ok(())
///     });
///     *count.lock().await += 1;
///     other.await?;
///     assert_eq!(*count.lock().await, 2);
///     Ok(())
/// })
/// .unwrap();
/// ```
pub struct Mutex<T: 'static> {
    gated: Shared<Gated<Box<T>>>,
}

impl<T: 'static> Mutex<T> {
    /// Makes a mutex that nobody holds.
    pub fn new(value: T) -> Self {
        Mutex { gated: Shared::new("mutex", Gated::new(Box::new(value))) }
    }

    /// Waits in line for the value.
    ///
    /// # Panics
    ///
    /// When polled and the mutex was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the place in the line; a mutex that was being handed to it goes to
    /// the next one.
    #[track_caller]
    pub fn lock(&self) -> Locking<T> {
        let enter = Enter::new(&self.gated, Access::Exclusive, "mutex", Location::caller());
        Locking { enter }
    }

    /// Takes the value if that needs no wait.
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<T>> {
        let entered = try_enter(&self.gated, Access::Exclusive, Location::caller());
        entered.then(|| MutexGuard::new(&self.gated))
    }
}

impl<T: 'static> Clone for Mutex<T> {
    fn clone(&self) -> Self {
        Mutex { gated: self.gated.clone() }
    }
}

impl<T: Default + 'static> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

/// The future of [`Mutex::lock`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Locking<T: 'static> {
    enter: Enter<Box<T>>,
}

impl<T: 'static> Future for Locking<T> {
    type Output = MutexGuard<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MutexGuard<T>> {
        ready!(self.enter.poll(cx));
        Poll::Ready(MutexGuard::new(self.enter.gated()))
    }
}

/// Holds the value of a [`Mutex`] until it is dropped. It has a handle of its own on the mutex, so
/// it can be moved anywhere.
#[must_use = "a guard that is dropped at once gives the value back at once"]
pub struct MutexGuard<T: 'static> {
    gated: Shared<Gated<Box<T>>>,
    /// The value itself: it is in one place only, and so the guard needs no borrow of the mutex.
    value: Option<Box<T>>,
}

impl<T: 'static> MutexGuard<T> {
    /// Takes the value out of the mutex that was just entered.
    fn new(gated: &Shared<Gated<Box<T>>>) -> Self {
        let value = gated.with(|gated| gated.value.take());
        MutexGuard { gated: gated.clone(), value }
    }
}

impl<T: 'static> Deref for MutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("seedloop bug: a guard without its value")
    }
}

impl<T: 'static> DerefMut for MutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("seedloop bug: a guard without its value")
    }
}

impl<T: 'static> Drop for MutexGuard<T> {
    fn drop(&mut self) {
        leave(&self.gated, Access::Exclusive, self.value.take());
    }
}

impl<T: 'static> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{:?}>", self.gated)
    }
}

impl<T: 'static> fmt::Debug for Locking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Locking {:?}>", self.enter.gated())
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for MutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}
