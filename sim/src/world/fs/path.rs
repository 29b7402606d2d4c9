//! Paths on a simulated disk, which knows no other root than its own.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path};

/// What leads to the directory above.
pub(super) const PARENT: &str = "..";

/// How long a name is at most, in bytes. Source: Linux, `NAME_MAX`.
const NAME_MAX: usize = 255;

/// How long a path is, in bytes, that is too long. Source: Linux, `PATH_MAX`, with the zero behind.
const PATH_MAX: usize = 4096;

/// A path from the root of the disk, without `.`; and without `..` once the disk has looked what
/// stands there.
#[derive(Clone, Debug)]
pub(super) struct Names {
    names: Vec<OsString>,
    ends: Ends,
    /// It ends with a slash: what it names has to be a directory.
    is_directory: bool,
}

/// What a path ends in. Only what has a name can be made, removed and renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    Name,
    Root,
    Dot,
    Parent,
}

impl Ends {
    fn of(path: &[u8]) -> Self {
        let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
        let start = path[..end].iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        match &path[start..end] {
            b"" => Ends::Root,
            b"." => Ends::Dot,
            b".." => Ends::Parent,
            _ => Ends::Name,
        }
    }
}

impl Names {
    /// Takes a path apart. Each is read from the root, where `..` leads to the root again: none
    /// leaves the disk.
    ///
    /// # Errors
    ///
    /// `NotFound` for an empty path, `InvalidInput` for names with a zero byte, `InvalidFilename`
    /// for a name of more than 255 bytes and a path of more than 4,095.
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
        let bytes = path.as_os_str().as_encoded_bytes();
        if bytes.len() >= PATH_MAX {
            return invalid(io::ErrorKind::InvalidFilename, "a path of more than 4095 bytes");
        }
        Ok(Names { names, ends: Ends::of(bytes), is_directory: bytes.ends_with(b"/") })
    }

    /// Tells whether it ends with a slash, so that what it names has to be a directory.
    pub(super) fn is_directory(&self) -> bool {
        self.is_directory
    }

    pub(super) fn ends(&self) -> Ends {
        self.ends
    }

    /// The directory and the name in it; none for the root.
    pub(super) fn split(&self) -> Option<(&[OsString], &OsStr)> {
        self.names.split_last().map(|(name, parents)| (parents, name.as_os_str()))
    }

    /// The way to what stands in the root under the first name, and so on.
    pub(super) fn down(names: Vec<OsString>) -> Self {
        Names { names, ends: Ends::Name, is_directory: false }
    }

    /// The same path to other names, once it was looked where `..` leads.
    pub(super) fn leading(&self, names: Vec<OsString>) -> Self {
        Names { names, ends: self.ends, is_directory: self.is_directory }
    }

    pub(super) fn all(&self) -> &[OsString] {
        &self.names
    }

    /// The path of what stands in it.
    pub(super) fn below(&self, name: OsString) -> Self {
        Names::down(self.names.iter().cloned().chain([name]).collect())
    }

    /// Tells whether this one is `other` or below it.
    pub(super) fn is_within(&self, other: &Names) -> bool {
        self.names.starts_with(&other.names)
    }
}
