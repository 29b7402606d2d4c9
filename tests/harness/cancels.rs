//! Cancels and drops at every await.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use seedloop::explore::{Cancel, Exploration, Explorer, FaultKind, Model};
use seedloop::sync::{Lock, Queue};
use seedloop::{Result, sleep, spawn, yield_now};

/// Holds a lock by hand, and gives it back only if nothing comes between.
async fn forgets_to_release() -> Result<()> {
    let lock = Lock::new();
    let held = lock.clone();
    let task = spawn(async move {
        held.acquire().await?;
        yield_now().await?;
        Ok(held.release()?)
    });
    sleep(Duration::from_secs(1)).await?;
    drop(task.await);
    lock.acquire().await?;
    Ok(())
}

/// The same with a guard.
async fn releases_by_guard() -> Result<()> {
    let lock = Lock::new();
    let held = lock.clone();
    let task = spawn(async move {
        let _held = held.lock().await?;
        yield_now().await?;
        Ok(())
    });
    sleep(Duration::from_secs(1)).await?;
    drop(task.await);
    lock.acquire().await?;
    Ok(())
}

fn everywhere(model: Model) -> Explorer {
    Explorer::new().model(model).cancel(Cancel::Everywhere).runs(20)
}

fn case_of(exploration: Exploration) -> String {
    let failure = exploration.failure.expect("some cancel leaves the lock locked");
    assert_eq!(failure.fault.kind, FaultKind::Deadlock, "{}", failure.fault);
    failure.case.to_string()
}

/// The task has one await that waits: its lock is free. Between being woken there and running it is
/// cancelled by the first run with a strike, which is the whole case.
#[test]
fn a_cancel_at_every_await_finds_the_lock_that_stays_locked() {
    assert_eq!(
        case_of(everywhere(Model::AnyOrder).explore(forgets_to_release)),
        "sl1.1.any.d:1.1@2c"
    );
    let asyncio = everywhere(Model::Asyncio).explore(forgets_to_release);
    assert_eq!(case_of(asyncio), "sl1.1.asyncio.c:1.1@2c");
    let guarded = everywhere(Model::AnyOrder).explore(releases_by_guard);
    assert!(guarded.failure.is_none(), "{:?}", guarded.failure);
}

/// One await of one task that waits, twice struck (when it waits, and when it was woken), and the
/// task before it begins, by a cancel or a drop: six runs, one without, and the one at random.
#[test]
fn every_await_is_struck_once_by_each() {
    let program = || async {
        let task = spawn(async { Ok(sleep(Duration::from_secs(1)).await?) });
        sleep(Duration::from_secs(2)).await?;
        drop(task.await);
        Ok(())
    };
    let any = Explorer::new().cancel(Cancel::Everywhere).runs(1).explore(program);
    assert_eq!((any.statistics.runs, any.statistics.struck), (8, 6));
    let asyncio = Explorer::new().model(Model::Asyncio).cancel(Cancel::Everywhere).runs(1);
    let asyncio = asyncio.explore(program).statistics;
    assert_eq!((asyncio.runs, asyncio.struck), (5, 3));
}

/// Ours loses nothing, whoever is cancelled where.
#[test]
fn a_queue_loses_nothing() {
    let exploration = Explorer::new().cancel(Cancel::Pairs).runs(50).explore(|| async {
        let queue: Queue<u32> = Queue::new(0);
        let (put, got) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (puts, puts_done) = (queue.clone(), put.clone());
        let producer = spawn(async move {
            for item in 0..3 {
                puts.put(item).await?;
                puts_done.set(puts_done.get() + 1);
            }
            Ok(())
        });
        let consumer = |gets: Queue<u32>, got: Rc<Cell<usize>>| {
            spawn(async move {
                gets.get().await?;
                got.set(got.get() + 1);
                Ok(())
            })
        };
        let one = consumer(queue.clone(), got.clone());
        let other = consumer(queue.clone(), got.clone());
        sleep(Duration::from_secs(1)).await?;
        for task in [producer, one, other] {
            task.cancel();
            drop(task.await);
        }
        // What was put is there, unless somebody has it.
        assert_eq!(queue.qsize() + got.get(), put.get());
        Ok(())
    });
    assert!(exploration.failure.is_none(), "{:?}", exploration.failure);
}
