//! Lock, event and semaphore: what CPython's own tests assert, in Rust.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_locks.py`; `tests/ported/tables` has the table.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use seedloop::sync::{BoundedSemaphore, Event, Lock, Semaphore};
use seedloop::{
    JoinHandle, Result, TaskGroup, create_future, gather, gather_return_exceptions, running_loop,
    sleep, spawn, wait_for, yield_now,
};

use super::check::{Log, check, spin};

/// Spawns a task that takes the lock and logs `name`.
fn locker(lock: &Lock, log: &Log, name: u32) -> JoinHandle<()> {
    let (lock, log) = (lock.clone(), log.clone());
    spawn(async move {
        lock.acquire().await?;
        log.push(name);
        Ok(())
    })
}

#[test]
fn lock_acquire() {
    check(|| async {
        let (lock, log) = (Lock::new(), Log::new());
        lock.acquire().await?;
        let first = [locker(&lock, &log, 1), locker(&lock, &log, 2)];
        spin(1).await?;
        log.is(&[]);
        lock.release()?;
        spin(1).await?;
        log.is(&[1]);
        spin(1).await?;
        log.is(&[1]);
        let third = locker(&lock, &log, 3);
        lock.release()?;
        spin(1).await?;
        log.is(&[1, 2]);
        lock.release()?;
        spin(1).await?;
        log.is(&[1, 2, 3]);
        assert!(third.done() && first.iter().all(|task| task.done()));
        Ok(())
    });
}

#[test]
fn lock_acquire_cancel() {
    check(|| async {
        let lock = Lock::new();
        lock.acquire().await?;
        let task = locker(&lock, &Log::new(), 1);
        let cancelled = task.as_any();
        running_loop()?.call_soon(move || assert!(cancelled.cancel()))?;
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
        assert!(format!("{lock:?}").ends_with("locked, waiters: 0>"), "{lock:?}");
        Ok(())
    });
}

#[test]
fn lock_cancel_race() {
    check(|| async {
        let lock = Lock::new();
        let (fa, ready) = (create_future::<()>()?, create_future::<()>()?);
        ready.set_result(())?;
        let user = |blocker: seedloop::LoopFuture<()>| {
            let lock = lock.clone();
            spawn(async move { lock.scope(async || blocker.await).await })
        };
        let ta = user(fa.shared());
        spin(1).await?;
        assert!(lock.locked());
        let tb = user(ready.shared());
        spin(1).await?;
        let tc = user(ready);
        spin(1).await?;
        // A is about to release, while the first waiter is cancelled and has not run.
        fa.set_result(())?;
        tb.cancel();
        spin(1).await?;
        assert!(!lock.locked());
        assert!(ta.done() && tb.cancelled());
        tc.await
    });
}

#[test]
fn lock_cancel_release_race() {
    check(|| async {
        let (lock, log) = (Lock::new(), Log::new());
        lock.acquire().await?;
        let [t1, t2, t3] = [1, 2, 3].map(|name| locker(&lock, &log, name));
        spin(1).await?;
        let (first, theirs) = (t1.as_any(), lock.clone());
        running_loop()?.call_soon(move || {
            first.cancel();
            Ok(theirs.release()?)
        })?;
        let first = t1.as_any();
        assert!(t1.await.is_err_and(|error| error.is_cancelled()));
        log.is(&[2]);
        assert!(first.cancelled() && t2.done());
        t3.cancel();
        spin(1).await?;
        assert!(t3.cancelled());
        Ok(())
    });
}

#[test]
fn lock_finished_waiter_cancelled() {
    check(|| async {
        let (lock, log) = (Lock::new(), Log::new());
        lock.acquire().await?;
        let tb = locker(&lock, &log, 1);
        spin(1).await?;
        let tc = locker(&lock, &log, 2);
        tb.cancel();
        lock.release()?;
        spin(1).await?;
        assert!(lock.locked());
        assert!(tb.cancelled());
        tc.await
    });
}

#[test]
fn lock_release() {
    check(|| async {
        let lock = Lock::new();
        assert!(lock.release().is_err());
        lock.acquire().await?;
        assert!(lock.locked());
        lock.release()?;
        assert!(!lock.locked());
        Ok(())
    });
}

#[test]
fn lock_context_manager() {
    check(|| async {
        let lock = Lock::new();
        assert!(!lock.locked());
        lock.scope(async || Ok(assert!(lock.locked()))).await?;
        assert!(!lock.locked());
        Ok(())
    });
}

/// Spawns a task that waits for the event and logs `name`.
fn waiter(event: &Event, log: &Log, name: u32) -> JoinHandle<()> {
    let (event, log) = (event.clone(), log.clone());
    spawn(async move {
        event.wait().await?;
        log.push(name);
        Ok(())
    })
}

