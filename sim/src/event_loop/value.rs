//! The result of a future, whatever its type: a small one in place, else in a box.
//!
//! The `unsafe` here was measured: a box for the number that a task returns was 12 % of the
//! instructions to spawn, run and join it, and among a million tasks a miss of the cache.
//!
//! What makes it sound is that a table is made for the type of what stands in the place, together
//! with the value, and goes with it: nothing is read as another type than it was written as.

use std::any::{Any, TypeId};
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::rc::Rc;

/// A value of any type that stays on its thread.
pub(crate) struct Value {
    table: &'static Table,
    place: Place,
    stays: PhantomData<Rc<()>>,
}

/// What stands there may have cells in it, which change while it is shared.
type Place = UnsafeCell<MaybeUninit<[usize; 2]>>;

/// What is known of the type of what stands in a place.
struct Table {
    type_id: fn() -> TypeId,
    as_any: unsafe fn(&Place) -> &dyn Any,
    drop: unsafe fn(&mut Place),
}

/// What does not fit into the place.
struct Boxed(Box<dyn Any>);

impl Table {
    const fn of<T: 'static>() -> Table {
        Table { type_id: TypeId::of::<T>, as_any: as_any::<T>, drop: drop_in::<T> }
    }
}

/// Tells whether a `T` fits into the place.
const fn fits<T>() -> bool {
    size_of::<T>() <= size_of::<Place>() && align_of::<T>() <= align_of::<Place>()
}

#[expect(unsafe_code, reason = "the place is read as what it holds, see above")]
unsafe fn as_any<T: 'static>(place: &Place) -> &dyn Any {
    // SAFETY: the caller vouches for a `T` in the place.
    unsafe { &*place.get().cast::<T>() }
}

#[expect(unsafe_code, reason = "the place is dropped as what it holds, see above")]
unsafe fn drop_in<T>(place: &mut Place) {
    // SAFETY: the caller vouches for a `T` in the place, and never uses it again.
    unsafe { place.get().cast::<T>().drop_in_place() }
}

impl Value {
    #[inline]
    pub(crate) fn new<T: 'static>(value: T) -> Value {
        match fits::<T>() {
            true => Value::in_place(value),
            false => Value::in_place(Boxed(Box::new(value))),
        }
    }

    /// The value that a box holds.
    pub(crate) fn unboxed(value: Box<dyn Any>) -> Value {
        Value::in_place(Boxed(value))
    }

    #[expect(unsafe_code, reason = "the place holds any type, see above")]
    #[inline]
    fn in_place<T: 'static>(value: T) -> Value {
        assert!(fits::<T>(), "seedloop bug: a value is larger than its place");
        let place = Place::new(MaybeUninit::uninit());
        // SAFETY: the place is large enough for a `T`, and aligned as one, as is asserted.
        unsafe { place.get().cast::<T>().write(value) };
        Value { table: const { &Table::of::<T>() }, place, stays: PhantomData }
    }

    /// Tells whether what stands in the place itself is a `T`.
    #[inline]
    fn holds<T: 'static>(&self) -> bool {
        (self.table.type_id)() == TypeId::of::<T>()
    }

    pub(crate) fn as_any(&self) -> &dyn Any {
        if self.holds::<Boxed>() {
            let boxed = self.in_place_as_any().downcast_ref::<Boxed>();
            return &*boxed.expect("seedloop bug: a box is none").0;
        }
        self.in_place_as_any()
    }

    #[expect(unsafe_code, reason = "the place is read as what it holds, see above")]
    fn in_place_as_any(&self) -> &dyn Any {
        // SAFETY: the table is that of what stands in the place.
        unsafe { (self.table.as_any)(&self.place) }
    }

    /// Tells whether it is a `T`.
    #[inline]
    pub(crate) fn is<T: 'static>(&self) -> bool {
        fits::<T>() && self.holds::<T>() || self.holds::<Boxed>() && self.as_any().is::<T>()
    }

    /// Takes it as a `T`; gives it back if it is none.
    #[inline]
    pub(crate) fn downcast<T: 'static>(self) -> Result<T, Value> {
        if fits::<T>() {
            match self.take::<T>() {
                Ok(value) => return Ok(value),
                Err(other) => return other.downcast_boxed(),
            }
        }
        self.downcast_boxed()
    }

    fn downcast_boxed<T: 'static>(self) -> Result<T, Value> {
        match self.take::<Boxed>()?.0.downcast::<T>() {
            Ok(value) => Ok(*value),
            Err(other) => Err(Value::unboxed(other)),
        }
    }

    /// Takes what stands in the place itself.
    #[expect(unsafe_code, reason = "the place is read as what it holds, see above")]
    #[inline]
    fn take<T: 'static>(self) -> Result<T, Value> {
        if !self.holds::<T>() {
            return Err(self);
        }
        let this = ManuallyDrop::new(self);
        // SAFETY: a `T` stands in the place. It is moved out once: this value is neither used nor
        // dropped any more.
        Ok(unsafe { this.place.get().cast::<T>().read() })
    }
}

impl Drop for Value {
    #[expect(unsafe_code, reason = "the place is dropped as what it holds, see above")]
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the table is that of what stands in the place, and nothing is used after it was
        // dropped.
        unsafe { (self.table.drop)(&mut self.place) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each is found as what it is, and as nothing else.
    fn check<T: PartialEq + Clone + std::fmt::Debug + 'static>(value: T) {
        #[derive(Debug)]
        struct Other;
        for made in [Value::new(value.clone()), Value::unboxed(Box::new(value.clone()))] {
            assert!(made.is::<T>() && !made.is::<Other>() && !made.is::<Box<dyn Any>>());
            assert_eq!(made.as_any().downcast_ref::<T>(), Some(&value));
            let made = made.downcast::<Other>().expect_err("it is no such thing");
            let made = made.downcast::<[u64; 9]>().expect_err("it is no such thing");
            assert_eq!(made.downcast::<T>().ok(), Some(value.clone()));
        }
    }

    #[test]
    fn a_value_is_what_it_was_made_as() {
        check(());
        check(7_u8);
        check((1_u64, 2_u64));
        check("a text".to_owned());
        check(1_u128);
        check(vec![Rc::new(3)]);
        let counter = Value::new(std::cell::Cell::new(1));
        let count = counter.as_any().downcast_ref::<std::cell::Cell<i32>>().expect("it is one");
        count.set(count.get() + 1);
        assert_eq!(
            counter.downcast::<std::cell::Cell<i32>>().ok().map(|count| count.get()),
            Some(2)
        );
        let nested = Value::new::<Box<dyn Any>>(Box::new(5_u8));
        assert!(nested.is::<Box<dyn Any>>() && !nested.is::<u8>() && !nested.is::<Boxed>());
        let inner = nested.downcast::<Box<dyn Any>>().ok().expect("it is a box");
        assert_eq!(inner.downcast::<u8>().ok(), Some(Box::new(5)));
    }

    #[test]
    fn a_value_is_dropped_once() {
        let count = Rc::new(());
        let small = Value::new(Rc::clone(&count));
        let large = Value::new([count.clone(), count.clone(), count.clone()]);
        assert_eq!(Rc::strong_count(&count), 5);
        drop((small, large));
        assert_eq!(Rc::strong_count(&count), 1);
        let taken = Value::new(Rc::clone(&count)).downcast::<Rc<()>>().ok();
        assert_eq!(Rc::strong_count(&count), 2);
        drop(taken);
        assert_eq!(Rc::strong_count(&count), 1);
    }
}
