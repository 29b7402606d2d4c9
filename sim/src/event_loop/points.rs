//! What a program says of itself: invariants that hold after every step, and things that are to
//! happen in some run.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::context::with;
use super::core::Core;
use super::panics::catch;
use super::tasks::TaskId;
use crate::base::{Error, Panicked, Payload, Place, Stack};

/// Something that is to happen in at least one run of an exploration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Point {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// How often the run came there.
    pub hits: u64,
    /// How often it was as it is to be.
    pub satisfied: u64,
}

/// How the message of an invariant begins that does not hold.
pub(crate) const BROKEN: &str = "invariant broken: ";

/// Something that has to hold after every step.
pub(crate) struct Invariant {
    name: String,
    location: &'static Location<'static>,
    /// What is wrong, if something is; empty where there is nothing to say.
    holds: Box<dyn Fn() -> Result<(), String>>,
}

/// What [`always!`](crate::always) takes: a condition that is checked at once, or a closure that is
/// checked then and after every step of the rest of the run.
pub trait Condition {
    /// Checks the condition.
    #[doc(hidden)]
    #[track_caller]
    fn hold(self, name: &str, location: &'static Location<'static>);
}

impl Condition for bool {
    #[track_caller]
    fn hold(self, name: &str, _location: &'static Location<'static>) {
        assert!(self, "{BROKEN}{name}");
    }
}

impl<F: Fn() -> R + 'static, R: Finding> Condition for F {
    #[track_caller]
    fn hold(self, name: &str, location: &'static Location<'static>) {
        if let Err(what) = self().into_result() {
            panic!("{}", broken(name, &what));
        }
        look_after(name, location, move || self().into_result());
    }
}

/// What a closure of [`always!`](crate::always) returns: whether it holds, or a `Result` whose
/// error says what does not.
pub trait Finding {
    /// Nothing, or what is wrong.
    #[doc(hidden)]
    fn into_result(self) -> Result<(), String>;
}

impl Finding for bool {
    fn into_result(self) -> Result<(), String> {
        if self { Ok(()) } else { Err(String::new()) }
    }
}

impl<E: fmt::Display> Finding for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// The message of an invariant that does not hold: on its first line which one, and then what is
/// wrong, which differs from run to run.
fn broken(name: &str, what: &str) -> String {
    let what = if what.is_empty() { String::new() } else { format!("\n  {what}") };
    format!("{BROKEN}{name}{what}")
}

/// Looks after every step whether something holds.
pub(crate) fn look_after(
    name: &str,
    location: &'static Location<'static>,
    holds: impl Fn() -> Result<(), String> + 'static,
) {
    let invariant = Invariant { name: name.to_owned(), location, holds: Box::new(holds) };
    with(|core| {
        // Outside of a simulation there is no step to look after.
        if core.session.active {
            core.session.add_invariant(Rc::new(invariant));
            core.attention = true;
        }
    });
}

/// Ends the run as a panic at `location` of the running task does.
pub(crate) fn break_at(message: &str, location: &'static Location<'static>) {
    with(|core| {
        let panicked = core.panicked_at(message, location, core.step.task);
        core.break_loop(Error::new(panicked));
    });
}

/// What [`always!`](crate::always) stands for.
#[doc(hidden)]
#[track_caller]
pub fn always(condition: impl Condition, name: &str) {
    condition.hold(name, Location::caller());
}

/// What [`sometimes!`](crate::sometimes) and [`reachable!`](crate::reachable) stand for.
#[doc(hidden)]
#[track_caller]
pub fn sometimes(satisfied: bool, name: &str) {
    let place = Place::from(Location::caller());
    with(|core| {
        if !core.session.active {
            return;
        }
        let points = &mut core.session.points;
        let known = points.iter().position(|point| point.place == place && point.name == name);
        let index = known.unwrap_or_else(|| {
            points.push(Point { name: name.to_owned(), place, hits: 0, satisfied: 0 });
            points.len() - 1
        });
        let point = &mut points[index];
        point.hits += 1;
        point.satisfied += u64::from(satisfied);
    });
}

/// Looks after the invariants; one that does not hold ends the run.
pub(super) fn check_invariants(after: TaskId) {
    let invariants = with(|core| core.session.invariants.clone());
    for invariant in invariants {
        let checked = catch(|| (invariant.holds)());
        let broken = match checked {
            Ok(Ok(())) => continue,
            Ok(Err(what)) => with(|core| core.broken_invariant(&invariant, &what, after)),
            Err(panicked) => panicked,
        };
        with(|core| core.break_loop(Error::new(broken)));
        return;
    }
}

