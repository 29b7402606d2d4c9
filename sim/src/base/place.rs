//! Places in the source, for people; never part of a decision.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;

/// A place in the source, for people; never part of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The file, as the compiler names it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
}

impl Place {
    /// Tells whether it stands in a library, whose lines tell its user nothing: this one, another
    /// one that cargo has fetched, or the standard library.
    pub(crate) fn is_in_library(self) -> bool {
        is_in_library(self.file)
    }
}

impl From<&'static Location<'static>> for Place {
    fn from(location: &'static Location<'static>) -> Self {
        Place { file: location.file(), line: location.line() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Returns `text` as one line that no terminal acts on: control characters are escaped.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_control() {
            true => line.extend(letter.escape_default()),
            false => line.push(letter),
        }
    }
    line
}

/// How the compiler names the standard library: as it was built, rebuilt, or from its sources.
const STANDARD: [&str; 4] = ["/rustc/", "library/core/", "library/alloc/", "library/std/"];

/// Folders of libraries: what cargo has fetched, by index and by git, and the standard library's
/// own sources.
const FETCHED: [&str; 3] = ["/registry/src/", "/git/checkouts/", "/lib/rustlib/src/rust/"];

fn is_in_library(file: &str) -> bool {
    let file = with_slashes(file);
    // This file's name tells how the compiler names those of this library.
    let own = with_slashes(file!());
    let own = own.strip_suffix("base/place.rs").filter(|folder| !folder.is_empty());
    own.is_some_and(|own| file.starts_with(own))
        || STANDARD.iter().any(|start| file.starts_with(start))
        || (is_absolute(&file) && FETCHED.iter().any(|folder| file.contains(folder)))
}

/// Windows' paths in Unix's spelling. Every await of a run asks, so others are not copied.
fn with_slashes(path: &str) -> Cow<'_, str> {
    match path.contains('\\') {
        true => Cow::Owned(path.replace('\\', "/")),
        false => Cow::Borrowed(path),
    }
}

/// The compiler names the files of a workspace from there on, and all others from the root.
fn is_absolute(path: &str) -> bool {
    path.starts_with('/') || path.as_bytes().get(1) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_told_from_programs() {
        let registry = ".cargo/registry/src/index.crates.io-1949cf8c6b5b557f";
        for library in [
            file!(),
            "/rustc/9fc6b43126469e3858e2fe86cafb4f0fd5068869/library/core/src/future/mod.rs",
            "library/core/src/pin.rs",
            "/home/a/.rustup/toolchains/stable/lib/rustlib/src/rust/library/std/src/thread.rs",
            &format!("/home/a/{registry}/futures-lite-2.6.1/src/future.rs"),
            &format!(r"C:\Users\a\{registry}\futures-lite-2.6.1\src\future.rs").replace('/', r"\"),
            "/home/a/.cargo/git/checkouts/fork-1a2b/3c4d/src/lib.rs",
        ] {
            assert!(is_in_library(library), "{library}");
        }
        for program in ["src/main.rs", "tests/kernel.rs", "/home/a/library/src/book.rs"] {
            assert!(!is_in_library(program), "{program}");
        }
    }
}
