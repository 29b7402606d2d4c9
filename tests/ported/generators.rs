//! Async generators: what CPython's tests assert.
//!
//! Source: CPython 3.13.0, `test_asyncgen.py`, `AsyncGenTest` and `AsyncGenAsyncioTest`. What is
//! sent into a generator comes back from a `yield` there; ours gives nothing back.

use seedloop::error::{GeneratorExit, StopAsyncIteration};
use seedloop::{
    AsyncGen, Co, Error, LoopFuture, Report, ReportKind, Result, RuntimeError, attempt,
    create_future, current_task, run, running_loop, sleep, spawn, yield_now,
};

use super::check::{
    Flag, Log, ZeroDivision, by_hand, check, divide, is_cancelled, is_zero_division,
};
use crate::surprises::helpers::{ms, spin};

/// Takes all items that there are.
async fn to_list<T>(mut items: AsyncGen<T>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    while let Some(item) = items.next().await? {
        all.push(item);
    }
    Ok(all)
}

/// Yields some items and returns.
fn of(items: &'static [u32]) -> AsyncGen<u32> {
    AsyncGen::new(async move |co| {
        for item in items {
            co.yield_(*item).await?;
        }
        Ok(())
    })
}

#[track_caller]
fn is_runtime_error<T: std::fmt::Debug>(result: Result<T>, text: &str) {
    match &result {
        Err(error) if error.is::<RuntimeError>() => assert_eq!(error.to_string(), text),
        other => panic!("{other:?} is no RuntimeError"),
    }
}

const IGNORED: &str = "async generator ignored GeneratorExit";

#[test]
fn awaits_between_the_items() {
    check(async {
        let items = AsyncGen::new(async |co| {
            yield_now().await?;
            co.yield_(123).await?;
            yield_now().await?;
            co.yield_(456).await?;
            sleep(ms(10)).await?;
            co.yield_(789).await
        });
        assert_eq!(to_list(items).await?, [123, 456, 789]);
        Ok(())
    });
}

#[test]
fn an_await_after_the_last_item() {
    check(async {
        let mut items = AsyncGen::new(async |co| {
            yield_now().await?;
            co.yield_(123).await?;
            Ok(yield_now().await?)
        });
        assert_eq!(items.next().await?, Some(123));
        for _ in 0..2 {
            assert_eq!(items.next().await?, None);
        }
        Ok(())
    });
}

/// An error ends the generator: it is raised once.
#[test]
fn an_error_ends_the_iteration() {
    check(async {
        let mut items = AsyncGen::new(async |co| {
            co.yield_(1).await?;
            sleep(ms(10)).await?;
            co.yield_(2).await?;
            divide()
        });
        assert_eq!(items.next().await?, Some(1));
        assert_eq!(items.next().await?, Some(2));
        is_zero_division(items.next().await);
        assert_eq!(items.next().await?, None);
        let failing = AsyncGen::new(async |co| {
            co.yield_(123).await?;
            spawn(async { divide() }).await
        });
        is_zero_division(to_list(failing).await);
        Ok(())
    });
}

#[test]
fn the_end_may_not_be_raised() {
    check(async {
        let items = AsyncGen::new(async |co| {
            co.yield_(123).await?;
            Err(Error::new(StopAsyncIteration))
        });
        is_runtime_error(to_list(items).await, "async generator raised StopAsyncIteration");
        Ok(())
    });
}

/// After an error of the body, `finally` may yield all the same; the error comes in the end.
#[test]
fn items_of_the_clean_up() {
    check(async {
        let mut items = AsyncGen::new(async |co| {
            let result = attempt(async {
                co.yield_(1).await?;
                divide()
            })
            .await;
            co.yield_(2).await?;
            sleep(ms(10)).await?;
            co.yield_(3).await?;
            result
        });
        for item in 1..=3 {
            assert_eq!(items.next().await?, Some(item));
        }
        is_zero_division(items.next().await);
        assert_eq!(items.next().await?, None);
        Ok(())
    });
}

