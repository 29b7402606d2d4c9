//! Locks, semaphores, events, conditions and barriers, with many that wait.

use std::time::Duration;

use seedloop::sync::{Barrier, Condition, Event, Lock, Mutex, Notify, RwLock, Semaphore, Tracked};
use seedloop::{JoinHandle, Result, sleep, spawn};

use super::{Case, simulate};
use crate::loops::join_all;

const HOUR: Duration = Duration::from_secs(3_600);

pub const CASES: &[Case] = &[
    ("waiters on a lock", 2_000, lock),
    ("waiters on a lock, cancelled from the last to the first", 2_000, lock_cancelled),
    ("waiters on a lock, aborted here and there", 2_000, lock_aborted),
    ("locks, each taken by a task", 2_000, many_locks),
    ("waiters on a semaphore", 2_000, semaphore),
    ("waiters on a semaphore, cancelled", 2_000, semaphore_cancelled),
    ("waiters on an event", 2_000, event),
    ("waiters on a condition", 2_000, condition),
    ("waiters on a condition, told one by one", 2_000, condition_one_by_one),
    ("parties of a barrier", 2_000, barrier),
    ("waiters on a mutex", 2_000, mutex),
    ("readers of an rwlock", 2_000, readers),
    ("writers of an rwlock", 2_000, writers),
    ("waiters on a notify", 2_000, notify),
    ("tasks that write one tracked value", 2_000, tracked),
];

fn lock(n: u64) {
    simulate(async move {
        let lock = Lock::new();
        let turn = |lock: Lock| async move {
            let _guard = lock.lock().await?;
            Ok(sleep(Duration::from_millis(1)).await?)
        };
        join_all((0..n).map(|_| spawn(turn(lock.clone()))).collect()).await
    });
}

/// Tasks that wait for a lock which another holds, and what is done to them then.
async fn waiting(n: u64, stop: fn(&[JoinHandle<()>])) -> Result<()> {
    let lock = Lock::new();
    let held = lock.lock().await?;
    let turn = |lock: Lock| async move { Ok(drop(lock.lock().await?)) };
    let tasks: Vec<_> = (0..n).map(|_| spawn(turn(lock.clone()))).collect();
    sleep(HOUR).await?;
    stop(&tasks);
    sleep(HOUR).await?;
    drop(held);
    for task in tasks {
        assert!(task.await.is_err());
    }
    Ok(())
}

fn lock_cancelled(n: u64) {
    simulate(waiting(n, |tasks| tasks.iter().rev().for_each(|task| _ = task.cancel())));
}

fn lock_aborted(n: u64) {
    simulate(waiting(n, |tasks| {
        let count = tasks.len();
        // A prime that no size is a multiple of: every task once, far from the one before.
        (0..count).for_each(|index| tasks[index * 7_919 % count].abort());
    }));
}

fn many_locks(n: u64) {
    simulate(async move {
        let turn = |lock: Lock| async move { Ok(drop(lock.lock().await?)) };
        join_all((0..n).map(|_| spawn(turn(Lock::new()))).collect()).await
    });
}

fn semaphore(n: u64) {
    simulate(async move {
        let semaphore = Semaphore::new(2);
        let turn = |semaphore: Semaphore| async move {
            let _permit = semaphore.permit().await?;
            Ok(sleep(Duration::from_millis(1)).await?)
        };
        join_all((0..n).map(|_| spawn(turn(semaphore.clone()))).collect()).await
    });
}

fn semaphore_cancelled(n: u64) {
    simulate(async move {
        let semaphore = Semaphore::new(0);
        let turn = |semaphore: Semaphore| async move { Ok(semaphore.acquire().await.map(drop)?) };
        let tasks: Vec<_> = (0..n).map(|_| spawn(turn(semaphore.clone()))).collect();
        sleep(HOUR).await?;
        tasks.iter().for_each(|task| _ = task.cancel());
        for task in tasks {
            assert!(task.await.is_err());
        }
        Ok(())
    });
}

