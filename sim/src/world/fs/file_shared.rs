//! Operations on an open file that need it only as long as they begin: for files that are used
//! through a shared reference.

use std::future::Future;
use std::io;
use std::panic::Location;

use super::disk::Disk;
use super::disks::{Does, begin_in};
use super::durable::Synced;
use super::file::File;
use super::metadata::Metadata;
use crate::world::host::Life;

impl File {
    /// Tells whether it was opened to be read.
    pub(crate) fn reads(&self) -> bool {
        self.access.reads
    }

    /// Tells whether it was opened to be written.
    pub(crate) fn writes(&self) -> bool {
        self.access.writes
    }

    /// As [`sync_all`](File::sync_all), once what was written is on the disk; without `permissions`
    /// as [`sync_data`](File::sync_data).
    pub(crate) fn begin_sync(
        &self,
        permissions: bool,
        location: &'static Location<'static>,
    ) -> impl Future<Output = io::Result<()>> + Send + use<> {
        let (node, what) = (self.node, if permissions { Synced::All } else { Synced::Data });
        begin(self.life, Does::Sync(node), "sync file", location, move |disk| disk.sync(node, what))
    }

    /// As [`set_len`](File::set_len), once what was written is on the disk.
    pub(crate) fn begin_resize(
        &self,
        length: u64,
        location: &'static Location<'static>,
    ) -> impl Future<Output = io::Result<()>> + Send + use<> {
        let node = self.node;
        begin(self.life, Does::Change, "resize file", location, move |disk| {
            disk.resize(node, length)
        })
    }

    /// As [`metadata`](File::metadata), once what was written is on the disk.
    pub(crate) fn begin_metadata(
        &self,
        location: &'static Location<'static>,
    ) -> impl Future<Output = io::Result<Metadata>> + Send + use<> {
        let node = self.node;
        let effect = move |disk: &mut Disk| Ok(Metadata::of(disk.opened(node)?));
        begin(self.life, Does::Read, "read metadata", location, effect)
    }

    /// As [`set_readonly`](super::set_readonly) for the file.
    pub(crate) fn begin_set_readonly(
        &self,
        readonly: bool,
        location: &'static Location<'static>,
    ) -> impl Future<Output = io::Result<()>> + Send + use<> {
        let node = self.node;
        let effect = move |disk: &mut Disk| disk.set_readonly(node, readonly);
        begin(self.life, Does::Change, "set permissions", location, effect)
    }
}

async fn begin<T: 'static>(
    life: Life,
    does: Does,
    name: &'static str,
    location: &'static Location<'static>,
    effect: impl FnOnce(&mut Disk) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    begin_in(life, does, name, location, effect)?.await?
}
