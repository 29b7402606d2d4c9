//! How the parts of a program look in JSON, in both directions.
//!
//! A [`Node`] is one JSON value; a [`Field`] is what stands in an object under a key, or under
//! several, or under none. Every node is a field; [`Option`]s, the two parts of a job's outcome and
//! an object's kind with its number are fields only.

use std::fmt;

use serde_json::{Map, Value as Json};
use smol_str::SmolStr;

use super::number::{Number, count, whole};
use super::parse::ParseError;
use super::program::{CatchKind, Handler, Item, Object, OrNull, Outcome, RaiseKind, Value, When};
use super::source::{Members, Source};

/// A place in a program, as a chain of keys and indices up to the top.
pub(super) enum Path<'a> {
    /// The program as a whole.
    Root,
    /// The value under a key of an object.
    Key(&'a Path<'a>, &'a str),
    /// An element of a list.
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Path::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Path<'_> {
    /// The routine in which the place is.
    pub(super) fn routine(&self) -> &Self {
        match self {
            Self::Key(Self::Key(Self::Root, _), _) | Self::Root => self,
            Self::Key(parent, _) | Self::Index(parent, _) => parent.routine(),
        }
    }

    /// The error for a value that is not `wanted`.
    pub(super) fn expected(&self, wanted: &str, found: Source<'_>) -> ParseError {
        let found = match found {
            Source::Text(text) if text.chars().nth(FOUND_CHARS_MAX).is_some() => {
                "a long string".to_owned()
            }
            Source::Number(digits) if digits.len() > FOUND_CHARS_MAX => "a long number".to_owned(),
            found => found.to_string(),
        };
        problem(self, format!("expected {wanted}, found {found}"))
    }
}

/// Longer strings and numbers are not repeated in an error.
const FOUND_CHARS_MAX: usize = 40;

/// A name as it stands in an error: in quotes, and only its beginning if it is long.
pub(super) fn quoted(name: &str) -> String {
    match name.char_indices().nth(FOUND_CHARS_MAX) {
        Some((end, _)) => format!("{:?}..", &name[..end]),
        None => format!("{name:?}"),
    }
}

/// The error that says `what` of the place `path`. The program's name is added at the top.
pub(super) fn problem(path: &Path<'_>, what: impl Into<String>) -> ParseError {
    ParseError { name: None, path: path.to_string(), problem: what.into() }
}

/// Suggests the candidate that is spelled most like `word`, or gives the empty string.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    // Two slips of the pen; with more, the suggestion would be noise.
    const DISTANCE_MAX: usize = 2;
    candidates
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= DISTANCE_MAX)
        .map(|candidate| (edit_distance(word, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= DISTANCE_MAX.min(candidate.len() / 2))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| format!(", did you mean {candidate:?}?"))
        .unwrap_or_default()
}

/// The number of bytes to insert, delete or replace to turn `a` into `b`.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The fields of an object, of which none may be left unread.
pub(super) struct Fields<'a> {
    object: Members<'a>,
    /// Those behind the last one that was found where it was looked for first: fields mostly stand
    /// in the order in which they are asked for.
    next: Members<'a>,
    path: &'a Path<'a>,
    /// The keys that were asked for.
    known: [&'static str; KNOWN_MAX],
    asked: usize,
    /// How many of them are there.
    found: usize,
}

/// No object has more fields than this.
const KNOWN_MAX: usize = 8;

impl<'a> Fields<'a> {
    /// Takes `json` for an object.
    pub(super) fn of(json: Source<'a>, path: &'a Path<'a>) -> Result<Self, ParseError> {
        match json {
            Source::Object(object) => {
                Ok(Self { object, next: object, path, known: [""; KNOWN_MAX], asked: 0, found: 0 })
            }
            other => Err(path.expected("an object", other)),
        }
    }

