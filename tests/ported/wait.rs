//! `wait` and `as_completed`: what CPython's tests assert.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_tasks.py`, `BaseTaskTests`.

use seedloop::error::{Deadlock, ValueError};
use seedloop::{
    AnyFuture, AsFuture, Error, JoinHandle, Result, ReturnWhen, as_completed, running_loop, sleep,
    spawn, wait, yield_now,
};

use super::check::{Log, by_hand, check, divide, is_cancelled, is_timeout, is_zero_division, now};
use crate::surprises::helpers::{ms, spin};

/// Spawns a task that sleeps.
fn sleeper(milliseconds: u64) -> JoinHandle<()> {
    spawn(async move { Ok(sleep(ms(milliseconds)).await?) })
}

/// Sleeps and gives a name.
async fn named(milliseconds: u64, name: &'static str) -> Result<&'static str> {
    sleep(ms(milliseconds)).await?;
    Ok(name)
}

/// The futures are these, in this order.
#[track_caller]
fn are<A: AsFuture, B: AsFuture>(found: &[A], expected: &[B]) {
    let any = |future: AnyFuture| future;
    let found: Vec<_> = found.iter().map(|future| any(future.as_any_future())).collect();
    let expected: Vec<_> = expected.iter().map(|future| any(future.as_any_future())).collect();
    assert_eq!(found, expected);
}

const NONE: [&AnyFuture; 0] = [];

#[test]
fn wait_for_all() {
    check(async {
        let (a, b) = (sleeper(100), sleeper(150));
        for _ in 0..2 {
            // The second time takes no time.
            let (done, pending) = wait([&b, &a], ReturnWhen::AllCompleted).await?;
            are(&done, &[&b, &a]);
            are(&pending, &NONE);
            assert_eq!(now(), ms(150));
        }
        Ok(())
    });
}

#[test]
fn duplicates() {
    check(async {
        let c = spawn(async { Ok("test") });
        let spam = spawn(async { Ok("spam") });
        let (done, pending) = wait([&c, &c, &spam], ReturnWhen::AllCompleted).await?;
        are(&pending, &NONE);
        let values: Vec<_> = done.iter().map(|task| task.result()).collect::<Result<_>>()?;
        assert_eq!(values, ["test", "spam"]);
        Ok(())
    });
}

#[test]
fn nothing_to_wait_for() {
    check(async {
        let nothing: [AnyFuture; 0] = [];
        let refused = wait(nothing, ReturnWhen::AllCompleted).await;
        assert!(refused.is_err_and(|error| error.is::<ValueError>()));
        Ok(())
    });
}

#[test]
fn first_completed() {
    check(async {
        let (a, b) = (sleeper(10_000), sleeper(100));
        let (done, pending) = wait([&b, &a], ReturnWhen::FirstCompleted).await?;
        are(&done, &[&b]);
        are(&pending, &[&a]);
        assert!(!a.done());
        assert!(b.done());
        b.result()?;
        assert_eq!(now(), ms(100));
        wait([&a, &b], ReturnWhen::AllCompleted).await?;
        assert_eq!(now(), ms(10_000));
        Ok(())
    });
}

/// One that ends before the waiter resumes is among the done.
#[test]
fn really_done() {
    check(async {
        let a = spawn(async { Ok(spin(1).await?) });
        let b = spawn(async { Ok(spin(2).await?) });
        let (done, pending) = wait([&b, &a], ReturnWhen::FirstCompleted).await?;
        are(&done, &[&b, &a]);
        are(&pending, &NONE);
        a.result()?;
        b.result()
    });
}

#[test]
fn first_exception_is_there_already() {
    check(async {
        let (a, b) = (sleeper(10_000), spawn(async { divide() }));
        let (done, pending) = wait([&b, &a], ReturnWhen::FirstException).await?;
        are(&done, &[&b]);
        are(&pending, &[&a]);
        assert_eq!(now(), ms(0));
        wait([&a, &b], ReturnWhen::AllCompleted).await?;
        assert_eq!(now(), ms(10_000));
        Ok(())
    });
}

#[test]
fn first_exception_comes_later() {
    check(async {
        let a = sleeper(10_000);
        let b = spawn(async {
            sleep(ms(10)).await?;
            divide()
        });
        let (done, pending) = wait([&b, &a], ReturnWhen::FirstException).await?;
        are(&done, &[&b]);
        are(&pending, &[&a]);
        assert_eq!(now(), ms(10));
        Ok(())
    });
}

#[test]
fn errors_are_not_raised() {
    check(async {
        let a = sleeper(100);
        let b = spawn(async {
            sleep(ms(150)).await?;
            divide()
        });
        for _ in 0..2 {
            let (done, pending) = wait([&b, &a], ReturnWhen::AllCompleted).await?;
            are(&done, &[&b, &a]);
            are(&pending, &NONE);
            is_zero_division(b.result());
            a.result()?;
            assert_eq!(now(), ms(150));
        }
        Ok(())
    });
}

#[test]
fn wait_with_timeout() {
    check(async {
        let (a, b) = (sleeper(100), sleeper(150));
        let (done, pending) = wait([&b, &a], ReturnWhen::AllCompleted).timeout(ms(110)).await?;
        are(&done, &[&a]);
        are(&pending, &[&b]);
        assert_eq!(now(), ms(110));
        b.await?;
        assert_eq!(now(), ms(150));
        Ok(())
    });
}

/// One that ends at the moment of the timeout, with its timer set before, is done.
#[test]
fn timeout_and_end_at_once() {
    check(async {
        let (a, b) = (sleeper(100), sleeper(150));
        yield_now().await?;
        let (done, pending) = wait([&b, &a], ReturnWhen::AllCompleted).timeout(ms(100)).await?;
        are(&done, &[&a]);
        are(&pending, &[&b]);
        assert_eq!(now(), ms(100));
        Ok(())
    });
}

#[test]
fn wait_for_an_iterator() {
    check(async {
        let (a, b) = (sleeper(100), sleeper(150));
        let both = [&b, &a].into_iter().filter(|_| true);
        let (done, pending) = wait(both, ReturnWhen::AllCompleted).await?;
        are(&done, &[&b, &a]);
        are(&pending, &NONE);
        assert_eq!(now(), ms(150));
        Ok(())
    });
}

/// The tasks may be spawned by the iterator itself.
#[test]
fn wait_for_a_lazy_iterator() {
    check(async {
        let tasks = (0..10).map(|i| spawn(async move { Ok(i) }));
        let (done, pending) = wait(tasks, ReturnWhen::AllCompleted).await?;
        let values: Vec<i32> = done.iter().map(|task| task.result()).collect::<Result<_>>()?;
        assert_eq!(values, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(pending.len(), 0);
        Ok(())
    });
}

#[test]
fn in_order_of_completion() {
    check(async {
        let mut results = as_completed([named(10, "b"), named(150, "c"), named(10, "a")]);
        let mut arrived = Vec::new();
        while let Some(result) = results.next().await {
            arrived.push((result?, now()));
        }
        assert_eq!(arrived, [("b", ms(10)), ("a", ms(10)), ("c", ms(150))]);
        Ok(())
    });
}

#[test]
fn completed_with_timeout() {
    check(async {
        let [a, b] = [spawn(named(100, "a")), spawn(named(150, "b"))];
        let mut results = as_completed([a.shared(), b.shared()]).timeout(ms(120));
        assert_eq!(results.next().await.expect("a result")?, "a");
        assert_eq!(now(), ms(100));
        is_timeout(results.next().await.expect("a sentinel"));
        assert_eq!(now(), ms(120));
        assert!(results.next().await.is_none());
        // Nothing was cancelled.
        assert_eq!(b.await?, "b");
        assert_eq!(now(), ms(150));
        Ok(())
    });
}

/// A timeout that was not needed leaves no timer behind, which would move the clock.
#[test]
fn completed_with_unused_timeout() {
    by_hand(|event_loop| {
        event_loop.run_until_complete(async {
            let mut results = as_completed([named(10, "a")]).timeout(ms(1000));
            assert_eq!(results.next().await.expect("a result")?, "a");
            assert!(results.next().await.is_none());
            Ok(())
        })?;
        let nothing_left = event_loop.run_forever();
        assert!(nothing_left.is_err_and(|error| error.is::<Deadlock>()));
        assert_eq!(event_loop.time().since_start(), ms(10));
        Ok(())
    });
}

#[test]
fn an_iteration_is_resumed() {
    check(async {
        let numbers = (0..4).map(|i| async move { Ok::<_, Error>(i) });
        let mut results = as_completed(numbers);
        let mut collected = Vec::new();
        while let Some(number) = results.next().await {
            collected.push(number?);
            if collected.len() == 2 {
                break;
            }
        }
        assert_eq!(collected, [0, 1]);
        while let Some(number) = results.next().await {
            collected.push(number?);
        }
        assert_eq!(collected, [0, 1, 2, 3]);
        Ok(())
    });
}

/// Whoever asks first gets what is there first, also when more is there than was asked for.
#[test]
fn completed_at_once() {
    check(async {
        let mut results = as_completed([named(50, "a"), named(50, "b")]);
        sleep(ms(60)).await?;
        let log = Log::new();
        let theirs = log.clone();
        let consumer = spawn(async move {
            while let Some(result) = results.next().await {
                theirs.push((result?, now()));
            }
            Ok(())
        });
        yield_now().await?;
        log.is(&[("a", ms(60)), ("b", ms(60))]);
        consumer.await
    });
}

#[test]
fn completed_duplicates() {
    check(async {
        let c = spawn(async { Ok("ham") });
        let spam = spawn(async { Ok("spam") });
        let mut results = as_completed([c.shared(), c, spam]);
        assert_eq!(results.next().await.expect("a result")?, "ham");
        assert_eq!(results.next().await.expect("a result")?, "spam");
        assert!(results.next().await.is_none());
        Ok(())
    });
}

#[test]
#[should_panic(expected = "no running event loop")]
fn completed_without_a_loop() {
    drop(as_completed([async { Ok::<_, Error>(42) }]));
}

#[test]
fn completed_in_the_running_loop() {
    by_hand(|event_loop| {
        let value = event_loop.run_until_complete(async {
            let mut results = as_completed([async { Ok(42) }]);
            results.next().await.expect("a result")
        })?;
        assert_eq!(value, 42);
        Ok(())
    });
}

/// A consumer that is cancelled takes nothing with it.
#[test]
fn a_cancelled_consumer() {
    check(async {
        let task = spawn(named(50, "a"));
        let theirs = task.shared();
        let consumer =
            spawn(async move { as_completed([theirs]).next().await.expect("a result").map(drop) });
        let late = consumer.shared();
        running_loop()?.call_later(ms(20), move || assert!(late.cancel()))?;
        is_cancelled(consumer.await);
        assert_eq!(now(), ms(20));
        assert_eq!(task.await?, "a");
        assert_eq!(now(), ms(50));
        Ok(())
    });
}
