//! Operations on an open file that need it only as long as they begin: for files in tokio's shape.

use std::future::Future;
use std::io::{self, SeekFrom};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::disk::{Disk, Written};
use super::disks::{Does, EBADF, EINVAL, begin_in, begin_in_memory};
use super::durable::Synced;
use super::file::File;
use super::file_io::sought;
use super::metadata::Metadata;
use super::pending::Pending;
use crate::world::host::Life;

impl File {
    /// The position as it is while nothing goes on.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Moves the position back, over what was read and is not wanted.
    pub(crate) fn step_back(&mut self, bytes: usize) {
        self.position = self.position.saturating_sub(bytes as u64);
    }

    /// Begins to read at the position; whoever does so polls it to its end before all else.
    pub(crate) fn start_read(
        &mut self,
        length: usize,
        location: &'static Location<'static>,
    ) -> io::Result<()> {
        let (node, position) = (self.node, self.position);
        let read = move |disk: &mut Disk| disk.read(node, position, length);
        self.reading = Some(match self.access.reads {
            true => begin_in(self.life, Does::Read, "read file", location, read)?,
            false => begin_in_memory(self.life, "read file", location, |_| {
                Err(io::Error::from_raw_os_error(EBADF))
            })?,
        });
        Ok(())
    }

    /// Waits for the read that was begun; the position is behind it then.
    pub(crate) fn poll_started_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        let Some(reading) = &mut self.reading else { return Poll::Ready(Ok(Vec::new())) };
        let read = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let read = read??;
        self.position += read.len() as u64;
        Poll::Ready(Ok(read))
    }

    /// Begins to write; [`poll_written`](File::poll_written) waits for it, and for what follows.
    pub(crate) fn start_write(
        &mut self,
        bytes: &[u8],
        location: &'static Location<'static>,
    ) -> io::Result<()> {
        match self.access.writes || bytes.is_empty() {
            true => self.begin_write(bytes.to_vec(), location),
            false => self.start_in_memory("write file", location, |_| {
                Err(io::Error::from_raw_os_error(EBADF))
            }),
        }
    }

    /// Begins to cut the file, or to fill it with zeros.
    pub(crate) fn start_resize(
        &mut self,
        length: u64,
        location: &'static Location<'static>,
    ) -> io::Result<()> {
        let (node, position) = (self.node, self.position);
        if !self.access.writes {
            return self.start_in_memory("resize file", location, |_| {
                Err(io::Error::from_raw_os_error(EINVAL))
            });
        }
        self.begin(Does::Change, "resize file", location, move |disk| {
            disk.resize(node, length).map(|()| Written { position, result: Ok(()) })
        })
    }

    /// Begins to move the position.
    pub(crate) fn start_seek(
        &mut self,
        to: SeekFrom,
        location: &'static Location<'static>,
    ) -> io::Result<()> {
        let (node, position) = (self.node, self.position);
        self.start_in_memory("seek file", location, move |disk| {
            let position = sought(position, to, disk.opened(node)?.length())?;
            Ok(Written { position, result: Ok(()) })
        })
    }

    fn start_in_memory(
        &mut self,
        name: &'static str,
        location: &'static Location<'static>,
        effect: impl FnOnce(&mut Disk) -> io::Result<Written> + 'static,
    ) -> io::Result<()> {
        self.writing = Some(Pending::begin_in_memory(self.life, name, location, effect)?);
        Ok(())
    }

    /// As [`sync_all`](File::sync_all), but it waits for no write that goes on: whoever wants that
    /// to be synced has waited for it. Without `permissions` as [`sync_data`](File::sync_data).
    pub(crate) fn begin_sync(
        &self,
        permissions: bool,
        location: &'static Location<'static>,
    ) -> impl Future<Output = io::Result<()>> + Send + use<> {
        let what = if permissions { Synced::All } else { Synced::Data };
        let (life, syncing) = (self.life, self.start_sync(what));
        async move {
            let syncing = syncing?;
            let does = Does::Sync(Arc::clone(&syncing));
            begin(life, does, "sync file", location, move |disk| disk.sync(&syncing)).await
        }
    }

    /// As [`metadata`](File::metadata), but it waits for no write that goes on: it tells of what
    /// has been written when the disk comes to it.
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
