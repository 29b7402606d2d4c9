//! A generator's body is cleaned up exactly once, whatever is cancelled or dropped, and no item is
//! lost or doubled between the calls of `next` that gave one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;
use seedloop::error::GeneratorExit;
use seedloop::{AsyncGen, Co, Error, Result, RuntimeError, sleep};

use super::check::Way;
use super::scenario::{Count, LONG, Pause, Subject, check_subject, pause};

#[derive(Clone, Debug)]
struct Setup {
    /// What the body awaits before each item.
    items: Vec<Pause>,
    /// It takes a cancel for the end of a pause only.
    swallows: bool,
    clean_up: Pause,
    /// It is closed in the end, and not dropped.
    is_closed: bool,
}

#[derive(Clone, Debug)]
enum Op {
    Next,
    Close,
    Throw,
}

/// The life of the body.
#[derive(Default)]
struct Life {
    begun: Cell<u32>,
    cleaned: Cell<u32>,
    /// How often it has begun to clean up by awaiting something.
    clean_ups: Cell<u32>,
}

/// What the body holds.
struct Held(Rc<Life>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.cleaned.set(self.0.cleaned.get() + 1);
    }
}

async fn body(co: Co<u32>, setup: Setup, life: Rc<Life>) -> Result<()> {
    life.begun.set(life.begun.get() + 1);
    let held = Held(Rc::clone(&life));
    let result = hand_out(&co, &setup).await;
    if result.is_err() {
        life.clean_ups.set(life.clean_ups.get() + 1);
        setup.clean_up.wait().await?;
    }
    drop(held);
    result
}

async fn hand_out(co: &Co<u32>, setup: &Setup) -> Result<()> {
    for (item, before) in (0..).zip(&setup.items) {
        match before.wait().await {
            Err(_) if setup.swallows => {}
            other => other?,
        }
        co.yield_(item).await?;
    }
    Ok(())
}

/// A generator that several tasks share.
#[derive(Clone)]
struct Generators {
    is_closed: bool,
    /// None when it has been dropped.
    generator: Rc<RefCell<Option<AsyncGen<u32>>>>,
    life: Rc<Life>,
    got: Rc<Cell<u32>>,
    /// Those that are inside.
    inside: Count,
}

impl Generators {
    fn handle(&self) -> AsyncGen<u32> {
        self.generator.borrow().clone().expect("it is dropped at the end")
    }

    /// Asserts that this was a way to come out of the body.
    fn came_out(&self, was_busy: bool, result: Result<Option<u32>>) -> Result<()> {
        let error = match result {
            // It may be of one who was inside before, and was dropped before the body knew of it.
            Err(error) if error.is_cancelled() => return Err(error),
            Err(error) if error.is::<RuntimeError>() => {
                let text = error.to_string();
                assert!(text.ends_with("asynchronous generator is already running"), "{text}");
                return Ok(assert!(was_busy, "{text}: but nobody is inside"));
            }
            other => other,
        };
        assert!(!was_busy, "two were inside at a time: {error:?}");
        let (begun, cleaned) = (self.life.begun.get(), self.life.cleaned.get());
        match error {
            Ok(Some(item)) => {
                assert_eq!(item, self.got.replace(item + 1), "an item was lost or doubled");
                assert_eq!(cleaned, 0, "an item of a body that was cleaned up");
            }
            Ok(None) => assert_eq!(cleaned, begun, "its end before its clean-up"),
            Err(error) => {
                let is_known = error.is::<GeneratorExit>() || error.to_string() == "thrown";
                assert!(is_known, "{error}");
                assert_eq!(cleaned, begun, "{error} before its clean-up");
            }
        }
        Ok(())
    }
}

impl Subject for Generators {
    type Setup = Setup;
    type Op = Op;
    type Own = AsyncGen<u32>;

    fn new(setup: &Setup, _way: Way) -> Self {
        let life = Rc::new(Life::default());
        let (of_body, of_life) = (setup.clone(), Rc::clone(&life));
        let generator = AsyncGen::new(|co| body(co, of_body, of_life));
        Generators {
            is_closed: setup.is_closed,
            generator: Rc::new(RefCell::new(Some(generator))),
            life,
            got: Rc::default(),
            inside: Count::default(),
        }
    }

    fn own(&self, _task: usize) -> AsyncGen<u32> {
        self.handle()
    }

    async fn perform(&self, own: &mut AsyncGen<u32>, op: &Op) -> Result<()> {
        let was_busy = self.inside.get() > 0;
        let inside = self.inside.enter();
        let result = match op {
            Op::Next => own.next().await,
            Op::Close => own.aclose().await.map(|()| None),
            Op::Throw => own.athrow(Error::msg("thrown")).await,
        };
        drop(inside);
        self.came_out(was_busy, result)
    }

    fn holds(&self) {
        let Life { begun, cleaned, clean_ups } = &*self.life;
        let (begun, cleaned, clean_ups) = (begun.get(), cleaned.get(), clean_ups.get());
        assert!(begun <= 1 && cleaned <= begun, "{begun} bodies, cleaned up {cleaned} times");
        assert!(clean_ups <= begun, "{begun} bodies, {clean_ups} clean-ups");
    }

    fn quiet(&self) {
        self.holds();
    }

    async fn finish(&self) -> Result<()> {
        if self.is_closed {
            let mut last = self.handle();
            // A cancel that came earlier may be what the body ends with.
            let closed = self.came_out(false, last.aclose().await.map(|()| None));
            let cancelled = closed.as_ref().is_err_and(Error::is_cancelled);
            assert!(closed.is_ok() || cancelled, "{closed:?}");
            assert!(matches!(last.next().await, Ok(None)), "an item of a closed generator");
        } else {
            drop(self.generator.take());
            // The loop closes it.
            sleep(LONG).await?;
        }
        self.holds();
        let (begun, cleaned) = (self.life.begun.get(), self.life.cleaned.get());
        Ok(assert_eq!(cleaned, begun, "the body was not cleaned up"))
    }
}

#[test]
fn a_body_is_cleaned_up_once_and_no_item_is_lost() {
    let setup = (vec(pause(), 0..5), any::<bool>(), pause(), any::<bool>()).prop_map(
        |(items, swallows, clean_up, is_closed)| Setup { items, swallows, clean_up, is_closed },
    );
    let op = prop_oneof![8 => Just(Op::Next), 2 => Just(Op::Close), 1 => Just(Op::Throw)];
    check_subject::<Generators>(setup, op);
}
