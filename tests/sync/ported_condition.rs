//! Condition: what CPython's own tests assert, in Rust.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_locks.py`; `tests/ported/tables` has the table.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use seedloop::sync::{Condition, Lock};
use seedloop::{JoinHandle, Result, RuntimeError, running_loop, spawn, timeout, wait_for};

use super::check::{Log, check, spin};

/// Spawns a task that waits under the lock, logs `name`, and releases if asked to.
fn waiter(condition: &Condition, log: &Log, name: u32, releases: bool) -> JoinHandle<()> {
    let (condition, log) = (condition.clone(), log.clone());
    spawn(async move {
        condition.acquire().await?;
        condition.wait().await?;
        log.push(name);
        if releases {
            condition.release()?;
        }
        Ok(())
    })
}

#[test]
fn condition_wait() {
    check(|| async {
        let (condition, log) = (Condition::new(), Log::new());
        let tasks = [1, 2, 3].map(|name| waiter(&condition, &log, name, false));
        spin(1).await?;
        log.is(&[]);
        assert!(!condition.locked());
        condition.acquire().await?;
        condition.notify(1)?;
        spin(1).await?;
        log.is(&[]);
        assert!(condition.locked());
        condition.release()?;
        spin(1).await?;
        log.is(&[1]);
        assert!(condition.locked());
        condition.notify(2)?;
        spin(1).await?;
        log.is(&[1]);
        for expected in [&[1, 2][..], &[1, 2, 3]] {
            assert!(condition.locked());
            condition.release()?;
            spin(1).await?;
            log.is(expected);
        }
        assert!(condition.locked());
        assert!(tasks.iter().all(|task| task.done()));
        Ok(())
    });
}

#[test]
fn condition_wait_cancel() {
    check(|| async {
        let condition = Condition::new();
        condition.acquire().await?;
        let theirs = condition.clone();
        let task = spawn(async move { Ok(theirs.wait().await?) });
        let cancelled = task.as_any();
        running_loop()?.call_soon(move || assert!(cancelled.cancel()))?;
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
        assert!(format!("{condition:?}").ends_with("waiters: 0>"), "{condition:?}");
        assert!(condition.locked());
        Ok(())
    });
}

#[test]
fn condition_wait_cancel_contested() {
    check(|| async {
        let condition = Condition::new();
        condition.acquire().await?;
        let theirs = condition.clone();
        let task = spawn(async move { Ok(theirs.wait().await?) });
        spin(1).await?;
        assert!(!condition.locked());
        condition.acquire().await?;
        condition.notify(1)?;
        let (cancelled, theirs) = (task.as_any(), condition.clone());
        running_loop()?.call_soon(move || assert!(cancelled.cancel()))?;
        running_loop()?.call_soon(move || Ok(theirs.release()?))?;
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
        assert!(condition.locked());
        Ok(())
    });
}

#[test]
fn condition_wait_cancel_after_notify() {
    check(|| async {
        let condition = Condition::new();
        let theirs = condition.clone();
        let task = spawn(async move { theirs.scope(async || Ok(theirs.wait().await?)).await });
        spin(1).await?;
        condition.acquire().await?;
        condition.notify(1)?;
        spin(1).await?;
        task.cancel();
        spin(1).await?;
        condition.release()?;
        spin(1).await?;
        assert!(task.cancelled());
        Ok(())
    });
}

#[test]
fn condition_unacquired() {
    check(|| async {
        let condition = Condition::new();
        let is_runtime = |error: seedloop::Error| error.is::<RuntimeError>();
        assert!(condition.wait().await.is_err_and(|error| is_runtime(error.into())));
        assert!(condition.notify(1).is_err());
        assert!(condition.notify_all().is_err());
        // A predicate that is true at once needs no lock.
        condition.wait_for(|| true).await?;
        let waited = condition.wait_for(|| false).await;
        assert!(waited.is_err_and(|error| is_runtime(error.into())));
        Ok(())
    });
}

#[test]
fn condition_wait_for() {
    check(|| async {
        let (condition, log) = (Condition::new(), Log::new());
        let result = Rc::new(Cell::new(false));
        let (theirs, seen, their_log) = (condition.clone(), result.clone(), log.clone());
        let task = spawn(async move {
            theirs.acquire().await?;
            theirs.wait_for(|| seen.get()).await?;
            their_log.push(1);
            Ok(theirs.release()?)
        });
        spin(1).await?;
        log.is(&[]);
        for (value, expected) in [(false, &[][..]), (true, &[1])] {
            result.set(value);
            condition.acquire().await?;
            condition.notify(1)?;
            condition.release()?;
            spin(1).await?;
            log.is(expected);
        }
        assert!(task.done());
        Ok(())
    });
}

