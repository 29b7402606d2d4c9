//! A foreign wait that a cancel interrupts as it does one of ours.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::wait::WaitUnit;
use crate::base::Cancelled;
use crate::event_loop::Label;

pin_project! {
    /// The future of [`cancellable`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Cancellable<F> {
        #[pin]
        inner: F,
        wait: Option<WaitUnit>,
        location: &'static Location<'static>,
    }
}

/// Makes the wait for a foreign future one of ours: a cancel of the task interrupts it here.
///
/// The cancel is seen before the inner future is polled, so a value that arrives at the same moment
/// stays where it is: in the channel, for the next receiver.
///
/// # Errors
///
/// [`Cancelled`] when the task was cancelled while it waited.
///
/// # Cancel safety
///
/// As the inner future's.
#[track_caller]
pub fn cancellable<F: Future>(future: F) -> Cancellable<F> {
    Cancellable { inner: future, wait: None, location: Location::caller() }
}

impl<F: Future> Future for Cancellable<F> {
    type Output = Result<F::Output, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(wait) = this.wait
            && let Poll::Ready(Err(cancelled)) = wait.poll(cx)
        {
            *this.wait = None;
            return Poll::Ready(Err(cancelled));
        }
        match this.inner.poll(cx) {
            Poll::Ready(output) => {
                *this.wait = None;
                Poll::Ready(Ok(output))
            }
            Poll::Pending => {
                let wait = this.wait.get_or_insert_with(|| {
                    WaitUnit::new(Label::new("something that is not seedloop's"), this.location)
                });
                match wait.poll(cx) {
                    Poll::Ready(Err(cancelled)) => {
                        *this.wait = None;
                        Poll::Ready(Err(cancelled))
                    }
                    _ => Poll::Pending,
                }
            }
        }
    }
}
