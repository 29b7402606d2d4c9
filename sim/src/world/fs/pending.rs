//! Changes of an open file that have begun, and may outlast the wait for them.

use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use super::disk::{Disk, Written};
use super::disks::{Does, EIO, begin_landing};
use crate::base::Result;
use crate::event_loop::try_with;
use crate::world::host::Life;
use crate::world::operation::Operation;

/// A change that has begun. It gives the position that the file has after it, if it has changed
/// anything.
pub(super) struct Pending {
    /// None once the wait for it was cancelled; the change itself goes on.
    operation: Option<Operation<io::Result<Written>>>,
    landing: Arc<Mutex<Landing>>,
}

/// Where a change says that it is over, for when a cancel has ended the wait for it.
#[derive(Default)]
struct Landing {
    result: Option<io::Result<Written>>,
    waiter: Option<Waker>,
}

impl Pending {
    pub(super) fn begin(
        life: Life,
        does: Does,
        name: &'static str,
        location: &'static Location<'static>,
        effect: impl FnOnce(&mut Disk) -> io::Result<Written> + 'static,
    ) -> io::Result<Self> {
        let (effect, landing) = landing(life, effect);
        let operation = begin_landing(life, does, name, location, effect, Pilot::land)?;
        Ok(Pending { operation: Some(operation), landing })
    }

    /// The same for what the system does without the disk.
    #[cfg(feature = "tokio-io")]
    pub(super) fn begin_in_memory(
        life: Life,
        name: &'static str,
        location: &'static Location<'static>,
        effect: impl FnOnce(&mut Disk) -> io::Result<Written> + 'static,
    ) -> io::Result<Self> {
        let (effect, landing) = landing(life, effect);
        let operation =
            super::disks::begin_in_memory_landing(life, name, location, effect, Pilot::land)?;
        Ok(Pending { operation: Some(operation), landing })
    }

    /// Waits until it is over. After an error, which is a cancel of the wait, it can be polled
    /// again.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<io::Result<Written>>> {
        if let Some(operation) = &mut self.operation {
            let result = ready!(Pin::new(operation).poll(cx));
            self.operation = None;
            return Poll::Ready(result);
        }
        // A waker is the user's, and what it does when it is cloned or dropped too: unlocked.
        let waiter = cx.waker().clone();
        let (polled, before) = {
            let mut landing = lock(&self.landing);
            match landing.result.take() {
                Some(result) => (Poll::Ready(Ok(result)), None),
                None => (Poll::Pending, landing.waiter.replace(waiter)),
            }
        };
        drop(before);
        polled
    }

    /// Lets the task that polled it wait for it no longer; it can be polled again, by any task.
    pub(super) fn leave(&mut self) {
        if let Some(operation) = &mut self.operation {
            operation.leave();
        }
    }
}

/// What an effect has come to, and who lands it.
type Landed = (Pilot, io::Result<Written>);

/// An effect that lands when it is over, and where.
///
/// The one who lands it comes out of it, since whom it wakes may use the disk at once.
fn landing(
    life: Life,
    effect: impl FnOnce(&mut Disk) -> io::Result<Written> + 'static,
) -> (impl FnOnce(&mut Disk) -> Landed + 'static, Arc<Mutex<Landing>>) {
    let landing = Arc::new(Mutex::new(Landing::default()));
    let pilot = Pilot(Arc::clone(&landing), life);
    (move |disk: &mut Disk| (pilot, effect(disk)), landing)
}

/// Lands with the change: with its result, or without one when it is dropped, as after a crash,
/// which may let the change happen though nobody hears of it.
struct Pilot(Arc<Mutex<Landing>>, Life);

impl Pilot {
    fn land((pilot, result): Landed) -> io::Result<Written> {
        let again = |error: &io::Error| match error.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::new(error.kind(), error.to_string()),
        };
        let landed = match &result {
            Ok(Written { position, result }) => {
                let result = result.as_ref().map_err(again).copied();
                Ok(Written { position: *position, result })
            }
            Err(error) => Err(again(error)),
        };
        lock(&pilot.0).result = Some(landed);
        result
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        // The thread may be ending.
        let is_gone = try_with(|_| ()).is_some() && !self.1.is_alive();
        let mut landing = lock(&self.0);
        let failed = || match is_gone {
            true => Err(self.1.why_gone("file")),
            false => Err(io::Error::from_raw_os_error(EIO)),
        };
        landing.result.get_or_insert_with(failed);
        let waiter = landing.waiter.take();
        drop(landing);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

fn lock(landing: &Mutex<Landing>) -> MutexGuard<'_, Landing> {
    landing.lock().unwrap_or_else(PoisonError::into_inner)
}
