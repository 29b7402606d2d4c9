//! A value that many tasks read or one changes, as Rust's async runtimes have it.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::gate::{Access, Enter, Gated, leave, try_enter};
use crate::event_loop::Shared;

/// A value that many tasks read at a time, or one changes. Clones are the same lock.
///
/// First come, first served, readers and writers in one line: a reader that comes while a writer
/// waits stands behind it, so writers do not starve; readers that stand next to each other are let
/// in together. Whoever is let in resumes one hop later, and nobody can overtake it. The wait knows
/// no cancel: a task that is cancelled while it waits is treated as in any foreign wait, and the
/// innermost [`attempt`](crate::attempt), timeout, scope or group around it, or else the whole
/// task, is dropped.
///
/// ```
/// use seedloop::run;
/// use seedloop::sync::RwLock;
///
/// run(async {
///     let lock = RwLock::new(1);
///     {
///         let (one, other) = (lock.read().await, lock.read().await);
///         assert_eq!(*one + *other, 2);
///         assert!(lock.try_write().is_none());
///     }
///     *lock.write().await += 1;
///     assert_eq!(*lock.read().await, 2);
///     Ok(())
/// })
/// .unwrap();
/// ```
pub struct RwLock<T: 'static> {
    gated: Shared<Gated<Arc<T>>>,
}

impl<T: 'static> RwLock<T> {
    /// Makes a lock that nobody holds.
    pub fn new(value: T) -> Self {
        RwLock { gated: Shared::new("rwlock", Gated::new(Arc::new(value))) }
    }

    /// Waits in line to read.
    ///
    /// # Panics
    ///
    /// When polled and the lock was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the place in the line; those behind it may get in.
    #[track_caller]
    pub fn read(&self) -> Reading<T> {
        let enter = Enter::new(&self.gated, Access::Shared, "read", Location::caller());
        Reading { enter }
    }

    /// Waits in line to write.
    ///
    /// # Panics
    ///
    /// When polled and the lock was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the place in the line; those behind it may get in.
    #[track_caller]
    pub fn write(&self) -> Writing<T> {
        let enter = Enter::new(&self.gated, Access::Exclusive, "write", Location::caller());
        Writing { enter }
    }

    /// Reads if that needs no wait.
    #[track_caller]
    pub fn try_read(&self) -> Option<RwLockReadGuard<T>> {
        let entered = try_enter(&self.gated, Access::Shared, Location::caller());
        entered.then(|| RwLockReadGuard::new(&self.gated))
    }

    /// Writes if that needs no wait.
    #[track_caller]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<T>> {
        let entered = try_enter(&self.gated, Access::Exclusive, Location::caller());
        entered.then(|| RwLockWriteGuard::new(&self.gated))
    }
}

impl<T: 'static> Clone for RwLock<T> {
    fn clone(&self) -> Self {
        RwLock { gated: self.gated.clone() }
    }
}

impl<T: Default + 'static> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

/// The future of [`RwLock::read`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Reading<T: 'static> {
    enter: Enter<Arc<T>>,
}

impl<T: 'static> Future for Reading<T> {
    type Output = RwLockReadGuard<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RwLockReadGuard<T>> {
        ready!(self.enter.poll(cx));
        Poll::Ready(RwLockReadGuard::new(self.enter.gated()))
    }
}

/// The future of [`RwLock::write`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Writing<T: 'static> {
    enter: Enter<Arc<T>>,
}

impl<T: 'static> Future for Writing<T> {
    type Output = RwLockWriteGuard<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RwLockWriteGuard<T>> {
        ready!(self.enter.poll(cx));
        Poll::Ready(RwLockWriteGuard::new(self.enter.gated()))
    }
}

/// Reads the value of a [`RwLock`] until it is dropped. It has a handle of its own on the lock, so
/// it can be moved anywhere.
#[must_use = "a guard that is dropped at once releases the lock at once"]
pub struct RwLockReadGuard<T: 'static> {
    gated: Shared<Gated<Arc<T>>>,
    value: Option<Arc<T>>,
}

impl<T: 'static> RwLockReadGuard<T> {
    /// Shares the value of the lock that was just entered.
    fn new(gated: &Shared<Gated<Arc<T>>>) -> Self {
        let value = gated.peek(|gated| gated.value.clone());
        RwLockReadGuard { gated: gated.clone(), value }
    }
}

impl<T: 'static> Deref for RwLockReadGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("seedloop bug: a guard without its value")
    }
}

impl<T: 'static> Drop for RwLockReadGuard<T> {
    fn drop(&mut self) {
        // A writer that is let in must find the value unshared.
        self.value = None;
        leave(&self.gated, Access::Shared, None);
    }
}

/// Changes the value of a [`RwLock`] until it is dropped. It has a handle of its own on the lock,
/// so it can be moved anywhere.
#[must_use = "a guard that is dropped at once releases the lock at once"]
pub struct RwLockWriteGuard<T: 'static> {
    gated: Shared<Gated<Arc<T>>>,
    /// The value itself, which nobody else holds.
    value: Option<Arc<T>>,
}

impl<T: 'static> RwLockWriteGuard<T> {
    /// Takes the value out of the lock that was just entered.
    fn new(gated: &Shared<Gated<Arc<T>>>) -> Self {
        let value = gated.with(|gated| gated.value.take());
        RwLockWriteGuard { gated: gated.clone(), value }
    }
}

impl<T: 'static> Deref for RwLockWriteGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("seedloop bug: a guard without its value")
    }
}

impl<T: 'static> DerefMut for RwLockWriteGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        let value = self.value.as_mut().and_then(Arc::get_mut);
        value.expect("seedloop bug: a writer shares the value")
    }
}

impl<T: 'static> Drop for RwLockWriteGuard<T> {
    fn drop(&mut self) {
        leave(&self.gated, Access::Exclusive, self.value.take());
    }
}

impl<T: 'static> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{:?}>", self.gated)
    }
}

impl<T: 'static> fmt::Debug for Reading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Reading {:?}>", self.enter.gated())
    }
}

impl<T: 'static> fmt::Debug for Writing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Writing {:?}>", self.enter.gated())
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for RwLockReadGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for RwLockWriteGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}
