//! Code on a stack of its own, which can stop in the middle of any call and go on later: what the
//! thread of a pool is made of.
//!
//! Built on `corosensei`, whose coroutines are handed the way out (the *yielder*) as an argument.
//! A job is an ordinary closure that knows nothing of it, so a [`Link`] keeps it by address: the
//! only `unsafe` of this layer.

use std::cell::Cell;
use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::rc::Rc;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

/// As much as a thread of Rust's standard library gets. Only what is touched takes memory.
const STACK_SIZE: usize = 2 * 1024 * 1024;

/// Stacks that are kept for the next strands of the thread.
const STACKS_KEPT: usize = 64;

/// How often code may go on to block after it was told to end, having caught the unwinding.
const REFUSALS: u32 = 1_000;

/// With what a strand goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Go,
    End,
}

/// The payload of the unwinding that ends a strand from outside.
struct Ended;

/// The way out of a strand, for the code that runs on it.
pub(super) struct Link {
    /// Set while the strand's code has begun and not ended.
    yielder: Cell<*const Yielder<Order, ()>>,
    /// The strand is the innermost thing that was resumed, or stands below it.
    running: Cell<bool>,
    /// It was told to end.
    ended: Cell<bool>,
    refusals: Cell<u32>,
}

/// A piece of code with a stack of its own.
pub(super) struct Strand {
    /// `None` once the stack was taken out.
    coroutine: Option<Coroutine<Order, (), (), DefaultStack>>,
    link: Rc<Link>,
}

impl Strand {
    /// Puts `body` on `stack`; it begins with the first [`resume`](Self::resume).
    pub(super) fn new(stack: DefaultStack, body: impl FnOnce() + 'static) -> Self {
        let link = Rc::new(Link {
            yielder: Cell::new(ptr::null()),
            running: Cell::new(false),
            ended: Cell::new(false),
            refusals: Cell::new(0),
        });
        let inside = Rc::clone(&link);
        let coroutine = Coroutine::with_stack(stack, move |yielder, _| {
            inside.yielder.set(yielder);
            let began = Began(&inside);
            let result = catch_unwind(AssertUnwindSafe(body));
            drop(began);
            drop(inside);
            match result {
                Err(payload) if !payload.is::<Ended>() => resume_unwind(payload),
                _ => {}
            }
        });
        Strand { coroutine: Some(coroutine), link }
    }

    pub(super) fn link(&self) -> Rc<Link> {
        Rc::clone(&self.link)
    }

    /// Lets the code go on until it stops or ends; true when it has ended.
    ///
    /// # Panics
    ///
    /// With the panic of the code, which has then ended.
    pub(super) fn resume(&mut self) -> bool {
        self.resume_with(Order::Go)
    }

    fn resume_with(&mut self, order: Order) -> bool {
        let Some(coroutine) = self.coroutine.as_mut().filter(|coroutine| !coroutine.done()) else {
            return true;
        };
        let running = Running::new(&self.link);
        let result = coroutine.resume(order);
        drop(running);
        matches!(result, CoroutineResult::Return(()))
    }

    /// Unwinds the code where it stands, so that its destructors run. Code that does not let itself
    /// be unwound is forgotten with its stack.
    pub(super) fn end(&mut self) {
        self.link.ended.set(true);
        let Some(coroutine) = &self.coroutine else { return };
        if coroutine.done() {
            return;
        }
        if coroutine.started() {
            drop(catch_unwind(AssertUnwindSafe(|| self.resume_with(Order::End))));
        }
        if self.coroutine.as_ref().is_some_and(|coroutine| coroutine.started() && !coroutine.done())
        {
            forget(self.coroutine.take());
        }
    }

    /// Takes the stack of a strand that has ended.
    pub(super) fn into_stack(mut self) -> Option<DefaultStack> {
        let coroutine = self.coroutine.take()?;
        if coroutine.done() {
            return Some(coroutine.into_stack());
        }
        self.coroutine = Some(coroutine);
        None
    }
}

impl Drop for Strand {
    fn drop(&mut self) {
        self.end();
    }
}

impl Link {
    /// Stops the strand here; returns when it is resumed.
    ///
    /// To be called by the code of the strand, and not while it unwinds: another piece of code
    /// would then run on the same thread in the middle of a panic.
    ///
    /// # Panics
    ///
    /// When the strand is to end: by an unwinding that is not meant to be caught.
    pub(super) fn stop(&self) {
        if self.ended.get() {
            self.refuse();
        }
        if self.switch() == Order::End {
            self.ended.set(true);
            self.unwind();
        }
    }

    /// Ends the strand from inside.
    pub(super) fn unwind(&self) -> ! {
        self.ended.set(true);
        resume_unwind(Box::new(Ended))
    }

    /// Tells whether the strand was told to end.
    pub(super) fn is_ended(&self) -> bool {
        self.ended.get()
    }

    /// Unwinds again what has caught its unwinding; in the end gives it up where it stands.
    fn refuse(&self) -> ! {
        self.refusals.set(self.refusals.get() + 1);
        while self.refusals.get() > REFUSALS {
            self.switch();
        }
        self.unwind()
    }

    #[expect(unsafe_code, reason = "a closure that is not handed the yielder must find it")]
    fn switch(&self) -> Order {
        assert!(self.running.get(), "seedloop bug: a strand was stopped that does not run");
        let yielder = self.yielder.get();
        assert!(!yielder.is_null(), "seedloop bug: a strand was stopped before it began");
        // SAFETY: the coroutine's first act is to store its yielder, which stands at the base of
        // its stack, and `Began` clears it before that frame ends, also by unwinding: as it is
        // not null, it is alive. `running` holds only within a `resume` of this very coroutine,
        // and a link does not leave its thread (`Rc`, `Cell`): so this call stands on the
        // coroutine's stack, or on one that its code resumed in turn, which is where corosensei
        // lets a yielder be used.
        unsafe { &*yielder }.suspend(())
    }
}

/// The code of a strand has begun; its yielder is gone when this is.
struct Began<'a>(&'a Link);

impl Drop for Began<'_> {
    fn drop(&mut self) {
        self.0.yielder.set(ptr::null());
    }
}

/// A strand runs for as long as this lives, also if it panics.
struct Running<'a>(&'a Link);

impl<'a> Running<'a> {
    fn new(link: &'a Link) -> Self {
        link.running.set(true);
        Running(link)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.set(false);
    }
}

/// Stacks that are used again, also by later simulations: a fresh one costs 50 times as much.
#[derive(Default)]
pub(super) struct Stacks {
    kept: Vec<DefaultStack>,
}

impl Stacks {
    /// # Panics
    ///
    /// When the machine has no memory for another stack.
    pub(super) fn take(&mut self) -> DefaultStack {
        self.kept.pop().unwrap_or_else(|| match DefaultStack::new(STACK_SIZE) {
            Ok(stack) => stack,
            Err(error) => panic!(
                "no memory for the stack of another pool thread ({error}); give the pools of the \
                 simulation fewer workers"
            ),
        })
    }

    pub(super) fn give_back(&mut self, stack: DefaultStack) {
        if self.kept.len() < STACKS_KEPT {
            self.kept.push(stack);
        }
    }
}
