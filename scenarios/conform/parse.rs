//! Reads a program from a line of JSON, and writes it again.

use std::fmt;

use serde_json::{Map, Value as Json};

use super::json::{Fields, Node, Path, nearest, problem, quoted, text_of};
use super::program::{Body, Program, Routine, Stmt};
use super::source::{Broken, Source, read};
use super::stack::{BLOCKS_MAX, on_large_stack};

/// So deep may lists and objects nest in a line: a block is at most four of them.
const LEVELS_MAX: usize = 4 * BLOCKS_MAX + 16;

/// So deep on any stack.
const LEVELS_SHALLOW: usize = 100;

/// Why a line is not a valid program.
///
/// Displays as `WHERE: WHAT`, for example
/// `coros.k2[3].body[0].t: expected a whole number, found "x"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The program's name, if the line can be read so far.
    pub name: Option<String>,
    /// Where in the program: keys and indices from the top; empty for the program as a whole.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for ParseError {}

impl Program {
    /// Reads the program that `line` holds.
    ///
    /// Total: any text gives a program or an error, without a panic and in bounded stack.
    ///
    /// # Errors
    ///
    /// - the line is not JSON, or its lists and objects nest deeper than 2,016 levels;
    /// - an operation or a field is unknown, missing or of the wrong type;
    /// - whatever [`Program::check`] finds.
    pub fn parse(line: &str) -> Result<Self, ParseError> {
        Checked::parse(line).map(|checked| checked.program)
    }

    /// Writes the program as JSON; [`Program::parse`] reads it back as an equal program.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut object = Map::new();
        object.insert("name".to_owned(), Json::from(self.name.as_str()));
        object.insert("coros".to_owned(), write_routines(&self.coros));
        if !self.gens.is_empty() {
            object.insert("gens".to_owned(), write_routines(&self.gens));
        }
        Json::Object(object)
    }

    fn read(json: Source<'_>) -> Result<Self, ParseError> {
        let mut fields = Fields::of(json, &Path::Root)?;
        let name = fields.required("name")?;
        let coros = read_routines(fields.get("coros")?, &Path::Key(&Path::Root, "coros"))?;
        let gens = match fields.get_optional("gens") {
            Some(gens) => read_routines(gens, &Path::Key(&Path::Root, "gens"))?,
            None => Vec::new(),
        };
        fields.finish("a program")?;
        Ok(Self { name, coros, gens })
    }
}

/// A program that was checked.
pub(super) struct Checked {
    pub(super) program: Program,
    /// It needs a large stack.
    pub(super) is_deep: bool,
}

impl Checked {
    /// Reads a program, as [`Program::parse`] does.
    pub(super) fn parse(line: &str) -> Result<Self, ParseError> {
        match Self::parse_within(line, LEVELS_SHALLOW) {
            Err(Refused { is_too_deep: true, .. }) => on_large_stack(|| {
                let checked = Self::parse_within(line, LEVELS_MAX);
                checked.map(|checked| Checked { is_deep: true, ..checked })
            }),
            result => result,
        }
        .map_err(|refused| refused.error)
    }

    fn parse_within(line: &str, levels: usize) -> Result<Self, Refused> {
        let line = read(line, levels)?;
        let json = line.value();
        let program =
            Program::read(json).map_err(|error| ParseError { name: name_of(json), ..error })?;
        let is_deep = program.check_all()?;
        Ok(Checked { program, is_deep })
    }
}

/// The name of the program that a line holds, if the line can be read so far.
pub(super) fn name_in(line: &str) -> Option<String> {
    match read(line, LEVELS_SHALLOW) {
        Ok(json) => name_of(json.value()),
        Err(broken) => broken.name,
    }
}

fn name_of(json: Source<'_>) -> Option<String> {
    match json {
        Source::Object(members) => members.get("name")?.as_str().map(str::to_owned),
        _ => None,
    }
}

/// Why a line was refused.
struct Refused {
    error: ParseError,
    /// Only because it nests deeper than the levels that were allowed.
    is_too_deep: bool,
}

impl From<Broken> for Refused {
    fn from(Broken { name, problem, is_too_deep }: Broken) -> Self {
        Refused { error: ParseError { name, path: String::new(), problem }, is_too_deep }
    }
}

impl From<ParseError> for Refused {
    fn from(error: ParseError) -> Self {
        Refused { error, is_too_deep: false }
    }
}

fn read_routines(json: Source<'_>, path: &Path<'_>) -> Result<Vec<Routine>, ParseError> {
    let Source::Object(routines) = json else {
        return Err(path.expected("an object of bodies by name", json));
    };
    let read_one = |(name, body): (&str, Source<'_>)| {
        let body = Body::from_json(body, &Path::Key(path, name))?;
        Ok(Routine { name: name.into(), body })
    };
    routines.distinct().into_iter().map(read_one).collect()
}

fn write_routines(routines: &[Routine]) -> Json {
    let entry = |routine: &Routine| (routine.name.to_string(), routine.body.to_json());
    Json::Object(routines.iter().map(entry).collect())
}

impl Node for Stmt {
    const WHAT: &'static str = "a statement";

    fn from_json(json: Source<'_>, path: &Path<'_>) -> Result<Self, ParseError> {
        let mut fields = Fields::of(json, path)?;
        let op = text_of(fields.get("op")?, &Path::Key(path, "op"))?;
        let Some(stmt) = Self::read(op, &mut fields)? else {
            let hint = nearest(op, Self::OPS.iter().copied());
            return Err(problem(
                &Path::Key(path, "op"),
                format!("unknown op {}{hint}", quoted(op)),
            ));
        };
        fields.finish(stmt.op())?;
        Ok(stmt)
    }

    fn to_json(&self) -> Json {
        let mut object = Map::new();
        object.insert("op".to_owned(), Json::from(self.op()));
        self.write(&mut object);
        Json::Object(object)
    }
}
