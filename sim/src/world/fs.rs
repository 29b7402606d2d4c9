//! Files on a simulated disk, in the shape of `tokio::fs`: a small beginning.
//!
//! The disk is in memory, belongs to the simulation and is empty when that begins. Each operation
//! takes a virtual time, a choice within the [latency](set_latency) of the disk, and takes effect
//! at the end of it. There are no folders yet: a path is a name.
//!
//! ```
//! use seedloop::{fs, run};
//!
//! let text = run(async {
//!     fs::write("greeting.txt", "hello").await?;
//!     Ok(fs::read_to_string("greeting.txt").await?)
//! });
//! assert_eq!(text.unwrap(), "hello");
//! ```
//!
//! # Errors
//!
//! All are [`io::Error`]s of the kinds that a real disk gives: `NotFound` for a file that is not
//! there, `InvalidData` for text that is not UTF-8, `PermissionDenied` for writing to a file that
//! was opened to be read, and for reading one that was created. A cancel travels in an
//! [`io::Error`] too, and `?` makes a cancelled [`Error`](crate::Error) of it again.
//!
//! # Cancel safety
//!
//! As with a real disk, an operation that has begun takes effect also if nobody waits for it any
//! more.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::ops::RangeInclusive;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::operation::Operation;
use super::scope::within;
use crate::base::Result;
use crate::event_loop::{Extension, extension, try_with};

/// Sets how long each operation on the disk takes: a choice within `latency`. From 0.1 to 10
/// milliseconds unless set.
pub fn set_latency(latency: RangeInclusive<Duration>) {
    disk().latency.replace(latency);
}

/// Returns how many files are open.
pub fn open_files() -> usize {
    disk().open_files.get()
}

/// Reads a whole file, as bytes.
///
/// # Errors
///
/// `NotFound`; see [the module](self).
///
/// # Cancel safety
///
/// Dropping the future forgets what was read.
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Vec<u8>>> + Send {
    let (path, location) = (path.as_ref().to_owned(), Location::caller());
    async move { open(path, false, location).await?.read_rest(location).await }
}

/// Reads a whole file, as text.
///
/// # Errors
///
/// `NotFound` and `InvalidData`; see [the module](self).
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
/// See [the module](self).
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
    async move { open(path, true, location).await?.write_bytes(contents, location).await }
}

