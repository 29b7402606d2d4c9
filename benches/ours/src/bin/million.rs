//! One simulation with a million tasks, timers, queues and cancels.

use std::time::Duration;

use measure::{cpu_ns, memory_kib};
use seedloop::sync::{Queue, Semaphore};
use seedloop::{Instant, JoinHandle, Limits, Result, Simulation, sleep, spawn};

const TASKS: u64 = 1_000_000;
/// How many tasks put into a queue and get from it.
const PER_QUEUE: u64 = 100;
/// Every so many tasks one is cancelled in its sleep.
const CANCELLED: u64 = 10;

fn main() {
    let before = cpu_ns();
    let limits = Limits { steps: u64::MAX, steps_at_one_instant: u64::MAX, ..Limits::default() };
    let outcome = Simulation::new().seed(7).limits(limits).block_on(everything());
    let (cancelled, took) = outcome.result.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(cancelled, TASKS / CANCELLED);
    println!("tasks                     {TASKS}");
    println!("of them cancelled         {cancelled}");
    println!("steps                     {}", outcome.steps);
    println!("choices                   {}", outcome.choices.len());
    println!("simulated time            {:.1} s", took.as_secs_f64());
    println!("CPU time                  {:.2} s", (cpu_ns() - before) as f64 / 1e9);
    println!("memory at the peak        {} MiB", memory_kib("VmHWM:") / 1024);
}

/// Each task sleeps, puts a number into a queue, takes a permit, and gets a number; every tenth is
/// cancelled while it sleeps.
async fn everything() -> Result<(u64, Duration)> {
    let permits = Semaphore::new(1_000);
    let mut tasks: Vec<JoinHandle<u64>> = Vec::new();
    let mut queue = Queue::unbounded();
    for number in 0..TASKS {
        if number % PER_QUEUE == 0 {
            queue = Queue::unbounded();
        }
        let is_cancelled = number % CANCELLED == 0;
        tasks.push(spawn(task(number, is_cancelled, queue.clone(), permits.clone())));
    }
    sleep(Duration::from_millis(1)).await?;
    for number in (0..TASKS).step_by(CANCELLED as usize) {
        assert!(tasks[number as usize].cancel());
    }
    let (mut cancelled, mut sum) = (0, 0);
    for task in tasks {
        match task.await {
            Ok(number) => sum += number,
            Err(error) if error.is_cancelled() => cancelled += 1,
            Err(error) => return Err(error),
        }
    }
    let all: u64 = (0..TASKS).filter(|number| number % CANCELLED != 0).sum();
    assert_eq!(sum, all, "each number is got once");
    Ok((cancelled, Instant::now().since_start()))
}

async fn task(
    number: u64,
    is_cancelled: bool,
    queue: Queue<u64>,
    permits: Semaphore,
) -> Result<u64> {
    let delay = if is_cancelled { 3_600_000 } else { 2 + number * 7_919 % 10_000 };
    sleep(Duration::from_millis(delay)).await?;
    queue.put(number).await?;
    let _permit = permits.permit().await?;
    sleep(Duration::from_millis(1)).await?;
    Ok(queue.get().await?)
}
