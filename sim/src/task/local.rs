//! Context variables: values that follow a task, and the tasks that it spawns.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::event_loop::{LoopId, TaskId, Variables, with};

/// A value that each task has for itself: `contextvars.ContextVar`.
///
/// A task starts with a copy of what its creator had, and what it sets is its own; so does a
/// callback with what was set where it was queued or, of a future, added. A job of a pool begins
/// with none, but for one of [`to_thread`](crate::to_thread). Outside of tasks and callbacks the
/// value is the thread's, of which a plain [`run`](crate::run) takes a copy.
///
/// ```
/// use seedloop::{ContextVar, run, spawn};
///
/// static USER: ContextVar<String> = ContextVar::new();
///
/// let seen = run(async {
///     USER.set("ada".to_owned());
///     let child = spawn(async { Ok(USER.get()) });
///     USER.set("bob".to_owned());
///     child.await
/// });
/// assert_eq!(seen.unwrap().as_deref(), Some("ada"));
/// ```
///
/// Source: Python docs, contextvars.
#[doc(alias = "contextvars.ContextVar")]
pub struct ContextVar<T> {
    /// Drawn at the first use, so that `new` can be `const`.
    key: AtomicU64,
    of: PhantomData<fn() -> T>,
}

static NEXT_KEY: AtomicU64 = AtomicU64::new(1);

/// What a variable was before a [`ContextVar::set`], to put it back.
#[must_use = "pass it to `ContextVar::reset` or drop it on purpose with `_`"]
pub struct Token<T> {
    key: u64,
    made_in: Surroundings,
    previous: Option<Rc<dyn Any>>,
    of: PhantomData<fn() -> T>,
}

/// Whose variables they are: `contextvars.Context`.
#[derive(Clone, Copy, PartialEq)]
enum Surroundings {
    Task(TaskId),
    /// The main tasks of a runner have one context.
    Main(LoopId),
    /// A callback, by the step at which it runs.
    Callback(u64),
    /// A job of a pool; jobs are not told apart.
    Job,
    Thread,
}

impl<T: Clone + 'static> ContextVar<T> {
    /// Makes a variable that is not set.
    #[expect(clippy::new_without_default, reason = "a variable is a static, never a default")]
    pub const fn new() -> Self {
        ContextVar { key: AtomicU64::new(0), of: PhantomData }
    }

    fn key(&self) -> u64 {
        let key = self.key.load(Ordering::Acquire);
        if key != 0 {
            return key;
        }
        let fresh = NEXT_KEY.fetch_add(1, Ordering::Relaxed);
        match self.key.compare_exchange(0, fresh, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => fresh,
            Err(other) => other,
        }
    }

    /// Returns the value that the running task has, if it has one.
    pub fn get(&self) -> Option<T> {
        let key = self.key();
        let value = with(|core| {
            let variables = core.variables.as_ref()?;
            variables.iter().find(|(other, _)| *other == key).map(|(_, value)| Rc::clone(value))
        })?;
        value.downcast_ref::<T>().cloned()
    }

    /// Sets the value for the running task and the tasks that it spawns from now on.
    pub fn set(&self, value: T) -> Token<T> {
        let key = self.key();
        let previous = replace(key, Some(Rc::new(value)));
        Token { key, made_in: surroundings(), previous, of: PhantomData }
    }

    /// Runs `call` with the value set, and puts back what it was.
    pub(crate) fn set_during<R>(&self, value: T, call: impl FnOnce() -> R) -> R {
        let token = self.set(value);
        let result = call();
        drop(replace(token.key, token.previous));
        result
    }

    /// Returns the value that it has among `variables`.
    pub(crate) fn get_in(&self, variables: &Variables) -> Option<T> {
        let key = self.key();
        let (_, value) = variables.as_ref()?.iter().find(|(other, _)| *other == key)?;
        value.downcast_ref::<T>().cloned()
    }

    /// Puts back what the variable was before the `set` that returned `token`.
    ///
    /// # Panics
    ///
    /// When the token is that of another variable, or was made in another context: in another task
    /// or callback. The main tasks of one `Runner` are in one context, and so are jobs of pools.
    pub fn reset(&self, token: Token<T>) {
        assert!(token.key == self.key(), "the token was made by another ContextVar");
        assert!(
            token.made_in == surroundings(),
            "the token was made in a different context; reset it in the task that made it"
        );
        drop(replace(token.key, token.previous));
    }
}

/// Tells in whose context this runs.
fn surroundings() -> Surroundings {
    with(|core| {
        let task = core.step.task;
        if core.source_outside {
            return Surroundings::Job;
        }
        match core.tasks.get(task) {
            Some(cell) if cell.future == core.interrupts.main => Surroundings::Main(core.running),
            Some(_) => Surroundings::Task(task),
            None if core.running.is_none() => Surroundings::Thread,
            None => Surroundings::Callback(core.session.step),
        }
    })
}

/// Replaces one variable in what runs; returns what it was.
fn replace(key: u64, value: Option<Rc<dyn Any>>) -> Option<Rc<dyn Any>> {
    let (previous, old) = with(|core| {
        let old = core.variables.take();
        let mut all: Vec<_> = old.as_deref().cloned().unwrap_or_default();
        let position = all.iter().position(|(other, _)| *other == key);
        let previous = position.map(|position| all.swap_remove(position).1);
        all.extend(value.map(|value| (key, value)));
        // They go back to the task after its step.
        core.attention = true;
        core.variables = (!all.is_empty()).then(|| Rc::new(all));
        (previous, old)
    });
    drop(old);
    previous
}

impl<T> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContextVar")
    }
}

impl<T> fmt::Debug for Token<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}
