//! Files on a simulated disk, in the shape of `tokio::fs`.
//!
//! Each [host](crate::host) has a disk of its own, in memory and empty when the simulation begins.
//! Paths are read from its root, which nothing leads out of. Each operation takes a virtual time, a
//! choice within the [latency](DiskOf::set_latency) of the disk, and takes effect at the end of it.
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
//! # What a crash leaves
//!
//! When a host [crashes](crate::host::Host::crash), what was synced is there afterwards, byte for
//! byte. Of what was not, everything may be lost, and any part may be there:
//!
//! - of the writes to a file none, the first so many, all but one, or each on its own. Each is
//!   there as a whole, cut short, with some of its sectors, with no more than the length that it
//!   gave the file and zeros for the bytes, or not at all. A sector that has missed a write misses
//!   those that came to it later: it is written as it was at some moment. After a cut of the file
//!   what came later behind it is there only with the cut. Of more than 16 writes to a file no more
//!   than the last 16 are on their own, and of those before the first so many are there;
//! - of the changes of directories (files that were created, renamed, removed) the first so many,
//!   as where there is a journal; all but one of the last 16; or those of one directory up to one
//!   of the last 16. Each is there only with those that it builds on: on others of the same name
//!   or the same file, and where a directory was removed on what was moved out of it. A rename is
//!   there as a whole or not at all, from one directory to another too: syncing either makes it
//!   outlive, with what it builds on;
//! - any of the permissions that a file had since it was synced;
//! - of the operations that had begun and were not over, in the order in which they began, the
//!   first so many, one, all but one, or any of the first 8, as if they had just ended.
//!
//! Of what is long ago, the first of more than 1,024 changes of directories and of more writes to a
//! file than it had bytes when it was synced, and at least 64 KiB, all is there or nothing, and a
//! sync that needs a part of it makes all of it outlive: a program that never syncs takes bounded
//! memory.
//!
//! Which names are there is one choice, in which each number and each of the last ones that is lost
//! is as likely as another; of writes and of operations in flight it is a choice of the manner, and
//! then of the number. However much was not synced, each place to break off is tried.
//!
//! A sector is 512 bytes of a file from a multiple of 512 on. Of one that was there before a write
//! touches it, all bytes change or none: only what is new at the end of a file may be cut short
//! anywhere, as the system takes it piece by piece. Nothing but the bytes that a write covers is
//! touched by it. Times are those of what is there: a file was changed when the last write was made
//! of which something is left.
//!
//! The run without a seed loses all that is not synced; what is left is a choice, which an
//! exploration draws, records and shrinks.
//!
//! Source: SQLite, "Atomic Commit In SQLite", 2.0, which takes sectors of 512 bytes and a length
//! that may grow before the bytes are there; Pillai et al., "All File Systems Are Not Created
//! Equal" (OSDI 2014), 3: ext4 and XFS keep operations on directories in order, ext2 and Btrfs do
//! not.
//!
//! A sync covers what was done by the time it begins. What is done while it goes on, with another
//! handle or by another task, is not synced by it.
//!
//! A sync that fails may have lost what it should have written, and a second one does not bring it
//! back: see [`DiskOf::set_sync_forgets`].
//!
//! A file that is to be found after a crash has to be synced with [`File::sync_all`], and so has
//! the directory in which it stands, which is opened and synced like a file:
//!
//! ```
//! use seedloop::fs::{self, File};
//! use seedloop::host::Host;
//! use seedloop::run;
//!
//! let kept = run(async {
//!     let host = Host::new("db");
//!     let write = host.spawn(async {
//!         fs::create_dir("data").await?;
//!         File::open("/").await?.sync_all().await?;
//!         let mut log = File::create("data/log").await?;
//!         log.write_all(b"one").await?;
//!         log.sync_all().await?;
//!         File::open("data").await?.sync_all().await?;
//!         log.write_all(b"two").await?; // not synced
//!         Ok(())
//!     });
//!     write.await?;
//!     host.crash();
//!     host.restart();
//!     host.spawn(async { Ok(fs::read_to_string("data/log").await?) }).await
//! });
//! assert_eq!(kept.unwrap(), "one");
//! ```
//!
//! # Errors
//!
//! All are [`io::Error`](std::io::Error)s of the kinds that a real disk gives: `NotFound` for what
//! is not there, `AlreadyExists`, `NotADirectory`, `IsADirectory`, `DirectoryNotEmpty`,
//! `StorageFull` beyond the [capacity](DiskOf::set_capacity), after a write of what fits,
//! `FileTooLarge` for a file of more than 1 GiB, since contents are held in memory, `InvalidData`
//! for text that is not UTF-8, `PermissionDenied` for what is read-only, `ResourceBusy` for the
//! root that would be renamed or removed, Linux's `EBADF` (9) for writing to a file that was opened
//! to be read and the other way round, its `EIO` (5) for a [failure](DiskOf::set_failures) of the
//! disk, `NotConnected` for a file whose host has crashed, and `Other` for one of another
//! simulation. A cancel travels in an `io::Error` too, and `?` makes a cancelled
//! [`Error`](crate::Error) of it again.
//!
//! # Cancel safety
//!
//! As with a real disk, an operation that has begun takes effect also if nobody waits for it any
//! more. With an open file, whatever is done next waits for it first, so that nothing of a file
//! comes to the disk after what was done later.

mod contents;
mod disk;
mod disks;
mod durable;
mod file;
mod file_io;
#[cfg(feature = "tokio-io")]
mod file_shared;
mod folded;
mod in_flight;
mod journal;
mod left;
mod marks;
mod metadata;
mod node;
mod options;
mod outlives;
mod path;
mod pending;
mod ranges;
mod setting;
mod survivors;
mod unsynced;
mod whole;

pub(super) use disks::{crash_disk, heal_disks};
pub use file::File;
pub use metadata::Metadata;
pub use options::OpenOptions;
pub use setting::{DiskOf, Everywhere, disk, everywhere};
pub use whole::{
    DirEntry, copy, create_dir, create_dir_all, metadata, open_files, read, read_dir,
    read_to_string, remove_dir, remove_dir_all, remove_file, rename, set_latency, set_readonly,
    try_exists, write,
};
