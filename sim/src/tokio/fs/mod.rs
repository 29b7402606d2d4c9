//! Files: `tokio::fs`, over the simulated [`fs`](crate::fs).
//!
//! Each [host](crate::host) has a disk of its own, in memory and empty when the simulation begins.
//! A crash of the host leaves what was synced, and any part of what was not, as
//! [`seedloop::fs`](crate::fs) says. Each operation takes a virtual time.
//!
//! ```
//! use seedloop::tokio;
//! use tokio::fs::{self, File};
//! use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
//!
//! let outcome = seedloop::Simulation::new().block_on(async {
//!     fs::create_dir_all("data").await?;
//!     let mut file = File::create("data/log").await?;
//!     file.write_all(b"one\ntwo\n").await?;
//!     file.sync_all().await?;
//!     let mut lines = BufReader::new(File::open("data/log").await?).lines();
//!     let mut read = Vec::new();
//!     while let Some(line) = lines.next_line().await? {
//!         read.push(line);
//!     }
//!     Ok(read)
//! });
//! assert_eq!(outcome.result.unwrap(), ["one", "two"]);
//! ```
//!
//! # Cancel safety
//!
//! As with tokio, an operation that has begun takes effect also if nobody waits for it any more.

mod directory;
mod file;
mod metadata;
mod options;
mod whole;

pub use directory::{DirBuilder, DirEntry, ReadDir, read_dir};
pub use file::File;
pub use metadata::{FileType, Metadata, Permissions};
pub use options::OpenOptions;
pub use whole::{
    canonicalize, copy, create_dir, create_dir_all, metadata, read, read_to_string, remove_dir,
    remove_dir_all, remove_file, rename, set_permissions, symlink_metadata, try_exists, write,
};
