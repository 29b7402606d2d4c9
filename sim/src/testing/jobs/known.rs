//! The failures of which a campaign has a case already.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::hand::Hand;
use super::line::Line;
use crate::explore::{KINDS_MAX, Kind};

/// The signatures of failures of which an earlier run is known: as many as a campaign tells of.
#[derive(Default)]
pub(super) struct Known(Mutex<Signatures>);

#[derive(Default)]
struct Signatures {
    all: BTreeSet<String>,
    in_order: Vec<String>,
}

impl Known {
    pub(super) fn add<'a>(&self, signatures: impl Iterator<Item = &'a String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for signature in signatures {
            if known.all.len() < KINDS_MAX && known.all.insert(signature.clone()) {
                known.in_order.push(signature.clone());
            }
        }
    }

    /// Whether a case is to be looked for, with these failures found beside those that are known.
    pub(super) fn is_wanted(&self, signature: &str, found: &[Kind]) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |signature: &str| known.all.contains(signature);
        let more = found.iter().filter(|kind| !is_known(&kind.signature)).count();
        let is_found = found.iter().any(|kind| kind.signature == signature);
        !is_found && !is_known(signature) && known.all.len() + more < KINDS_MAX
    }

    /// Tells a worker what it does not know yet.
    pub(super) fn tell(&self, hand: &mut Hand) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for signature in &known.in_order[hand.known..] {
            hand.order(Line::new("known").word(signature));
        }
        hand.known = known.in_order.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(signature: &str) -> Kind {
        let (signature, kind, message) = (signature.to_owned(), String::new(), String::new());
        Kind { signature, kind, message, run: 0, case: None, fingerprint: 0, count: 1 }
    }

    #[test]
    fn as_many_are_known_as_are_told() {
        let known = Known::default();
        let signatures: Vec<String> = (0..KINDS_MAX - 1).map(|number| number.to_string()).collect();
        known.add(signatures.iter().chain(&signatures));
        assert!(known.is_wanted("a", &[]));
        assert!(known.is_wanted("a", &[kind("0")]), "that one is known");
        for (signature, found) in [("0", "0"), ("0", "b"), ("a", "a"), ("a", "b")] {
            assert!(!known.is_wanted(signature, &[kind(found)]), "{signature} beside {found}");
        }
        known.add(["a".to_owned(), "b".to_owned()].iter());
        assert!(!known.is_wanted("b", &[]), "there is no room for it");
        let known = known.0.into_inner().expect("nobody has panicked");
        assert_eq!((known.all.len(), known.in_order.len()), (KINDS_MAX, KINDS_MAX));
    }
}