/// A GeneratorExit that is thrown in, and not asked for by `aclose`, comes back.
#[test]
fn an_exit_that_is_thrown_in_comes_back() {
    check(async {
        let outer = AsyncGen::new(async |co: Co<u32>| {
            co.yield_(1).await?;
            let mut inner = of(&[10, 20]);
            assert_eq!(inner.next().await?, Some(10));
            let thrown = inner.athrow(Error::new(GeneratorExit)).await;
            assert!(thrown.is_err_and(|error| error.is::<GeneratorExit>()));
            co.yield_(2).await?;
            co.yield_(3).await
        });
        assert_eq!(to_list(outer).await?, [1, 2, 3]);
        Ok(())
    });
}

/// A body that asks itself for an item is refused, and so are a throw and a close meanwhile.
#[test]
fn only_one_at_a_time_is_inside() {
    check(async {
        let (mut items, gate) = waiting_at(create_future()?);
        let mut others = [items.clone(), items.clone(), items.clone()];
        let inside = spawn(async move { items.next().await });
        yield_now().await?;
        let running = "asynchronous generator is already running";
        is_runtime_error(others[0].next().await, &format!("anext(): {running}"));
        let thrown = others[1].athrow(Error::new(ZeroDivision)).await;
        is_runtime_error(thrown, &format!("athrow(): {running}"));
        is_runtime_error(others[2].aclose().await, &format!("aclose(): {running}"));
        gate.set_result(())?;
        assert_eq!(inside.await?, Some(1));
        others[0].aclose().await
    });
}

fn waiting_at(gate: LoopFuture<()>) -> (AsyncGen<u32>, LoopFuture<()>) {
    let theirs = gate.clone();
    let items = AsyncGen::new(async |co| {
        theirs.await?;
        co.yield_(1).await
    });
    (items, gate)
}

/// Items 1 to 3, then 4; a division by zero between 2 and 3 gives 1000 in their place.
fn catching() -> AsyncGen<u32> {
    AsyncGen::new(async |co| {
        co.yield_(1).await?;
        sleep(ms(10)).await?;
        let both = attempt(async {
            co.yield_(2).await?;
            co.yield_(3).await
        })
        .await;
        match both {
            Err(error) if error.is::<ZeroDivision>() => co.yield_(1000).await?,
            both => both?,
        }
        sleep(ms(10)).await?;
        co.yield_(4).await
    })
}

#[test]
fn an_error_is_thrown_in_or_not() {
    check(async {
        assert_eq!(to_list(catching()).await?, [1, 2, 3, 4]);
        let mut items = catching();
        assert_eq!(items.next().await?, Some(1));
        assert_eq!(items.next().await?, Some(2));
        assert_eq!(items.athrow(Error::new(ZeroDivision)).await?, Some(1000));
        assert_eq!(items.next().await?, Some(4));
        for _ in 0..2 {
            assert_eq!(items.next().await?, None);
        }
        Ok(())
    });
}

/// A body that catches everything at its only `yield`, and then ends.
fn swallowing(ended: &Flag) -> AsyncGen<u32> {
    let ended = ended.clone();
    AsyncGen::new(async move |co| {
        drop(co.yield_(1).await);
        Ok(ended.set())
    })
}

#[test]
fn a_body_that_swallows_what_is_thrown_in_just_ends() {
    check(async {
        let ended = [(); 3].map(|()| Flag::new());
        let mut items = ended.each_ref().map(swallowing);
        for items in &mut items {
            assert_eq!(items.next().await?, Some(1));
        }
        assert_eq!(items[0].next().await?, None);
        items[1].aclose().await?;
        assert_eq!(items[2].athrow(Error::msg("ValueError")).await?, None);
        assert!(ended.iter().all(Flag::is_set));
        Ok(())
    });
}

#[test]
fn a_clean_up_that_yields_ignores_its_exit() {
    check(async {
        let mut items = AsyncGen::new(async |co| {
            let result = co.yield_(1).await;
            sleep(ms(10)).await?;
            co.yield_(12).await?;
            result
        });
        items.next().await?;
        is_runtime_error(items.aclose().await, IGNORED);
        let mut swallowing = AsyncGen::new(async |co| {
            drop(co.yield_(1).await);
            co.yield_(2).await
        });
        swallowing.next().await?;
        is_runtime_error(swallowing.aclose().await, IGNORED);
        Ok(())
    });
}

