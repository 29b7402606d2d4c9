//! How a file is opened.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::path::Path;

use super::disks::{Does, operate};
use super::file::{Access, File};
use super::path::Names;
use crate::world::host::current_life;

/// How to open a file, as `std::fs::OpenOptions` has it.
///
/// ```
/// use seedloop::fs::{self, OpenOptions};
/// use seedloop::run;
///
/// let text = run(async {
///     fs::write("log", "one\n").await?;
///     let mut log = OpenOptions::new().append(true).open("log").await?;
///     log.write_all(b"two\n").await?;
///     Ok(fs::read_to_string("log").await?)
/// });
/// assert_eq!(text.unwrap(), "one\ntwo\n");
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "options open nothing by themselves: call `open`"]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
}

impl OpenOptions {
    /// Options that allow nothing yet.
    pub fn new() -> Self {
        OpenOptions::default()
    }

    /// Sets whether the file may be read.
    pub fn read(mut self, read: bool) -> Self {
        self.read = read;
        self
    }

    /// Sets whether the file may be written.
    pub fn write(mut self, write: bool) -> Self {
        self.write = write;
        self
    }

    /// Sets whether each write goes to the end of the file.
    pub fn append(mut self, append: bool) -> Self {
        self.append = append;
        self
    }

    /// Sets whether the file is emptied.
    pub fn truncate(mut self, truncate: bool) -> Self {
        self.truncate = truncate;
        self
    }

    /// Sets whether the file is made if it is not there.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets whether the file is made, and must not be there.
    pub fn create_new(mut self, create_new: bool) -> Self {
        self.create_new = create_new;
        self
    }

    /// Opens the file.
    ///
    /// # Errors
    ///
    /// - `InvalidInput`: neither read, write nor append; or truncate, create or create_new without
    ///   write or append; or truncate with append, but for create_new.
    /// - `NotFound`, `AlreadyExists`, `PermissionDenied`, `IsADirectory`; see [the module](super).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the file again; what it has created stays.
    #[track_caller]
    pub fn open(self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> + Send {
        self.open_at(path.as_ref(), Location::caller())
    }

    pub(crate) fn open_at(
        self,
        path: &Path,
        location: &'static Location<'static>,
    ) -> impl Future<Output = io::Result<File>> + Send + use<> {
        let names = self.check().and_then(|()| Names::of(path));
        async move {
            let (names, life) = (names?, current_life());
            let makes = self.create || self.create_new;
            let does = if makes || self.truncate { Does::Change } else { Does::Read };
            operate(does, "open file", location, move |disk| {
                let writes = self.write || self.append;
                let node = match makes {
                    true => disk.create(&names, self.create_new)?,
                    false => disk.find(disk.resolve(&names)?.all())?,
                };
                let refused = match disk.node(node) {
                    found if found.is_directory() && writes => {
                        Some((io::ErrorKind::IsADirectory, "this is a directory"))
                    }
                    found if found.is_readonly && writes => {
                        let what = "permission denied, it is read-only";
                        Some((io::ErrorKind::PermissionDenied, what))
                    }
                    _ => None,
                };
                if let Some((kind, what)) = refused {
                    return Err(io::Error::new(kind, what));
                }
                if self.truncate {
                    disk.resize(node, 0)?;
                }
                let access = Access { reads: self.read, writes, appends: self.append };
                Ok(File::new(disk, life, node, access))
            })
            .await
        }
    }

    fn check(self) -> io::Result<()> {
        let writes = self.write || self.append;
        let changes = self.truncate || self.create || self.create_new;
        let text = match () {
            () if !self.read && !writes => "say what the file is for: read, write or append",
            () if changes && !writes => "to truncate or create a file is to write it: say `write`",
            // A file that is new has nothing to truncate.
            () if self.truncate && self.append && !self.create_new => {
                "truncate and append exclude each other"
            }
            () => return Ok(()),
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }
}
