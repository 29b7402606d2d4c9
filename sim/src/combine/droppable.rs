//! A future that somebody may drop before it is ready, as the losing branch of a `select!` is.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::base::{ChoiceKind, Event};
use crate::event_loop::{Core, Strikes, with};

/// Marks a future that may be dropped before it is ready: an exploration with cancels in any order
/// drops it at each place at which it waits, once.
///
/// Without such an exploration it is the future itself. Use it for what a `select!`, a timeout or
/// an abandoned request would drop, to see that nothing is lost then.
///
/// ```
/// use seedloop::explore::{Cancel, Explorer};
/// use seedloop::{droppable, yield_now};
///
/// let exploration = Explorer::new().cancel(Cancel::Everywhere).explore(|| async {
///     let done = droppable(async {
///         yield_now().await?;
///         Ok::<(), seedloop::Error>(())
///     });
///     assert!(done.await.is_some(), "it was dropped");
///     Ok(())
/// });
/// assert_eq!(exploration.failure.unwrap().case.to_string(), "sl1.1.any.d:1@1c");
/// ```
///
/// # Cancel safety
///
/// As the future's.
#[track_caller]
pub fn droppable<F: Future>(future: F) -> Droppable<F> {
    Droppable { inner: Some(future), location: Location::caller() }
}

pin_project! {
    /// The future of [`droppable`]: the other one's output, or none if that was dropped.
    #[must_use = "futures do nothing unless they are awaited"]
    #[derive(Debug)]
    pub struct Droppable<F> {
        #[pin]
        inner: Option<F>,
        location: &'static Location<'static>,
    }
}

impl<F: Future> Future for Droppable<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let inner = this.inner.as_mut().as_pin_mut();
        match inner.expect("a finished future was polled again").poll(cx) {
            Poll::Ready(output) => {
                this.inner.set(None);
                Poll::Ready(Some(output))
            }
            Poll::Pending => {
                let location = *this.location;
                let strikes = |core: &mut Core| {
                    let drops = core.session.strikes == Strikes::CancelsAndDrops
                        && core.choose(ChoiceKind::Cancel, 2) == 1;
                    if drops {
                        let task = core.current_number();
                        core.session.note_at(Event::Struck { task, drops }, location);
                    }
                    drops
                };
                if !with(strikes) {
                    return Poll::Pending;
                }
                this.inner.set(None);
                Poll::Ready(None)
            }
        }
    }
}
