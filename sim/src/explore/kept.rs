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

/// Of how many ways to fail a campaign tells; others are only counted.
#[doc(hidden)]
pub const KINDS_MAX: usize = 1_000;

/// The runs whose failures are looked into less than others, from 0, since whoever did it was lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spared {
    /// They are not made small.
    pub(crate) unshrunk: BTreeSet<u64>,
    /// They are told as they were found, without any other run.
    pub(crate) unexplained: BTreeSet<u64>,
}

/// The failures of a round.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The first run that counts; those before are only to be learned from.
    pub(crate) from: u64,
    /// The signatures of which an earlier run is known.
    pub(crate) known: BTreeSet<String>,
    pub(crate) kinds: Vec<Kind>,
    /// How many of them are not known.
    new: usize,
}

impl Kept {
    /// Keeps what counts from the run `from` on; of those that are `known` no case is looked for.
    pub(crate) fn new(from: u64, known: BTreeSet<String>) -> Self {
        Kept { from, known, kinds: Vec::new(), new: 0 }
    }

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
        let is_new = !self.known.contains(&signature);
        let is_told = is_new && self.known.len() + self.new < KINDS_MAX;
        self.new += usize::from(is_new);
        let looked = if is_told { look() } else { None };
        let (message, case) = looked.unwrap_or_else(|| (fault.message.clone(), None));
        let (kind, message) = (fault.kind.name().to_owned(), capped(message));
        self.kinds.push(Kind { signature, kind, message, run, case, fingerprint, count: 1 });
    }
}

/// How long a message may be that stands in a file, in bytes.
const MESSAGE_MAX: usize = 64 << 10;

/// The same message, no longer than that.
fn capped(mut message: String) -> String {
    if message.len() > MESSAGE_MAX {
        let is_end = |at: &usize| message.is_char_boundary(*at);
        let end = (0..=MESSAGE_MAX).rev().find(is_end).unwrap_or(0);
        let rest = message.len() - end;
        message.truncate(end);
        message.push_str(&format!("\n.. and {rest} bytes more"));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::FaultKind;

    #[test]
    fn a_message_has_an_end() {
        let long = "a".to_owned() + &"終".repeat(MESSAGE_MAX);
        let told = capped(long.clone());
        let (kept, rest) = told.split_once('\n').expect("two lines");
        assert!(long.starts_with(kept) && MESSAGE_MAX - kept.len() < "終".len());
        assert_eq!(rest, format!(".. and {} bytes more", long.len() - kept.len()));
        assert_eq!(capped("終".repeat(9)), "終".repeat(9));
    }

    #[test]
    fn no_more_is_looked_into_than_is_told() {
        let known = (0..KINDS_MAX - 2).map(|number| format!("known {number}")).collect();
        let mut kept = Kept::new(0, known);
        let mut looked = String::new();
        for word in ["a", "b", "a", "c", "d"] {
            let fault = Fault::new(FaultKind::Check, word.to_owned());
            kept.add(&fault, 0, 0, || {
                looked += word;
                None
            });
        }
        assert_eq!(looked, "ab");
        let counts: Vec<u64> = kept.kinds.iter().map(|kind| kind.count).collect();
        assert_eq!(counts, [2, 1, 1, 1]);
    }
}
