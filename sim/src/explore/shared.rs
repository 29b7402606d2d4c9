//! What policies share with each other, or with whoever made them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A value with several owners, of which one at a time is at work, so that nobody ever waits for
/// it. A policy has to be able to go to the thread of a run; else this were an `Rc<RefCell<T>>`.
#[derive(Debug, Default)]
pub(crate) struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    /// Must not be called again before the guard is dropped.
    pub(crate) fn borrow(&self) -> MutexGuard<'_, T> {
        // A policy that has panicked ends its run, and is asked nothing any more.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}
