//! Panics of user code: caught where user code is called, with their place.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once};

use super::context::{try_with, with_panics};
use crate::base::{Error, Instant, Panicked, Payload, Stack};

/// What the hook saw of the panic that is being caught on this thread.
pub(super) struct PanicSlot {
    /// How many catches are around the code that runs.
    depth: Cell<u32>,
    quiet: Cell<bool>,
    seen: RefCell<Option<(Arc<str>, Stack)>>,
}

impl PanicSlot {
    pub(super) const fn new() -> Self {
        PanicSlot { depth: Cell::new(0), quiet: Cell::new(false), seen: RefCell::new(None) }
    }
}

static HOOK: Once = Once::new();

/// Installs the hook: inside a catch it remembers the place and the stack, and it keeps quiet where
/// the run's outcome will tell; elsewhere the hook that was there before does its work.
fn install_hook() {
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let quiet = with_panics(|slot| {
                if slot.depth.get() == 0 {
                    return false;
                }
                if let (Some(place), Ok(mut seen)) = (info.location(), slot.seen.try_borrow_mut()) {
                    let (file, line, column) = (place.file(), place.line(), place.column());
                    *seen = Some((format!("{file}:{line}:{column}").into(), Stack::capture()));
                }
                slot.quiet.get()
            });
            if !quiet.unwrap_or(false) {
                previous(info);
            }
        }));
    });
}

/// Says whether panics inside simulations of this thread are printed as they happen.
pub(crate) fn set_quiet(quiet: bool) {
    install_hook();
    with_panics(|slot| slot.quiet.set(quiet));
}

/// Lets the hook know that panics are being caught, for as long as it lives.
pub(crate) struct Catching(());

impl Catching {
    pub(crate) fn new() -> Self {
        install_hook();
        with_panics(|slot| slot.depth.set(slot.depth.get() + 1));
        Catching(())
    }
}

impl Drop for Catching {
    fn drop(&mut self) {
        with_panics(|slot| slot.depth.set(slot.depth.get() - 1));
    }
}

/// Says what a panic was that was caught inside a [`Catching`].
#[cold]
pub(crate) fn describe(payload: Box<dyn Any + Send>) -> Panicked {
    let seen = with_panics(|slot| slot.seen.borrow_mut().take()).flatten();
    let (location, stack) = seen.map_or_else(Default::default, |(at, stack)| (Some(at), stack));
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&'static str>().copied());
    let message = text.unwrap_or("a panic whose payload is no text").into();
    let payload = Payload::new(payload);
    let (task, time, keeps) =
        try_with(|core| (core.current_name(), core.session.now, core.session.panics_join))
            .unwrap_or_else(|| ("code".to_owned(), Instant::START, false));
    let payload = if keeps { payload } else { Payload::default() };
    Panicked { task: task.into(), message, location, time, stack, payload }
}

/// Calls user code and catches its panic.
pub(crate) fn catch<R>(call: impl FnOnce() -> R) -> Result<R, Panicked> {
    let _catching = Catching::new();
    panic::catch_unwind(AssertUnwindSafe(call)).map_err(describe)
}

/// The same where code of ours may have panicked with an error, which is then that error.
pub(crate) fn catch_error<R>(call: impl FnOnce() -> R) -> Result<R, Error> {
    let _catching = Catching::new();
    panic::catch_unwind(AssertUnwindSafe(call)).map_err(|payload| {
        match payload.downcast::<Error>() {
            Ok(error) => *error,
            Err(payload) => Error::new(describe(payload)),
        }
    })
}

/// Calls user code that drops things; its panic must not hide what went wrong first.
pub(crate) fn catch_quietly(call: impl FnOnce()) -> Option<Panicked> {
    catch(call).err()
}
