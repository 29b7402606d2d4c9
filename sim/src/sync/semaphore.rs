//! `asyncio.Semaphore` and `asyncio.BoundedSemaphore`: so many at a time.

use std::fmt;
use std::future::Future;
use std::panic::Location;

use super::permits::{AcquirePermit, Permit, Permits, TakePermit};
use crate::base::{Result, ValueError};

/// A number of permits, each held by one task at a time: `asyncio.Semaphore`. Clones are the same
/// semaphore.
///
/// First in, first out: a [`release`](Self::release) gives the permit to the first waiter, which
/// resumes one hop later; until then newcomers wait in line, also if more permits are free. Taking
/// a permit without a wait is no hop.
///
/// ```
/// use seedloop::sync::Semaphore;
/// use seedloop::{run, spawn, yield_now};
///
/// run(async {
///     let two = Semaphore::new(2);
///     let first = two.permit().await?;
///     two.acquire().await?;
///     assert!(two.locked());
///     drop(first);
///     two.scope(async || Ok(yield_now().await?)).await?;
///     two.release();
///     Ok(())
/// })
/// .unwrap();
/// ```
///
/// Source: Python docs, asyncio-sync, "Semaphore"; CPython 3.13, `locks.Semaphore`.
#[derive(Clone)]
#[doc(alias = "asyncio.Semaphore")]
pub struct Semaphore {
    permits: Permits,
}

impl Semaphore {
    /// Makes a semaphore with `value` permits; 0 is a good start for one that counts events.
    pub fn new(value: usize) -> Self {
        Semaphore { permits: Permits::new(value, None) }
    }

    /// Takes a permit; waits in line while there is none or others wait: `semaphore.acquire()`.
    ///
    /// Give it back with [`release`](Self::release); nothing else does.
    ///
    /// # Errors
    ///
    /// [`Cancelled`](crate::Cancelled) when the task was cancelled while it waited, also if a
    /// permit was being handed to it: then the next in line gets that.
    ///
    /// # Panics
    ///
    /// When polled and the semaphore was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the place in the line; a permit that was being handed to it goes
    /// to the next one.
    ///
    /// Source: CPython 3.13, `locks.Semaphore.acquire`, which wakes all it can when it resumes.
    #[track_caller]
    pub fn acquire(&self) -> AcquirePermit {
        self.permits.acquire(Location::caller())
    }

    /// Gives a permit back, or adds one, and wakes the first in line: `semaphore.release()`.
    ///
    /// Any task may release, whether or not it has acquired.
    ///
    /// # Panics
    ///
    /// When there are `usize::MAX` permits already; on another thread than the semaphore's.
    ///
    /// Source: CPython 3.13, `locks.Semaphore.release`.
    #[doc(alias = "add_permits")]
    #[track_caller]
    pub fn release(&self) {
        if let Err(error) = self.permits.release() {
            panic!("{error}");
        }
    }

    /// Tells whether a permit can only be had by waiting: there is none, or others wait.
    #[track_caller]
    pub fn locked(&self) -> bool {
        self.permits.is_locked()
    }

    /// Returns how many permits are free: neither held nor on their way to a waiter.
    #[track_caller]
    pub fn available_permits(&self) -> usize {
        self.permits.value()
    }

    /// Takes a permit and gives a guard that releases it when dropped. Waits as
    /// [`acquire`](Self::acquire) does.
    ///
    /// # Errors
    ///
    /// [`Cancelled`](crate::Cancelled) when the task was cancelled while it waited.
    ///
    /// # Panics
    ///
    /// When polled and the semaphore was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// Source: CPython 3.13, `locks._ContextManagerMixin`.
    #[track_caller]
    pub fn permit(&self) -> TakePermit {
        self.permits.permit(Location::caller())
    }

    /// Takes a permit if that needs no wait.
    #[doc(alias = "try_acquire")]
    #[track_caller]
    pub fn try_permit(&self) -> Option<Permit> {
        self.permits.try_permit(Location::caller())
    }

