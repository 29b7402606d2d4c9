//! `timeout`: what CPython's tests assert.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_timeouts.py`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use seedloop::{
    Error, Instant, JoinHandle, Result, TaskGroup, Timeout, attempt, blocking, create_future,
    current_task, running_loop, sleep, spawn, timeout, timeout_at, yield_now,
};

use super::check::{
    Log, OtherError, ZeroDivision, check, divide, is_cancelled, is_refused, is_timeout,
    is_zero_division, now, outside_of_tasks,
};
use crate::surprises::helpers::ms;

fn me() -> JoinHandle<()> {
    current_task().expect("a running loop").expect("a running task")
}

fn at(milliseconds: u64) -> Instant {
    Instant::START + ms(milliseconds)
}

/// Sleeps for longer than any timeout here.
async fn long_sleep() -> Result<()> {
    Ok(sleep(ms(10_000)).await?)
}

/// Runs `body` under a timeout and returns what it gave, and the timeout.
async fn under(
    timeout: Timeout,
    body: impl AsyncFnOnce(&Timeout) -> Result<()>,
) -> (Result<()>, Timeout) {
    (timeout.clone().scope(body).await, timeout)
}

#[test]
fn basic() {
    check(async {
        let (result, cm) = under(timeout(ms(10)), async |_| long_sleep().await).await;
        is_timeout(result);
        assert!(cm.expired());
        assert_eq!(now(), ms(10));
        Ok(())
    });
}

#[test]
fn at_a_time() {
    check(async {
        let (result, cm) = under(timeout_at(at(10)), async |_| long_sleep().await).await;
        is_timeout(result);
        assert!(cm.expired());
        assert_eq!(cm.when(), Some(at(10)));
        assert_eq!(now(), ms(10));
        Ok(())
    });
}

/// Of two that are up at once, only the outer raises the error.
#[test]
fn nested_at_one_time() {
    check(async {
        let inner = timeout_at(at(10));
        let theirs = inner.clone();
        let (result, outer) = under(timeout_at(at(10)), async move |_| {
            let result = theirs.scope(async |_| long_sleep().await).await;
            is_cancelled(result.clone());
            result
        })
        .await;
        is_timeout(result);
        assert!(outer.expired());
        assert!(inner.expired());
        Ok(())
    });
}

#[test]
fn the_body_is_cancelled() {
    check(async {
        let (result, _) = under(timeout(ms(10)), async |_| {
            let result = long_sleep().await;
            is_cancelled(result.clone());
            result
        })
        .await;
        is_timeout(result);
        Ok(())
    });
}

#[test]
fn not_needed() {
    check(async {
        let (result, cm) = under(timeout(ms(10_000)), async |_| Ok(sleep(ms(10)).await?)).await;
        result?;
        assert!(!cm.expired());
        assert_eq!(cm.when(), Some(at(10_000)));
        assert_eq!(now(), ms(10));
        Ok(())
    });
}

#[test]
fn disabled() {
    check(async {
        for none in [timeout(None), timeout_at(None)] {
            let (result, cm) = under(none, async |_| Ok(sleep(ms(10)).await?)).await;
            result?;
            assert!(!cm.expired());
            assert_eq!(cm.when(), None);
        }
        Ok(())
    });
}

#[test]
fn zero() {
    check(async {
        let (result, cm) = under(timeout(Duration::ZERO), async |_| long_sleep().await).await;
        is_timeout(result);
        assert!(cm.expired());
        assert_eq!(cm.when(), Some(at(0)));
        assert_eq!(now(), ms(0));
        Ok(())
    });
}

#[test]
fn zero_and_a_turn() {
    check(async {
        let (result, cm) = under(timeout(Duration::ZERO), async |_| Ok(sleep(ms(0)).await?)).await;
        is_timeout(result);
        assert!(cm.expired());
        assert_eq!(cm.when(), Some(at(0)));
        Ok(())
    });
}

#[test]
fn in_the_past() {
    check(async {
        sleep(ms(20)).await?;
        let (result, cm) = under(timeout_at(at(9)), async |_| Ok(yield_now().await?)).await;
        is_timeout(result);
        assert!(cm.expired());
        assert_eq!(cm.when(), Some(at(9)));
        assert_eq!(now(), ms(20));
        Ok(())
    });
}

#[test]
fn another_error_passes() {
    check(async {
        let (result, cm) = under(timeout(ms(10)), async |_| divide()).await;
        is_zero_division(result);
        assert!(!cm.expired());
        Ok(())
    });
}

