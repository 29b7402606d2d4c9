//! What is known of a file beside its contents.

use std::io;
use std::time::SystemTime;

use crate::world::{fs, host};

/// What is known of a file or directory: `std::fs::Metadata`.
#[derive(Clone, Debug)]
pub struct Metadata {
    inner: fs::Metadata,
    modified: SystemTime,
    created: SystemTime,
}

impl Metadata {
    pub(super) fn new(inner: fs::Metadata) -> Self {
        let modified = host::system_time_at(inner.modified());
        let created = host::system_time_at(inner.created());
        Metadata { inner, modified, created }
    }

    /// Tells whether this is a directory.
    pub fn is_dir(&self) -> bool {
        self.inner.is_dir()
    }

    /// Tells whether this is a file.
    pub fn is_file(&self) -> bool {
        self.inner.is_file()
    }

    /// Returns false: the disk knows no links.
    pub fn is_symlink(&self) -> bool {
        false
    }

    /// Returns how many bytes it has; 0 for a directory.
    #[expect(clippy::len_without_is_empty, reason = "the standard library's name")]
    pub fn len(&self) -> u64 {
        self.inner.len()
    }

    /// Returns whether it is a file or a directory.
    pub fn file_type(&self) -> FileType {
        FileType { is_directory: self.is_dir() }
    }

    /// Returns what may be done with it.
    pub fn permissions(&self) -> Permissions {
        Permissions { readonly: self.inner.is_readonly() }
    }

    /// Returns when it was last changed, by what the host's clock said then.
    ///
    /// # Errors
    ///
    /// None.
    pub fn modified(&self) -> io::Result<SystemTime> {
        Ok(self.modified)
    }

    /// Returns when it was last changed: when it was read is not kept.
    ///
    /// # Errors
    ///
    /// None.
    pub fn accessed(&self) -> io::Result<SystemTime> {
        self.modified()
    }

    /// Returns when it was made, by what the host's clock said then.
    ///
    /// # Errors
    ///
    /// None.
    pub fn created(&self) -> io::Result<SystemTime> {
        Ok(self.created)
    }
}

/// Whether something is a file or a directory: `std::fs::FileType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileType {
    is_directory: bool,
}

impl FileType {
    /// Tells whether this is a directory.
    pub fn is_dir(&self) -> bool {
        self.is_directory
    }

    /// Tells whether this is a file.
    pub fn is_file(&self) -> bool {
        !self.is_directory
    }

    /// Returns false: the disk knows no links.
    pub fn is_symlink(&self) -> bool {
        false
    }
}

/// What may be done with a file: `std::fs::Permissions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    readonly: bool,
}

impl Permissions {
    /// Tells whether it may not be written.
    pub fn readonly(&self) -> bool {
        self.readonly
    }

    /// Sets whether it may not be written; [`set_permissions`](super::set_permissions) makes it so.
    pub fn set_readonly(&mut self, readonly: bool) {
        self.readonly = readonly;
    }
}
