//! Reading and making directories.

use std::ffi::OsString;
use std::future::{Future, ready};
use std::io;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};
use std::vec;

use super::metadata::{FileType, Metadata};
use super::whole::{create_dir, create_dir_all, metadata};
use crate::tokio::plain::Plain;
use crate::world::fs;

/// Reads a directory: `tokio::fs::read_dir`.
///
/// # Errors
///
/// `NotFound`, `NotADirectory`.
///
/// # Cancel safety
///
/// Holds nothing.
#[track_caller]
pub fn read_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<ReadDir>> + Send {
    let reading = Plain::new(fs::read_dir(path));
    async move { Ok(ReadDir { entries: reading.await?.into_iter() }) }
}

/// What stands in a directory, by name: as it was when [`read_dir`] was over.
#[derive(Debug)]
pub struct ReadDir {
    entries: vec::IntoIter<fs::DirEntry>,
}

impl ReadDir {
    /// Returns the next entry, `None` after the last.
    ///
    /// # Errors
    ///
    /// None.
    ///
    /// # Cancel safety
    ///
    /// It is ready at once.
    pub fn next_entry(
        &mut self,
    ) -> impl Future<Output = io::Result<Option<DirEntry>>> + Send + use<'_> {
        ready(Ok(self.entries.next().map(|inner| DirEntry { inner })))
    }

    /// Polls for the next entry, as [`next_entry`](Self::next_entry) does.
    ///
    /// # Errors
    ///
    /// None.
    pub fn poll_next_entry(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        Poll::Ready(Ok(self.entries.next().map(|inner| DirEntry { inner })))
    }
}

/// What stands in a directory: see [`read_dir`].
#[derive(Debug)]
pub struct DirEntry {
    inner: fs::DirEntry,
}

impl DirEntry {
    /// Returns the path: that of the directory, as it was given, with the name.
    pub fn path(&self) -> PathBuf {
        self.inner.path().to_owned()
    }

    /// Returns the name.
    pub fn file_name(&self) -> OsString {
        self.inner.file_name().clone()
    }

    /// Tells of it as it is now.
    ///
    /// # Errors
    ///
    /// `NotFound` when it was removed since.
    ///
    /// # Cancel safety
    ///
    /// Holds nothing.
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> + Send + use<'_> {
        metadata(self.inner.path())
    }

    /// Tells whether it was a file or a directory when the directory was read.
    ///
    /// # Errors
    ///
    /// None.
    ///
    /// # Cancel safety
    ///
    /// It is ready at once.
    pub fn file_type(&self) -> impl Future<Output = io::Result<FileType>> + Send + use<'_> {
        ready(Ok(Metadata::new(self.inner.metadata().clone()).file_type()))
    }
}

/// Says how a directory is made: `tokio::fs::DirBuilder`.
#[derive(Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
}

impl DirBuilder {
    /// Makes a directory whose parent is there.
    pub fn new() -> Self {
        DirBuilder::default()
    }

    /// Sets whether parents are made too, and the directory may be there already.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// Makes the directory.
    ///
    /// # Errors
    ///
    /// Those of [`create_dir`] or
    /// [`create_dir_all`].
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same.
    #[track_caller]
    pub fn create(&self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> + Send {
        let (one, all) = match self.recursive {
            true => (None, Some(create_dir_all(path))),
            false => (Some(create_dir(path)), None),
        };
        async move {
            match (one, all) {
                (Some(one), _) => one.await,
                (None, Some(all)) => all.await,
                (None, None) => Ok(()),
            }
        }
    }
}
