//! Cancelling tasks: what CPython's tests assert.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_tasks.py`, `BaseTaskTests`.

use std::time::Duration;

use seedloop::error::{Deadlock, Exit};
use seedloop::{
    Error, EventLoop, JoinHandle, LoopFuture, Result, ReturnWhen, all_tasks, create_future,
    current_task, gather_return_exceptions, running_loop, sleep, spawn, wait, yield_now,
};

use super::check::{Flag, Log, by_hand, check, is_cancelled, now, run_briefly};
use crate::surprises::helpers::ms;

fn me() -> JoinHandle<()> {
    current_task().expect("a running loop").expect("a running task")
}

/// The message of the cancel with which a result ends.
#[track_caller]
fn message_of<T: std::fmt::Debug>(result: Result<T>) -> Option<String> {
    let error = result.expect_err("a cancel");
    let cancelled = error.as_cancelled().unwrap_or_else(|| panic!("{error:?} is no cancel"));
    cancelled.message().map(str::to_owned)
}

/// A task of `event_loop` that waits for a future, at which it stands already.
fn waiter(event_loop: &EventLoop) -> Result<(LoopFuture<()>, JoinHandle<i32>)> {
    let f = event_loop.create_future::<()>()?;
    let theirs = f.shared();
    let task = event_loop.create_task(async move {
        theirs.await?;
        Ok(12)
    })?;
    run_briefly(event_loop);
    Ok((f, task))
}

#[test]
fn message_of_a_task_that_has_not_started() {
    by_hand(|event_loop| {
        let task = event_loop.create_task(async { Ok(()) })?;
        task.cancel_with("my message");
        assert_eq!(message_of(event_loop.run_until_complete(task)).as_deref(), Some("my message"));
        Ok(())
    });
}

#[test]
fn cancelling() {
    by_hand(|event_loop| {
        let task = event_loop.create_task(async { Ok(sleep(ms(10_000)).await?) })?;
        assert_eq!(task.cancelling(), 0);
        assert!(task.cancel());
        assert_eq!(task.cancelling(), 1);
        assert!(task.cancel());
        assert_eq!(task.cancelling(), 2);
        is_cancelled(event_loop.run_until_complete(task));
        Ok(())
    });
}

#[test]
fn uncancel() {
    by_hand(|event_loop| {
        let task = event_loop.create_task(async {
            is_cancelled(sleep(ms(10_000)).await);
            me().uncancel();
            Ok(sleep(ms(10_000)).await?)
        })?;
        let pause = |event_loop: &EventLoop| {
            event_loop.run_until_complete(async { Ok(sleep(ms(10)).await?) })
        };
        pause(event_loop)?;
        assert!(task.cancel());
        assert_eq!(task.cancelling(), 1);
        assert!(!task.cancelled(), "it has not ended");
        pause(event_loop)?;
        assert_eq!(task.cancelling(), 0);
        assert!(!task.cancelled(), "it sleeps again");
        assert!(task.cancel());
        assert_eq!(task.cancelling(), 1);
        assert!(!task.cancelled());
        is_cancelled(event_loop.run_until_complete(task.shared()));
        assert!(task.cancelled() && task.done());
        task.uncancel();
        assert!(task.cancelled() && task.done(), "too late");
        Ok(())
    });
}

/// A hand-made timeout: told apart by how many cancels are left. Returns (the time was up, the
/// block was finished).
async fn request(needs: Duration, limit: Duration) -> Result<(bool, bool)> {
    let (task, is_up, finished) = (me(), Flag::new(), Flag::new());
    let up = is_up.clone();
    let timer = running_loop()?.call_later(limit, move || {
        up.set();
        task.cancel();
    })?;
    let block = async {
        sleep(needs).await?;
        finished.set();
        Ok(())
    };
    let result: Result<()> = block.await;
    timer.cancel();
    match result {
        Err(error) if is_up.is_set() && me().uncancel() == 0 && error.is_cancelled() => {}
        result => result?,
    }
    // Code around the block, which the timeout must not reach.
    yield_now().await?;
    Ok((is_up.is_set(), finished.is_set()))
}