#[test]
fn event_wait() {
    check(|| async {
        let (event, log) = (Event::new(), Log::new());
        assert!(!event.is_set());
        waiter(&event, &log, 1);
        waiter(&event, &log, 2);
        spin(1).await?;
        log.is(&[]);
        waiter(&event, &log, 3);
        event.set();
        spin(1).await?;
        // The third was ready before the others were woken, and does not wait.
        log.is(&[3, 1, 2]);
        Ok(())
    });
}

#[test]
fn event_wait_on_set() {
    check(|| async {
        let event = Event::new();
        event.set();
        Ok(event.wait().await?)
    });
}

#[test]
fn event_wait_cancel() {
    check(|| async {
        let event = Event::new();
        let task = waiter(&event, &Log::new(), 1);
        let cancelled = task.as_any();
        running_loop()?.call_soon(move || assert!(cancelled.cancel()))?;
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
        assert!(format!("{event:?}").ends_with("unset, waiters: 0>"), "{event:?}");
        Ok(())
    });
}

#[test]
fn event_clear() {
    check(|| async {
        let event = Event::new();
        event.set();
        assert!(event.is_set());
        event.clear();
        assert!(!event.is_set());
        Ok(())
    });
}

#[test]
fn event_clear_with_waiters() {
    check(|| async {
        let (event, log) = (Event::new(), Log::new());
        let task = waiter(&event, &log, 1);
        spin(1).await?;
        log.is(&[]);
        event.set();
        event.clear();
        assert!(!event.is_set());
        event.set();
        event.set();
        assert!(format!("{event:?}").ends_with("waiters: 1>"), "{event:?}");
        spin(1).await?;
        log.is(&[1]);
        assert!(format!("{event:?}").ends_with("waiters: 0>"), "{event:?}");
        assert!(task.done());
        Ok(())
    });
}

/// Spawns a task that takes a permit and logs `name`.
fn taker(semaphore: &Semaphore, log: &Log, name: u32) -> JoinHandle<()> {
    let (semaphore, log) = (semaphore.clone(), log.clone());
    spawn(async move {
        semaphore.acquire().await?;
        log.push(name);
        Ok(())
    })
}

#[test]
fn semaphore_initial_value_zero() {
    check(|| async { Ok(assert!(Semaphore::new(0).locked())) });
}

#[test]
fn semaphore_acquire() {
    check(|| async {
        let (semaphore, log) = (Semaphore::new(3), Log::new());
        semaphore.acquire().await?;
        semaphore.acquire().await?;
        assert!(!semaphore.locked());
        let [t1, t2, t3] = [1, 2, 3].map(|name| taker(&semaphore, &log, name));
        spin(1).await?;
        log.is(&[1]);
        assert!(semaphore.locked());
        assert_eq!(semaphore.available_permits(), 0);
        let t4 = taker(&semaphore, &log, 4);
        semaphore.release();
        semaphore.release();
        assert_eq!(semaphore.available_permits(), 0);
        spin(1).await?;
        assert_eq!(semaphore.available_permits(), 0);
        log.is(&[1, 2, 3]);
        assert!(semaphore.locked());
        assert!(t1.done() && t2.done() && t3.done() && !t4.done());
        semaphore.release();
        gather((t2, t3, t4)).await?;
        Ok(())
    });
}

#[test]
fn semaphore_acquire_cancel() {
    check(|| async {
        let semaphore = Semaphore::new(1);
        semaphore.acquire().await?;
        let task = taker(&semaphore, &Log::new(), 1);
        let cancelled = task.as_any();
        running_loop()?.call_soon(move || assert!(cancelled.cancel()))?;
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
        assert!(format!("{semaphore:?}").ends_with("waiters: 0>"), "{semaphore:?}");
        Ok(())
    });
}

#[test]
fn semaphore_acquire_cancel_before_awoken() {
    check(|| async {
        let (semaphore, log) = (Semaphore::new(0), Log::new());
        let [t1, t2, t3, t4] = [1, 2, 3, 4].map(|name| taker(&semaphore, &log, name));
        spin(1).await?;
        t1.cancel();
        t2.cancel();
        semaphore.release();
        spin(2).await?;
        assert!(t3.done() && !t4.done());
        t4.cancel();
        spin(1).await
    });
}

#[test]
fn semaphore_acquire_hang() {
    check(|| async {
        let (semaphore, log) = (Semaphore::new(0), Log::new());
        let [t1, t2] = [1, 2].map(|name| taker(&semaphore, &log, name));
        spin(1).await?;
        t1.cancel();
        semaphore.release();
        spin(2).await?;
        assert!(semaphore.locked());
        assert!(t2.done());
        Ok(())
    });
}