/// A clean-up that is cut off ends in the timeout, not in the error that it cleans up after.
#[test]
fn in_the_clean_up_after_an_error() {
    check(async {
        let (result, _) = under(timeout(ms(10)), async |_| {
            let result = divide();
            sleep(ms(1000)).await?;
            result
        })
        .await;
        is_timeout(result);
        assert_eq!(now(), ms(10));
        Ok(())
    });
}

/// An error in the clean-up takes the place of the timeout.
#[test]
fn another_error_at_the_timeout() {
    check(async {
        let (result, cm) = under(timeout(ms(10)), async |_| {
            is_cancelled(sleep(ms(1000)).await);
            divide()
        })
        .await;
        is_zero_division(result);
        assert!(cm.expired());
        assert_eq!(me().cancelling(), 0);
        Ok(())
    });
}

#[test]
fn errors_in_nested_clean_up_at_the_timeout() {
    check(async {
        let (result, cm) = under(timeout(ms(10)), async |_| {
            let inner = attempt(async {
                let failed = Err::<(), _>(Error::new(OtherError));
                sleep(ms(1000)).await?;
                failed
            })
            .await;
            is_cancelled(inner);
            divide()
        })
        .await;
        is_zero_division(result);
        assert!(cm.expired());
        assert_eq!(now(), ms(10));
        Ok(())
    });
}

#[test]
fn a_cancel_from_elsewhere_is_no_timeout() {
    check(async {
        let (result, cm) = under(timeout(ms(10_000)), async |_| {
            me().cancel();
            long_sleep().await
        })
        .await;
        is_cancelled(result);
        assert!(!cm.expired());
        assert_eq!(now(), ms(0));
        Ok(())
    });
}

#[test]
fn the_task_goes_on() {
    check(async {
        let task = spawn(async {
            is_timeout(timeout(ms(1)).scope(async |_| long_sleep().await).await);
            Ok(())
        });
        task.shared().await?;
        assert!(!task.cancelled());
        assert!(task.done());
        Ok(())
    });
}

/// The outer is up while the loop is held up inside the inner one.
#[test]
fn nested_and_the_loop_is_busy() {
    check(async {
        let (result, _) = under(timeout(ms(2)), async |_| {
            let inner = timeout(ms(100));
            let result = inner
                .scope(async |_| {
                    blocking::sleep(ms(10));
                    Ok(sleep(ms(1000)).await?)
                })
                .await;
            is_cancelled(result.clone());
            result
        })
        .await;
        is_timeout(result);
        assert_eq!(now(), ms(10));
        Ok(())
    });
}

/// The inner is up while the loop is held up; what comes after it is stopped by the outer.
#[test]
fn after_a_busy_inner_timeout() {
    for (busy, inner_is_timeout, end) in [(50, true, 100), (100, false, 100), (120, false, 120)] {
        check(async move {
            running_loop()?.set_slow_callback_duration(ms(10_000))?;
            let (result, _) = under(timeout(ms(100)), async |_| {
                let inner = timeout(ms(10))
                    .scope(async |_| {
                        blocking::sleep(ms(busy));
                        Ok(sleep(ms(1000)).await?)
                    })
                    .await;
                if !inner_is_timeout {
                    // Both were up in one iteration: it is the outer's.
                    is_cancelled(inner.clone());
                    return inner;
                }
                is_timeout(inner);
                long_sleep().await
            })
            .await;
            is_timeout(result);
            assert_eq!(now(), ms(end));
            Ok(())
        });
    }
}

#[test]
fn reschedule() {
    check(async {
        let f = create_future::<()>()?;
        let (cm, started) = (timeout_at(at(10_000)), f.shared());
        let theirs = cm.clone();
        let task = spawn(async move {
            let body = async |_: &Timeout| {
                started.set_result(())?;
                Ok(sleep(ms(50_000)).await?)
            };
            theirs.scope(body).await
        });
        f.await?;
        assert_eq!(cm.when(), Some(at(10_000)));
        cm.reschedule(at(30_000))?;
        assert_eq!(cm.when(), Some(at(30_000)));
        cm.reschedule(None)?;
        assert_eq!(cm.when(), None);
        task.cancel();
        is_cancelled(task.await);
        assert!(!cm.expired());
        assert_eq!(now(), ms(0));
        Ok(())
    });
}

/// A rescheduled timeout is up at the new time only.
#[test]
fn a_rescheduled_timeout_is_up_later() {
    check(async {
        let (result, _) = under(timeout(ms(10)), async |cm| {
            cm.reschedule(at(30))?;
            long_sleep().await
        })
        .await;
        is_timeout(result);
        assert_eq!(now(), ms(30));
        Ok(())
    });
}