fn event(n: u64) {
    simulate(async move {
        let event = Event::new();
        let turn = |event: Event| async move { Ok(event.wait().await.map(drop)?) };
        let tasks = (0..n).map(|_| spawn(turn(event.clone()))).collect();
        sleep(HOUR).await?;
        event.set();
        join_all(tasks).await
    });
}

async fn waiting_for(condition: Condition) -> Result<()> {
    let _guard = condition.lock().await?;
    condition.wait().await?;
    Ok(())
}

fn condition(n: u64) {
    simulate(async move {
        let condition = Condition::new();
        let tasks = (0..n).map(|_| spawn(waiting_for(condition.clone()))).collect();
        sleep(HOUR).await?;
        let guard = condition.lock().await?;
        condition.notify_all()?;
        drop(guard);
        join_all(tasks).await
    });
}

fn condition_one_by_one(n: u64) {
    simulate(async move {
        let condition = Condition::new();
        let tasks = (0..n).map(|_| spawn(waiting_for(condition.clone()))).collect();
        sleep(HOUR).await?;
        for _ in 0..n {
            let _guard = condition.lock().await?;
            condition.notify(1)?;
        }
        join_all(tasks).await
    });
}

fn barrier(n: u64) {
    simulate(async move {
        let barrier = Barrier::new(n as usize)?;
        let turn = |barrier: Barrier| async move { Ok(barrier.wait().await.map(drop)?) };
        join_all((0..n).map(|_| spawn(turn(barrier.clone()))).collect()).await
    });
}

fn mutex(n: u64) {
    simulate(async move {
        let mutex = std::sync::Arc::new(Mutex::new(0));
        let turn = |mutex: std::sync::Arc<Mutex<u64>>| async move {
            let mut guard = mutex.lock().await;
            sleep(Duration::from_millis(1)).await?;
            *guard += 1;
            Ok(())
        };
        join_all((0..n).map(|_| spawn(turn(mutex.clone()))).collect()).await?;
        assert_eq!(*mutex.lock().await, n);
        Ok(())
    });
}

fn readers(n: u64) {
    simulate(async move {
        let lock = std::sync::Arc::new(RwLock::new(0));
        let held = lock.write().await;
        let turn = |lock: std::sync::Arc<RwLock<u64>>| async move {
            let _guard = lock.read().await;
            Ok(sleep(Duration::from_millis(1)).await?)
        };
        let tasks = (0..n).map(|_| spawn(turn(lock.clone()))).collect();
        sleep(HOUR).await?;
        drop(held);
        join_all(tasks).await
    });
}

fn writers(n: u64) {
    simulate(async move {
        let lock = std::sync::Arc::new(RwLock::new(0));
        let turn = |lock: std::sync::Arc<RwLock<u64>>| async move {
            let mut guard = lock.write().await;
            sleep(Duration::from_millis(1)).await?;
            *guard += 1;
            Ok(())
        };
        join_all((0..n).map(|_| spawn(turn(lock.clone()))).collect()).await
    });
}

fn notify(n: u64) {
    simulate(async move {
        let notify = std::sync::Arc::new(Notify::new());
        let turn = |notify: std::sync::Arc<Notify>| async move {
            notify.notified().await;
            Ok(())
        };
        let tasks = (0..n).map(|_| spawn(turn(notify.clone()))).collect();
        sleep(HOUR).await?;
        for _ in 0..n {
            notify.notify_one();
        }
        join_all(tasks).await
    });
}

fn tracked(n: u64) {
    simulate(async move {
        let value = Tracked::new(0);
        let turn = |value: Tracked<u64>| async move {
            let seen = value.read().await?;
            Ok(value.write(seen + 1).await?)
        };
        join_all((0..n).map(|_| spawn(turn(value.clone()))).collect()).await
    });
}
