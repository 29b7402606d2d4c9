//! The list of mutations: how it is read, and what a mutation makes of a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::result::hash;

/// A one-line change of the library.
#[derive(Debug, Default)]
pub(crate) struct Mutation {
    /// What is wrong then.
    pub(crate) name: String,
    /// The file that it changes, from the root of the project.
    pub(crate) file: PathBuf,
    lines: Vec<Line>,
}

/// A line of a change, without its indentation.
#[derive(Debug)]
enum Line {
    Stays(String),
    Goes(String),
    Comes(String),
}

impl Mutation {
    /// The mutations of `list.txt`. It is read here and now: an edit of it builds nothing again.
    pub(crate) fn all(root: &Path) -> io::Result<Vec<Self>> {
        let mut all: Vec<Self> = Vec::new();
        let mut is_open = false;
        let list = fs::read_to_string(root.join("tests/mutations/list.txt"))?;
        for line in list.lines().filter(|line| !line.starts_with('#')) {
            let last = all.last_mut().filter(|_| is_open);
            match (last, line.split_at_checked(2)) {
                (_, None) => is_open = false,
                (None, Some(_)) => {
                    is_open = true;
                    all.push(Mutation { name: line.to_owned(), ..Mutation::default() });
                }
                (Some(last), Some(_)) if last.file.as_os_str().is_empty() => {
                    last.file = line.into();
                }
                (Some(last), Some((mark, text))) => last.lines.push(match mark {
                    "- " => Line::Goes(text.to_owned()),
                    "+ " => Line::Comes(text.to_owned()),
                    _ => Line::Stays(text.to_owned()),
                }),
            }
        }
        Ok(all)
    }

    /// A hash of the change and its place.
    pub(crate) fn hash(&self) -> String {
        let mut text = format!("{}\n{}\n", self.name, self.file.display());
        for line in &self.lines {
            let (mark, line) = match line {
                Line::Stays(line) => (' ', line),
                Line::Goes(line) => ('-', line),
                Line::Comes(line) => ('+', line),
            };
            text.extend([mark, ' ']);
            text.push_str(line);
            text.push('\n');
        }
        hash(text.as_bytes())
    }

    /// The text of the changed file.
    ///
    /// # Errors
    ///
    /// A text, if the place of the change is not there, or there twice: the list has to follow the
    /// source.
    pub(crate) fn apply(&self, root: &Path) -> Result<String, String> {
        let path = root.join(&self.file);
        let source = fs::read_to_string(&path)
            .map_err(|error| format!("{}: {}: {error}", self.name, path.display()))?;
        let source: Vec<&str> = source.lines().collect();
        let wanted: Vec<&str> = self.lines.iter().filter_map(Line::before).collect();
        let is_here = |at: &usize| {
            let found = source[*at..].iter().map(|line| line.trim());
            found.take(wanted.len()).eq(wanted.iter().copied())
        };
        let places: Vec<usize> = (0..source.len()).filter(is_here).collect();
        let [place] = places[..] else {
            return Err(format!("{}: found {} times, not once", self.name, places.len()));
        };
        let new = self.lines.iter().filter_map(Line::after);
        let (before, rest) = source.split_at(place);
        let all = before.iter().copied().chain(new).chain(rest[wanted.len()..].iter().copied());
        Ok(all.flat_map(|line| [line, "\n"]).collect())
    }
}

impl Line {
    fn before(&self) -> Option<&str> {
        match self {
            Line::Stays(text) | Line::Goes(text) => Some(text),
            Line::Comes(_) => None,
        }
    }

    fn after(&self) -> Option<&str> {
        match self {
            Line::Stays(text) | Line::Comes(text) => Some(text),
            Line::Goes(_) => None,
        }
    }
}
