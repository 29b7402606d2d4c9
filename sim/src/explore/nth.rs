//! Which of several choices of a step is meant.

use std::collections::BTreeMap;

use crate::base::{ChoiceKind, Moment};

/// The choices of each kind that each step has taken so far.
#[derive(Debug, Default)]
pub(super) struct Nth(BTreeMap<(Moment, ChoiceKind), u32>);

impl Nth {
    /// Counts one more, and returns how many of its kind were before it in the same step.
    pub(super) fn next(&mut self, at: Moment, kind: ChoiceKind) -> u32 {
        let count = self.0.entry((at, kind)).or_default();
        *count += 1;
        *count - 1
    }

    /// Another run begins.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
