//! Open async generators, as the loop knows them: something to be closed in the end.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;

use super::cell::LoopId;
use super::context::with;
use super::handle::{Call, drop_call};
use super::meets::GENERATORS;
use crate::base::{Access, Result};

/// An async generator that was started and has not ended.
pub(crate) trait OpenGenerator {
    /// Returns the future that closes it.
    fn close(&self) -> Pin<Box<dyn Future<Output = Result<()>>>>;
}

/// Registers a generator with the running loop; returns the loop and the key there.
pub(crate) fn register_generator(open: Rc<dyn OpenGenerator>) -> (LoopId, u64) {
    with(|core| {
        core.meets(GENERATORS, Access::Write);
        let (owner, key) = (core.running, core.next_key().0);
        if let Some(cell) = core.loops.get_mut(owner) {
            cell.generators.insert(key, open);
        }
        (owner, key)
    })
}

/// Forgets a generator; returns what the loop held of it.
pub(crate) fn forget_generator(owner: LoopId, key: u64) -> Option<Rc<dyn OpenGenerator>> {
    with(|core| {
        core.meets(GENERATORS, Access::Write);
        core.loops.get_mut(owner)?.generators.remove(&key)
    })
}

/// Queues a call of the kernel itself; a closed loop drops it.
pub(crate) fn queue_plain(
    owner: LoopId,
    operation: &'static str,
    location: &'static Location<'static>,
    call: impl FnOnce() -> Result<()> + 'static,
) {
    let call = Call::Plain(Box::new(call));
    let refused = with(|core| core.queue_call(owner, call, operation, location).err());
    drop_call(refused);
}
