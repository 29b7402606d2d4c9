//! shuttle as the workloads see it. Every operation of its own primitives is a scheduling point.

use std::future::{Future, Pending, pending};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_channel::{Receiver, Sender, unbounded};
use shuttle::future::batch_semaphore::{BatchSemaphore, Fairness};
use shuttle::future::block_on;
pub use shuttle::future::{JoinHandle, spawn};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use crate::scheduler;

pub type Semaphore = BatchSemaphore;

/// Whether it has W4 and W6.
pub const HAS_CLOCK: bool = false;

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

/// One run of a schedule of this seed.
pub fn run<T: Send + 'static>(seed: u64, main: impl Future<Output = T> + Send + 'static) -> T {
    let (main, result) = (Mutex::new(Some(main)), Arc::new(Mutex::new(None)));
    let slot = result.clone();
    Runner::new(scheduler(seed, 1), config()).run(move || {
        let main = main.lock().unwrap_or_else(PoisonError::into_inner).take();
        let value = block_on(main.expect("one run"));
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    });
    let value = result.lock().unwrap_or_else(PoisonError::into_inner).take();
    value.expect("the run has ended")
}

/// So many schedules of one runner, which is kept over them, as it is made for.
pub fn run_each<F>(
    seeds: u64,
    program: impl Fn(u64) -> F + Send + Sync + 'static,
    check: impl Fn(u64, u64) + Send + Sync + 'static,
) where
    F: Future<Output = u64> + 'static,
{
    let next = AtomicU64::new(0);
    let ran = Runner::new(scheduler(0, seeds as usize), config()).run(move || {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        check(seed, block_on(program(seed)));
    });
    assert_eq!(ran as u64, seeds);
}

fn config() -> Config {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::None;
    config
}

pub async fn join<T>(task: JoinHandle<T>) -> T {
    task.await.expect("a task that ends well")
}

pub async fn abort_all<T>(tasks: Vec<JoinHandle<T>>) -> u64 {
    tasks.iter().for_each(JoinHandle::abort);
    let mut aborted = 0;
    for task in tasks {
        aborted += u64::from(task.await.is_err());
    }
    aborted
}

/// For ever: it has no clock.
pub fn sleep_ms(_delay_ms: u64) -> Pending<()> {
    pending()
}

pub fn now_ms() -> u64 {
    0
}

pub fn semaphore(permits: usize) -> Semaphore {
    BatchSemaphore::new(permits, Fairness::StrictlyFair)
}

pub async fn acquire(semaphore: &Semaphore) {
    semaphore.acquire(1).await.expect("an open semaphore");
}

pub fn release(semaphore: &Semaphore, _permit: ()) {
    semaphore.release(1);
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

/// Its own: PCT lets a task that only wakes itself run on for ever.
pub async fn yield_now() {
    shuttle::future::yield_now().await;
}

pub fn extra(_workload: &str, _first: u64, _second: u64) -> Option<u64> {
    None
}
