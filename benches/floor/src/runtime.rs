//! The floor as the workloads see it.

use std::future::Future;
use std::rc::Rc;

use async_task::Task;

pub use crate::executor::run;
use crate::executor::{Sleep, sleep};
pub use crate::local::spawn;
use crate::local::with;
pub use crate::primitives::Semaphore;
use crate::primitives::{Acquire, Channel, Receive};
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

/// A run for each seed below `seeds`.
pub fn run_each<F>(seeds: u64, program: impl Fn(u64) -> F, check: impl Fn(u64, u64))
where
    F: Future<Output = Returned<u64>> + 'static,
{
    for seed in 0..seeds {
        check(seed, run(seed, program(seed)));
    }
}

pub fn join<T>(task: Task<T>) -> Task<T> {
    task
}

/// One after the other: async-task has no handle on which one can abort now and join later.
pub async fn abort_all<T>(tasks: Vec<Task<T>>) -> u64 {
    let mut aborted = 0;
    for task in tasks {
        aborted += u64::from(task.cancel().await.is_none());
    }
    aborted
}

pub fn yield_now() -> Yield {
    Yield::default()
}

pub fn sleep_ms(delay_ms: u64) -> Sleep {
    sleep(delay_ms * 1_000_000)
}

pub fn now_ms() -> u64 {
    with(|core| core.now_ns) / 1_000_000
}

pub fn semaphore(permits: usize) -> Semaphore {
    Semaphore::new(permits)
}

pub fn acquire(semaphore: &Semaphore) -> Acquire<'_> {
    semaphore.acquire()
}

pub fn release(semaphore: &Semaphore, _permit: ()) {
    semaphore.release();
}

pub fn channel<T>() -> (Rc<Channel<T>>, Rc<Channel<T>>) {
    let channel = Channel::new();
    (channel.clone(), channel)
}

pub fn send<T>(channel: &Channel<T>, item: T) {
    channel.send(item);
}

pub fn receive<T>(channel: &mut Rc<Channel<T>>) -> Receive<'_, T> {
    channel.receive()
}

pub fn extra(_workload: &str, _first: u64, _second: u64) -> Option<u64> {
    None
}