#[test]
fn semaphore_acquire_no_hang() {
    check(|| async {
        let semaphore = Semaphore::new(1);
        let later: Rc<Cell<Option<JoinHandle<()>>>> = Rc::default();
        let (ours, theirs, second) = (semaphore.clone(), semaphore.clone(), later.clone());
        let t1 = spawn(async move {
            ours.scope(async || Ok(yield_now().await?)).await?;
            let t2 = second.take().expect("the second task");
            t2.cancel();
            Ok(t2)
        });
        let t2 = spawn(async move {
            theirs.scope(async || panic!("the second one is cancelled while it waits")).await
        });
        later.set(Some(t2));
        let t2 = t1.await?;
        assert!(t2.await.is_err_and(|error| error.is_cancelled()));
        wait_for(semaphore.acquire(), Duration::from_secs(1)).await
    });
}

#[test]
fn semaphore_release() {
    check(|| async {
        assert!(BoundedSemaphore::new(1).release().is_err());
        let semaphore = Semaphore::new(1);
        semaphore.acquire().await?;
        assert!(semaphore.locked());
        semaphore.release();
        assert!(!semaphore.locked());
        Ok(())
    });
}

#[test]
fn semaphore_acquire_fifo_order() {
    check(|| async {
        let (semaphore, log) = (Semaphore::new(1), Log::new());
        let group = TaskGroup::new();
        let body = async |group: &TaskGroup| {
            for tag in 1..=3 {
                let (semaphore, log) = (semaphore.clone(), log.clone());
                group.spawn(async move {
                    for round in [10, 20] {
                        semaphore.acquire().await?;
                        log.push(round + tag);
                        sleep(Duration::from_millis(10)).await?;
                        semaphore.release();
                    }
                    Ok(())
                })?;
            }
            Ok(())
        };
        group.scope(body).await?;
        log.is(&[11, 12, 13, 21, 22, 23]);
        Ok(())
    });
}

#[test]
fn semaphore_acquire_fifo_order_2() {
    check(|| async {
        let (semaphore, log) = (Semaphore::new(1), Log::new());
        let t1 = taker(&semaphore, &log, 1);
        let (theirs, theirs_log) = (semaphore.clone(), log.clone());
        let t2 = spawn(async move {
            theirs.acquire().await?;
            theirs_log.push(2);
            theirs.release();
            theirs.acquire().await?;
            theirs_log.push(4);
            Ok(())
        });
        let t3 = taker(&semaphore, &log, 3);
        spin(1).await?;
        semaphore.release();
        semaphore.release();
        gather((t1, t2, t3)).await?;
        log.is(&[1, 2, 3, 4]);
        Ok(())
    });
}

#[test]
fn semaphore_acquire_fifo_order_3() {
    check(|| async {
        let (semaphore, log) = (Semaphore::new(0), Log::new());
        let [t1, t2, t3] = [1, 2, 3].map(|name| taker(&semaphore, &log, name));
        spin(1).await?;
        t1.cancel();
        spin(1).await?;
        semaphore.release();
        semaphore.release();
        let _ended = gather_return_exceptions((t1, t2, t3)).await?;
        log.is(&[2, 3]);
        Ok(())
    });
}

#[test]
fn semaphore_acquire_fifo_order_4() {
    check(|| async {
        let (semaphore, log) = (Semaphore::new(0), Log::new());
        let fourth: Rc<Cell<Option<JoinHandle<()>>>> = Rc::default();
        let (one, one_log, spawned) = (semaphore.clone(), log.clone(), fourth.clone());
        let t1 = spawn(async move {
            one.acquire().await?;
            // All who waited were woken by now.
            assert_eq!(one.available_permits(), 0);
            let log = one_log.clone();
            spawned.set(Some(spawn(async move { Ok(log.push(4)) })));
            one_log.push(1);
            Ok(())
        });
        let (two, two_log) = (semaphore.clone(), log.clone());
        let t2 = spawn(async move {
            (0..3).for_each(|_| two.release());
            assert_eq!(two.available_permits(), 2);
            assert!(two.locked(), "the first has not run yet");
            two.acquire().await?;
            two_log.push(2);
            Ok(())
        });
        let (three, three_log) = (semaphore.clone(), log.clone());
        let t3 = spawn(async move {
            three.acquire().await?;
            assert!(three.locked());
            three_log.push(3);
            Ok(())
        });
        spin(1).await?;
        assert_eq!(semaphore.available_permits(), 2);
        assert!(format!("{semaphore:?}").ends_with("waiters: 3>"), "{semaphore:?}");
        spin(1).await?;
        let t4 = fourth.take().expect("the fourth task");
        gather((t1, t2, t3, t4)).await?;
        log.is(&[1, 2, 3, 4]);
        Ok(())
    });
}

#[test]
fn nothing_is_held_before_it_is_asked_for() -> Result<()> {
    check(|| async {
        sleep(Duration::from_millis(10)).await?;
        assert!(!Lock::new().locked());
        assert!(!Semaphore::new(1).locked());
        assert!(!BoundedSemaphore::new(1).locked());
        Ok(())
    });
    Ok(())
}
