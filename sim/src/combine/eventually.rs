//! Progress: something that has to come true within a virtual time.

use std::cell::Cell;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::sleep::sleep;
use crate::base::Cancelled;
use crate::event_loop::{Label, break_at, look_after};
use crate::task::WaitUnit;

/// What [`eventually!`](crate::eventually) stands for.
///
/// # Cancel safety
///
/// Holds nothing.
#[doc(hidden)]
#[track_caller]
pub fn eventually(
    within: Duration,
    condition: impl Fn() -> bool + 'static,
    name: String,
) -> impl Future<Output = Result<(), Cancelled>> {
    let location = Location::caller();
    async move {
        if condition() {
            return Ok(());
        }
        let wait = WaitUnit::new(Label::new("eventually"), location);
        let (id, is_over) = (wait.id(), Rc::new(Cell::new(false)));
        let over = Rc::clone(&is_over);
        look_after(&name, location, move || {
            if !over.get() && condition() {
                over.set(true);
                WaitUnit::complete(id);
            }
            Ok(())
        });
        let _over = Over(is_over);
        let mut wait = Waiting(wait);
        let mut time = std::pin::pin!(sleep(within));
        let came = std::future::poll_fn(|cx| match Pin::new(&mut wait).poll(cx) {
            Poll::Ready(came) => Poll::Ready(came.map(|()| true)),
            Poll::Pending => time.as_mut().poll(cx).map(|passed| passed.map(|()| false)),
        });
        if came.await? {
            return Ok(());
        }
        break_at(&format!("not within {within:?}: {name}"), location);
        std::future::pending().await
    }
}

/// Nobody waits for it any more, and so nobody asks.
struct Over(Rc<Cell<bool>>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

struct Waiting(WaitUnit);

impl Future for Waiting {
    type Output = Result<(), Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}
