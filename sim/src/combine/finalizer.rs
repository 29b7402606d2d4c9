//! Open generators as the loop knows them: it closes those that are dropped, and in the end all.
//!
//! Source: CPython 3.13, `BaseEventLoop._asyncgen_firstiter_hook`, `_asyncgen_finalizer_hook`.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;

use super::generator::{CloseGenerator, Entry, State};
use crate::base::{Cancelled, Error, Result};
use crate::event_loop::{
    Core, Delivery, LoopId, OpenGenerator, Shared, forget_generator, queue_plain,
    register_generator, with,
};
use crate::task::spawn_on;

/// Lets the loop know of a generator at its first iteration, to close it in the end.
pub(super) fn register<Y: 'static>(state: &Shared<State<Y>>) {
    let registered = register_generator(Rc::new(Open { state: state.clone() }));
    state.with(|state| state.registered = Some(registered));
}

/// A generator as the loop knows it.
struct Open<Y: 'static> {
    state: Shared<State<Y>>,
}

impl<Y: 'static> OpenGenerator for Open<Y> {
    fn close(&self) -> Pin<Box<dyn Future<Output = Result<()>>>> {
        Box::pin(CloseGenerator::entering(self.state.clone(), Entry::Close))
    }
}

/// A finished generator is no longer the loop's concern.
pub(super) fn forget_open<Y: 'static>(state: &Shared<State<Y>>) {
    if let Some((owner, key)) = state.with(|state| state.registered.take()) {
        drop(forget_generator(owner, key));
    }
}

/// asyncio's finalizer hook: a call that spawns a task that closes the generator.
pub(super) fn hand_to_loop<Y: 'static>(
    owner: LoopId,
    state: Shared<State<Y>>,
    location: &'static Location<'static>,
) {
    queue_plain(owner, "close generator", location, move || {
        let task = spawn_on(owner, finalize(state), None, location);
        with(|core| {
            if let Some(task) = core.task_of(task.raw().id()) {
                core.tasks[task].closes_generator = true;
            }
        });
        Ok(())
    });
}

/// Closes a generator that stands at a `yield_`; a cancel of the task before its first step is
/// raised there in place of the GeneratorExit.
///
/// Source: CPython 3.13, `genobject.c`, `async_gen_athrow_throw`.
async fn finalize<Y: 'static>(state: Shared<State<Y>>) -> Result<()> {
    let at_yield = state.with(|state| state.at_yield);
    let delivery = if at_yield { with(Core::take_yield_delivery) } else { Delivery::None };
    let entry = match delivery {
        Delivery::Cancel(message) => {
            Entry::Throw(Error::cancelled(Cancelled::from_option(message)))
        }
        Delivery::None => Entry::Close,
    };
    CloseGenerator::entering(state, entry).await
}
