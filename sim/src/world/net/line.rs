//! Who waits at a socket.

use std::collections::VecDeque;
use std::io;
use std::panic::Location;
use std::task::{Context, Poll};

use crate::base::Error;
use crate::event_loop::{Core, Label, WaitId, with};
use crate::task::WaitUnit;

/// Tasks that wait for one thing at a socket, in the order in which they came.
#[derive(Default)]
pub(super) struct Line(VecDeque<WaitId>);

impl Line {
    /// Enters the line. Those whose wait is over leave it when it would have to grow, so that it
    /// costs no pass over all of them each time.
    pub(super) fn enter(&mut self, wait: WaitId) {
        if self.0.len() == self.0.capacity() {
            with(|core| self.0.retain(|other| !core.is_wait_over(*other)));
            self.0.reserve(self.0.len().max(4));
        }
        self.0.push_back(wait);
    }

    /// Takes the first who still waits.
    pub(super) fn first(&mut self) -> Option<WaitId> {
        with(|core| {
            let over = |wait: &WaitId, core: &Core| core.is_wait_over(*wait);
            while let Some(wait) = self.0.pop_front() {
                if !over(&wait, core) {
                    return Some(wait);
                }
            }
            None
        })
    }

    /// Tells whether somebody still waits.
    pub(super) fn is_awaited(&self) -> bool {
        with(|core| self.0.iter().any(|wait| !core.is_wait_over(*wait)))
    }

    /// Takes all.
    pub(super) fn all(&mut self) -> VecDeque<WaitId> {
        std::mem::take(&mut self.0)
    }
}

/// Lets them go on.
pub(super) fn wake(waits: impl IntoIterator<Item = WaitId>) {
    for wait in waits {
        WaitUnit::complete(wait);
    }
}

/// A place at a socket for one task at a time.
#[derive(Debug, Default)]
pub(super) struct Spot {
    wait: Option<WaitUnit>,
    /// It was told to go on, and a cancel came in the place of that.
    owes: bool,
}

impl Spot {
    /// Polls the wait if there is one: ready when there is none, or when it is over.
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if !with(Core::count_await) {
            // A limit has ended the run.
            return Poll::Pending;
        }
        let Some(wait) = &mut self.wait else { return Poll::Ready(Ok(())) };
        if wait.was_cancelled_before() {
            // A cancel that another branch of that task has taken, whoever comes now.
            self.wait = None;
            return Poll::Ready(Ok(()));
        }
        let polled = wait.poll(cx);
        if let Poll::Ready(result) = &polled {
            self.owes = result.is_err() && wait.is_woken();
            self.wait = None;
        }
        polled.map_err(|cancelled| Error::cancelled(cancelled).into())
    }

    /// Parks the task; `enter` puts the wait into a line.
    pub(super) fn park(
        &mut self,
        label: Label,
        location: &'static Location<'static>,
        cx: &Context<'_>,
        enter: impl FnOnce(WaitId),
    ) {
        let wait = self.wait.insert(WaitUnit::new(label, location));
        enter(wait.id());
        let polled = wait.poll(cx);
        debug_assert!(polled.is_pending(), "seedloop bug: a new wait was over at once");
    }

    /// Gives up the place; tells whether it had been told to go on and has not, so that the next
    /// one has to be told.
    pub(super) fn leave(&mut self) -> bool {
        let owes = std::mem::take(&mut self.owes);
        self.wait.take().is_some_and(|wait| wait.is_woken()) || owes
    }
}
