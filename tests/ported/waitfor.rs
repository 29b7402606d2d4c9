//! `wait_for`: what CPython's tests assert.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_waitfor.py`.

use std::time::Duration;

use seedloop::{
    Error, Result, ReturnWhen, create_future, running_loop, shield, sleep, spawn, wait, wait_for,
    yield_now,
};

use super::check::{Flag, check, divide, is_cancelled, is_timeout, is_zero_division, now};
use crate::surprises::helpers::ms;

/// Runs for 200 ms and ignores cancels; says when it has ended.
async fn slow(exited: Flag) -> Result<()> {
    let end = now() + ms(200);
    while now() < end {
        let left = end - now();
        drop(sleep(left).await);
    }
    exited.set();
    Ok(())
}

#[test]
fn a_cancelled_wait_for_waits_for_the_end() {
    check(async {
        let exited = Flag::new();
        let waiter = spawn(wait_for(slow(exited.clone()), ms(400)));
        yield_now().await?;
        waiter.cancel();
        wait([&waiter], ReturnWhen::AllCompleted).await?;
        assert!(exited.is_set());
        assert!(!waiter.cancelled(), "the cancel was swallowed");
        assert_eq!(now(), ms(200));
        Ok(())
    });
}

#[test]
fn a_timeout_waits_for_the_end() {
    check(async {
        let exited = Flag::new();
        wait_for(slow(exited.clone()), ms(100)).await?;
        assert!(exited.is_set());
        assert_eq!(now(), ms(200));
        Ok(())
    });
}

#[test]
fn zero_and_a_done_future() {
    check(async {
        let f = create_future()?;
        f.set_result("done")?;
        assert_eq!(wait_for(f.shared(), Duration::ZERO).await?, "done");
        assert!(f.done());
        Ok(())
    });
}

#[test]
fn zero_never_starts_a_coroutine() {
    check(async {
        let started = Flag::new();
        let theirs = started.clone();
        let coroutine = async move {
            theirs.set();
            Ok::<_, Error>(())
        };
        is_timeout(wait_for(coroutine, Duration::ZERO).await);
        assert!(!started.is_set());
        Ok(())
    });
}

/// A task that says when it has begun, and when it has ended by whatever means.
async fn cancelled_by(limit: Duration) -> Result<()> {
    let (started, ended) = (create_future::<()>()?, Flag::new());
    let (begun, over) = (started.shared(), ended.clone());
    let task = spawn(async move {
        begun.set_result(())?;
        let slept = sleep(ms(10_000)).await;
        over.set();
        slept?;
        Ok("done")
    });
    started.await?;
    is_timeout(wait_for(task.shared(), limit).await);
    assert!(task.done());
    assert!(task.cancelled());
    assert!(ended.is_set());
    assert_eq!(now(), limit);
    Ok(())
}

#[test]
fn zero_cancels_a_running_task() {
    check(cancelled_by(Duration::ZERO));
}

#[test]
fn a_timeout_cancels_a_running_task() {
    check(cancelled_by(ms(100)));
}

#[test]
fn without_limit() {
    check(async {
        assert_eq!(wait_for(async { Ok::<_, Error>("done") }, None).await?, "done");
        Ok(())
    });
}

#[test]
fn a_result_that_comes_at_once() {
    check(async {
        let f = create_future()?;
        let waiter = wait_for(f.shared(), ms(200));
        running_loop()?.call_soon(move || f.set_result("ok"))?;
        assert_eq!(waiter.await?, "ok");
        assert_eq!(now(), ms(0));
        Ok(())
    });
}

/// What swallows the cancel gives its value, without an error.
#[test]
fn a_swallowed_cancel() {
    check(async {
        let inner = async {
            is_cancelled(sleep(ms(1000)).await);
            Ok::<_, Error>(1)
        };
        assert_eq!(wait_for(inner, ms(10)).await?, 1);
        assert_eq!(now(), ms(10));
        Ok(())
    });
}