    fn ask(&mut self, key: &'static str) -> Option<Source<'a>> {
        self.known[self.asked] = key;
        self.asked += 1;
        let mut found = self.next.take(key);
        if found.is_none() && !(self.found == self.object.len() && self.object.keys_differ()) {
            found = self.object.get(key);
        }
        self.found += usize::from(found.is_some());
        found
    }

    /// Gives the value under `key`, which must be there.
    pub(super) fn get(&mut self, key: &'static str) -> Result<Source<'a>, ParseError> {
        let path = self.path;
        self.ask(key).ok_or_else(|| problem(path, format!("missing field {key:?}")))
    }

    /// Gives the value under `key`, if there is one other than null.
    pub(super) fn get_optional(&mut self, key: &'static str) -> Option<Source<'a>> {
        self.ask(key).filter(|json| !matches!(json, Source::Null))
    }

    /// Reads the value under `key`, which must be there.
    pub(super) fn required<T: Node>(&mut self, key: &'static str) -> Result<T, ParseError> {
        T::from_json(self.get(key)?, &Path::Key(self.path, key))
    }

    /// Makes sure that every field of the object, which is that of `what`, has been asked for.
    pub(super) fn finish(&self, what: &str) -> Result<(), ParseError> {
        if self.found == self.object.len() {
            return Ok(());
        }
        // There may be a field twice.
        let known = &self.known[..self.asked];
        let Some(key) = self.object.keys().find(|key| !known.contains(key)) else {
            return Ok(());
        };
        let unused = known.iter().copied().filter(|known| self.object.get(known).is_none());
        let hint = nearest(key, unused);
        Err(problem(self.path, format!("unknown field {} of {what}{hint}", quoted(key))))
    }
}

/// Something that is written as one JSON value.
pub(super) trait Node: Sized {
    /// What it is called in errors.
    const WHAT: &'static str;

    /// Reads it from the value at `path`.
    fn from_json(json: Source<'_>, path: &Path<'_>) -> Result<Self, ParseError>;

    /// Writes it.
    fn to_json(&self) -> Json;
}

/// Something that stands in an object, usually under `key`.
pub(super) trait Field: Sized {
    /// Reads it from its object.
    fn read(fields: &mut Fields<'_>, key: &'static str) -> Result<Self, ParseError>;

    /// Writes it into its object.
    fn write(&self, key: &'static str, object: &mut Map<String, Json>);
}

impl<T: Node> Field for T {
    fn read(fields: &mut Fields<'_>, key: &'static str) -> Result<Self, ParseError> {
        fields.required(key)
    }

    fn write(&self, key: &'static str, object: &mut Map<String, Json>) {
        object.insert(key.to_owned(), self.to_json());
    }
}

/// May be left out; null is the same.
impl<T: Node> Field for Option<T> {
    fn read(fields: &mut Fields<'_>, key: &'static str) -> Result<Self, ParseError> {
        let Some(json) = fields.get_optional(key) else {
            return Ok(None);
        };
        T::from_json(json, &Path::Key(fields.path, key)).map(Some)
    }

    fn write(&self, key: &'static str, object: &mut Map<String, Json>) {
        if let Some(inner) = self {
            inner.write(key, object);
        }
    }
}

/// May be left out; null is the same, and is what we write.
impl<T: Node> Field for OrNull<T> {
    fn read(fields: &mut Fields<'_>, key: &'static str) -> Result<Self, ParseError> {
        Field::read(fields, key).map(Self)
    }

    fn write(&self, key: &'static str, object: &mut Map<String, Json>) {
        object.insert(key.to_owned(), self.0.as_ref().map_or(Json::Null, T::to_json));
    }
}

/// May be left out; null is the same, and is what we write.
impl Field for Value {
    fn read(fields: &mut Fields<'_>, key: &'static str) -> Result<Self, ParseError> {
        let Some(json) = fields.ask(key) else {
            return Ok(Self::Null);
        };
        Self::from_json(json, &Path::Key(fields.path, key))
    }

    fn write(&self, key: &'static str, object: &mut Map<String, Json>) {
        object.insert(key.to_owned(), self.to_json());
    }
}

/// Takes `json` for a string.
pub(super) fn text_of<'a>(json: Source<'a>, path: &Path<'_>) -> Result<&'a str, ParseError> {
    json.as_str().ok_or_else(|| path.expected(SmolStr::WHAT, json))
}

impl Node for SmolStr {
    const WHAT: &'static str = "a string";

    fn from_json(json: Source<'_>, path: &Path<'_>) -> Result<Self, ParseError> {
        text_of(json, path).map(Self::new)
    }

    fn to_json(&self) -> Json {
        Json::from(self.as_str())
    }
}

impl Node for bool {
    const WHAT: &'static str = "true or false";

    fn from_json(json: Source<'_>, path: &Path<'_>) -> Result<Self, ParseError> {
        match json {
            Source::Bool(truth) => Ok(truth),
            _ => Err(path.expected(Self::WHAT, json)),
        }
    }

    fn to_json(&self) -> Json {
        Json::from(*self)
    }
}

impl Node for u64 {
    const WHAT: &'static str = "a whole number from 0";

    fn from_json(json: Source<'_>, path: &Path<'_>) -> Result<Self, ParseError> {
        match json {
            Source::Number(text) => count(text),
            _ => None,
        }
        .ok_or_else(|| path.expected(Self::WHAT, json))
    }

    fn to_json(&self) -> Json {
        Json::from(*self)
    }
}

impl Node for i64 {
    const WHAT: &'static str = "a whole number";

    fn from_json(json: Source<'_>, path: &Path<'_>) -> Result<Self, ParseError> {
        match json {
            Source::Number(text) => whole(text),
            _ => None,
        }
        .ok_or_else(|| path.expected(Self::WHAT, json))
    }

    fn to_json(&self) -> Json {
        Json::from(*self)
    }
}

impl<T: Node> Node for Box<T> {
    const WHAT: &'static str = T::WHAT;

    fn from_json(json: Source<'_>, path: &Path<'_>) -> Result<Self, ParseError> {
        T::from_json(json, path).map(Self::new)
    }

    fn to_json(&self) -> Json {
        T::to_json(self)
    }
}

impl<T: Node> Node for Vec<T> {
    const WHAT: &'static str = "a list";

    fn from_json(json: Source<'_>, path: &Path<'_>) -> Result<Self, ParseError> {
        let Source::List(elements) = json else {
            return Err(path.expected(Self::WHAT, json));
        };
        let mut list = Vec::with_capacity(elements.len());
        for (index, json) in elements.enumerate() {
            list.push(T::from_json(json, &Path::Index(path, index))?);
        }
        Ok(list)
    }

    fn to_json(&self) -> Json {
        self.iter().map(T::to_json).collect()
    }
}

impl Value {
    const WHAT: &str = "null, true, false, a number or a string";

    fn from_json(json: Source<'_>, path: &Path<'_>) -> Result<Self, ParseError> {
        match json {
            Source::Null => Ok(Self::Null),
            Source::Bool(truth) => Ok(Self::Bool(truth)),
            Source::Text(text) => Ok(Self::Text(text.into())),
            Source::Number(text) => {
                let number = Number::parse(text).map(Self::Number);
                number.ok_or_else(|| path.expected(Self::WHAT, json))
            }
            Source::List(_) | Source::Object(_) => Err(path.expected(Self::WHAT, json)),
        }
    }

    fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(truth) => truth.to_json(),
            Self::Number(number) => number.to_json(),
            Self::Text(text) => text.to_json(),
        }
    }
}

impl Node for Item {
    const WHAT: &'static str = "an item";

    fn from_json(json: Source<'_>, path: &Path<'_>) -> Result<Self, ParseError> {
        let mut fields = Fields::of(json, path)?;
        let task: Option<SmolStr> = Field::read(&mut fields, "task")?;
        let coro: Option<SmolStr> = Field::read(&mut fields, "coro")?;
        fields.finish(Self::WHAT)?;
        match (task, coro) {
            (Some(var), None) => Ok(Self::Task(var)),
            (None, Some(name)) => Ok(Self::Coro(name)),
            _ => Err(problem(path, "an item has either \"task\" or \"coro\"")),
        }
    }

    fn to_json(&self) -> Json {
        let (key, name) = match self {
            Self::Task(var) => ("task", var),
            Self::Coro(name) => ("coro", name),
        };
        Json::Object(Map::from_iter([(key.to_owned(), name.to_json())]))
    }
}

impl Node for Handler {
    const WHAT: &'static str = "a handler";

    fn from_json(json: Source<'_>, path: &Path<'_>) -> Result<Self, ParseError> {
        let mut fields = Fields::of(json, path)?;
        let catch = fields.required("catch")?;
        let body = fields.required("body")?;
        fields.finish(Self::WHAT)?;
        Ok(Self { catch, body })
    }

    fn to_json(&self) -> Json {
        let mut object = Map::new();
        self.catch.write("catch", &mut object);
        self.body.write("body", &mut object);
        Json::Object(object)
    }
}

/// Implements [`Node`] for an enum whose variants are written as words.
macro_rules! words {
    ($type:ident: $what:literal { $($variant:ident = $word:literal),* }) => {
        impl Node for $type {
            const WHAT: &'static str = $what;

            fn from_json(json: Source<'_>, path: &Path<'_>) -> Result<Self, ParseError> {
                let word = text_of(json, path)?;
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => {
                        let hint = nearest(word, [$($word),*].into_iter());
                        Err(problem(path, format!("unknown {} {}{hint}", Self::WHAT, quoted(word))))
                    }
                }
            }

            fn to_json(&self) -> Json {
                Json::from(match self {
                    $(Self::$variant => $word),*
                })
            }
        }
    };
}

words! { RaiseKind: "exception" { Boom = "Boom", Cancelled = "Cancelled" } }

words! { CatchKind: "catch" {
    Cancelled = "Cancelled", Boom = "Boom", Timeout = "Timeout",
    Group = "Group", Exception = "Exception", Base = "Base"
} }

words! { When: "when" {
    AllCompleted = "ALL_COMPLETED", FirstCompleted = "FIRST_COMPLETED",
    FirstException = "FIRST_EXCEPTION"
} }

/// Stands as `value` or `raise`.
impl Field for Outcome {
    fn read(fields: &mut Fields<'_>, _: &'static str) -> Result<Self, ParseError> {
        match Field::read(fields, "raise")? {
            Some(message) => {
                // It counts, whatever the value.
                let _: Value = Field::read(fields, "value")?;
                Ok(Self::Raise(message))
            }
            None => Field::read(fields, "value").map(Self::Value),
        }
    }

