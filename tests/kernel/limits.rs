//! Endless programs are ended by a limit, which names the task.

use std::time::Duration;

use seedloop::error::LimitExceeded;
use seedloop::explore::Model;
use seedloop::sync::{Event, Lock, Mutex, Queue, mpsc};
use seedloop::{
    AsyncGen, Error, Limits, Result, Simulation, attempt, gather, out, sleep, spawn_named, timeout,
    yield_now,
};

use crate::surprises::helpers::ms;

/// Runs a task that must not get further than `limits`; returns what ended it, and how many lines
/// it has printed.
fn ended<F>(limits: Limits, main: F) -> (String, usize)
where
    F: Future<Output = Result<()>> + 'static,
{
    let simulation = Simulation::new().limits(limits);
    let outcome = simulation.block_on(async { spawn_named("endless", main).await });
    let error = outcome.result.unwrap_err();
    assert!(error.is::<LimitExceeded>(), "{error}");
    let text = error.to_string();
    (text.lines().next().expect("a line").to_owned(), outcome.lines.len())
}

/// The text goes on with what the tasks do: the one that runs first.
#[test]
fn the_text_names_the_tasks() {
    let limits = Limits { steps: 1_000, ..Limits::default() };
    let outcome = Simulation::new().limits(limits).block_on(async {
        let lock = Lock::new();
        lock.acquire().await?;
        let waiter = lock.clone();
        spawn_named("waiter", async move { Ok(waiter.acquire().await?) });
        spawn_named("foreign", std::future::pending::<Result<()>>());
        for index in 0..3 {
            spawn_named(format!("sleeper {index}"), async { Ok(sleep(ms(1)).await?) });
        }
        let spinner = async {
            loop {
                yield_now().await?;
            }
        };
        spawn_named::<(), _>("spinner", spinner).await
    });
    let text = outcome.result.unwrap_err().to_string();
    // Lines move with every edit; what is where is tested with the deadlock's text.
    let parts = text.split("tests/kernel/limits.rs:");
    let text: Vec<&str> =
        parts.map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit())).collect();
    let expected = "limit of 1000 steps reached at 0.0s in task 'spinner'; see `Limits` to raise it
  task 'spinner' (spawned at @) runs
  task 'Task-1' (spawned at @) waits for task at @, which is 'spinner'
  task 'waiter' (spawned at @) waits for lock#1 at @, held by 'Task-1' since @
  task 'foreign' (spawned at @) waits for something that is not seedloop's
  task 'sleeper 0' (spawned at @) waits for sleep at @
  ... and 2 more tasks";
    assert_eq!(text.join("@"), expected);
}

/// A deadlock beside a heartbeat is told of by the limit that ends it, and before all else.
#[test]
fn the_text_names_the_tasks_that_wait_for_each_other() {
    let limits = Limits { steps: 1_000, ..Limits::default() };
    let outcome = Simulation::new().limits(limits).block_on(async {
        let heartbeat = async {
            loop {
                sleep(ms(1)).await?;
            }
        };
        spawn_named::<(), _>("heartbeat", heartbeat);
        for index in 0..4 {
            spawn_named(format!("sleeper {index}"), async { Ok(sleep(ms(9_000)).await?) });
        }
        let locks = [Lock::new(), Lock::new()];
        let both = |name, [first, second]: [&Lock; 2]| {
            let (first, second) = (first.clone(), second.clone());
            let body = async move {
                first.acquire().await?;
                sleep(ms(1)).await?;
                second.acquire().await.map_err(Error::from)
            };
            spawn_named(name, body)
        };
        let [a, b] = &locks;
        let tasks = [both("left", [a, b]), both("right", [b, a])];
        gather(tasks).await.map(drop)
    });
    let text = outcome.result.unwrap_err().to_string();
    let parts = text.split("tests/kernel/limits.rs:");
    let text: Vec<&str> =
        parts.map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit())).collect();
    let text = text.join("@");
    let (head, tasks) = text.split_once("; see").expect("a head");
    assert_eq!(head, "limit of 1000 steps reached at 0.492s in task 'heartbeat'");
    let expected = " `Limits` to raise it
  task 'heartbeat' (spawned at @) runs
  task 'left' (spawned at @) waits for lock#2 at @, held by 'right' since @
  task 'right' (spawned at @) waits for lock#1 at @, held by 'left' since @
  task 'Task-1' (spawned at @) waits for gather at @, which is 'left' and which is 'right'
  task 'sleeper 0' (spawned at @) waits for sleep at @
  ... and 3 more tasks
  cycle: 'left' -> lock#2 -> 'right' -> lock#1 -> 'left'";
    assert_eq!(tasks, expected);
}

