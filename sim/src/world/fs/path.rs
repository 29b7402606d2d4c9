//! Paths on a simulated disk, which knows no other root than its own.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path};

/// What leads to the directory above.
pub(super) const PARENT: &str = "..";

/// How long a name is at most, in bytes. Source: Linux, `NAME_MAX`.
const NAME_MAX: usize = 255;

/// A path from the root of the disk, without `.`; and without `..` once the disk has looked what
/// stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names(Vec<OsString>);

impl Names {
    /// Takes a path apart. Each is read from the root, where `..` leads to the root again: none
    /// leaves the disk.
    ///
    /// # Errors
    ///
    /// `NotFound` for an empty path, `InvalidInput` for names with a zero byte, `InvalidFilename`
    /// for a name of more than 255 bytes.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let invalid =
            |kind, text: &str| Err(io::Error::new(kind, format!("{text}: {}", path.display())));
        if path.as_os_str().is_empty() {
            return invalid(io::ErrorKind::NotFound, "an empty path names no file");
        }
        let mut names = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(name) => names.push(name.to_owned()),
                Component::ParentDir => names.push(PARENT.into()),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        if names.iter().any(|name| name.as_encoded_bytes().contains(&0)) {
            return invalid(io::ErrorKind::InvalidInput, "a name with a zero byte");
        }
        if names.iter().any(|name| name.len() > NAME_MAX) {
            return invalid(io::ErrorKind::InvalidFilename, "a name of more than 255 bytes");
        }
        Ok(Names(names))
    }

    /// The directory and the name in it; none for the root.
    pub(super) fn split(&self) -> Option<(&[OsString], &OsStr)> {
        self.0.split_last().map(|(name, parents)| (parents, name.as_os_str()))
    }

    /// The way to what stands in the root under the first name, and so on.
    pub(super) fn down(names: Vec<OsString>) -> Self {
        Names(names)
    }

    pub(super) fn all(&self) -> &[OsString] {
        &self.0
    }

    /// The first names of it.
    pub(super) fn first(&self, depth: usize) -> Self {
        Names(self.0[..depth].to_vec())
    }

    /// The path of what stands in it.
    pub(super) fn below(&self, name: OsString) -> Self {
        Names(self.0.iter().cloned().chain([name]).collect())
    }

    /// Tells whether this one is `other` or below it.
    pub(super) fn is_within(&self, other: &Names) -> bool {
        self.0.starts_with(&other.0)
    }
}
