//! Futures: what CPython's tests of them assert.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_futures.py` and `test_futures2.py`.

use std::time::Duration;

use seedloop::{
    CallbackId, ContextVar, Error, EventLoop, LoopFuture, Report, ReportKind, Result, ThreadPool,
    blocking, create_future, run_in_executor, running_loop, sleep, spawn, yield_now,
};

use super::check::{
    Log, OtherError, ZeroDivision, awaiting, by_hand, check, divide, is_cancelled,
    is_invalid_state, is_refused, is_zero_division, now, on_done, run_briefly,
};

fn future(event_loop: &EventLoop) -> LoopFuture<i32> {
    event_loop.create_future().expect("an open loop")
}

#[test]
fn initial_state() {
    by_hand(|event_loop| {
        let f = future(event_loop);
        assert!(!f.cancelled());
        assert!(!f.done());
        f.cancel();
        assert!(f.cancelled());
        Ok(())
    });
}

#[test]
fn no_future_without_a_loop() {
    is_refused(create_future::<i32>(), "no running event loop");
}

#[test]
fn a_future_is_of_the_running_loop() {
    by_hand(|event_loop| {
        let f = event_loop.run_until_complete(async { create_future::<i32>() })?;
        let other = EventLoop::new();
        f.set_result(1)?;
        assert_eq!(event_loop.run_until_complete(f)?, 1);
        let pending = event_loop.run_until_complete(async { create_future::<i32>() })?;
        is_refused(other.run_until_complete(awaiting(pending)), "loop");
        other.close()
    });
}

#[test]
fn cancel() {
    by_hand(|event_loop| {
        let f = future(event_loop);
        assert!(f.cancel());
        assert!(f.cancelled());
        assert!(f.done());
        is_cancelled(f.result());
        is_cancelled(f.exception());
        is_invalid_state(f.set_result(1));
        is_invalid_state(f.set_exception(ZeroDivision));
        assert!(!f.cancel());
        Ok(())
    });
}

/// A plain future gives the message of its cancel to each that asks.
#[test]
fn cancel_message() {
    by_hand(|event_loop| {
        let f = future(event_loop);
        f.cancel_with("my message");
        let again = f.shared();
        let error = event_loop.run_until_complete(f).expect_err("a cancel");
        assert_eq!(error.as_cancelled().and_then(|c| c.message()), Some("my message"));
        let error = again.result().expect_err("a cancel");
        assert_eq!(error.as_cancelled().and_then(|c| c.message()), Some("my message"));
        Ok(())
    });
}

#[test]
fn result() {
    by_hand(|event_loop| {
        let f = future(event_loop);
        is_invalid_state(f.result());
        f.set_result(42)?;
        assert!(!f.cancelled());
        assert!(f.done());
        assert_eq!(f.result()?, 42);
        assert!(f.exception()?.is_none());
        is_invalid_state(f.set_result(1));
        is_invalid_state(f.set_exception(ZeroDivision));
        assert!(!f.cancel());
        Ok(())
    });
}

#[test]
fn exception() {
    by_hand(|event_loop| {
        let f = future(event_loop);
        is_invalid_state(f.exception());
        let error = Error::new(ZeroDivision);
        f.set_exception(error.clone())?;
        assert!(!f.cancelled());
        assert!(f.done());
        is_zero_division(f.result());
        assert!(f.exception()?.is_some_and(|found| found.is_same(&error)));
        is_invalid_state(f.set_result(1));
        is_invalid_state(f.set_exception(OtherError));
        assert!(!f.cancel());
        Ok(())
    });
}

/// The second await of a future finds it done, and does not give way.
#[test]
fn await_twice() {
    by_hand(|event_loop| {
        let (f, log) = (future(event_loop), Log::new());
        let (theirs, seen) = (f.shared(), log.clone());
        let task = event_loop.create_task(async move {
            seen.push(1);
            assert_eq!(theirs.shared().await?, 42);
            seen.push(2);
            assert_eq!(theirs.shared().await?, 42);
            seen.push(3);
            Ok(())
        })?;
        run_briefly(event_loop);
        log.is(&[1]);
        event_loop.call_soon(move || f.set_result(42))?;
        let behind = log.clone();
        event_loop.call_soon(move || behind.push(0))?;
        event_loop.run_until_complete(task)?;
        log.is(&[1, 0, 2, 3]);
        Ok(())
    });
}

/// What became of a job in a pool becomes of the future that waits for it.
#[test]
fn state_is_copied_from_a_job() {
    check(async {
        let pool = ThreadPool::with_workers(1)?;
        let done = run_in_executor(&pool, || Ok(10));
        let failed = run_in_executor(&pool, || Err::<i32, _>(Error::new(ZeroDivision)));
        let busy = pool.submit(|| {
            blocking::sleep(Duration::from_secs(1));
            Ok(())
        })?;
        let cancelled = pool.submit(|| Ok(11))?;
        let waiter = cancelled.clone().into_future();
        assert!(cancelled.cancel());
        yield_now().await?;
        assert_eq!(done.result()?, 10);
        is_zero_division(failed.result());
        assert!(waiter.cancelled());
        busy.await
    });
}

