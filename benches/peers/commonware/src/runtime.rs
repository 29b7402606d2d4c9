//! commonware's deterministic runtime as the workloads see it. It hands a context from task to
//! task; here a thread-local holds the first one, of which each task is a child.

use std::cell::RefCell;
use std::future::Future;
use std::time::{Duration, UNIX_EPOCH};

use async_channel::{Receiver, Sender, unbounded};
pub use async_lock::Semaphore;
use async_lock::SemaphoreGuard;
use commonware_runtime::deterministic::{Context, Runner};
use commonware_runtime::{Clock, Handle, Runner as _, Spawner, Supervisor};

use crate::workloads::Yield;

/// Whether it has W4 and W6.
pub const HAS_CLOCK: bool = true;

pub type Returned<T> = T;

pub fn done<T>(value: T) -> Returned<T> {
    value
}

macro_rules! wait {
    ($future:expr) => {
        $future.await
    };
}
pub(crate) use wait;

thread_local! {
    static CONTEXT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

fn with<R>(call: impl FnOnce(&Context) -> R) -> R {
    CONTEXT.with_borrow(|context| call(context.as_ref().expect("a runtime runs")))
}

pub fn run<T>(seed: u64, main: impl Future<Output = T>) -> T {
    Runner::seeded(seed).start(|context| {
        CONTEXT.set(Some(context));
        async move {
            let result = main.await;
            CONTEXT.set(None);
            result
        }
    })
}

/// A run for each seed below `seeds`.
pub fn run_each<F>(seeds: u64, program: impl Fn(u64) -> F, check: impl Fn(u64, u64))
where
    F: Future<Output = Returned<u64>> + 'static,
{
    for seed in 0..seeds {
        check(seed, run(seed, program(seed)));
    }
}

pub fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Handle<T> {
    with(|context| context.child("task")).spawn(move |_| task)
}

pub async fn join<T: Send + 'static>(task: Handle<T>) -> T {
    task.await.expect("a task that ends well")
}

pub async fn abort_all<T: Send + 'static>(tasks: Vec<Handle<T>>) -> u64 {
    tasks.iter().for_each(Handle::abort);
    let mut aborted = 0;
    for task in tasks {
        aborted += u64::from(task.await.is_err());
    }
    aborted
}

pub fn sleep_ms(delay_ms: u64) -> impl Future<Output = ()> + Send {
    with(|context| context.sleep(Duration::from_millis(delay_ms)))
}

pub fn now_ms() -> u64 {
    let now = with(Clock::current);
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

pub fn semaphore(permits: usize) -> Semaphore {
    Semaphore::new(permits)
}

pub async fn acquire(semaphore: &Semaphore) -> SemaphoreGuard<'_> {
    semaphore.acquire().await
}

pub fn release(_semaphore: &Semaphore, permit: SemaphoreGuard<'_>) {
    drop(permit);
}

pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    unbounded()
}

pub fn send<T>(sender: &Sender<T>, item: T) {
    assert!(sender.try_send(item).is_ok(), "the receiver is there");
}

pub async fn receive<T>(receiver: &mut Receiver<T>) -> T {
    receiver.recv().await.expect("the sender is there")
}

pub fn yield_now() -> Yield {
    Yield::default()
}

pub fn extra(_workload: &str, _first: u64, _second: u64) -> Option<u64> {
    None
}