    fn write(&self, _: &'static str, object: &mut Map<String, Json>) {
        match self {
            Self::Value(value) => value.write("value", object),
            Self::Raise(message) => message.write("raise", object),
        }
    }
}

/// Stands as `kind`, with `arg` for the kinds that take a number. Where asyncio has a default for
/// it, so have we.
impl Field for Object {
    fn read(fields: &mut Fields<'_>, _: &'static str) -> Result<Self, ParseError> {
        let kind: SmolStr = fields.required("kind")?;
        let arg: Option<i64> = Field::read(fields, "arg")?;
        Ok(match (kind.as_str(), arg) {
            ("Lock", None) => Self::Lock,
            ("Event", None) => Self::Event,
            ("Condition", None) => Self::Condition,
            ("Semaphore", value) => Self::Semaphore(value.unwrap_or(1)),
            ("BoundedSemaphore", value) => Self::BoundedSemaphore(value.unwrap_or(1)),
            ("Barrier", Some(parties)) => Self::Barrier(parties),
            ("Queue", size) => Self::Queue(size.unwrap_or(0)),
            ("LifoQueue", size) => Self::LifoQueue(size.unwrap_or(0)),
            ("PriorityQueue", size) => Self::PriorityQueue(size.unwrap_or(0)),
            ("ThreadPool", Some(workers)) => Self::ThreadPool(workers),
            ("Lock" | "Event" | "Condition", Some(_)) => {
                return Err(problem(fields.path, format!("{kind} has no \"arg\"")));
            }
            ("Barrier" | "ThreadPool", None) => {
                return Err(problem(fields.path, "missing field \"arg\""));
            }
            (other, _) => {
                let hint = nearest(other, KINDS.into_iter());
                let path = Path::Key(fields.path, "kind");
                return Err(problem(&path, format!("unknown kind {}{hint}", quoted(other))));
            }
        })
    }

