//! Micro-benchmarks of our own hot paths: `just bench divan`.
//!
//! Each measures one operation in a simulation that makes it many times. Times move with what else
//! the machine does; to compare two versions, count instructions.

use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use seedloop::explore::{Explorer, Strategy};
use seedloop::sync::{Event, Lock, Queue, Semaphore, Tracked, mpsc};
use seedloop::{Limits, Result, Simulation, TaskGroup, gather, sleep, spawn, timeout, yield_now};

fn main() {
    divan::main();
}

/// Runs `body`, which does `items` of something, again and again.
fn measure<F>(bencher: Bencher<'_, '_>, items: usize, body: impl Fn() -> F + Sync)
where
    F: Future<Output = Result<()>> + 'static,
{
    let limits = Limits { steps: u64::MAX, steps_at_one_instant: u64::MAX, ..Limits::default() };
    bencher.counter(ItemsCount::new(items)).bench(|| {
        let outcome = Simulation::new().seed(7).limits(limits).block_on(body());
        assert!(outcome.result.is_ok());
        outcome.fingerprint
    });
}

#[divan::bench]
fn empty_run(bencher: Bencher<'_, '_>) {
    measure(bencher, 1, || async { Ok(()) });
}

#[divan::bench(args = [1, 10, 1_000, 100_000])]
fn spawn_and_join(bencher: Bencher<'_, '_>, tasks: usize) {
    measure(bencher, tasks, move || async move {
        let handles: Vec<_> = (0..tasks).map(|_| spawn(async { Ok(()) })).collect();
        for handle in handles {
            handle.await?;
        }
        Ok(())
    });
}

#[divan::bench(args = [1, 2, 10, 1_000, 100_000])]
fn yields(bencher: Bencher<'_, '_>, tasks: usize) {
    let times = (10_000 / tasks).max(3);
    measure(bencher, tasks * times, move || async move {
        let turns = move || async move {
            for _ in 0..times {
                yield_now().await?;
            }
            Ok(())
        };
        let handles: Vec<_> = (0..tasks).map(|_| spawn(turns())).collect();
        for handle in handles {
            handle.await?;
        }
        Ok(())
    });
}

#[divan::bench(args = [1, 10, 1_000, 100_000])]
fn sleeps(bencher: Bencher<'_, '_>, tasks: usize) {
    let times = (10_000 / tasks).max(3);
    measure(bencher, tasks * times, move || async move {
        let asleep = move |task: usize| async move {
            for turn in 0..times {
                sleep(Duration::from_millis(1 + ((task + turn) * 7_919 % 10_000) as u64)).await?;
            }
            Ok(())
        };
        let handles: Vec<_> = (0..tasks).map(|task| spawn(asleep(task))).collect();
        for handle in handles {
            handle.await?;
        }
        Ok(())
    });
}

#[divan::bench]
fn free_lock(bencher: Bencher<'_, '_>) {
    measure(bencher, 1_000, || async {
        let lock = Lock::new();
        for _ in 0..1_000 {
            drop(lock.lock().await?);
        }
        Ok(())
    });
}

#[divan::bench]
fn contended_semaphore(bencher: Bencher<'_, '_>) {
    measure(bencher, 1_000, || async {
        let semaphore = Semaphore::new(1);
        let turns = async |semaphore: Semaphore| {
            for _ in 0..500 {
                let _permit = semaphore.permit().await?;
                yield_now().await?;
            }
            Ok(())
        };
        let (one, other) = (spawn(turns(semaphore.clone())), spawn(turns(semaphore)));
        one.await?;
        other.await
    });
}

#[divan::bench]
fn queue_between_tasks(bencher: Bencher<'_, '_>) {
    measure(bencher, 1_000, || async {
        let queue = Queue::new(1);
        let items = queue.clone();
        let putter = spawn(async move {
            for item in 0..1_000 {
                items.put(item).await?;
            }
            Ok(())
        });
        for _ in 0..1_000 {
            queue.get().await?;
        }
        putter.await
    });
}

#[divan::bench]
fn mpsc_between_tasks(bencher: Bencher<'_, '_>) {
    measure(bencher, 1_000, || async {
        let (sender, mut receiver) = mpsc::channel(1);
        spawn(async move {
            for message in 0..1_000 {
                sender.send(message).await.map_err(seedloop::Error::new)?;
            }
            Ok(())
        });
        while receiver.recv().await.is_some() {}
        Ok(())
    });
}

#[divan::bench]
fn event_with_a_hundred_waiters(bencher: Bencher<'_, '_>) {
    measure(bencher, 100, || async {
        let event = Event::new();
        let turn = async |event: Event| Ok(event.wait().await.map(drop)?);
        let handles: Vec<_> = (0..100).map(|_| spawn(turn(event.clone()))).collect();
        sleep(Duration::from_secs(1)).await?;
        event.set();
        for handle in handles {
            handle.await?;
        }
        Ok(())
    });
}

#[divan::bench]
fn tracked_updates(bencher: Bencher<'_, '_>) {
    measure(bencher, 1_000, || async {
        let value = Tracked::new(0);
        for _ in 0..1_000 {
            value.update(|value| *value += 1).await?;
        }
        Ok(())
    });
}

#[divan::bench]
fn gather_of_a_hundred(bencher: Bencher<'_, '_>) {
    measure(bencher, 100, || async {
        let children: Vec<_> = (0..100).map(|_| async { Ok(yield_now().await?) }).collect();
        gather(children).await?;
        Ok(())
    });
}

#[divan::bench]
fn group_of_a_hundred(bencher: Bencher<'_, '_>) {
    measure(bencher, 100, || async {
        let block = async |group: &TaskGroup| {
            for _ in 0..100 {
                group.spawn(async { Ok(yield_now().await?) })?;
            }
            Ok(())
        };
        TaskGroup::new().scope(block).await
    });
}

#[divan::bench]
fn timeouts_that_do_not_pass(bencher: Bencher<'_, '_>) {
    measure(bencher, 1_000, || async {
        for _ in 0..1_000 {
            timeout(Duration::from_secs(1)).scope(async |_| Ok(yield_now().await?)).await?;
        }
        Ok(())
    });
}

#[divan::bench]
fn cancels_of_sleeping_tasks(bencher: Bencher<'_, '_>) {
    measure(bencher, 1_000, || async {
        let hour = Duration::from_secs(3_600);
        let handles: Vec<_> =
            (0..1_000).map(|_| spawn(async move { Ok(sleep(hour).await?) })).collect();
        sleep(hour / 2).await?;
        for handle in &handles {
            handle.cancel();
        }
        for handle in handles {
            assert!(handle.await.is_err());
        }
        Ok(())
    });
}

#[divan::bench(args = ["random", "pct:3", "pos", "urw", "surw", "revisit", "portfolio"])]
fn exploration_of_200_runs(bencher: Bencher<'_, '_>, name: &str) {
    let strategy: Strategy = name.parse().expect("a strategy");
    let explorer = Explorer::new().strategy(strategy).runs(200);
    bencher.counter(ItemsCount::new(200_usize)).bench(|| {
        let exploration = explorer.explore(|| async {
            let value = Tracked::new(0);
            let add = |value: Tracked<u64>| async move {
                value.update(|value| *value += 1).await?;
                Ok(())
            };
            let handles: Vec<_> = (0..5).map(|_| spawn(add(value.clone()))).collect();
            for handle in handles {
                handle.await?;
            }
            Ok(())
        });
        assert!(exploration.failure.is_none());
    });
}
