//! The library as the workloads see it: asyncio's names, in any order.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use seedloop::sync::Queue;
pub use seedloop::sync::Semaphore;
use seedloop::{Instant, JoinHandle, Limits, Simulation};

pub use crate::extra::extra;
pub use seedloop::{Result as Returned, spawn, yield_now};

/// Every run of a test may take 500,000 steps; the workloads are larger.
const STEPS: u64 = u64::MAX;

/// Whether it has W4 and W6.
pub const HAS_CLOCK: bool = true;

/// Whether runs keep their events.
pub static RECORD: AtomicBool = AtomicBool::new(false);

pub fn limits() -> Limits {
    Limits { steps: STEPS, steps_at_one_instant: STEPS, ..Limits::default() }
}

pub fn run<T: 'static>(seed: u64, main: impl Future<Output = Returned<T>> + 'static) -> T {
    let mut simulation = Simulation::new().seed(seed).limits(limits());
    if RECORD.load(Relaxed) {
        simulation = simulation.record();
    }
    let outcome = simulation.block_on(main);
    outcome.result.unwrap_or_else(|error| panic!("{error}"))
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

pub fn done<T>(value: T) -> Returned<T> {
    Ok(value)
}

macro_rules! wait {
    ($future:expr) => {
        $future.await?
    };
}
pub(crate) use wait;

pub fn join<T>(task: JoinHandle<T>) -> JoinHandle<T> {
    task
}

pub async fn abort_all<T: 'static>(tasks: Vec<JoinHandle<T>>) -> u64 {
    tasks.iter().for_each(JoinHandle::abort);
    let mut aborted = 0;
    for task in tasks {
        aborted += u64::from(task.await.is_err_and(|error| error.is_cancelled()));
    }
    aborted
}

pub fn sleep_ms(delay_ms: u64) -> seedloop::Sleep {
    seedloop::sleep(Duration::from_millis(delay_ms))
}

pub fn now_ms() -> u64 {
    Instant::now().since_start().as_millis() as u64
}

pub fn semaphore(permits: usize) -> Semaphore {
    Semaphore::new(permits)
}

pub fn acquire(semaphore: &Semaphore) -> seedloop::sync::AcquirePermit {
    semaphore.acquire()
}

pub fn release(semaphore: &Semaphore, _permit: ()) {
    semaphore.release();
}

pub fn channel<T: 'static>() -> (Queue<T>, Queue<T>) {
    let queue = Queue::unbounded();
    (queue.clone(), queue)
}

pub fn send<T: 'static>(queue: &Queue<T>, item: T) {
    queue.put_nowait(item).unwrap_or_else(|_| panic!("it has no limit"));
}

pub fn receive<T: 'static>(queue: &mut Queue<T>) -> seedloop::sync::Get<T> {
    queue.get()
}