    fn write(&self, _: &'static str, object: &mut Map<String, Json>) {
        let (kind, arg) = self.kind_and_arg();
        object.insert("kind".to_owned(), Json::from(kind));
        arg.write("arg", object);
    }
}

/// The kinds of objects.
const KINDS: [&str; 10] = [
    "Lock",
    "Event",
    "Condition",
    "Semaphore",
    "BoundedSemaphore",
    "Barrier",
    "Queue",
    "LifoQueue",
    "PriorityQueue",
    "ThreadPool",
];

impl Object {
    fn kind_and_arg(self) -> (&'static str, Option<i64>) {
        match self {
            Self::Lock => ("Lock", None),
            Self::Event => ("Event", None),
            Self::Condition => ("Condition", None),
            Self::Semaphore(value) => ("Semaphore", Some(value)),
            Self::BoundedSemaphore(value) => ("BoundedSemaphore", Some(value)),
            Self::Barrier(parties) => ("Barrier", Some(parties)),
            Self::Queue(size) => ("Queue", Some(size)),
            Self::LifoQueue(size) => ("LifoQueue", Some(size)),
            Self::PriorityQueue(size) => ("PriorityQueue", Some(size)),
            Self::ThreadPool(workers) => ("ThreadPool", Some(workers)),
        }
    }
}