impl Core {
    fn broken_invariant(&self, invariant: &Invariant, what: &str, after: TaskId) -> Panicked {
        let message = broken(&invariant.name, what);
        self.panicked_at(&message, invariant.location, after)
    }

    fn panicked_at(
        &self,
        message: &str,
        location: &'static Location<'static>,
        task: TaskId,
    ) -> Panicked {
        let task = self.tasks.get(task);
        let task =
            task.map_or_else(|| "a callback".to_owned(), |task| format!("task '{}'", task.name()));
        Panicked {
            task: task.into(),
            message: message.into(),
            location: Some(location.to_string().into()),
            stack: Stack::default(),
            payload: Payload::default(),
            time: self.session.now,
        }
    }
}

/// Checks that something holds: now, or with a closure now and after every step until the run ends.
///
/// Only a closure is checked again; `always!(seen <= 1)`, a plain condition, is checked once, where
/// it stands. A closure returns whether it holds, or a `Result` whose error says what does not. It
/// must not change anything. What does not hold fails the run as a panic does.
///
/// ```
/// use seedloop::{always, spawn, yield_now};
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// let result = seedloop::run(async {
///     let inside = Rc::new(Cell::new(0));
///     let seen = inside.clone();
///     always!(move || seen.get() <= 1, "one at a time");
///     let enter = async move |inside: Rc<Cell<u32>>| {
///         inside.set(inside.get() + 1);
///         yield_now().await?;
///         Ok(())
///     };
///     let one = spawn(enter(inside.clone()));
///     spawn(enter(inside)).await?;
///     one.await
/// });
/// assert!(result.unwrap_err().to_string().ends_with("invariant broken: one at a time"));
/// ```
#[macro_export]
macro_rules! always {
    ($condition:expr $(,)?) => {
        $crate::always($condition, ::core::stringify!($condition))
    };
    ($condition:expr, $($name:tt)+) => {
        $crate::always($condition, &::std::format!($($name)+))
    };
}

/// Waits until something holds, which is looked at after every step, and fails the run if it does
/// not within a virtual time: the progress that everything has to make once faults have
/// [healed](crate::host::heal).
///
/// `eventually!(within, closure).await?`, with the text of a name after it if one likes. The
/// closure must not change anything. What does not come to hold fails the run as a panic does.
///
/// ```
/// use seedloop::{eventually, run, sleep, spawn};
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use std::time::Duration;
///
/// let result = run(async {
///     let copies = Rc::new(Cell::new(0));
///     let seen = copies.clone();
///     spawn(async move {
///         sleep(Duration::from_secs(3)).await?;
///         Ok(copies.set(3))
///     });
///     let (two, four) = (seen.clone(), seen);
///     eventually!(Duration::from_secs(5), move || two.get() >= 2).await?;
///     eventually!(Duration::from_secs(5), move || four.get() >= 4, "a fourth copy").await?;
///     Ok(())
/// });
/// assert!(result.unwrap_err().to_string().ends_with("not within 5s: a fourth copy"));
/// ```
///
/// # Errors
///
/// A cancel of the task.
///
/// # Cancel safety
///
/// Holds nothing.
#[macro_export]
macro_rules! eventually {
    ($within:expr, $condition:expr $(,)?) => {
        $crate::eventually!($within, $condition, "{}", ::core::stringify!($condition))
    };
    ($within:expr, $condition:expr, $($name:tt)+) => {
        $crate::eventually($within, $condition, ::std::format!($($name)+))
    };
}

/// Says that something is to be so here in at least one run of an exploration, which fails if it
/// never was.
///
/// A place that no run ever came to is known only if the test names it; `#[seedloop::test]` does
/// that for those that stand in the test itself.
#[macro_export]
macro_rules! sometimes {
    ($condition:expr $(,)?) => {
        $crate::sometimes($condition, ::core::stringify!($condition))
    };
    ($condition:expr, $name:expr $(,)?) => {
        $crate::sometimes($condition, $name)
    };
}

/// Says that at least one run of an exploration is to come here: `sometimes!(true, name)`.
#[macro_export]
macro_rules! reachable {
    ($name:expr $(,)?) => {
        $crate::sometimes(true, $name)
    };
}
