//! What runs when a future is done, in the order in which it was added.

use super::cell::{FutureId, WaitId};

/// Names a done-callback, to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallbackKey(pub(crate) u64);

/// One thing to do when a future is done.
pub(crate) enum Callback {
    /// Wake a wait: its task's step becomes ready at that moment.
    Wait(WaitId),
    /// Queue a call: it runs one hop later.
    Call { key: CallbackKey, operation: &'static str, run: Box<dyn FnOnce(FutureId)> },
}

/// The list of a future; almost always of one.
pub(crate) enum Callbacks {
    None,
    One(Callback),
    Many(Vec<Callback>),
}

impl Callbacks {
    pub(crate) fn push(&mut self, callback: Callback) {
        *self = match std::mem::replace(self, Callbacks::None) {
            Callbacks::None => Callbacks::One(callback),
            Callbacks::One(first) => Callbacks::Many(vec![first, callback]),
            Callbacks::Many(mut all) => {
                all.push(callback);
                Callbacks::Many(all)
            }
        };
    }

    /// Drops the waits that are no longer parked once the list would have to grow: a future that
    /// outlives many of its waiters must not collect their remains.
    pub(crate) fn make_room(&mut self, mut is_parked: impl FnMut(WaitId) -> bool) {
        if let Callbacks::Many(all) = self
            && all.len() == all.capacity()
        {
            all.retain(|callback| match callback {
                Callback::Wait(wait) => is_parked(*wait),
                Callback::Call { .. } => true,
            });
            // Keep the cost of the next scan in proportion to what has come since.
            all.reserve(all.len().max(4));
        }
    }

    /// Tells whether something is to be called, beside the waits.
    pub(crate) fn has_calls(&self) -> bool {
        let is_call = |callback: &Callback| matches!(callback, Callback::Call { .. });
        match self {
            Callbacks::None => false,
            Callbacks::One(callback) => is_call(callback),
            Callbacks::Many(all) => all.iter().any(is_call),
        }
    }

    pub(crate) fn take(&mut self) -> Callbacks {
        std::mem::replace(self, Callbacks::None)
    }

    /// Takes back the calls of `key`; returns them, so that the caller drops them unborrowed.
    pub(crate) fn remove(&mut self, key: CallbackKey) -> Vec<Callback> {
        let is_it =
            |callback: &Callback| matches!(callback, Callback::Call { key: k, .. } if *k == key);
        match self {
            Callbacks::One(callback) if is_it(callback) => match self.take() {
                Callbacks::One(callback) => vec![callback],
                _ => Vec::new(),
            },
            Callbacks::Many(all) => {
                let (removed, kept) = std::mem::take(all).into_iter().partition(is_it);
                *all = kept;
                removed
            }
            _ => Vec::new(),
        }
    }
}
