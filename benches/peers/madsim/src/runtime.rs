//! madsim as the workloads see it. It has tokio's channels and semaphores.

use std::future::Future;
use std::time::Duration;

use madsim::runtime::Runtime;
pub use madsim::task::JoinHandle;
pub use madsim::task::spawn;
use madsim::time::{Sleep, sleep};
use madsim::{Config, time};
pub use tokio::sync::Semaphore;
use tokio::sync::SemaphorePermit;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

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

pub fn run<T>(seed: u64, main: impl Future<Output = T>) -> T {
    Runtime::with_seed_and_config(seed, Config::default()).block_on(main)
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

pub async fn join<T>(task: JoinHandle<T>) -> T {
    task.await.expect("a task that ends well")
}

pub async fn abort_all<T>(tasks: Vec<JoinHandle<T>>) -> u64 {
    tasks.iter().for_each(JoinHandle::abort);
    let mut aborted = 0;
    for task in tasks {
        aborted += u64::from(task.await.is_err_and(|error| error.is_cancelled()));
    }
    aborted
}

pub fn sleep_ms(delay_ms: u64) -> Sleep {
    sleep(Duration::from_millis(delay_ms))
}

pub fn now_ms() -> u64 {
    time::TimeHandle::current().elapsed().as_millis() as u64
}

pub fn semaphore(permits: usize) -> Semaphore {
    Semaphore::new(permits)
}

pub async fn acquire(semaphore: &Semaphore) -> SemaphorePermit<'_> {
    semaphore.acquire().await.expect("an open semaphore")
}

pub fn release(_semaphore: &Semaphore, permit: SemaphorePermit<'_>) {
    drop(permit);
}

pub fn channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    unbounded_channel()
}

pub fn send<T>(sender: &UnboundedSender<T>, item: T) {
    assert!(sender.send(item).is_ok(), "the receiver is there");
}

pub async fn receive<T>(receiver: &mut UnboundedReceiver<T>) -> T {
    receiver.recv().await.expect("the sender is there")
}

pub fn yield_now() -> Yield {
    Yield::default()
}

pub fn extra(_workload: &str, _first: u64, _second: u64) -> Option<u64> {
    None
}