/// Yields once, awaits `then` and cleans up for 20 ms; notes 1 after that, and 1000 for what is
/// never reached.
fn cleaning_up(log: &Log, then: LoopFuture<()>) -> AsyncGen<u32> {
    let log = log.clone();
    AsyncGen::new(async move |co| {
        let result = attempt(async {
            co.yield_(1).await?;
            then.await?;
            log.push(1000);
            co.yield_(2).await
        })
        .await;
        sleep(ms(10)).await?;
        sleep(ms(10)).await?;
        log.push(1);
        result
    })
}

#[test]
fn a_closed_generator_cleans_up() {
    check(async {
        let (log, never) = (Log::new(), create_future()?);
        let mut items = cleaning_up(&log, never.clone());
        assert_eq!(items.next().await?, Some(1));
        items.aclose().await?;
        log.is(&[1]);
        assert!(!never.done());
        Ok(())
    });
}

/// The clean-up of a generator that nobody has any more: the loop's task begins with the next
/// iteration but one, and its `sleep(0)` is over one later.
#[test]
fn a_dropped_generator_is_closed_by_a_task() {
    by_hand(|event_loop| {
        let ended = Flag::new();
        let (at_end, seen) = (ended.clone(), ended.clone());
        event_loop.run_until_complete(async move {
            let mut items = AsyncGen::new(async move |co| {
                let result = attempt(async {
                    loop {
                        co.yield_(1).await?;
                    }
                })
                .await;
                yield_now().await?;
                at_end.set();
                result
            });
            items.next().await?;
            items.next().await?;
            drop(items);
            spin(2).await?;
            assert!(!seen.is_set());
            Ok(())
        })?;
        assert!(ended.is_set());
        Ok(())
    });
}

#[test]
fn a_clean_up_awaits_a_task_that_fails() {
    check(async {
        let caught = Flag::new();
        let theirs = caught.clone();
        let mut items = AsyncGen::new(async move |co| {
            let task = spawn(async {
                sleep(ms(10)).await?;
                divide()
            });
            let result = co.yield_(1).await;
            is_zero_division(task.await);
            theirs.set();
            result
        });
        items.next().await?;
        items.aclose().await?;
        assert!(caught.is_set());
        Ok(())
    });
}

/// An error of what the body awaits comes after the clean-up, and so does a cancel of it.
#[test]
fn an_error_between_the_items_comes_after_the_clean_up() {
    check(async {
        for cancels in [false, true] {
            let (log, fails) = (Log::new(), create_future()?);
            let mut items = cleaning_up(&log, fails.clone());
            assert_eq!(items.next().await?, Some(1));
            running_loop()?.call_later(ms(5), move || match cancels {
                true => Ok(assert!(fails.cancel())),
                false => fails.set_exception(ZeroDivision),
            })?;
            match items.next().await {
                result if cancels => is_cancelled(result),
                result => is_zero_division(result),
            }
            log.is(&[1]);
            assert_eq!(current_task()?.expect("this task").cancelling(), 0);
        }
        Ok(())
    });
}

/// What is thrown in is handled with awaits, and the next item is the answer.
#[test]
fn what_is_thrown_in_may_be_handled_with_awaits() {
    check(async {
        for crashes in [false, true] {
            let (log, gate) = (Log::new(), create_future()?);
            let (seen, theirs) = (log.clone(), gate.clone());
            let mut items = AsyncGen::new(async move |co| {
                let result = attempt(async {
                    sleep(ms(10)).await?;
                    is_zero_division(co.yield_(1).await);
                    theirs.await?;
                    co.yield_(2000).await?;
                    Ok(sleep(ms(10)).await?)
                })
                .await;
                sleep(ms(10)).await?;
                seen.push(1);
                result
            });
            assert_eq!(items.next().await?, Some(1));
            running_loop()?.call_later(ms(5), move || match crashes {
                true => Ok(assert!(gate.cancel())),
                false => gate.set_result(()),
            })?;
            let answer = items.athrow(Error::new(ZeroDivision)).await;
            if crashes {
                is_cancelled(answer);
            } else {
                assert_eq!(answer?, Some(2000));
                log.is(&[]);
                assert_eq!(items.next().await?, None);
            }
            log.is(&[1]);
        }
        Ok(())
    });
}