/// Checks that a task that never waits is ended by both limits on steps.
#[track_caller]
fn check_endless<F>(main: impl Fn() -> F)
where
    F: Future<Output = Result<()>> + 'static,
{
    let (text, _) = ended(Limits { steps: 1_000, ..Limits::default() }, main());
    let expected =
        "limit of 1000 steps reached at 0.0s in task 'endless'; see `Limits` to raise it";
    assert_eq!(text, expected);
    let limits = Limits { steps_at_one_instant: 1_000, ..Limits::default() };
    let (text, _) = ended(limits, main());
    let expected = "limit of 1000 steps without virtual time moving on reached at 0.0s in task \
                    'endless'; see `Limits` to raise it";
    assert_eq!(text, expected);
}

#[test]
fn locks_that_are_free() {
    check_endless(|| async {
        let lock = Lock::new();
        loop {
            lock.acquire().await?;
            lock.release()?;
        }
    });
    check_endless(|| async {
        let mutex = Mutex::new(0);
        loop {
            *mutex.lock().await += 1;
        }
    });
    check_endless(|| async {
        let event = Event::new();
        event.set();
        loop {
            event.wait().await?;
        }
    });
}

#[test]
fn queues_and_channels_that_need_not_wait() {
    check_endless(|| async {
        let queue = Queue::new(1);
        loop {
            queue.put(1).await?;
            queue.get().await?;
        }
    });
    check_endless(|| async {
        let (sender, mut receiver) = mpsc::channel(1);
        loop {
            sender.send(1).await?;
            receiver.recv().await;
        }
    });
}

#[test]
fn generators_that_always_yield() {
    let numbers = || {
        AsyncGen::<i32>::new(async |co| {
            loop {
                co.yield_(1).await?;
            }
        })
    };
    check_endless(move || async move {
        let mut numbers = numbers();
        while numbers.next().await?.is_some() {}
        Ok(())
    });
    check_endless(move || async move {
        let mut numbers = numbers();
        while futures_lite::StreamExt::next(&mut numbers).await.is_some() {}
        Ok(())
    });
}

#[test]
fn futures_and_blocks_that_are_over_at_once() {
    check_endless(|| async {
        let done = spawn_named("done", async { Ok(1) });
        loop {
            done.shared().await?;
        }
    });
    check_endless(|| async {
        loop {
            attempt(async { Ok(()) }).await?;
        }
    });
    check_endless(|| async {
        loop {
            timeout(Duration::from_secs(1)).scope(async |_| Ok(())).await?;
        }
    });
}

/// Printing is no await: the line after the one that passed the limit ends the task.
#[test]
fn lines_without_end() {
    let (text, lines) = ended(Limits { lines: 100, ..Limits::default() }, async {
        loop {
            out!("x");
            std::future::ready(()).await;
        }
    });
    let expected = "limit of 100 lines of transcript reached at 0.0s in task 'endless'; see \
                    `Limits` to raise it";
    assert_eq!((text.as_str(), lines), (expected, 100));
}

/// As many lines as there may be are no reason to end.
#[test]
fn as_many_lines_as_allowed() {
    let simulation = Simulation::new().limits(Limits { lines: 3, ..Limits::default() });
    let outcome = simulation.block_on(async {
        (0..3).for_each(|n| out!("{n}"));
        Ok(())
    });
    assert!(outcome.result.is_ok());
    assert_eq!(outcome.lines.len(), 3);
}

/// Awaits that need not wait change neither the steps nor the fingerprint: they are counted apart.
#[test]
fn awaits_that_do_not_wait_are_no_steps() {
    let run = |count: u32| {
        Simulation::new().model(Model::Asyncio).block_on(async move {
            let done = spawn_named("done", async { Ok(1) });
            done.shared().await?;
            for _ in 0..count {
                done.shared().await?;
            }
            Ok(())
        })
    };
    let (few, many) = (run(1), run(1_000));
    assert_eq!(few.steps, many.steps);
    assert_eq!(few.fingerprint, many.fingerprint);
}