    /// Runs `body` while holding a permit: `async with semaphore`.
    ///
    /// The permit is given back when the body has returned, also with an error or a cancel, and
    /// when the future is dropped.
    ///
    /// # Errors
    ///
    /// The body's; a cancelled error when the task was cancelled while it waited for a permit.
    ///
    /// # Panics
    ///
    /// When polled and the semaphore was waited for in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the body, then releases the permit.
    ///
    /// Source: CPython 3.13, `locks._ContextManagerMixin`.
    #[doc(alias = "async with")]
    #[track_caller]
    pub fn scope<T, F>(&self, body: F) -> impl Future<Output = Result<T>> + use<T, F>
    where
        F: AsyncFnOnce() -> Result<T>,
    {
        self.permits.scope(Location::caller(), body)
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.permits.fmt(f)
    }
}

/// A semaphore that refuses to have more permits than it began with:
/// `asyncio.BoundedSemaphore`. Clones are the same semaphore.
///
/// Everything else is as in a [`Semaphore`].
///
/// ```
/// use seedloop::sync::BoundedSemaphore;
///
/// let semaphore = BoundedSemaphore::new(1);
/// assert!(semaphore.release().is_err());
/// ```
///
/// Source: Python docs, asyncio-sync, "BoundedSemaphore"; CPython 3.13, `locks.BoundedSemaphore`.
#[derive(Clone)]
#[doc(alias = "asyncio.BoundedSemaphore")]
pub struct BoundedSemaphore {
    permits: Permits,
}

impl BoundedSemaphore {
    /// Makes a semaphore with `value` permits, which is also its bound.
    pub fn new(value: usize) -> Self {
        BoundedSemaphore { permits: Permits::new(value, Some(value)) }
    }

    /// Takes a permit: `await semaphore.acquire()`; see [`Semaphore::acquire`].
    ///
    /// # Errors
    ///
    /// [`Cancelled`](crate::Cancelled) when the task was cancelled while it waited.
    ///
    /// # Cancel safety
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// Source: CPython 3.13, `locks.Semaphore.acquire`.
    #[track_caller]
    pub fn acquire(&self) -> AcquirePermit {
        self.permits.acquire(Location::caller())
    }

    /// Gives a permit back and wakes the first in line: `semaphore.release()`.
    ///
    /// # Errors
    ///
    /// A [`ValueError`] when that would be more permits than there were at the beginning. Permits
    /// that are on their way to a waiter do not count.
    ///
    /// Source: CPython 3.13, `locks.BoundedSemaphore.release`.
    #[track_caller]
    pub fn release(&self) -> Result<(), ValueError> {
        self.permits.release()
    }

    /// Tells whether a permit can only be had by waiting: there is none, or others wait.
    #[track_caller]
    pub fn locked(&self) -> bool {
        self.permits.is_locked()
    }

    /// Returns how many permits are free: neither held nor on their way to a waiter.
    #[track_caller]
    pub fn available_permits(&self) -> usize {
        self.permits.value()
    }

    /// Takes a permit and gives a guard that releases it when dropped; see [`Semaphore::permit`].
    ///
    /// # Errors
    ///
    /// [`Cancelled`](crate::Cancelled) when the task was cancelled while it waited.
    ///
    /// # Cancel safety
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// Source: CPython 3.13, `locks._ContextManagerMixin`.
    #[track_caller]
    pub fn permit(&self) -> TakePermit {
        self.permits.permit(Location::caller())
    }

    /// Takes a permit if that needs no wait.
    #[doc(alias = "try_acquire")]
    #[track_caller]
    pub fn try_permit(&self) -> Option<Permit> {
        self.permits.try_permit(Location::caller())
    }

    /// Runs `body` while holding a permit: `async with semaphore`; see [`Semaphore::scope`].
    ///
    /// # Errors
    ///
    /// As there; a [`ValueError`] when the semaphore was released too often by then.
    ///
    /// # Cancel safety
    ///
    /// As [`Semaphore::scope`].
    ///
    /// Source: CPython 3.13, `locks._ContextManagerMixin`.
    #[doc(alias = "async with")]
    #[track_caller]
    pub fn scope<T, F>(&self, body: F) -> impl Future<Output = Result<T>> + use<T, F>
    where
        F: AsyncFnOnce() -> Result<T>,
    {
        self.permits.scope(Location::caller(), body)
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.permits.fmt(f)
    }
}