/// A cancel of those who iterate reaches the bodies, which clean up; nothing is left to close.
#[test]
fn generators_of_cancelled_tasks_clean_up() {
    let log = Log::new();
    let seen = log.clone();
    check(async move {
        let tasks = [(); 2].map(|()| {
            let seen = seen.clone();
            spawn(async move {
                let items = AsyncGen::new(async move |co| {
                    let result = attempt(async {
                        sleep(ms(1000)).await?;
                        co.yield_(1).await
                    })
                    .await;
                    yield_now().await?;
                    seen.push(1);
                    result
                });
                to_list(items).await
            })
        });
        sleep(ms(100)).await?;
        tasks.iter().for_each(|task| assert!(task.cancel()));
        for task in tasks {
            is_cancelled(task.await);
        }
        Ok(())
    });
    log.is(&[1, 1]);
}

/// Runs `main`; returns what its exception handler was told.
fn told(main: impl AsyncFnOnce() -> Result<()> + 'static) -> Vec<(ReportKind, String)> {
    let told = Log::new();
    let seen = told.clone();
    let handler = move |report: &Report| {
        let is_ours = report.error.as_ref().is_none_or(|error| error.is::<ZeroDivision>());
        assert!(is_ours, "{report}");
        seen.push((report.kind, report.message.clone()));
    };
    run(async move {
        running_loop()?.set_exception_handler(handler);
        main().await
    })
    .expect("the program to succeed");
    let mut all = Vec::new();
    told.each(|report: &(ReportKind, String)| all.push(report.clone()));
    all
}

#[test]
fn a_generator_that_is_open_in_the_end_is_closed_silently() {
    let mut kept = of(&[1, 2]);
    let theirs = kept.clone();
    let first = async move || {
        let mut items = theirs;
        items.next().await.map(drop)
    };
    assert_eq!(told(first), []);
    let dropped = async || of(&[1, 2]).next().await.map(drop);
    assert_eq!(told(dropped), [], "nor is a task that was cancelled before it began");
    drop(kept.next());
}

/// Its clean-up fails.
fn failing_in_the_end() -> AsyncGen<u32> {
    AsyncGen::new(async |co| {
        drop(co.yield_(1).await);
        divide()
    })
}

#[test]
fn a_failure_in_the_end_is_reported() {
    let kept = failing_in_the_end();
    let mut theirs = kept.clone();
    let first = async move || theirs.next().await.map(drop);
    let text = "an error occurred during closing of an asynchronous generator".to_owned();
    assert_eq!(told(first), [(ReportKind::AsyncGenerator, text)]);
    drop(kept);
}

/// The task that is to close a generator is among those that the end of the run cancels, and that
/// cancel is raised in the body.
#[test]
fn a_failure_of_the_task_that_closes_is_reported() {
    let dropped = async || failing_in_the_end().next().await.map(drop);
    let text = "unhandled exception during asyncio.run() shutdown".to_owned();
    assert_eq!(told(dropped), [(ReportKind::Shutdown, text)]);
}

#[test]
fn a_generator_of_a_generator() {
    check(async {
        let items = AsyncGen::new(async |co| {
            let mut numbers = of(&[0, 1, 2, 3]);
            while let Some(number) = numbers.next().await? {
                sleep(ms(10)).await?;
                co.yield_(number * 2).await?;
            }
            Ok(())
        });
        assert_eq!(to_list(items).await?, [0, 2, 4, 6]);
        Ok(())
    });
}

#[test]
fn closing_what_is_closed_or_over_does_nothing() {
    check(async {
        let unstarted = of(&[1, 2]);
        unstarted.aclose().await?;
        unstarted.aclose().await?;
        let over = of(&[1, 2]);
        assert_eq!(to_list(over.clone()).await?, [1, 2]);
        over.aclose().await
    });
}
