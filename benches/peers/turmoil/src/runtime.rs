//! turmoil as the workloads see it: tokio's tasks, channels and clock inside a simulated host.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

pub use tokio::sync::Semaphore;
use tokio::sync::SemaphorePermit;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
pub use tokio::task::JoinHandle;
pub use tokio::task::spawn;
use tokio::time::{Sleep, sleep};

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

pub fn run<T: 'static>(seed: u64, main: impl Future<Output = T> + 'static) -> T {
    let year = Duration::from_secs(365 * 24 * 3_600);
    let mut simulation = turmoil::Builder::new().rng_seed(seed).simulation_duration(year).build();
    let result = Rc::new(Cell::new(None));
    let slot = result.clone();
    simulation.client("main", async move {
        slot.set(Some(main.await));
        Ok(())
    });
    simulation.run().expect("a simulation that ends well");
    result.take().expect("the client has ended")
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
    turmoil::elapsed().as_millis() as u64
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