#[test]
fn uncancel_in_structured_blocks() {
    by_hand(|event_loop| {
        let slow = event_loop.create_task(request(ms(10_000), ms(100)))?;
        assert_eq!(event_loop.run_until_complete(slow.shared())?, (true, false));
        assert_eq!(slow.cancelling(), 0);
        assert_eq!(event_loop.time().since_start(), ms(100));
        let quick = event_loop.create_task(request(ms(0), ms(10_000)))?;
        assert_eq!(event_loop.run_until_complete(quick.shared())?, (false, true));
        assert_eq!(quick.cancelling(), 0);
        assert_eq!(event_loop.time().since_start(), ms(100));
        Ok(())
    });
}

/// Taking back the last cancel revokes one that is not delivered.
#[test]
fn uncancel_revokes_a_cancel() {
    by_hand(|event_loop| {
        let (f, task) = waiter(event_loop)?;
        f.set_result(())?;
        task.cancel();
        assert_eq!(task.cancelling(), 1);
        task.uncancel();
        assert_eq!(task.cancelling(), 0);
        assert_eq!(event_loop.run_until_complete(task)?, 12);
        Ok(())
    });
}

#[test]
fn cancel_of_a_sleeper() {
    by_hand(|event_loop| {
        let task = event_loop.create_task(async {
            sleep(ms(10_000)).await?;
            Ok(12)
        })?;
        let theirs = task.shared();
        event_loop.call_soon(move || assert!(theirs.cancel()))?;
        is_cancelled(event_loop.run_until_complete(task.shared()));
        assert!(task.done());
        assert!(task.cancelled());
        assert!(!task.cancel());
        assert_eq!(event_loop.time().since_start(), ms(0));
        Ok(())
    });
}

/// Spawns a sleeper, cancels it and waits until it has ended.
async fn cancelled_sleeper(message: Option<&str>, started: bool) -> Result<JoinHandle<()>> {
    let task = spawn(async { Ok(sleep(ms(10_000)).await?) });
    if started {
        yield_now().await?;
    }
    match message {
        Some(message) => task.cancel_with(message),
        None => task.cancel(),
    };
    let (done, pending) = wait([&task], ReturnWhen::AllCompleted).await?;
    assert_eq!((done.len(), pending.len()), (1, 0));
    Ok(task)
}

#[test]
fn message_of_a_result() {
    check(async {
        let task = cancelled_sleeper(None, true).await?;
        assert_eq!(message_of(task.result()), None);
        let task = cancelled_sleeper(Some("my message"), true).await?;
        assert_eq!(message_of(task.result()).as_deref(), Some("my message"));
        assert_eq!(now(), ms(0));
        Ok(())
    });
}

#[test]
fn message_of_an_exception() {
    check(async {
        let task = cancelled_sleeper(None, true).await?;
        assert_eq!(message_of(task.exception()), None);
        let task = cancelled_sleeper(Some("my message"), true).await?;
        assert_eq!(message_of(task.exception()).as_deref(), Some("my message"));
        Ok(())
    });
}

#[test]
fn message_before_the_task_starts() {
    check(async {
        let task = cancelled_sleeper(Some("my message"), false).await?;
        assert_eq!(message_of(task.exception()).as_deref(), Some("my message"));
        Ok(())
    });
}

/// The message arrives at the awaiter, whatever it makes of it.
#[test]
fn message_of_an_awaited_task() {
    check(async {
        let started = create_future::<()>()?;
        let begun = started.shared();
        let task = spawn(async move {
            begun.set_result(())?;
            Ok(sleep(ms(10_000)).await?)
        });
        started.await?;
        let theirs = task.shared();
        running_loop()?.call_soon(move || assert!(theirs.cancel_with("msg")))?;
        assert_eq!(message_of(task.await).as_deref(), Some("msg"));
        Ok(())
    });
}

#[test]
fn cancel_at_a_turn() {
    by_hand(|event_loop| {
        let task = event_loop.create_task(async {
            yield_now().await?;
            yield_now().await?;
            Ok(12)
        })?;
        run_briefly(event_loop);
        task.cancel();
        is_cancelled(event_loop.run_until_complete(task.shared()));
        assert!(task.done());
        assert!(task.cancelled());
        assert!(!task.cancel());
        Ok(())
    });
}

