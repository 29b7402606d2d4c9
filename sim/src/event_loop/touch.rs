//! Labels for state that the library does not hold.

use std::panic::Location;

use super::context::with;
use crate::base::{Access, Event, Operation, ResourceKey};

/// What [`touch!`](crate::touch) stands for.
#[doc(hidden)]
#[track_caller]
pub fn touch(name: &'static str, writes: bool) {
    let location = Location::caller();
    let access = if writes { Access::Write } else { Access::Read };
    with(|core| {
        if !core.session.active {
            return;
        }
        let resource = core.session.named_resource(name);
        let operation = if access == Access::Read { "read" } else { "write" };
        let by = core.source();
        core.session.emit_at(Event::Resource { operation, resource, by }, location);
        core.touch(Operation { resource: ResourceKey::named(name), access });
    });
}

/// Says that the running step reads or writes something of the program's own, by its name, so that
/// reports can name it and orders be told apart by it. The task does not give way, in contrast to
/// [`Tracked`](crate::sync::Tracked).
///
/// ```
/// use seedloop::touch;
/// use std::cell::Cell;
///
/// let hits = Cell::new(0);
/// touch!("hits", Read);
/// let seen = hits.get();
/// touch!("hits", Write);
/// hits.set(seen + 1);
/// ```
#[macro_export]
macro_rules! touch {
    ($name:expr, Read) => {
        $crate::touch($name, false)
    };
    ($name:expr, Write) => {
        $crate::touch($name, true)
    };
}
