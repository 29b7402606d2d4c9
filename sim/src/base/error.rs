//! The one error that tasks, groups and gather speak.

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
/// `Box<dyn Error + Send + Sync>`, from which [`from_boxed`](Error::from_boxed) takes the same
/// error back, and into [`io::Error`], from which `?` does. On the way
/// [`carried_by`](Error::carried_by) finds it, and it is the box's
/// [`source`](std::error::Error::source).
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
        Error::known(&error).unwrap_or_else(|| Error(Kind::Leaf(Arc::new(error))))
    }

    /// Wraps a boxed error; one that an [`Error`] was turned into is that error again.
    ///
    /// The way back from code whose errors are `Box<dyn Error + Send + Sync>`, which `?` cannot
    /// take:
    ///
    /// ```
    /// use seedloop::{Cancelled, Error};
    ///
    /// type Boxed = Box<dyn std::error::Error + Send + Sync>;
    ///
    /// fn foreign() -> Result<(), Boxed> {
    ///     Err(Error::from(Cancelled::with_message("stop")))?
    /// }
    /// fn ours() -> seedloop::Result<()> {
    ///     foreign().map_err(Error::from_boxed)
    /// }
    /// assert_eq!(ours().unwrap_err().as_cancelled().unwrap().message(), Some("stop"));
    /// ```
    pub fn from_boxed(error: Box<dyn StdError + Send + Sync + 'static>) -> Self {
        let known = Error::known(&*error);
        known.unwrap_or_else(|| Error(Kind::Leaf(Arc::from(error))))
    }

    /// Finds the [`Error`] that was turned into a standard error, in `error` or what it stems from.
    ///
    /// ```
    /// use seedloop::error::ValueError;
    /// use seedloop::Error;
    ///
    /// let boxed: Box<dyn std::error::Error> = Error::from(ValueError::new("bad")).into();
    /// assert!(Error::carried_by(&*boxed).is_some_and(|error| error.is::<ValueError>()));
    /// ```
    pub fn carried_by<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(Carrier(carried)) = carrier(error) {
                return Some(carried);
            }
            next = error.source();
        }
        None
    }

    /// What an error is that need not be wrapped: one of the leaves that have a place of their own
    /// here, or one that carries an [`Error`].
    fn known(error: &(dyn StdError + 'static)) -> Option<Self> {
        if let Some(cancelled) = error.downcast_ref::<Cancelled>() {
            return Some(Error(Kind::Cancelled(cancelled.clone())));
        }
        if let Some(group) = error.downcast_ref::<Group>() {
            return Some(Error(Kind::Group(Arc::new(group.clone()))));
        }
        match carrier(error) {
            Some(Carrier(carried)) => Some(carried.clone()),
            None => unwrap_leaf(error),
        }
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
    /// [`GeneratorExit`](crate::error::GeneratorExit), what ends a whole simulation (a panic, a
    /// deadlock, a limit), nor a group that holds one of these.
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

    /// Tells whether both are the same error, as clones are, and not only equal.
    ///
    /// A cancel has no identity but its message: those that carry one text that was given once are
    /// the same, and so are all that carry none.
    pub fn is_same(&self, other: &Error) -> bool {
        match (&self.0, &other.0) {
            (Kind::Cancelled(a), Kind::Cancelled(b)) => a.is_same(b),
            (Kind::Group(a), Kind::Group(b)) => Arc::ptr_eq(a, b),
            (Kind::Leaf(a), Kind::Leaf(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Splits by a test, as `except*` does: what matched, then the rest.
    ///
    /// Groups are asked before what is in them, and one that matches goes whole to its side: so
    /// ask for what an error is, and not for what it is not, which a group would answer with yes.
    /// Otherwise groups keep their nesting on both sides. An error that is no group goes whole to
    /// one side; what matches is then still returned as itself, not wrapped in a group.
    ///
    /// Source: CPython 3.13, `BaseExceptionGroup.split`.
    ///
    /// ```
    /// use seedloop::Error;
    /// use seedloop::error::{Group, ValueError};
    ///
    /// let (value, other) = (Error::new(ValueError::new("bad")), Error::msg("other"));
    /// let both = Error::new(Group::new("two", vec![value, other]));
    /// let (values, rest) = both.split_type::<ValueError>();
    /// assert_eq!(values.unwrap().to_string(), "two (1 sub-exception: bad)");
    /// assert_eq!(rest.unwrap().to_string(), "two (1 sub-exception: other)");
    /// ```
    pub fn split(&self, matches: impl Fn(&Error) -> bool) -> (Option<Error>, Option<Error>) {
        self.split_with(&matches)
    }

    fn split_with(&self, matches: &dyn Fn(&Error) -> bool) -> (Option<Error>, Option<Error>) {
        if matches(self) {
            return (Some(self.clone()), None);
        }
        let Kind::Group(group) = &self.0 else {
            return (None, Some(self.clone()));
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

/// Carries an [`Error`] where a standard error is asked for; it stems from what it carries.
struct Carrier(Error);

/// Finds what carries an [`Error`] in `error`, which may be an [`io::Error`] around it.
fn carrier<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Carrier> {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inner.and_then(|inner| inner.downcast_ref()).or(error.downcast_ref())
}

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
        Some(self.0.as_std())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{PutError, QueueFull, ValueError};

    type Boxed = Box<dyn StdError + Send + Sync>;

    fn out_and_back(error: &Error) -> Error {
        let boxed: Boxed = error.clone().into();
        assert_eq!(boxed.to_string(), error.to_string());
        assert!(Error::carried_by(&*boxed).is_some_and(|carried| carried.is_same(error)));
        Error::from_boxed(boxed)
    }

    #[test]
    fn an_error_goes_out_and_back() {
        let value = Error::new(ValueError::new("bad"));
        let group = Error::new(Group::new("two", vec![value.clone(), Error::exit(1)]));
        let cancel = Error::cancelled(Cancelled::with_message("stop"));
        for error in [value, group, cancel] {
            assert!(out_and_back(&error).is_same(&error));
            let through_io = io::Error::from(error.clone());
            assert!(Error::from(through_io).is_same(&error));
        }
    }

    /// What CPython 3.13.0 prints for the same groups: `h` is asked before what is in it.
    #[test]
    fn a_group_that_matches_goes_whole_to_its_side() {
        let value = |text| Error::new(ValueError::new(text));
        let inner = Error::new(Group::new("h", vec![value("b"), Error::msg("c")]));
        let outer = Error::new(Group::new("g", vec![value("a"), inner.clone(), Error::msg("d")]));
        let shown = |(yes, no): (Option<Error>, Option<Error>)| {
            [yes, no].map(|side| side.map_or(String::new(), |error| shape(&error)))
        };
        assert_eq!(shown(outer.split_type::<Group>()), ["g[a h[b c] d]", ""]);
        assert_eq!(shown(outer.split(|error| !error.is::<ValueError>())), ["g[a h[b c] d]", ""]);
        assert_eq!(shown(outer.split(|error| error.is_same(&inner))), ["g[h[b c]]", "g[a d]"]);
        assert_eq!(shown(outer.split_type::<ValueError>()), ["g[a h[b]]", "g[h[c] d]"]);
        assert_eq!(shown(value("a").split_type::<ValueError>()), ["a", ""]);
    }

    fn shape(error: &Error) -> String {
        let Some(group) = error.as_group() else { return error.to_string() };
        let inside: Vec<String> = group.errors().iter().map(shape).collect();
        format!("{}[{}]", group.message(), inside.join(" "))
    }

    #[test]
    fn the_carried_error_is_the_source_of_its_box() {
        let boxed: Boxed = Error::new(ValueError::new("bad")).into();
        let source = boxed.source().expect("a source");
        assert!(source.is::<ValueError>());
        // Wrapped once more, and in an error of another crate.
        let outer = io::Error::other(boxed);
        assert!(Error::carried_by(&outer).is_some_and(|error| error.is::<ValueError>()));
    }

    #[test]
    fn boxes_of_others_become_errors() {
        let boxed: Boxed = Box::new(ValueError::new("bad"));
        assert!(Error::from_boxed(boxed).is::<ValueError>());
        let boxed: Boxed = Box::new(PutError::Full);
        assert!(Error::from_boxed(boxed).is::<QueueFull>());
        let boxed: Boxed = Box::new(Cancelled::new());
        assert!(Error::from_boxed(boxed).is_cancelled());
        assert_eq!(Error::from_boxed("text".into()).to_string(), "text");
    }

    #[test]
    fn what_is_the_same_error() {
        let cancel = |text: &str| Error::cancelled(Cancelled::with_message(text));
        let first = cancel("stop");
        assert!(first.is_same(&first.clone()));
        assert!(!first.is_same(&cancel("stop")));
        assert!(!first.is_same(&Error::cancelled(Cancelled::new())));
        assert!(Error::cancelled(Cancelled::new()).is_same(&Error::cancelled(Cancelled::new())));
        assert!(!Error::msg("a").is_same(&Error::msg("a")));
    }
}
