//! The failures of a campaign, which goes on after each.

use std::collections::BTreeSet;

use super::case::Case;
use super::fault::Fault;

/// Failures that are alike, of one round.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// What is alike: the kind, and where it was or what was said, without numbers.
    pub signature: String,
    /// The kind, in a word or two.
    pub kind: String,
    /// What the first of them said.
    pub message: String,
    /// The run of the first of them, from 0.
    pub run: u64,
    /// A small case that replays it; none if that is known of an earlier run, and where no case
    /// can.
    pub case: Option<Case>,
    /// The fingerprint of that run.
    pub fingerprint: u64,
    /// How many runs of the round have failed so.
    pub count: u64,
}

/// The failures of a round.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The first run that counts; those before are only to be learned from.
    pub(crate) from: u64,
    /// The signatures of which an earlier run is known.
    pub(crate) known: BTreeSet<String>,
    pub(crate) kinds: Vec<Kind>,
}

impl Kept {
    /// Counts a failure; `look` looks into the first of its kind, for its message and a case.
    pub(crate) fn add(
        &mut self,
        fault: &Fault,
        run: u64,
        fingerprint: u64,
        look: impl FnOnce() -> Option<(String, Option<Case>)>,
    ) {
        let signature = fault.signature();
        if let Some(kind) = self.kinds.iter_mut().find(|kind| kind.signature == signature) {
            kind.count += 1;
            return;
        }
        let is_known = self.known.contains(&signature);
        let looked = if is_known { None } else { look() };
        let (message, case) = looked.unwrap_or_else(|| (fault.message.clone(), None));
        let kind = fault.kind.name().to_owned();
        self.kinds.push(Kind { signature, kind, message, run, case, fingerprint, count: 1 });
    }
}