/// Runs a program that leaves a future behind and returns what was logged of it.
fn abandoned(leave: impl FnOnce(LoopFuture<i32>) -> Result<()>) -> Vec<Report> {
    by_hand(|event_loop| {
        leave(future(event_loop))?;
        run_briefly(event_loop);
        Ok(())
    })
}

#[test]
fn a_pending_future_may_be_abandoned() {
    assert!(abandoned(|_| Ok(())).is_empty());
}

#[test]
fn a_cancel_silences_the_report() {
    let reports = abandoned(|f| {
        f.set_exception(ZeroDivision)?;
        assert!(!f.cancel());
        Ok(())
    });
    assert!(reports.is_empty(), "{reports:?}");
}

#[test]
fn a_result_that_nobody_asks_for() {
    assert!(abandoned(|f| f.set_result(42)).is_empty());
    let asked = abandoned(|f| {
        f.set_result(42)?;
        f.result().map(drop)
    });
    assert!(asked.is_empty());
}

#[test]
fn an_error_that_nobody_asks_for_is_reported() {
    let error = Error::new(ZeroDivision);
    let kept = error.clone();
    let reports = abandoned(move |f| f.set_exception(kept));
    let [report] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!(report.kind, ReportKind::FutureNeverRetrieved);
    assert_eq!(report.message, "Future exception was never retrieved");
    assert!(report.error.as_ref().is_some_and(|found| found.is_same(&error)));
}

#[test]
fn an_error_that_was_asked_for_is_not_reported() {
    let by_exception = abandoned(|f| {
        f.set_exception(ZeroDivision)?;
        f.exception().map(drop)
    });
    assert!(by_exception.is_empty(), "{by_exception:?}");
    let by_result = abandoned(|f| {
        f.set_exception(ZeroDivision)?;
        is_zero_division(f.result());
        Ok(())
    });
    assert!(by_result.is_empty(), "{by_result:?}");
}

#[test]
fn wrap_future() {
    check(async {
        let pool = ThreadPool::with_workers(1)?;
        let job = pool.submit(|| {
            blocking::sleep(Duration::from_millis(5));
            Ok("oi")
        })?;
        let f = job.into_future();
        assert!(!f.done());
        assert_eq!(f.await?, "oi");
        assert_eq!(now(), Duration::from_millis(5));
        Ok(())
    });
}

/// Outside of a loop there is nothing that a job's value could be handed to.
#[test]
#[should_panic(expected = "no running event loop")]
fn wrap_future_without_a_loop() {
    by_hand(|_| {
        let job = ThreadPool::with_workers(1)?.submit(|| Ok("oi"))?;
        drop(job.into_future());
        Ok(())
    });
}

#[test]
fn wrap_future_is_of_the_running_loop() {
    by_hand(|event_loop| {
        let pool = ThreadPool::with_workers(1)?;
        let f = event_loop.run_until_complete(async move {
            let job = pool.submit(|| {
                blocking::sleep(Duration::from_millis(5));
                Ok("oi")
            })?;
            Ok(job.into_future())
        })?;
        let other = EventLoop::new();
        let theirs = f.shared();
        is_refused(other.run_until_complete(awaiting(theirs)), "loop");
        other.close()?;
        assert_eq!(event_loop.run_until_complete(f)?, "oi");
        Ok(())
    });
}

/// The job is cancelled one hop after the future that waits for it.
#[test]
fn wrap_future_cancel() {
    by_hand(|event_loop| {
        let pool = ThreadPool::with_workers(1)?;
        let busy = pool.submit(|| {
            blocking::sleep(Duration::from_secs(1));
            Ok(())
        })?;
        let job = pool.submit(|| Ok(42))?;
        let theirs = job.clone();
        let f = event_loop.run_until_complete(async move { Ok(theirs.into_future()) })?;
        f.cancel();
        assert!(!job.cancelled());
        run_briefly(event_loop);
        assert!(job.cancelled());
        assert!(f.cancelled());
        event_loop.run_until_complete(async move { busy.await })
    });
}

#[test]
fn wrap_future_cancel_after_the_job_has_ended() {
    by_hand(|event_loop| {
        let job = ThreadPool::with_workers(1)?.submit(|| Ok(42))?;
        let theirs = job.clone();
        let f = event_loop.run_until_complete(async move {
            let f = theirs.into_future();
            f.cancel();
            Ok(f)
        })?;
        run_briefly(event_loop);
        assert!(!job.cancelled());
        assert_eq!(job.take_result()?, 42);
        assert!(f.cancelled());
        Ok(())
    });
}

/// A timer that fires after its sleeper was cancelled leaves the cancel.
#[test]
fn a_timer_leaves_a_cancelled_sleeper() {
    by_hand(|event_loop| {
        let delay = Duration::from_millis(10);
        let sleeper = event_loop.create_task(async move { Ok(sleep(delay).await?) })?;
        let theirs = sleeper.shared();
        // Set first, so that both are due in one iteration, the cancel before the timer.
        event_loop.call_later(delay, move || assert!(theirs.cancel()))?;
        is_cancelled(event_loop.run_until_complete(sleeper.shared()));
        assert!(sleeper.cancelled());
        assert_eq!(event_loop.time().since_start(), delay);
        Ok(())
    });
}