#[test]
fn a_task_that_swallows_the_cancel() {
    check(async {
        let inner = spawn(async {
            is_cancelled(sleep(ms(10_000)).await);
            Ok(42)
        });
        assert_eq!(wait_for(inner, ms(100)).await?, 42);
        assert_eq!(now(), ms(100));
        Ok(())
    });
}

/// Spawns a task that takes 5 ms to clean up, gives it `limit`, and sees it end in between.
async fn with_clean_up(head_start: Duration, limit: Duration) -> Result<()> {
    let done = Flag::new();
    let over = done.clone();
    let inner = spawn(async move {
        let slept = sleep(ms(10_000)).await;
        is_cancelled(slept.clone());
        sleep(ms(5)).await?;
        over.set();
        Ok(slept?)
    });
    sleep(head_start).await?;
    is_timeout(wait_for(inner, limit).await);
    assert!(done.is_set());
    assert_eq!(now(), head_start + limit + ms(5));
    Ok(())
}

#[test]
fn the_clean_up_is_waited_for() {
    check(with_clean_up(ms(0), ms(1)));
}

#[test]
fn the_clean_up_is_waited_for_at_zero() {
    check(with_clean_up(ms(1), ms(0)));
}

#[test]
fn an_error_of_the_clean_up() {
    check(async {
        let inner = spawn(async {
            is_cancelled(sleep(ms(200)).await);
            divide()
        });
        is_zero_division(wait_for(inner, ms(1)).await);
        assert_eq!(now(), ms(1));
        Ok(())
    });
}

/// To cancel the waiter is to cancel the task.
async fn cancel_with_limit(limit: Option<Duration>) -> Result<()> {
    let task = spawn(async { create_future::<()>()?.await });
    let waiter = spawn(wait_for(task.shared(), limit));
    let theirs = waiter.shared();
    running_loop()?.call_soon(move || assert!(theirs.cancel()))?;
    is_cancelled(waiter.await);
    assert!(task.cancelled());
    assert_eq!(now(), ms(0));
    Ok(())
}

#[test]
fn cancel_without_limit() {
    check(cancel_with_limit(None));
}

#[test]
fn cancel_with_a_limit() {
    check(cancel_with_limit(Some(ms(60_000))));
}

/// A cancel that comes in the iteration in which the task ends is not lost.
#[test]
fn a_cancel_at_the_end_of_the_task() {
    check(async {
        let inner = spawn(async { Ok("done") });
        let (theirs, reached) = (inner.shared(), Flag::new());
        let end = reached.clone();
        let task = spawn(async move {
            wait_for(theirs, ms(100_000)).await?;
            sleep(ms(1000)).await?;
            end.set();
            Ok(())
        });
        assert!(!task.done());
        yield_now().await?;
        task.cancel();
        is_cancelled(task.await);
        assert!(inner.done());
        assert_eq!(inner.await?, "done");
        assert!(!reached.is_set());
        Ok(())
    });
}

#[test]
fn shielded_with_zero() {
    check(async {
        let task = spawn(async {
            sleep(ms(10)).await?;
            Ok("done")
        });
        let shielded = shield(task.shared());
        is_timeout(wait_for(shielded.shared(), Duration::ZERO).await);
        assert!(!task.done());
        assert!(shielded.cancelled());
        assert_eq!(task.await?, "done");
        assert_eq!(now(), ms(10));
        Ok(())
    });
}

#[test]
fn shielded_without_limit() {
    check(async {
        let task = spawn(async {
            sleep(ms(100)).await?;
            Ok("done")
        });
        wait_for(shield(task.shared()), None).await?;
        assert!(task.done());
        assert_eq!(now(), ms(100));
        assert_eq!(task.await?, "done");
        Ok(())
    });
}

#[test]
fn shielded_with_a_limit() {
    check(async {
        let task = spawn(async {
            sleep(ms(100)).await?;
            Ok("done")
        });
        is_timeout(wait_for(shield(task.shared()), ms(10)).await);
        assert_eq!(now(), ms(10));
        assert!(!task.done());
        assert_eq!(task.await?, "done");
        assert_eq!(now(), ms(100));
        Ok(())
    });
}
