//! The one error that tasks, groups and gather speak.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::leaf::{is_base, unwrap_leaf};
use super::{Cancelled, Elapsed, Exit, Group, Interrupt};

/// A `Result` whose error is [`Error`] unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error that a task can end with: a cancel, a group of errors, or any [`std::error::Error`].
///
/// `?` converts from everything that is an error. It is cheap to clone, and clones are the *same*
/// error, as one exception instance is raised to every awaiter in asyncio. It is not itself a
/// `std::error::Error` (the blanket conversion excludes that), but it converts into
/// `Box<dyn Error + Send + Sync>`.
///
/// ```
/// use seedloop::{Cancelled, Error};
///
/// fn parse(text: &str) -> seedloop::Result<i32> {
///     Ok(text.parse()?)
/// }
/// assert!(parse("x").unwrap_err().is::<std::num::ParseIntError>());
/// assert!(parse("x").unwrap_err().is_exception());
/// assert!(!Error::from(Cancelled::new()).is_exception());
/// ```
#[derive(Clone)]
pub struct Error(Kind);

#[derive(Clone)]
enum Kind {
    /// Held inline: cancelling must not allocate.
    Cancelled(Cancelled),
    Group(Arc<Group>),
    Leaf(Arc<dyn StdError + Send + Sync>),
}

/// An error that is only a text.
#[derive(Debug)]
struct Text(String);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl StdError for Text {}

impl Error {
    /// Wraps `error`.
    pub fn new<E: StdError + Send + Sync + 'static>(error: E) -> Self {
        let any: &dyn Any = &error;
        if let Some(cancelled) = any.downcast_ref::<Cancelled>() {
            return Error(Kind::Cancelled(cancelled.clone()));
        }
        if let Some(unwrapped) = unwrap_leaf(any) {
            return unwrapped;
        }
        let inner = any.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(Carrier(carried)) = inner.and_then(|inner| inner.downcast_ref()) {
            return carried.clone();
        }
        if let Some(group) = any.downcast_ref::<Group>() {
            return Error(Kind::Group(Arc::new(group.clone())));
        }
        Error(Kind::Leaf(Arc::new(error)))
    }

    /// Makes an error of a text.
    pub fn msg(text: impl fmt::Display) -> Self {
        Error(Kind::Leaf(Arc::new(Text(text.to_string()))))
    }

    /// Makes the request that the whole program ends with `code`: Python's `SystemExit`.
    ///
    /// Returned from a task it breaks the loop at once, in the middle of its iteration.
    pub fn exit(code: i32) -> Self {
        Error::new(Exit::new(code))
    }

    pub(crate) const fn cancelled(cancelled: Cancelled) -> Self {
        Error(Kind::Cancelled(cancelled))
    }

    /// Tells whether this is a cancel.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0, Kind::Cancelled(_))
    }

    /// Tells whether a deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.is::<Elapsed>()
    }

    /// Tells whether Python's `except Exception` would catch it.
    ///
    /// It would not catch a cancel, [`Exit`], [`Interrupt`],
    /// [`GeneratorExit`](crate::GeneratorExit), what ends a whole simulation (a panic, a deadlock,
    /// a limit), nor a group that holds one of these.
    pub fn is_exception(&self) -> bool {
        match &self.0 {
            Kind::Cancelled(_) => false,
            Kind::Group(group) => group.errors().iter().all(Error::is_exception),
            Kind::Leaf(leaf) => !is_base(&**leaf),
        }
    }

    /// Tells whether it breaks the loop: [`Exit`] or [`Interrupt`].
    pub(crate) fn is_fatal(&self) -> bool {
        self.is::<Exit>() || self.is::<Interrupt>()
    }

    /// Returns the cancel, if this is one.
    pub fn as_cancelled(&self) -> Option<&Cancelled> {
        match &self.0 {
            Kind::Cancelled(cancelled) => Some(cancelled),
            _ => None,
        }
    }

    /// Returns the group, if this is one.
    pub fn as_group(&self) -> Option<&Group> {
        match &self.0 {
            Kind::Group(group) => Some(group),
            _ => None,
        }
    }

    /// Tells whether the error is an `E`.
    pub fn is<E: StdError + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// Returns the error as an `E`, if it is one.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.as_std().downcast_ref::<E>()
    }

    /// Returns the error as a standard error.
    pub fn as_std(&self) -> &(dyn StdError + Send + Sync + 'static) {
        match &self.0 {
            Kind::Cancelled(cancelled) => cancelled,
            Kind::Group(group) => &**group,
            Kind::Leaf(leaf) => &**leaf,
        }
    }

    /// Tells whether both are the same error, not only equal ones.
    pub fn is_same(&self, other: &Error) -> bool {
        match (&self.0, &other.0) {
            (Kind::Cancelled(a), Kind::Cancelled(b)) => a == b,
            (Kind::Group(a), Kind::Group(b)) => Arc::ptr_eq(a, b),
            (Kind::Leaf(a), Kind::Leaf(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Splits by a test on the leaves, as `except*` does: what matched, then the rest.
    ///
    /// Groups keep their nesting on both sides. An error that is no group goes whole to one side;
    /// what matches is then still returned as itself, not wrapped in a group.
    pub fn split(&self, matches: impl Fn(&Error) -> bool) -> (Option<Error>, Option<Error>) {
        self.split_with(&matches)
    }

    fn split_with(&self, matches: &dyn Fn(&Error) -> bool) -> (Option<Error>, Option<Error>) {
        let Kind::Group(group) = &self.0 else {
            return match matches(self) {
                true => (Some(self.clone()), None),
                false => (None, Some(self.clone())),
            };
        };
        let (mut matched, mut rest) = (Vec::new(), Vec::new());
        for error in group.errors() {
            let (yes, no) = error.split_with(matches);
            matched.extend(yes);
            rest.extend(no);
        }
        let wrap = |errors: Vec<Error>| match errors.is_empty() {
            true => None,
            false => Some(Error::new(Group::new(group.message(), errors))),
        };
        (wrap(matched), wrap(rest))
    }

    /// Splits by type: the errors that are an `E`, then the rest. See [`Error::split`].
    pub fn split_type<E: StdError + 'static>(&self) -> (Option<Error>, Option<Error>) {
        self.split(|error| error.is::<E>())
    }

    /// Calls `visit` with every error that is no group, in order.
    pub fn for_each_leaf(&self, visit: &mut dyn FnMut(&Error)) {
        match &self.0 {
            Kind::Group(group) => group.errors().iter().for_each(|e| e.for_each_leaf(visit)),
            _ => visit(self),
        }
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Error::new(error)
    }
}

impl From<Error> for Box<dyn StdError + Send + Sync> {
    fn from(error: Error) -> Self {
        Box::new(Carrier(error))
    }
}

impl From<Error> for Box<dyn StdError> {
    fn from(error: Error) -> Self {
        Box::new(Carrier(error))
    }
}

/// Takes an error through code that can return only an [`io::Error`]; `?` takes it out again.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::other(Carrier(error))
    }
}

/// Carries an [`Error`] where a standard error is asked for.
struct Carrier(Error);

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
impl StdError for Carrier {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.as_std().source()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_std(), f)
    }
}

/// Prints the error and its sources as text, since `fn main` prints errors this way.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = self.as_std().source();
        while let Some(error) = source {
            write!(f, "\n\ncaused by: {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