/// Removes a file. Whoever has it open goes on to use it.
///
/// # Errors
///
/// `NotFound`; see [the module](self).
///
/// # Cancel safety
///
/// An operation that has begun takes effect all the same.
#[track_caller]
pub fn remove_file(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> + Send {
    let (path, location) = (path.as_ref().to_owned(), Location::caller());
    async move {
        operate("remove file", location, move |disk| match disk.names.remove(&path) {
            Some(_) => Ok(()),
            None => Err(not_found(&path)),
        })
        .await
    }
}

/// A file that is open, at a position of its own. Dropping it closes it without a wait,
/// [`scope`](File::scope) with one.
#[derive(Debug)]
pub struct File {
    /// Which file, also when its name is gone.
    number: usize,
    position: usize,
    writable: bool,
}

impl File {
    /// Opens a file to be read.
    ///
    /// # Errors
    ///
    /// `NotFound`; see [the module](self).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the file again.
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> + Send {
        open(path.as_ref().to_owned(), false, Location::caller())
    }

    /// Creates a file to be written, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// See [the module](self).
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same.
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> + Send {
        open(path.as_ref().to_owned(), true, Location::caller())
    }

    /// Reads from the position to the end and appends it to `text`; returns how many bytes.
    ///
    /// # Errors
    ///
    /// `InvalidData` and `PermissionDenied`; see [the module](self).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future appends nothing to `text`, and the position stays where it was.
    #[track_caller]
    pub fn read_to_string(
        &mut self,
        text: &mut String,
    ) -> impl Future<Output = io::Result<usize>> + Send {
        let location = Location::caller();
        async move {
            let read = into_text(self.read_rest(location).await?)?;
            text.push_str(&read);
            Ok(read.len())
        }
    }

    /// Writes all of `bytes` at the position.
    ///
    /// # Errors
    ///
    /// `PermissionDenied`; see [the module](self).
    ///
    /// # Cancel safety
    ///
    /// An operation that has begun takes effect all the same; the position stays where it was.
    #[track_caller]
    pub fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send {
        self.write_bytes(bytes.to_vec(), Location::caller())
    }

    /// Runs `body` with the file and closes it at the end: `async with aiofiles.open(path) as f`.
    ///
    /// The end comes after a value, an error and a cancel alike, and waits for the disk.
    ///
    /// ```
    /// use seedloop::fs::File;
    /// use seedloop::run;
    ///
    /// let written = run(async {
    ///     let file = File::create("greeting.txt").await?;
    ///     file.scope(async |f| Ok(f.write_all(b"hello").await?)).await
    /// });
    /// written.unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The body's; a cancelled error when the task was cancelled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the file without a wait.
    #[doc(alias = "async with")]
    #[track_caller]
    pub fn scope<T>(
        mut self,
        body: impl AsyncFnOnce(&mut File) -> Result<T>,
    ) -> impl Future<Output = Result<T>> {
        let location = Location::caller();
        async move {
            let result = within(location, body(&mut self)).await;
            operate("close file", location, move |_| Ok(drop(self))).await?;
            result
        }
    }

    async fn read_rest(&mut self, location: &'static Location<'static>) -> io::Result<Vec<u8>> {
        if self.writable {
            return Err(denied("the file was created to be written, open it to read it"));
        }
        let (number, position) = (self.number, self.position);
        let read = operate("read file", location, move |disk| {
            Ok(disk.contents_of(number)?.get(position..).unwrap_or_default().to_vec())
        });
        let read = read.await?;
        self.position += read.len();
        Ok(read)
    }

    async fn write_bytes(
        &mut self,
        bytes: Vec<u8>,
        location: &'static Location<'static>,
    ) -> io::Result<()> {
        if !self.writable {
            return Err(denied("the file was opened to be read, create it to write it"));
        }
        let (number, position) = (self.number, self.position);
        let end = position + bytes.len();
        operate("write file", location, move |disk| {
            let contents = disk.contents_of(number)?;
            if contents.len() < end {
                contents.resize(end, 0);
            }
            contents[position..end].copy_from_slice(&bytes);
            Ok(())
        })
        .await?;
        self.position = end;
        Ok(())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // The thread may be ending.
        if try_with(|_| ()).is_some() {
            let disk = disk();
            disk.open_files.set(disk.open_files.get().saturating_sub(1));
        }
    }
}

async fn open(
    path: PathBuf,
    writable: bool,
    location: &'static Location<'static>,
) -> io::Result<File> {
    let opened = operate("open file", location, move |disk| {
        let number = match disk.names.get(&path) {
            Some(number) => *number,
            None if !writable => return Err(not_found(&path)),
            None => {
                disk.contents.push(Vec::new());
                disk.names.insert(path, disk.contents.len() - 1);
                disk.contents.len() - 1
            }
        };
        if writable {
            disk.contents[number].clear();
        }
        Ok(File::new(number, writable))
    });
    opened.await
}

/// The disk of the simulation.
struct Disk {
    files: RefCell<Files>,
    open_files: Cell<usize>,
    latency: RefCell<RangeInclusive<Duration>>,
}

/// What is on the disk.
#[derive(Default)]
struct Files {
    names: BTreeMap<PathBuf, usize>,
    /// By number; those without a name stay until the end of the simulation.
    contents: Vec<Vec<u8>>,
}

const LATENCY: RangeInclusive<Duration> = Duration::from_micros(100)..=Duration::from_millis(10);

impl Default for Disk {
    fn default() -> Self {
        let (files, open_files) = (RefCell::default(), Cell::default());
        Disk { files, open_files, latency: RefCell::new(LATENCY) }
    }
}

impl Extension for Disk {
    fn end_simulation(&self) {
        self.files.take();
        self.open_files.set(0);
        self.latency.replace(LATENCY);
    }
}

fn disk() -> Rc<Disk> {
    extension::<Disk>()
}

impl File {
    fn new(number: usize, writable: bool) -> Self {
        let disk = disk();
        disk.open_files.set(disk.open_files.get() + 1);
        File { number, position: 0, writable }
    }
}

impl Files {
    fn contents_of(&mut self, number: usize) -> io::Result<&mut Vec<u8>> {
        let gone = || io::Error::other("the file belongs to a simulation that has ended");
        self.contents.get_mut(number).ok_or_else(gone)
    }
}

/// Lets the disk do something, after its latency.
async fn operate<T: 'static>(
    name: &'static str,
    location: &'static Location<'static>,
    effect: impl FnOnce(&mut Files) -> io::Result<T> + 'static,
) -> io::Result<T> {
    let latency = disk().latency.borrow().clone();
    let happen = move || effect(&mut disk().files.borrow_mut());
    Operation::begin(name, latency, location, happen).await?
}

fn not_found(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no such file: {}", path.display()))
}

fn denied(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

fn into_text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
