//! Maps and sets from which nothing is read but what is asked for by its key.
//!
//! They hash in the same way in every run and are never walked, so that no order of theirs can come
//! into a run; for what is walked there is `BTreeMap`. Their keys are words that are spread already
//! or small numbers, none of which comes from outside: a cheap hash does.

#[expect(clippy::disallowed_types, reason = "they are never walked")]
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A map from keys, see above.
#[expect(clippy::disallowed_types, reason = "it is never walked")]
pub(crate) type Keyed<K, V> = HashMap<K, V, BuildHasherDefault<KeyHasher>>;

/// A set of keys, see above.
#[expect(clippy::disallowed_types, reason = "it is never walked")]
pub(crate) type KeyedSet<K> = HashSet<K, BuildHasherDefault<KeyHasher>>;

/// Hashes words by one multiplication each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyHasher(u64);

/// Odd and with bits spread over the word: the fractional part of the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(29) ^ word).wrapping_mul(SPREAD);
    }

    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    /// The product's upper bits are the spread ones, and a table looks at the lower ones too.
    #[inline]
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
