//! Operations on whole files and on directories, by path.

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::ops::RangeInclusive;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::disk::Disk;
use super::disks::{Does, operate};
use super::file_io::into_text;
use super::metadata::Metadata;
use super::options::OpenOptions;
use super::path::Names;
use super::setting::disk;
use crate::world::host::current;

/// Sets how long each operation takes on the disk of the host on which this runs: see
/// [`DiskOf::set_latency`](super::DiskOf::set_latency).
#[track_caller]
pub fn set_latency(latency: RangeInclusive<Duration>) {
    disk(current()).set_latency(latency);
}

/// Returns how many files are open on the host on which this runs.
pub fn open_files() -> usize {
    disk(current()).open_files()
}

/// Reads a whole file, as bytes.
///
/// # Errors
///
/// `NotFound`; see [the module](super).
///
/// # Cancel safety
///
/// Dropping the future forgets what was read.
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Vec<u8>>> + Send {
    let (path, location) = (path.as_ref().to_owned(), Location::caller());
    async move {
        let mut file = OpenOptions::new().read(true).open_at(&path, location).await?;
        file.read_at_position(usize::MAX, location).await
    }
}

/// Reads a whole file, as text.
///
/// # Errors
///
/// `NotFound` and `InvalidData`; see [the module](super).
///
/// # Cancel safety
///
/// Dropping the future forgets what was read.
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> impl Future<Output = io::Result<String>> + Send {
    let reading = read(path);
    async move { into_text(reading.await?) }
}

/// Writes a whole file, which is created or replaced. As on a real disk these are two operations:
/// in between the file is there and empty.
///
/// # Errors
///
/// See [the module](super).
///
/// # Cancel safety
///
/// Dropped in between, the future leaves an empty file; the operation that has begun takes effect.
#[track_caller]
pub fn write(
    path: impl AsRef<Path>,
    contents: impl AsRef<[u8]>,
) -> impl Future<Output = io::Result<()>> + Send {
    let (path, location) = (path.as_ref().to_owned(), Location::caller());
    let contents = contents.as_ref().to_vec();
    async move {
        let options = OpenOptions::new().write(true).create(true).truncate(true);
        options.open_at(&path, location).await?.write_bytes(contents, location).await
    }
}

