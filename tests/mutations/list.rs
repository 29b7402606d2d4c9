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
    /// The test that has to fail; without one it is put to the corpus.
    pub(crate) test: Option<String>,
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
                (Some(last), Some(("by", test))) => last.test = Some(test.trim().to_owned()),
                (Some(last), Some((mark, text))) => last.lines.push(match mark {
                    "- " => Line::Goes(text.to_owned()),
                    "+ " => Line::Comes(text.to_owned()),
                    _ => Line::Stays(text.to_owned()),
                }),
            }
        }
        Ok(all)
    }

    /// A hash of the change, its place, and the source of the test that has to fail.
    ///
    /// # Errors
    ///
    /// A text, if there is no such test.
    pub(crate) fn hash(&self, root: &Path) -> Result<String, String> {
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
        if let Some(test) = &self.test {
            text.push_str(&source_of_test(root, test)?);
        }
        Ok(hash(text.as_bytes()))
    }

    /// The text of the changed file.
    ///
    /// # Errors
    ///
    /// A text, if the place of the change is not there, or there twice: the list has to follow the
    /// source.
    pub(crate) fn apply(&self, root: &Path) -> Result<String, String> {
        let (source, place) = self.place(root)?;
        let source: Vec<&str> = source.lines().collect();
        let new = self.lines.iter().filter_map(Line::after);
        let (before, rest) = source.split_at(place);
        let all = before.iter().copied().chain(new).chain(rest[self.before().len()..].to_vec());
        Ok(all.flat_map(|line| [line, "\n"]).collect())
    }

    /// The number of the line that changes, from 0, that line, and what becomes of it.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply); and a text, if it is not one line that becomes another.
    pub(crate) fn one_line(&self, root: &Path) -> Result<(usize, &str, &str), String> {
        let (_, place) = self.place(root)?;
        let at = self.lines.iter().position(|line| matches!(line, Line::Goes(_))).unwrap_or(0);
        match &self.lines[at..] {
            [Line::Goes(old), Line::Comes(new)] => Ok((place + at, old, new)),
            _ => Err(format!("{}: it is not one line that becomes another", self.name)),
        }
    }

    /// The file to be changed, and the number of the line at which the change begins.
    fn place(&self, root: &Path) -> Result<(String, usize), String> {
        let path = root.join(&self.file);
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("{}: {}: {error}", self.name, path.display()))?;
        let source: Vec<&str> = text.lines().map(str::trim).collect();
        let wanted = self.before();
        let is_here = |at: &usize| source[*at..].starts_with(&wanted);
        let places: Vec<usize> = (0..source.len()).filter(is_here).collect();
        match places[..] {
            [place] => Ok((text, place)),
            _ => Err(format!("{}: found {} times, not once", self.name, places.len())),
        }
    }

    /// The lines that are there before the change.
    fn before(&self) -> Vec<&str> {
        self.lines.iter().filter_map(Line::before).collect()
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

/// The source of a test that is called `folder::file::name` among all tests.
fn source_of_test(root: &Path, test: &str) -> Result<String, String> {
    let missing = || format!("there is no test {test}");
    let (module, name) = test.rsplit_once("::").ok_or_else(missing)?;
    let path = root.join("tests").join(module.replace("::", "/")).with_extension("rs");
    let text = fs::read_to_string(&path).map_err(|error| format!("{test}: {error}"))?;
    let start = text.find(&format!("\nfn {name}()")).ok_or_else(missing)?;
    let end = text[start..].find("\n}\n").ok_or_else(missing)?;
    Ok(text[start..start + end].to_owned())
}