#[test]
fn nested_in_a_clean_up() {
    check(async {
        let (result, _) = under(timeout(ms(10)), async |_| {
            let result = long_sleep().await;
            assert_eq!(now(), ms(10));
            is_timeout(timeout(ms(10)).scope(async |_| long_sleep().await).await);
            assert_eq!(now(), ms(20));
            result
        })
        .await;
        is_timeout(result);
        assert_eq!(now(), ms(20));
        Ok(())
    });
}

/// A timeout works in a task that was cancelled before and did not take it back.
#[test]
fn after_a_cancel() {
    check(async {
        me().cancel();
        is_cancelled(sleep(ms(1000)).await);
        assert_eq!(me().cancelling(), 1);
        is_timeout(timeout(Duration::ZERO).scope(async |_| Ok(sleep(ms(1000)).await?)).await);
        assert_eq!(me().cancelling(), 1);
        Ok(())
    });
}

#[test]
fn a_cancel_inside_after_a_cancel() {
    check(async {
        me().cancel();
        is_cancelled(sleep(ms(1000)).await);
        let (result, _) = under(timeout(ms(1000)), async |_| {
            me().cancel();
            Ok(sleep(ms(2000)).await?)
        })
        .await;
        is_cancelled(result);
        assert_eq!(me().cancelling(), 2);
        Ok(())
    });
}

#[test]
fn already_entered() {
    check(async {
        let (result, _) = under(timeout(ms(10)), async |cm| {
            is_refused(cm.clone().scope(async |_| Ok(())).await, "has already been entered");
            Ok(())
        })
        .await;
        result
    });
}

#[test]
fn entered_twice() {
    check(async {
        let (result, cm) = under(timeout(ms(10)), async |_| Ok(())).await;
        result?;
        is_refused(cm.scope(async |_| Ok(())).await, "has already been entered");
        Ok(())
    });
}

#[test]
fn finished() {
    check(async {
        let (result, cm) = under(timeout(ms(10)), async |_| Ok(())).await;
        result?;
        is_refused(cm.reschedule(at(20)), "finished");
        Ok(())
    });
}

#[test]
fn expired() {
    check(async {
        let (result, cm) = under(timeout(ms(10)), async |_| long_sleep().await).await;
        is_timeout(result);
        is_refused(cm.reschedule(at(20)), "expired");
        Ok(())
    });
}

#[test]
fn expiring() {
    check(async {
        let (result, cm) = under(timeout(ms(10)), async |cm| {
            is_cancelled(long_sleep().await);
            is_refused(cm.reschedule(at(20)), "expiring");
            Ok(())
        })
        .await;
        result?;
        assert!(cm.expired());
        Ok(())
    });
}

#[test]
fn not_entered() {
    check(async {
        is_refused(timeout(ms(10)).reschedule(at(20)), "has not been entered");
        Ok(())
    });
}

/// A callback is no task, which could be cancelled.
#[test]
fn without_a_task() {
    check(async {
        let cm = timeout(ms(10));
        let (theirs, slot) = (cm.clone(), Rc::new(RefCell::new(None)));
        let kept = Rc::clone(&slot);
        running_loop()?.call_soon(move || {
            *kept.borrow_mut() = Some(outside_of_tasks(theirs.scope(async |_| Ok(()))));
        })?;
        yield_now().await?;
        is_refused(slot.take().expect("the callback ran"), "task");
        is_refused(cm.reschedule(at(20)), "has not been entered");
        Ok(())
    });
}

/// A group's errors take the place of the timeout that cancelled it.
#[test]
fn around_a_group() {
    check(async {
        let log = Log::new();
        let theirs = log.clone();
        let (result, cm) = under(timeout(ms(10)), async |_| {
            let block = async |group: &TaskGroup| {
                group.spawn(async move {
                    is_cancelled(sleep(ms(2000)).await);
                    theirs.push(1);
                    Err::<(), _>(Error::new(ZeroDivision))
                })?;
                let failed = Err::<(), _>(Error::new(OtherError));
                sleep(ms(1000)).await?;
                failed
            };
            TaskGroup::new().scope(block).await
        })
        .await;
        log.is(&[1]);
        let error = result.expect_err("the group's");
        let group = error.as_group().expect("a group");
        let [error] = group.errors() else { panic!("{group:?}") };
        assert!(error.is::<ZeroDivision>());
        assert!(cm.expired());
        assert_eq!(now(), ms(10));
        Ok(())
    });
}
