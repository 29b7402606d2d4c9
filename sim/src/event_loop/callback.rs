//! What runs when a future is done, in the order in which it was added.

use super::cell::{FutureId, Variables, WaitId};

/// Names a done-callback, to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallbackKey(pub(crate) u64);

/// One thing to do when a future is done. The keys of a list go up.
pub(crate) enum Callback {
    /// Wake a wait: its task's step becomes ready at that moment.
    Wait { key: CallbackKey, wait: WaitId },
    /// Queue a call: it runs one hop later.
    Call {
        key: CallbackKey,
        operation: &'static str,
        run: Box<dyn FnOnce(FutureId)>,
        /// Those of whoever added it.
        variables: Variables,
    },
    /// A call that was taken back. Its place goes when the list would have to grow, so that
    /// taking back needs no pass over those behind it.
    Removed { key: CallbackKey },
}

impl Callback {
    fn key(&self) -> CallbackKey {
        match self {
            Callback::Wait { key, .. } | Callback::Call { key, .. } | Callback::Removed { key } => {
                *key
            }
        }
    }
}

/// The list of a future; almost always of one.
pub(crate) enum Callbacks {
    None,
    /// The wait of one task.
    Wait {
        key: CallbackKey,
        wait: WaitId,
    },
    Many(Vec<Callback>),
}

impl Callbacks {
    pub(crate) fn push(&mut self, callback: Callback) {
        match (&mut *self, callback) {
            (Callbacks::None, Callback::Wait { key, wait }) => {
                *self = Callbacks::Wait { key, wait };
            }
            (Callbacks::None, call) => *self = Callbacks::Many(vec![call]),
            (Callbacks::Wait { key, wait }, second) => {
                let first = Callback::Wait { key: *key, wait: *wait };
                *self = Callbacks::Many(vec![first, second]);
            }
            (Callbacks::Many(all), callback) => all.push(callback),
        }
    }

    /// Drops what has become of no use once the list would have to grow, the waits that are no
    /// longer parked and the calls that were taken back: a future that outlives many of its
    /// waiters must not collect their remains.
    pub(crate) fn make_room(&mut self, mut is_parked: impl FnMut(WaitId) -> bool) {
        if let Callbacks::Many(all) = self
            && all.len() == all.capacity()
        {
            all.retain(|callback| match callback {
                Callback::Wait { wait, .. } => is_parked(*wait),
                Callback::Call { .. } => true,
                Callback::Removed { .. } => false,
            });
            // Keep the cost of the next scan in proportion to what has come since.
            all.reserve(all.len().max(4));
        }
    }

    /// Tells whether something is to be called, beside the waits.
    pub(crate) fn has_calls(&self) -> bool {
        let is_call = |callback: &Callback| matches!(callback, Callback::Call { .. });
        match self {
            Callbacks::None | Callbacks::Wait { .. } => false,
            Callbacks::Many(all) => all.iter().any(is_call),
        }
    }

    pub(crate) fn take(&mut self) -> Callbacks {
        std::mem::replace(self, Callbacks::None)
    }

    /// Takes back the call of `key`; returns it, so that the caller drops it unborrowed.
    pub(crate) fn remove(&mut self, key: CallbackKey) -> Option<Callback> {
        let found = match self {
            Callbacks::None | Callbacks::Wait { .. } => return None,
            Callbacks::Many(all) => {
                let place = all.binary_search_by_key(&key, Callback::key).ok()?;
                &mut all[place]
            }
        };
        match found {
            Callback::Call { .. } => Some(std::mem::replace(found, Callback::Removed { key })),
            Callback::Wait { .. } | Callback::Removed { .. } => None,
        }
    }
}
