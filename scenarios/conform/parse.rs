//! Reads a program from a line of JSON, and writes it again.

use std::fmt;

use serde_json::{Map, Value as Json};

use super::json::{Fields, Node, Path, nearest, problem, text_of};
use super::program::{Body, Program, Routine, Stmt};
use super::source::Source;

/// Why a line is not a valid program.
///
/// Displays as `WHERE: WHAT`, for example
/// `coros.k2[3].body[0].t: expected a whole number, found "x"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The program's name, if the line is JSON and has one.
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
    /// - the line is not JSON, or nests deeper than 128 levels;
    /// - an operation or a field is unknown, missing or of the wrong type;
    /// - whatever [`Program::check`] finds.
    pub fn parse(line: &str) -> Result<Self, ParseError> {
        let json: Source<'_> = serde_json::from_str(line)
            .map_err(|error| problem(&Path::Root, format!("not JSON: {error}")))?;
        let name = json.get("name").and_then(Source::as_str).map(str::to_owned);
        let parsed = Self::read(&json).map_err(|error| ParseError { name, ..error })?;
        parsed.check()?;
        Ok(parsed)
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

    fn read(json: &Source<'_>) -> Result<Self, ParseError> {
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

fn read_routines(json: &Source<'_>, path: &Path<'_>) -> Result<Vec<Routine>, ParseError> {
    let Source::Object(routines) = json else {
        return Err(path.expected("an object of bodies by name", json));
    };
    let read_one = |(name, body): (&str, &Source<'_>)| {
        let body = Body::from_json(body, &Path::Key(path, name))?;
        Ok(Routine { name: name.to_owned(), body })
    };
    routines.iter().map(read_one).collect()
}

fn write_routines(routines: &[Routine]) -> Json {
    let entry = |routine: &Routine| (routine.name.clone(), routine.body.to_json());
    Json::Object(routines.iter().map(entry).collect())
}

impl Node for Stmt {
    const WHAT: &'static str = "a statement";

    fn from_json(json: &Source<'_>, path: &Path<'_>) -> Result<Self, ParseError> {
        let mut fields = Fields::of(json, path)?;
        let op = text_of(fields.get("op")?, &Path::Key(path, "op"))?;
        let Some(stmt) = Self::read(op, &mut fields)? else {
            let hint = nearest(op, Self::OPS.iter().copied());
            return Err(problem(&Path::Key(path, "op"), format!("unknown op {op:?}{hint}")));
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
