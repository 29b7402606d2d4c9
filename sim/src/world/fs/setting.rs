//! How disks are, for a test that prepares or breaks them.

use std::io;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::disk::{Disk, Manner};
use super::disks::{set_all, with_disk};
use super::path::Names;
use crate::world::delay::check_range;
use crate::world::fault::Ratio;
use crate::world::host::Host;
use crate::world::inside::assert_inside;

/// The disk of a host, for a test that prepares or breaks it.
#[derive(Clone, Copy, Debug)]
pub struct DiskOf {
    host: Host,
}

/// Returns the disk of a host.
pub fn disk(host: Host) -> DiskOf {
    DiskOf { host }
}

impl DiskOf {
    /// Sets how long each operation takes: a choice within `latency`. From 0.1 to 10 milliseconds
    /// unless set.
    ///
    /// # Panics
    ///
    /// When the range is empty, or longer than virtual time.
    #[track_caller]
    pub fn set_latency(self, latency: RangeInclusive<Duration>) {
        check_range(&latency);
        self.set(|disk| disk.manner.latency = latency);
    }

    /// Sets how many bytes all files together may have; `None`, which it is unless set, is no
    /// limit.
    #[track_caller]
    pub fn set_capacity(self, bytes: Option<u64>) {
        self.set(|disk| disk.capacity = bytes);
    }

    /// Sets how often an operation fails with an input/output error: a fault, which only an
    /// exploration chooses when the operation begins. One that fails has changed nothing, but for a
    /// sync: see [`set_sync_forgets`](Self::set_sync_forgets). A report tells of it with the host
    /// and the operation.
    #[track_caller]
    pub fn set_failures(self, ratio: Ratio) {
        self.set(|disk| disk.manner.failures = ratio);
    }

    /// Sets whether a [sync](super::File::sync_all) of a file that fails forgets what it should
    /// have written, as it does unless set.
    ///
    /// What was written is still read then, and a second sync succeeds, but a crash may lose it all
    /// the same, until those bytes are written and synced again. Lengths, names and permissions
    /// are not forgotten. `false` is a system on which a sync can be tried again.
    ///
    /// Source: Rebello et al., "Can Applications Recover from fsync Failures?" (USENIX ATC 2020),
    /// 3: ext4, XFS and Btrfs mark the pages clean.
    #[track_caller]
    pub fn set_sync_forgets(self, forgets: bool) {
        self.set(|disk| disk.manner.forgets = forgets);
    }

    /// Flips all bits of a byte, as a disk does that has gone bad: reading it gives no error.
    ///
    /// # Errors
    ///
    /// `NotFound` for what is not there, `IsADirectory`, and `InvalidInput` beyond the end.
    #[track_caller]
    pub fn corrupt(self, path: impl AsRef<Path>, position: u64) -> io::Result<()> {
        let names = Names::of(path.as_ref())?;
        self.with(|disk| {
            let node = disk.find(disk.resolve(&names)?.all())?;
            disk.corrupt(node, position)
        })
    }

    /// Returns how many bytes its files have.
    #[track_caller]
    pub fn used(self) -> u64 {
        self.with(|disk| disk.used())
    }

    /// Returns how many files are open.
    #[track_caller]
    pub fn open_files(self) -> usize {
        self.with(|disk| disk.open_files)
    }

    #[track_caller]
    fn set(self, set: impl FnOnce(&mut Disk)) {
        assert_inside("a disk was changed");
        self.with(set);
    }

    #[track_caller]
    fn with<R>(self, call: impl FnOnce(&mut Disk) -> R) -> R {
        with_disk(self.host.index(), call)
    }
}

/// All disks.
#[derive(Clone, Copy, Debug)]
pub struct Everywhere(());

/// Returns the disks of all hosts, with those that are made later.
///
/// What is said of them replaces what was said of each.
///
/// ```
/// use seedloop::explore::Explorer;
/// use seedloop::{Ratio, fs};
///
/// // To write is to create the file and to write it: either fails now and then.
/// let exploration = Explorer::new().explore(|| async {
///     fs::everywhere().set_failures(Ratio::new(1, 10));
///     Ok(fs::write("file", "text").await?)
/// });
/// assert!(exploration.failure.is_some());
/// ```
#[must_use = "it changes nothing by itself: call one of its methods"]
pub fn everywhere() -> Everywhere {
    Everywhere(())
}

impl Everywhere {
    /// Sets how long each operation takes: see [`DiskOf::set_latency`].
    ///
    /// # Panics
    ///
    /// When the range is empty, or longer than virtual time.
    #[track_caller]
    pub fn set_latency(self, latency: RangeInclusive<Duration>) {
        check_range(&latency);
        self.set(|manner| manner.latency = latency.clone());
    }

    /// Sets how often an operation fails: see [`DiskOf::set_failures`]. Never unless set.
    #[track_caller]
    pub fn set_failures(self, ratio: Ratio) {
        self.set(|manner| manner.failures = ratio);
    }

    /// Sets whether a sync that fails forgets what it should have written: see
    /// [`DiskOf::set_sync_forgets`].
    #[track_caller]
    pub fn set_sync_forgets(self, forgets: bool) {
        self.set(|manner| manner.forgets = forgets);
    }

    #[track_caller]
    fn set(self, set: impl Fn(&mut Manner)) {
        assert_inside("the disks were changed");
        set_all(set);
    }
}
