//! Waits of the world as tokio has them: an error of theirs is one of the system, and a cancel of
//! the task finds a foreign wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::task::without_cancel;

pin_project! {
    /// A future of the world that knows no cancel.
    pub(super) struct Plain<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Plain<F> {
    pub(super) fn new(future: F) -> Self {
        Plain { future }
    }
}

impl<F: Future> Future for Plain<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let future = self.project().future;
        without_cancel(|| future.poll(cx))
    }
}

/// The same for a future that needs no place of its own.
pub(super) fn plain<T>(
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> impl Future<Output = T> {
    std::future::poll_fn(move |cx| without_cancel(|| poll(cx)))
}

/// Locks what no more than one thread ever uses, also after a panic.
pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
