//! Storage with generational ids: an id of something removed is recognised, never confused with
//! what took its place.

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU32;

/// Marks the end of the free list.
const NONE: u32 = u32::MAX;

/// The address of a `T` in a [`Slab`].
///
/// Indices depend on what ran before on the thread, so an id never goes into a trace, a
/// fingerprint or a decision: those use numbers that are counted anew in each simulation.
pub(crate) struct Id<T> {
    index: u32,
    /// Not zero, so that an `Option` of it is no larger.
    generation: NonZeroU32,
    of: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// An id that is never handed out.
    pub(crate) const NONE: Id<T> = Id { index: NONE, generation: NonZeroU32::MIN, of: PhantomData };

    pub(crate) fn is_none(self) -> bool {
        self.index == NONE
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && self.generation == other.generation
    }
}
impl<T> Eq for Id<T> {}
/// An order for look-ups only; it says nothing about age.
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.index, self.generation).cmp(&(other.index, other.generation))
    }
}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.index, self.generation)
    }
}

struct Slot<T> {
    generation: NonZeroU32,
    content: Content<T>,
}

enum Content<T> {
    Vacant { next: u32 },
    Occupied(T),
}

/// The generation after this one.
fn after(generation: NonZeroU32) -> NonZeroU32 {
    generation.checked_add(1).unwrap_or(NonZeroU32::MIN)
}

/// A vector of slots that are used again.
pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: u32,
    len: usize,
    /// The generation of new slots: above all that were given up by [`shrink`](Self::shrink).
    base: NonZeroU32,
}

/// An empty slab keeps so many slots.
const KEPT: usize = 1024;

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Slab { slots: Vec::new(), free: NONE, len: 0, base: NonZeroU32::MIN }
    }

    /// Gives memory back if nothing lives here: a large simulation must not burden those after it.
    pub(crate) fn shrink(&mut self) {
        if self.len == 0 && self.slots.len() > KEPT {
            let highest = self.slots.iter().map(|slot| slot.generation).max();
            self.base = highest.map_or(NonZeroU32::MIN, after);
            (self.slots, self.free) = (Vec::new(), NONE);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Inlined, so that the entry is made in its place.
    #[inline]
    pub(crate) fn insert(&mut self, value: T) -> Id<T> {
        if self.free == NONE {
            self.grow();
        }
        let index = self.free;
        let slot = &mut self.slots[index as usize];
        let Content::Vacant { next } = slot.content else {
            panic!("seedloop bug: what is in use is taken for free")
        };
        self.free = next;
        self.len += 1;
        // It is vacant, so there is nothing to drop.
        std::mem::forget(std::mem::replace(&mut slot.content, Content::Occupied(value)));
        Id { index, generation: slot.generation, of: PhantomData }
    }

    /// Makes another slot.
    #[inline(never)]
    fn grow(&mut self) {
        let index = u32::try_from(self.slots.len()).unwrap_or(NONE);
        assert!(index != NONE, "more than 4 billion live objects in one simulation");
        self.slots.push(Slot { generation: self.base, content: Content::Vacant { next: NONE } });
        self.free = index;
    }

    #[inline]
    pub(crate) fn get(&self, id: Id<T>) -> Option<&T> {
        match self.slots.get(id.index as usize) {
            Some(Slot { generation, content: Content::Occupied(value) })
                if *generation == id.generation =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        match self.slots.get_mut(id.index as usize) {
            Some(Slot { generation, content: Content::Occupied(value) })
                if *generation == id.generation =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    /// The address of an entry, if there is place for it, without a look at it.
    pub(crate) fn place_of(&self, id: Id<T>) -> Option<*const u8> {
        self.slots.get(id.index as usize).map(|slot| std::ptr::from_ref(slot).cast())
    }

    pub(crate) fn contains(&self, id: Id<T>) -> bool {
        self.get(id).is_some()
    }

    pub(crate) fn remove(&mut self, id: Id<T>) -> Option<T> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation != id.generation || !matches!(slot.content, Content::Occupied(_)) {
            return None;
        }
        let content = std::mem::replace(&mut slot.content, Content::Vacant { next: self.free });
        slot.generation = after(slot.generation);
        self.free = id.index;
        self.len -= 1;
        match content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } => None,
        }
    }

    /// Drops the entry in its place; for what runs no code of the user's.
    #[inline]
    pub(crate) fn free(&mut self, id: Id<T>) {
        if let Some(slot) = self.slots.get_mut(id.index as usize)
            && slot.generation == id.generation
            && matches!(slot.content, Content::Occupied(_))
        {
            slot.content = Content::Vacant { next: self.free };
            slot.generation = after(slot.generation);
            self.free = id.index;
            self.len -= 1;
        }
    }

    /// Forgets an entry that is there and holds nothing to drop.
    #[inline(always)]
    pub(crate) fn forget(&mut self, id: Id<T>) {
        if let Some(slot) = self.slots.get_mut(id.index as usize) {
            let vacant = Content::Vacant { next: self.free };
            std::mem::forget(std::mem::replace(&mut slot.content, vacant));
            slot.generation = after(slot.generation);
            self.free = id.index;
            self.len -= 1;
        }
    }

    /// The live entries, in the order of their slots: sort before the order can matter.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        let slots = if self.len == 0 { &[] } else { self.slots.as_slice() };
        slots.iter().enumerate().filter_map(|(index, slot)| match &slot.content {
            Content::Occupied(value) => {
                let index = u32::try_from(index).ok()?;
                Some((Id { index, generation: slot.generation, of: PhantomData }, value))
            }
            Content::Vacant { .. } => None,
        })
    }

    /// The same, to change them.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let slots = if self.len == 0 { &mut [] } else { self.slots.as_mut_slice() };
        slots.iter_mut().filter_map(|slot| match &mut slot.content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } => None,
        })
    }
}

impl<T> std::ops::Index<Id<T>> for Slab<T> {
    type Output = T;

    #[track_caller]
    fn index(&self, id: Id<T>) -> &T {
        match self.get(id) {
            Some(value) => value,
            None => panic!("seedloop bug: stale id {id:?}"),
        }
    }
}

impl<T> std::ops::IndexMut<Id<T>> for Slab<T> {
    #[track_caller]
    fn index_mut(&mut self, id: Id<T>) -> &mut T {
        match self.get_mut(id) {
            Some(value) => value,
            None => panic!("seedloop bug: stale id {id:?}"),
        }
    }
}
