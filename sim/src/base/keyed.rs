//! Maps and sets from which nothing is read but what is asked for by its key.
//!
//! They hash in the same way in every run and cannot be walked, so that no order of theirs can come
//! into a run; for what is walked there is `BTreeMap`. Their keys are words that are spread already
//! or small numbers, none of which comes from outside: a cheap hash does.

#[expect(clippy::disallowed_types, reason = "it is never walked")]
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A map from keys, see above.
#[derive(Clone, Debug)]
pub(crate) struct Keyed<K, V>(Map<K, V>);

/// A set of keys, see above.
#[derive(Clone, Debug)]
pub(crate) struct KeyedSet<K>(Keyed<K, ()>);

#[expect(clippy::disallowed_types, reason = "it is never walked")]
type Map<K, V> = HashMap<K, V, BuildHasherDefault<KeyHasher>>;

impl<K: Eq + Hash, V> Keyed<K, V> {
    #[inline]
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    #[inline]
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    #[inline]
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.0.remove(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(crate) fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        self.0.entry(key)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl<K: Eq + Hash> KeyedSet<K> {
    #[inline]
    pub(crate) fn contains(&self, key: &K) -> bool {
        self.0.get(key).is_some()
    }

    /// False if it was there already.
    #[inline]
    pub(crate) fn insert(&mut self, key: K) -> bool {
        self.0.insert(key, ()).is_none()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl<K, V> Default for Keyed<K, V> {
    fn default() -> Self {
        Keyed(Map::default())
    }
}

impl<K> Default for KeyedSet<K> {
    fn default() -> Self {
        KeyedSet(Keyed::default())
    }
}

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
