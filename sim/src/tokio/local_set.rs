//! Tasks that stay on one thread.

use std::future::Future;
use std::panic::Location;

use super::join_handle::JoinHandle;
use super::runtime::Runtime;
use super::spawn::{running, spawn_task};

/// Where tasks stay on their thread: `tokio::task::LocalSet`.
///
/// They all do here, and so it is there only for code that asks for one: its tasks are tasks like
/// all others, which also run while nobody awaits the set, and dropping it aborts none.
#[derive(Debug, Default)]
pub struct LocalSet {
    _private: (),
}

impl LocalSet {
    /// Makes a set.
    pub fn new() -> Self {
        LocalSet::default()
    }

    /// Spawns a task: the same as [`spawn`](super::spawn()).
    ///
    /// # Panics
    ///
    /// When no loop runs.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        spawn_task(running("task::LocalSet::spawn_local"), future, Location::caller())
    }

    /// Awaits the future.
    pub fn run_until<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future
    }

    /// Runs the future on a runtime.
    ///
    /// # Panics
    ///
    /// As [`Runtime::block_on`].
    #[track_caller]
    pub fn block_on<F>(&self, runtime: &Runtime, future: F) -> F::Output
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        runtime.block_on(future)
    }
}
