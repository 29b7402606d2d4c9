//! How far changes had come when a sync began.

use std::sync::{Arc, Weak};

/// A place between two changes, which are numbered in their order: behind the last one that a sync
/// covers. It is known as long as somebody holds it.
pub(super) type Mark = Arc<u64>;

/// The places at which the syncs began that are not over.
#[derive(Default)]
pub(super) struct Marks(Vec<Weak<u64>>);

impl Marks {
    pub(super) fn set(&mut self, place: u64) -> Mark {
        let mark = Arc::new(place);
        self.0.retain(|mark| mark.strong_count() > 0);
        self.0.push(Arc::downgrade(&mark));
        mark
    }

    /// The first of them, before which changes may become one: no sync has to tell those apart.
    pub(super) fn first(&self) -> Option<u64> {
        self.0.iter().filter_map(Weak::upgrade).map(|mark| *mark).min()
    }
}
