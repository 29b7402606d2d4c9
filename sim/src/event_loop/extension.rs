//! What upper layers keep on a thread beside the kernel: the simulated machine, the network.

use std::any::Any;
use std::rc::Rc;

use super::context::{try_with, with};
use super::core::Core;
use super::meets::OUTSIDE;
use super::panics::catch_quietly;
use crate::base::{Access, BlockedJob};

/// The state of an upper layer, one of each type on a thread.
///
/// It outlives a simulation, so that it can keep what is costly to make; it is told when one ends.
pub(crate) trait Extension: Any {
    /// Drops all that belongs to the simulation that ends.
    fn end_simulation(&self);

    /// What runs now in place of a task, in the words of reports. Called inside a borrow.
    fn running(&self) -> Option<String> {
        None
    }

    /// What goes on or waits outside, in the words of reports. Called inside a borrow.
    fn busy(&self) -> Vec<String> {
        Vec::new()
    }

    /// What keeps things from happening when nothing can happen any more, in the words of reports.
    fn obstacles(&self) -> Vec<String> {
        Vec::new()
    }

    /// What stood open between hosts, for the report of a failure.
    fn connections(&self) -> Vec<String> {
        Vec::new()
    }

    /// What waits for ever when nothing can happen any more.
    fn blocked(&self) -> Vec<BlockedJob> {
        Vec::new()
    }
}

/// Returns the extension of type `T`, made when it is first asked for.
pub(crate) fn extension<T: Extension + Default>() -> Rc<T> {
    let find = |core: &mut Core| {
        core.meets(OUTSIDE, Access::Write);
        core.extensions.iter().find_map(|found| {
            let any: Rc<dyn Any> = Rc::clone(found) as Rc<dyn Any>;
            any.downcast::<T>().ok()
        })
    };
    if let Some(found) = with(find) {
        return found;
    }
    let made = Rc::new(T::default());
    with(|core| core.extensions.push(Rc::clone(&made) as Rc<dyn Extension>));
    made
}

/// Ends all that goes on outside: the simulation is over, and nothing would move its clock.
pub(crate) fn end_outside() {
    let Some(extensions) = try_with(|core| core.extensions.clone()) else { return };
    drop_outside_events();
    for extension in extensions {
        catch_quietly(|| extension.end_simulation());
    }
    // What destructors have caused meanwhile.
    drop_outside_events();
}

fn drop_outside_events() {
    for call in with(|core| core.outside.take_all()) {
        catch_quietly(|| drop(call));
    }
}