#[test]
fn cancel_of_the_inner_future() {
    by_hand(|event_loop| {
        let (f, task) = waiter(event_loop)?;
        f.cancel();
        is_cancelled(event_loop.run_until_complete(task.shared()));
        assert!(f.cancelled());
        assert!(task.cancelled());
        Ok(())
    });
}

#[test]
fn cancel_of_both_task_and_inner_future() {
    by_hand(|event_loop| {
        let (f, task) = waiter(event_loop)?;
        f.cancel();
        task.cancel();
        is_cancelled(event_loop.run_until_complete(task.shared()));
        assert!(task.done());
        assert!(f.cancelled());
        assert!(task.cancelled());
        Ok(())
    });
}

#[test]
fn a_task_that_catches_its_cancel() {
    by_hand(|event_loop| {
        let [f1, f2] = [event_loop.create_future::<()>()?, event_loop.create_future::<()>()?];
        let (first, second) = (f1.shared(), f2.shared());
        let task = event_loop.create_task(async move {
            first.await?;
            is_cancelled(second.await);
            Ok(42)
        })?;
        run_briefly(event_loop);
        f1.set_result(())?;
        run_briefly(event_loop);
        task.cancel();
        assert!(f2.cancelled(), "the task did not stand at it");
        assert_eq!(event_loop.run_until_complete(task.shared())?, 42);
        assert!(!task.cancelled());
        Ok(())
    });
}

#[test]
fn a_task_that_ignores_its_cancel() {
    by_hand(|event_loop| {
        let f1 = event_loop.create_future::<()>()?;
        let f2 = event_loop.create_future::<()>()?;
        let f3 = event_loop.create_future::<i32>()?;
        let (first, second, third) = (f1.shared(), f2.shared(), f3.shared());
        let task = event_loop.create_task(async move {
            first.await?;
            is_cancelled(second.await);
            third.await
        })?;
        run_briefly(event_loop);
        f1.set_result(())?;
        run_briefly(event_loop);
        task.cancel();
        assert!(f2.cancelled(), "the task did not stand at it");
        run_briefly(event_loop);
        assert!(!task.done());
        f3.set_result(42)?;
        assert_eq!(event_loop.run_until_complete(task.shared())?, 42);
        assert!(!f3.cancelled());
        assert!(!task.cancelled());
        Ok(())
    });
}

#[test]
fn cancel_of_the_current_task() {
    by_hand(|event_loop| {
        let task = event_loop.create_task(async {
            assert!(me().cancel());
            sleep(ms(100_000)).await?;
            Ok(12)
        })?;
        assert!(!task.cancelled());
        is_cancelled(event_loop.run_until_complete(task.shared()));
        assert!(task.done());
        assert!(task.cancelled());
        assert!(!task.cancel());
        assert_eq!(event_loop.time().since_start(), ms(0), "it slept");
        Ok(())
    });
}

#[test]
fn cancel_at_the_end() {
    by_hand(|event_loop| {
        let task = event_loop.create_task(async {
            assert!(me().cancel());
            Ok(12)
        })?;
        assert!(!task.cancelled());
        is_cancelled(event_loop.run_until_complete(task.shared()));
        assert!(task.done());
        assert!(task.cancelled());
        assert!(!task.cancel());
        Ok(())
    });
}

/// A task that was cancelled while it ran cancels what it waits for next.
#[test]
fn cancel_of_a_task_that_awaits_next() {
    by_hand(|event_loop| {
        let f = event_loop.create_future::<()>()?;
        let (theirs, nested) = (f.shared(), Log::<JoinHandle<()>>::new());
        let spawned = nested.clone();
        let task = event_loop.create_task(async move {
            let nested = spawn(theirs);
            spawned.push(nested.shared());
            yield_now().await?;
            me().cancel();
            nested.await
        })?;
        is_cancelled(event_loop.run_until_complete(task.shared()));
        assert!(task.cancelled());
        nested.each(|nested| assert!(nested.cancelled()));
        assert!(f.cancelled());
        Ok(())
    });
}

