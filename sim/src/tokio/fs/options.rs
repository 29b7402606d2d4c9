//! How a file is opened.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::path::Path;

use super::file::File;
use crate::tokio::plain::Plain;
use crate::world::fs;

/// How to open a file: `tokio::fs::OpenOptions`.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    inner: fs::OpenOptions,
}

macro_rules! options {
    ($($(#[$doc:meta])* $name:ident)*) => {
        impl OpenOptions {
            $(
                $(#[$doc])*
                pub fn $name(&mut self, $name: bool) -> &mut Self {
                    self.inner = self.inner.$name($name);
                    self
                }
            )*
        }
    };
}

options! {
    /// Sets whether the file may be read.
    read
    /// Sets whether the file may be written.
    write
    /// Sets whether each write goes to the end of the file.
    append
    /// Sets whether the file is emptied.
    truncate
    /// Sets whether the file is made if it is not there.
    create
    /// Sets whether the file is made, and must not be there.
    create_new
}

impl OpenOptions {
    /// Options that allow nothing yet.
    pub fn new() -> Self {
        OpenOptions::default()
    }

    /// Opens the file.
    ///
    /// # Errors
    ///
    /// - `InvalidInput`: neither read, write nor append; or truncate, create or create_new without
    ///   write or append; or truncate with append.
    /// - `NotFound`, `AlreadyExists`, `PermissionDenied`, `IsADirectory`, `NotADirectory`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the file again; what it has created stays.
    #[track_caller]
    pub fn open(&self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> + Send {
        self.open_at(path.as_ref(), Location::caller())
    }

    pub(super) fn open_at(
        &self,
        path: &Path,
        location: &'static Location<'static>,
    ) -> impl Future<Output = io::Result<File>> + Send + use<> {
        let opening = Plain::new(self.inner.open_at(path, location));
        async move { Ok(File::new(opening.await?)) }
    }
}
