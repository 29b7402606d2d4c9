//! What the loop asks of the outside and waits for: a page, a file.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::delay::choose_delay;
use crate::base::{Event, Result};
use crate::event_loop::{
    Finished, Kind, Label, LoopId, State, Value, call_outside_at, finish, queue_plain, with,
};
use crate::task::{FutureRef, Wait, settle};

/// Something that goes on outside. Its effect comes after a time of its own, whether or not anyone
/// still waits for it then; its value takes two hops from there, as readiness of a socket does.
///
/// Dropping it forgets the value.
pub(super) struct Operation<T> {
    future: FutureRef,
    wait: Wait,
    label: Label,
    location: &'static Location<'static>,
    of: PhantomData<fn() -> T>,
}

impl<T: 'static> Operation<T> {
    /// Begins an operation that takes a time within `range`, which is a choice; then `effect`
    /// happens outside and gives the value.
    ///
    /// # Panics
    ///
    /// When no loop runs.
    pub(super) fn begin(
        name: &'static str,
        range: RangeInclusive<Duration>,
        location: &'static Location<'static>,
        effect: impl FnOnce() -> T + 'static,
    ) -> Self {
        let (operation, settle) = Operation::pending(name, location);
        let when = with(|core| core.session.now).saturating_add(choose_delay(range));
        call_outside_at(when, Box::new(move || settle.settle(effect)));
        operation
    }

    /// Begins an operation that is over when it is settled.
    ///
    /// # Panics
    ///
    /// When no loop runs.
    pub(super) fn pending(
        name: &'static str,
        location: &'static Location<'static>,
    ) -> (Self, Settle<T>) {
        let Some(owner) = with(|core| core.running_loop()) else {
            panic!("no running event loop: await files and the network inside `seedloop::run(..)`");
        };
        let number = with(|core| {
            core.session.outside_count += 1;
            core.session.outside_count
        });
        let future = FutureRef::new_of(owner, Kind::Plain);
        let to = future.clone();
        let settle = Settle { to, owner, name, number, location, of: PhantomData };
        let (wait, label) = (Wait::new(), Label::new(name));
        (Operation { future, wait, label, location, of: PhantomData }, settle)
    }

    /// Lets the task that polled it wait for it no longer; it can be polled again, by any task.
    pub(super) fn leave(&mut self) {
        self.wait = Wait::new();
    }
}

/// What ends an operation.
pub(super) struct Settle<T> {
    to: FutureRef,
    owner: LoopId,
    name: &'static str,
    number: u32,
    location: &'static Location<'static>,
    of: PhantomData<fn() -> T>,
}

impl<T: 'static> Settle<T> {
    /// The loop on which whoever waits is told.
    pub(super) fn owner(&self) -> LoopId {
        self.owner
    }

    /// Lets `effect` happen outside and hands its value to whoever waits.
    pub(super) fn settle(self, effect: impl FnOnce() -> T) {
        let Settle { to, owner, name, number, location, .. } = self;
        with(|core| core.session.emit(Event::Outside { operation: name, number }));
        let value = effect();
        if to.state() == State::Pending {
            queue_plain(owner, name, location, move || {
                finish(to.id(), Finished::Value(Value::new(value)));
                Ok(())
            });
        }
    }
}

impl<T: 'static> Future for Operation<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let (id, label, location) = (self.future.id(), self.label, self.location);
        let delivery = ready!(self.wait.poll(id, label, location, cx));
        Poll::Ready(settle(self.future.take_as(), delivery))
    }
}