/// A cancelled sleeper leaves no timer behind, which would move the clock.
#[test]
fn a_cancelled_sleep_has_no_timer() {
    by_hand(|event_loop| {
        let task = event_loop.create_task(async {
            sleep(ms(10_000)).await?;
            Ok("yeah")
        })?;
        run_briefly(event_loop);
        task.cancel();
        run_briefly(event_loop);
        assert!(task.cancelled());
        let nothing_left = event_loop.run_forever();
        assert!(nothing_left.is_err_and(|error| error.is::<Deadlock>()));
        assert_eq!(event_loop.time().since_start(), ms(0));
        Ok(())
    });
}

#[test]
fn cancel_of_a_sleeping_task_by_a_timer() {
    check(async {
        let sleeper = spawn(async { Ok(sleep(ms(5_000_000)).await?) });
        let theirs = sleeper.shared();
        running_loop()?.call_later(ms(100), move || assert!(theirs.cancel()))?;
        is_cancelled(sleeper.await);
        assert_eq!(now(), ms(100));
        Ok(())
    });
}

#[test]
fn cancel_of_the_waiter_of_a_future() {
    by_hand(|event_loop| {
        let (f, task) = waiter(event_loop)?;
        task.cancel();
        assert!(f.cancelled());
        run_briefly(event_loop);
        is_cancelled(event_loop.run_until_complete(task));
        Ok(())
    });
}

/// What breaks the loop goes out of it, and is the task's error as well.
#[test]
fn an_exit_in_place_of_a_cancel() {
    by_hand(|event_loop| {
        let task = event_loop.create_task(async {
            is_cancelled(sleep(ms(10_000)).await);
            Err::<(), _>(Error::exit(3))
        })?;
        run_briefly(event_loop);
        task.cancel();
        assert!(!task.done());
        let ended = event_loop.run_until_complete(async { Ok(()) });
        assert!(ended.is_err_and(|error| error.downcast_ref() == Some(&Exit::new(3))));
        assert!(task.done());
        assert!(!task.cancelled());
        let error = task.exception()?.expect("an error");
        assert_eq!(error.downcast_ref(), Some(&Exit::new(3)));
        Ok(())
    });
}

/// Cancelling outer cancels inner, which cancels what it waits for.
#[test]
fn a_cancel_passes_through_an_await() {
    by_hand(|event_loop| {
        let (f, log) = (event_loop.create_future::<()>()?, Log::new());
        let (theirs, seen) = (f.shared(), log.clone());
        let task = event_loop.create_task(async move {
            let inner = async {
                let result = theirs.await;
                seen.push(1);
                result
            };
            is_cancelled(inner.await);
            seen.push(100);
            Ok(())
        })?;
        run_briefly(event_loop);
        task.cancel();
        event_loop.run_until_complete(task)?;
        log.is(&[1, 100]);
        assert!(f.cancelled());
        Ok(())
    });
}

/// Cancelling one that waits for a set leaves the set running.
#[test]
fn wait_does_not_pass_a_cancel() {
    by_hand(|event_loop| {
        let (f, log) = (event_loop.create_future::<()>()?, Log::new());
        let (theirs, seen) = (f.shared(), log.clone());
        let task = event_loop.create_task(async move {
            let proof = seen.clone();
            let inner = spawn(async move {
                theirs.await?;
                proof.push(1);
                Ok(())
            });
            wait([inner], ReturnWhen::AllCompleted).await?;
            seen.push(100);
            Ok(())
        })?;
        run_briefly(event_loop);
        run_briefly(event_loop);
        task.cancel();
        is_cancelled(event_loop.run_until_complete(task));
        f.set_result(())?;
        run_briefly(event_loop);
        log.is(&[1]);
        Ok(())
    });
}

/// The cancel of a task in a loop of gathers arrives, with its message, and at once.
#[test]
fn cancel_of_a_task_in_a_gather() {
    for message in [None, Some("my message")] {
        check(async move {
            let task = spawn(async {
                while now() <= ms(1000) {
                    let pause = async { Ok(sleep(ms(50)).await?) };
                    drop(gather_return_exceptions([pause]).await?);
                }
                Ok(())
            });
            sleep(ms(220)).await?;
            match message {
                Some(message) => task.cancel_with(message),
                None => task.cancel(),
            };
            assert_eq!(message_of(task.await).as_deref(), message);
            assert_eq!(now(), ms(220));
            assert_eq!(all_tasks()?.len(), 1, "only main is left");
            Ok(())
        });
    }
}
