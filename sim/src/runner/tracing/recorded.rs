//! The subscriber of a run that nobody has given one.

use tracing_core::dispatcher::{Dispatch, get_default, with_default};
use tracing_core::subscriber::NoSubscriber;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

use super::layer;
use crate::event_loop::with;

/// Calls `run`, a run of the simulation that has begun, with a subscriber if it is recorded and the
/// thread has none.
pub(crate) fn logged<R>(run: impl FnOnce() -> R) -> R {
    let is_recording = with(|core| core.session.is_recording());
    if !is_recording || !get_default(Dispatch::is::<NoSubscriber>) {
        return run();
    }
    let subscriber = tracing_subscriber::registry().with(layer()).with(LevelFilter::DEBUG);
    with_default(&Dispatch::new(subscriber), run)
}