#[test]
fn remove_the_first_callback() {
    callbacks(&[17, 100], |f, [first, _, _]| {
        assert!(f.remove_done_callback(first));
        assert!(!f.remove_done_callback(first));
    });
}

#[test]
fn remove_the_first_and_second_callback() {
    callbacks(&[100], |f, [first, second, _]| {
        assert!(f.remove_done_callback(first));
        assert!(f.remove_done_callback(second));
        assert!(!f.remove_done_callback(first));
    });
}

#[test]
fn remove_the_third_callback() {
    callbacks(&[42, 17], |f, [_, _, third]| {
        assert!(f.remove_done_callback(third));
        assert!(!f.remove_done_callback(third));
    });
}

/// Adds the callbacks 42, 17 and 100, lets `change` look at them and sets the result.
#[track_caller]
fn callbacks(expected: &[u32], change: impl FnOnce(&LoopFuture<i32>, [CallbackId; 3])) {
    by_hand(|event_loop| {
        let (f, log) = (future(event_loop), Log::new());
        let ids = [42, 17, 100].map(|what| {
            let log = log.clone();
            f.add_done_callback(move |_| log.push(what)).expect("the loop is open")
        });
        change(&f, ids);
        f.set_result(7)?;
        log.is(&[]);
        run_briefly(event_loop);
        log.is(expected);
        assert_eq!(f.result()?, 7);
        Ok(())
    });
}

#[test]
fn callbacks_are_called_for_a_result() {
    callbacks(&[42, 17, 100], |_, _| {});
}

#[test]
fn callbacks_are_called_for_an_error() {
    by_hand(|event_loop| {
        let (f, log) = (future(event_loop), Log::new());
        on_done(&f, &log, 100);
        let error = Error::new(ZeroDivision);
        f.set_exception(error.clone())?;
        log.is(&[]);
        run_briefly(event_loop);
        log.is(&[100]);
        assert!(f.exception()?.is_some_and(|found| found.is_same(&error)));
        Ok(())
    });
}

/// A callback that was added several times is called, and taken back, as often.
#[test]
fn remove_done_callback() {
    by_hand(|event_loop| {
        let (f, log) = (future(event_loop), Log::new());
        let add = |what| {
            let log = log.clone();
            f.add_done_callback(move |_| log.push(what)).expect("the loop is open")
        };
        let mut ones = vec![add(1)];
        let two = add(2);
        assert!(f.remove_done_callback(two));
        assert!(!f.remove_done_callback(two));
        add(2);
        ones.extend([(); 5].map(|()| add(1)));
        assert_eq!(ones.iter().filter(|one| f.remove_done_callback(**one)).count(), 6);
        f.set_result(7)?;
        log.is(&[]);
        run_briefly(event_loop);
        log.is(&[2]);
        Ok(())
    });
}

/// A callback comes too late to take back another: all were queued when the result was set.
#[test]
fn a_callback_takes_back_another() {
    by_hand(|event_loop| {
        let (f, log) = (future(event_loop), Log::new());
        let others = Log::<CallbackId>::new();
        let (mine, theirs) = (log.clone(), others.clone());
        f.add_done_callback(move |f| {
            mine.push(1);
            theirs.each(|id| assert!(!f.remove_done_callback(*id)));
        })?;
        for what in [2, 3] {
            let log = log.clone();
            others.push(f.add_done_callback(move |_| log.push(what))?);
        }
        f.set_result(7)?;
        run_briefly(event_loop);
        log.is(&[1, 2, 3]);
        Ok(())
    });
}

/// Lets the reports go to a handler that looks at a variable; returns what it saw.
fn seen_by_the_handler(event_loop: &EventLoop, name: &'static ContextVar<&str>) -> Log<String> {
    let log = Log::new();
    let seen = log.clone();
    event_loop.set_exception_handler(move |_| seen.push(name.get().unwrap_or("foo").to_owned()));
    log
}

#[test]
fn the_handler_sees_the_variables_of_the_task() {
    static NAME: ContextVar<&str> = ContextVar::new();
    check(async {
        let seen = seen_by_the_handler(&running_loop()?, &NAME);
        spawn(async {
            drop(NAME.set("bar"));
            divide()
        });
        yield_now().await?;
        seen.is(&["bar".to_owned()]);
        Ok(())
    });
}

#[test]
fn the_handler_sees_the_variables_of_the_callback() {
    static NAME: ContextVar<&str> = ContextVar::new();
    check(async {
        let seen = seen_by_the_handler(&running_loop()?, &NAME);
        running_loop()?.call_soon(|| {
            drop(NAME.set("bar"));
            divide()
        })?;
        yield_now().await?;
        seen.is(&["bar".to_owned()]);
        Ok(())
    });
}
