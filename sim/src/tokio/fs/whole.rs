//! Operations on whole files and on directories, by path.

use std::future::Future;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::metadata::{Metadata, Permissions};
use crate::tokio::plain::Plain;
use crate::world::fs;

/// Reads a whole file, as bytes: `tokio::fs::read`.
///
/// # Errors
///
/// `NotFound`, `IsADirectory`.
///
/// # Cancel safety
///
/// Dropping the future forgets what was read.
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Vec<u8>>> + Send {
    Plain::new(fs::read(path))
}

/// Reads a whole file, as text: `tokio::fs::read_to_string`.
///
/// # Errors
///
/// `NotFound`, `IsADirectory`, and `InvalidData` for what is not UTF-8.
///
/// # Cancel safety
///
/// Dropping the future forgets what was read.
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> impl Future<Output = io::Result<String>> + Send {
    Plain::new(fs::read_to_string(path))
}

/// Removes a file; whoever has it open goes on to use it: `tokio::fs::remove_file`.
///
/// # Errors
///
/// `NotFound`, `IsADirectory`, `NotADirectory`.
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn remove_file(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> + Send {
    Plain::new(fs::remove_file(path))
}

/// Makes a directory: `tokio::fs::create_dir`.
///
/// # Errors
///
/// `AlreadyExists`, `NotFound` when its parent is not there, `NotADirectory`.
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn create_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> + Send {
    Plain::new(fs::create_dir(path))
}

/// Makes a directory and its parents, as far as they are not there: `tokio::fs::create_dir_all`.
///
/// # Errors
///
/// `AlreadyExists` for a file of that name, `NotADirectory` for a file among the parents.
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn create_dir_all(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> + Send {
    Plain::new(fs::create_dir_all(path))
}

/// Removes an empty directory: `tokio::fs::remove_dir`.
///
/// # Errors
///
/// `NotFound`, `NotADirectory`, `DirectoryNotEmpty`.
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn remove_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> + Send {
    Plain::new(fs::remove_dir(path))
}

/// Removes a directory with all that is in it: `tokio::fs::remove_dir_all`.
///
/// # Errors
///
/// `NotFound`, `NotADirectory`.
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn remove_dir_all(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> + Send {
    Plain::new(fs::remove_dir_all(path))
}

/// Tells whether there is something at a path: `tokio::fs::try_exists`.
///
/// # Errors
///
/// `NotADirectory` for a file among the parents.
///
/// # Cancel safety
///
/// Holds nothing.
#[track_caller]
pub fn try_exists(path: impl AsRef<Path>) -> impl Future<Output = io::Result<bool>> + Send {
    Plain::new(fs::try_exists(path))
}

/// Writes a whole file, which is created or replaced: `tokio::fs::write`. As on a real disk these
/// are two operations: in between the file is there and empty.
///
/// # Errors
///
/// `NotFound` when its directory is not there, `IsADirectory`, `NotADirectory`, `StorageFull`.
///
/// # Cancel safety
///
/// Dropped in between, the future leaves an empty file (with tokio both happen); the operation that
/// has begun takes effect.
#[track_caller]
pub fn write(
    path: impl AsRef<Path>,
    contents: impl AsRef<[u8]>,
) -> impl Future<Output = io::Result<()>> + Send {
    Plain::new(fs::write(path, contents))
}

/// Copies the contents of a file to another, which is created or replaced; returns how many bytes:
/// `tokio::fs::copy`.
///
/// # Errors
///
/// `NotFound`, `NotADirectory`, `StorageFull`, `IsADirectory` for the target, and `InvalidInput`
/// for a directory that would be copied.
///
/// # Cancel safety
///
/// Dropped in between, the future leaves what it has done.
#[track_caller]
pub fn copy(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
) -> impl Future<Output = io::Result<u64>> + Send {
    let from = from.as_ref().to_owned();
    let (looking, copying) = (metadata(from.clone()), Plain::new(fs::copy(from, to)));
    async move {
        if looking.await?.is_dir() {
            let text = "the source path is neither a regular file nor a symlink to a regular file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        copying.await
    }
}

/// Gives a file or a directory another name, in the place of the file that has it:
/// `tokio::fs::rename`. It happens as a whole or, after a crash, not at all.
///
/// # Errors
///
/// `NotFound`, `IsADirectory`, `NotADirectory`, `DirectoryNotEmpty`, and `InvalidInput` for a
/// directory that would be moved into itself.
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn rename(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
) -> impl Future<Output = io::Result<()>> + Send {
    Plain::new(fs::rename(from, to))
}

/// Tells of a file or directory: `tokio::fs::metadata`.
///
/// # Errors
///
/// `NotFound`, `NotADirectory`.
///
/// # Cancel safety
///
/// Holds nothing.
#[track_caller]
pub fn metadata(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Metadata>> + Send {
    let reading = Plain::new(fs::metadata(path));
    async move { Ok(Metadata::new(reading.await?)) }
}

/// The same: the disk knows no links.
///
/// # Errors
///
/// `NotFound`, `NotADirectory`.
///
/// # Cancel safety
///
/// Holds nothing.
#[track_caller]
pub fn symlink_metadata(
    path: impl AsRef<Path>,
) -> impl Future<Output = io::Result<Metadata>> + Send {
    metadata(path)
}

/// Sets whether a file may be written: `tokio::fs::set_permissions`.
///
/// # Errors
///
/// `NotFound`, `NotADirectory`.
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn set_permissions(
    path: impl AsRef<Path>,
    permissions: Permissions,
) -> impl Future<Output = io::Result<()>> + Send {
    Plain::new(fs::set_readonly(path, permissions.readonly()))
}

/// Returns the path of what is there from the root, without `.` and `..`:
/// `tokio::fs::canonicalize`.
///
/// # Errors
///
/// `NotFound`, `NotADirectory`.
///
/// # Cancel safety
///
/// Holds nothing.
#[track_caller]
pub fn canonicalize(path: impl AsRef<Path>) -> impl Future<Output = io::Result<PathBuf>> + Send {
    let mut whole = PathBuf::from("/");
    for component in path.as_ref().components() {
        match component {
            Component::Normal(name) => whole.push(name),
            Component::ParentDir => drop(whole.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    let looking = Plain::new(fs::metadata(path));
    async move { looking.await.map(|_| whole) }
}