#[test]
fn condition_notify() {
    check(|| async {
        let (condition, log) = (Condition::new(), Log::new());
        let tasks = [1, 2, 3].map(|name| waiter(&condition, &log, name, true));
        spin(1).await?;
        log.is(&[]);
        condition.acquire().await?;
        condition.notify(1)?;
        condition.release()?;
        spin(1).await?;
        log.is(&[1]);
        condition.acquire().await?;
        condition.notify(1)?;
        condition.notify(2048)?;
        condition.release()?;
        spin(1).await?;
        log.is(&[1, 2, 3]);
        assert!(tasks.iter().all(|task| task.done()));
        Ok(())
    });
}

#[test]
fn condition_notify_all() {
    check(|| async {
        let (condition, log) = (Condition::new(), Log::new());
        let tasks = [1, 2].map(|name| waiter(&condition, &log, name, true));
        spin(1).await?;
        log.is(&[]);
        condition.acquire().await?;
        condition.notify_all()?;
        condition.release()?;
        spin(1).await?;
        log.is(&[1, 2]);
        assert!(tasks.iter().all(|task| task.done()));
        Ok(())
    });
}

#[test]
fn condition_context_manager() {
    check(|| async {
        let condition = Condition::new();
        assert!(!condition.locked());
        condition.scope(async || Ok(assert!(condition.locked()))).await?;
        assert!(!condition.locked());
        Ok(())
    });
}

#[test]
fn condition_explicit_lock() {
    check(|| async {
        let lock = Lock::new();
        let conditions = [Condition::with_lock(&lock), Condition::with_lock(&lock)];
        for condition in conditions {
            let both = |locked: bool| {
                assert_eq!((lock.locked(), condition.locked()), (locked, locked));
            };
            both(false);
            condition.scope(async || Ok(both(true))).await?;
            both(false);
            lock.scope(async || Ok(both(true))).await?;
            both(false);
        }
        Ok(())
    });
}

#[test]
fn condition_timeout_in_block() {
    check(|| async {
        let condition = Condition::new();
        let block = async || {
            let waited = wait_for(condition.wait(), Duration::from_millis(500)).await;
            assert!(waited.is_err_and(|error| error.is_timeout()));
            assert!(condition.locked());
            Ok(())
        };
        condition.scope(block).await
    });
}

/// Spawns a task that waits for a predicate that is never true, and returns the error.
fn never(condition: &Condition) -> JoinHandle<()> {
    let condition = condition.clone();
    spawn(async move { condition.scope(async || Ok(condition.wait_for(|| false).await?)).await })
}

#[test]
fn condition_cancelled_error_wakeup() {
    check(|| async {
        let task = never(&Condition::new());
        spin(1).await?;
        task.cancel_with("foo");
        let error = task.await.expect_err("a cancel");
        assert_eq!(error.as_cancelled().and_then(|cancelled| cancelled.message()), Some("foo"));
        Ok(())
    });
}

#[test]
fn condition_cancelled_error_re_acquire() {
    check(|| async {
        let condition = Condition::new();
        let task = never(&condition);
        spin(1).await?;
        condition.acquire().await?;
        condition.notify(1)?;
        spin(1).await?;
        // It is on its way back to the lock.
        task.cancel_with("foo");
        condition.release()?;
        let error = task.await.expect_err("a cancel");
        assert_eq!(error.as_cancelled().and_then(|cancelled| cancelled.message()), Some("foo"));
        Ok(())
    });
}

/// An item is produced for one of two consumers, which is cancelled when it was notified; the
/// notification must not be lost.
async fn cancelled_wakeup(hops_before_cancel: u32) -> Result<()> {
    let (condition, state) = (Condition::new(), Rc::new(Cell::new(0)));
    let consumers = [(); 2].map(|()| {
        let (condition, state) = (condition.clone(), state.clone());
        spawn(async move {
            let consume = async || {
                loop {
                    condition.wait_for(|| state.get() != 0).await?;
                    if state.get() < 0 {
                        return Ok(());
                    }
                    state.set(state.get() - 1);
                }
            };
            condition.scope(consume).await
        })
    });
    spin(1).await?;
    let produce = async || {
        state.set(state.get() + 1);
        condition.notify(1)?;
        spin(hops_before_cancel).await?;
        consumers[0].cancel();
        let consumed =
            async |_: &seedloop::Timeout| Ok(condition.wait_for(|| state.get() == 0).await?);
        timeout(Duration::from_millis(10)).scope(consumed).await.ok();
        assert_eq!(state.get(), 0, "the notification was lost");
        state.set(-1);
        Ok(condition.notify_all()?)
    };
    condition.scope(produce).await?;
    let [_, second] = consumers;
    second.await
}

#[test]
fn condition_cancelled_wakeup() {
    check(|| cancelled_wakeup(0));
}

#[test]
fn condition_cancelled_wakeup_relock() {
    check(|| cancelled_wakeup(1));
}