/// Copies the contents of a file to another, which is created or replaced; returns how many bytes.
/// A file onto itself is emptied, as by the standard library.
///
/// # Errors
///
/// `InvalidInput` for a directory; see [the module](super).
///
/// # Cancel safety
///
/// Dropped in between, the future leaves what it has done.
#[track_caller]
pub fn copy(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
) -> impl Future<Output = io::Result<u64>> + Send {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    let location = Location::caller();
    async move {
        let mut source = OpenOptions::new().read(true).open_at(&from, location).await?;
        // The standard library looks whether it is a file, and empties the other one before it
        // reads.
        if source.is_directory()? {
            let text = "what is to be copied is no file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let options = OpenOptions::new().write(true).create(true).truncate(true);
        let mut target = options.open_at(&to, location).await?;
        let contents = source.read_at_position(usize::MAX, location).await?;
        let length = contents.len() as u64;
        target.write_bytes(contents, location).await?;
        Ok(length)
    }
}

/// Lets the disk do something with what stands at a path.
fn at_path<T, E>(
    does: Does,
    name: &'static str,
    path: &Path,
    location: &'static Location<'static>,
    effect: E,
) -> impl Future<Output = io::Result<T>> + Send + use<T, E>
where
    T: 'static,
    E: FnOnce(&mut Disk, &Names) -> io::Result<T> + Send + 'static,
{
    on_path(does, name, path, location, |disk, names| {
        let names = disk.resolve(names)?;
        effect(disk, &names)
    })
}

/// The same with the path as it was written.
fn on_path<T, E>(
    does: Does,
    name: &'static str,
    path: &Path,
    location: &'static Location<'static>,
    effect: E,
) -> impl Future<Output = io::Result<T>> + Send + use<T, E>
where
    T: 'static,
    E: FnOnce(&mut Disk, &Names) -> io::Result<T> + Send + 'static,
{
    let names = Names::of(path);
    async move {
        let names = names?;
        operate(does, name, location, move |disk| effect(disk, &names)).await
    }
}

/// Removes a file. Whoever has it open goes on to use it.
///
/// # Errors
///
/// `NotFound`, `IsADirectory`, `PermissionDenied`; see [the module](super).
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn remove_file(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> + Send {
    on_path(Does::Change, "remove file", path.as_ref(), Location::caller(), Disk::unlink)
}

/// Gives a file or a directory another name, in the place of the file that has it. It happens as a
/// whole or, after a crash, not at all.
///
/// # Errors
///
/// `NotFound`, `IsADirectory`, `NotADirectory`, `DirectoryNotEmpty`, `PermissionDenied`, and
/// `InvalidInput` for a directory that would be moved into itself; see [the module](super).
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn rename(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
) -> impl Future<Output = io::Result<()>> + Send {
    let (to, location) = (Names::of(to.as_ref()), Location::caller());
    on_path(Does::Change, "rename file", from.as_ref(), location, move |disk, from| {
        let from = disk.located(from)?;
        disk.rename(&from, &to?)
    })
}

/// Creates a directory.
///
/// # Errors
///
/// `AlreadyExists`, `NotFound` when its parent is not there, `NotADirectory`; see
/// [the module](super).
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn create_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> + Send {
    on_path(
        Does::Change,
        "create directory",
        path.as_ref(),
        Location::caller(),
        Disk::create_directory,
    )
}

/// Creates a directory and its parents, as far as they are not there.
///
/// # Errors
///
/// `AlreadyExists` for a file of that name, `NotADirectory` for one among the parents; see
/// [the module](super).
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn create_dir_all(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> + Send {
    let (path, location) = (path.as_ref().to_owned(), Location::caller());
    operate(Does::Change, "create directory", location, move |disk| create_tree(disk, &path))
}

/// As the standard library does it: from the end, up to the first parent that is there.
fn create_tree(disk: &mut Disk, path: &Path) -> io::Result<()> {
    let make = |disk: &mut Disk, path: &Path| {
        let names = Names::of(path)?;
        let is_there = |disk: &Disk| {
            let node = disk.resolve(&names).and_then(|names| disk.find(names.all()));
            node.is_ok_and(|node| disk.node(node).is_directory())
        };
        match disk.create_directory(&names) {
            Err(error) if error.kind() != io::ErrorKind::NotFound && is_there(disk) => Ok(()),
            made => made,
        }
    };
    let mut missing = Vec::new();
    for path in path.ancestors().take_while(|path| !path.as_os_str().is_empty()) {
        match make(disk, path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(path),
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    missing.into_iter().rev().try_for_each(|path| make(disk, path))
}

/// Removes an empty directory.
///
/// # Errors
///
/// `NotFound`, `NotADirectory`, `DirectoryNotEmpty`; see [the module](super).
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn remove_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> + Send {
    on_path(
        Does::Change,
        "remove directory",
        path.as_ref(),
        Location::caller(),
        Disk::remove_directory,
    )
}

/// Removes a directory with all that is in it.
///
/// # Errors
///
/// `NotFound`, `NotADirectory`, `PermissionDenied`; see [the module](super).
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn remove_dir_all(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> + Send {
    at_path(Does::Change, "remove directory", path.as_ref(), Location::caller(), remove_tree)
}

fn remove_tree(disk: &mut Disk, root: &Names) -> io::Result<()> {
    disk.list(root)?;
    // Parents before what is in them, and then from the end.
    let mut all = vec![root.clone()];
    let mut next = 0;
    while let Some(names) = all.get(next).cloned() {
        let node = disk.find(names.all())?;
        if disk.node(node).is_directory() {
            all.extend(disk.list(&names)?.into_iter().map(|(name, _)| names.below(name)));
        }
        next += 1;
    }
    for names in all.iter().rev() {
        let node = disk.find(names.all())?;
        match disk.node(node).is_directory() {
            true => disk.remove_directory(names)?,
            false => disk.unlink(names)?,
        }
    }
    Ok(())
}

/// Lists a directory, by name.
///
/// # Errors
///
/// `NotFound`, `NotADirectory`; see [the module](super).
///
/// # Cancel safety
///
/// Holds nothing.
#[track_caller]
pub fn read_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Vec<DirEntry>>> + Send {
    let place = path.as_ref().to_owned();
    at_path(Does::Read, "read directory", path.as_ref(), Location::caller(), move |disk, names| {
        let entries = disk.list(names)?.into_iter();
        let entry = |(name, node)| {
            let metadata = Metadata::of(disk.node(node));
            DirEntry { path: place.join(&name), name, metadata }
        };
        Ok(entries.map(entry).collect())
    })
}

/// What stands in a directory: see [`read_dir`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    path: PathBuf,
    name: OsString,
    metadata: Metadata,
}

impl DirEntry {
    /// Returns the path: that of the directory, as it was given, with the name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the name.
    pub fn file_name(&self) -> &OsString {
        &self.name
    }

    /// Returns what was known of it when the directory was read.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}

/// Tells of a file or directory: its length, its kind, its times.
///
/// # Errors
///
/// `NotFound`, `NotADirectory`; see [the module](super).
///
/// # Cancel safety
///
/// Holds nothing.
#[track_caller]
pub fn metadata(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Metadata>> + Send {
    at_path(Does::Read, "read metadata", path.as_ref(), Location::caller(), |disk, names| {
        let node = disk.find(names.all())?;
        Ok(Metadata::of(disk.node(node)))
    })
}

/// Tells whether there is something at a path.
///
/// # Errors
///
/// All but `NotFound`; see [the module](super).
///
/// # Cancel safety
///
/// Holds nothing.
#[track_caller]
pub fn try_exists(path: impl AsRef<Path>) -> impl Future<Output = io::Result<bool>> + Send {
    let looking =
        at_path(Does::Read, "read metadata", path.as_ref(), Location::caller(), |disk, names| {
            disk.find(names.all())
        });
    async move {
        match looking.await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Sets whether a file may be written, or whether names of a directory may be changed.
///
/// # Errors
///
/// `NotFound`; see [the module](super).
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn set_readonly(
    path: impl AsRef<Path>,
    readonly: bool,
) -> impl Future<Output = io::Result<()>> + Send {
    at_path(
        Does::Change,
        "set permissions",
        path.as_ref(),
        Location::caller(),
        move |disk, names| {
            let node = disk.find(names.all())?;
            disk.set_readonly(node, readonly)
        },
    )
}
