//! Task groups: what CPython's tests assert of groups in which something fails.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_taskgroups.py`.

use seedloop::error::Interrupt;
use seedloop::sync::Event;
use seedloop::{
    Error, JoinHandle, Result, Simulation, TaskGroup, attempt, current_task, run, sleep, spawn,
};

use super::check::{
    BaseError, Flag, Log, OtherError, ZeroDivision, check, divide, is_cancelled, is_refused, now,
};
use crate::surprises::helpers::ms;

fn me() -> JoinHandle<()> {
    current_task().expect("a running loop").expect("a running task")
}

/// Fails after a time.
async fn crash(milliseconds: u64, error: impl Into<Error>) -> Result<()> {
    sleep(ms(milliseconds)).await?;
    Err(error.into())
}

/// Sleeps for long and fails when it is cancelled.
async fn fail_when_cancelled(error: impl Into<Error>) -> Result<()> {
    is_cancelled(sleep(ms(10_000)).await);
    Err(error.into())
}

/// Sleeps for long, cleans up for `clean_up` and hands the cancel on.
async fn clean_up_when_cancelled(clean_up: u64) -> Result<()> {
    let slept = sleep(ms(10_000)).await;
    is_cancelled(slept.clone());
    sleep(ms(clean_up)).await?;
    Ok(slept?)
}

/// What a group failed with, as a text: its errors in their order, groups in brackets.
#[track_caller]
fn errors_of<T: std::fmt::Debug>(result: Result<T>) -> String {
    fn text(error: &Error) -> String {
        match error.as_group() {
            Some(group) => {
                let inside: Vec<String> = group.errors().iter().map(text).collect();
                format!("[{}]", inside.join(" "))
            }
            None => error.to_string(),
        }
    }
    let error = result.expect_err("a group of errors");
    assert!(error.as_group().is_some(), "{error:?}");
    text(&error)
}

/// Cancels a task that runs a group after 100 ms and returns what it ended with.
async fn cancelled_after_100_ms(task: JoinHandle<()>) -> Result<()> {
    sleep(ms(100)).await?;
    assert!(!task.done());
    task.cancel();
    task.await
}

#[test]
fn a_failing_task_cancels_the_other() {
    check(async {
        let (log, slot) = (Log::new(), Log::<JoinHandle<()>>::new());
        let (theirs, kept) = (log.clone(), slot.clone());
        let task = spawn(async move {
            let block = async |g: &TaskGroup| {
                g.spawn(crash(100, Error::new(ZeroDivision)))?;
                kept.push(g.spawn(async move {
                    let slept = sleep(ms(1000)).await;
                    is_cancelled(slept.clone());
                    theirs.push(1);
                    Ok(slept?)
                })?);
                Ok(())
            };
            TaskGroup::new().scope(block).await
        });
        assert_eq!(errors_of(task.await), "[ZeroDivision]");
        log.is(&[1]);
        assert!(slot.take().expect("the task").cancelled());
        assert_eq!(now(), ms(100));
        Ok(())
    });
}

/// Those that fail in the iteration of the first failure are all in the group.
#[test]
fn failing_tasks_cancel_the_others_and_the_body() {
    check(async {
        let log = Log::new();
        let (theirs, body) = (log.clone(), log.clone());
        let task = spawn(async move {
            let block = async |g: &TaskGroup| {
                for _ in 0..3 {
                    g.spawn(crash(100, Error::new(ZeroDivision)))?;
                }
                g.spawn(async move {
                    let slept = sleep(ms(5000)).await;
                    is_cancelled(slept.clone());
                    theirs.push(1);
                    Ok(slept?)
                })?;
                let slept = sleep(ms(10_000)).await;
                is_cancelled(slept.clone());
                body.push(2);
                Ok(slept?)
            };
            TaskGroup::new().scope(block).await
        });
        assert_eq!(errors_of(task.await), "[ZeroDivision ZeroDivision ZeroDivision]");
        log.is(&[1, 2]);
        assert_eq!(now(), ms(100));
        Ok(())
    });
}

#[test]
fn clean_up_that_fails_replaces_the_cancel() {
    check(async {
        let task = spawn(TaskGroup::new().scope(async |g| {
            for _ in 0..5 {
                g.spawn(fail_when_cancelled(Error::new(ZeroDivision)))?;
            }
            Ok(sleep(ms(10_000)).await?)
        }));
        let failed = cancelled_after_100_ms(task).await;
        assert_eq!(errors_of(failed), format!("[{}]", ["ZeroDivision"; 5].join(" ")));
        Ok(())
    });
}

/// Runs a group with two sleepers whose body fails after `delay`, and sees them cancelled.
async fn failing_body(delay: Option<u64>) -> Result<()> {
    let slot = Log::<JoinHandle<()>>::new();
    let kept = slot.clone();
    let block = async |g: &TaskGroup| {
        kept.push(g.spawn(async { Ok(sleep(ms(1000)).await?) })?);
        kept.push(g.spawn(async { Ok(sleep(ms(2000)).await?) })?);
        if let Some(delay) = delay {
            sleep(ms(delay)).await?;
        }
        divide()
    };
    assert_eq!(errors_of(TaskGroup::new().scope(block).await), "[ZeroDivision]");
    assert_eq!(now(), ms(delay.unwrap_or(0)));
    slot.each(|task| assert!(task.cancelled()));
    assert!(slot.take().is_some());
    Ok(())
}

#[test]
fn a_failing_body_cancels_the_tasks() {
    check(failing_body(Some(100)));
}

#[test]
fn a_body_that_fails_before_the_tasks_start() {
    check(failing_body(None));
}

/// The inner group's errors are one error of the outer.
#[test]
fn a_group_in_a_group() {
    for outer_has_a_task in [false, true] {
        check(async move {
            let task = spawn(TaskGroup::new().scope(async move |outer| {
                if outer_has_a_task {
                    outer.spawn(async { Ok(sleep(ms(10_000)).await?) })?;
                }
                let inner = async |g: &TaskGroup| {
                    for _ in 0..5 {
                        g.spawn(fail_when_cancelled(Error::new(ZeroDivision)))?;
                    }
                    Ok(sleep(ms(10_000)).await?)
                };
                TaskGroup::new().scope(inner).await
            }));
            let failed = cancelled_after_100_ms(task).await;
            assert_eq!(errors_of(failed), format!("[[{}]]", ["ZeroDivision"; 5].join(" ")));
            assert_eq!(now(), ms(100));
            Ok(())
        });
    }
}

/// Runs a group around a group, with a task in each that fails after a time.
async fn nested_crashes(outer: u64, inner: u64) -> Result<()> {
    let task = spawn(TaskGroup::new().scope(async move |g| {
        g.spawn(crash(outer, Error::new(ZeroDivision)))?;
        let block =
            async move |g: &TaskGroup| g.spawn(crash(inner, Error::new(ZeroDivision))).map(drop);
        TaskGroup::new().scope(block).await
    }));
    task.await
}

#[test]
fn a_failure_in_the_outer_group() {
    check(async {
        assert_eq!(errors_of(nested_crashes(100, 10_000).await), "[ZeroDivision]");
        assert_eq!(now(), ms(100));
        Ok(())
    });
}

#[test]
fn a_failure_in_the_inner_group() {
    check(async {
        assert_eq!(errors_of(nested_crashes(10_000, 100).await), "[[ZeroDivision]]");
        assert_eq!(now(), ms(100));
        Ok(())
    });
}

/// A group that is cancelled, with a task that fails while the body cleans up.
async fn crash_in_the_clean_up() -> Result<()> {
    let block = async |g: &TaskGroup| {
        g.spawn(crash(300, Error::new(ZeroDivision)))?;
        clean_up_when_cancelled(500).await
    };
    TaskGroup::new().scope(block).await
}

#[test]
fn a_failure_while_the_cancelled_body_cleans_up() {
    check(async {
        let failed = cancelled_after_100_ms(spawn(crash_in_the_clean_up())).await;
        assert_eq!(errors_of(failed), "[ZeroDivision]");
        // The failure at 300 ms cuts the clean-up short.
        assert_eq!(now(), ms(300));
        Ok(())
    });
}

#[test]
fn the_same_when_a_task_around_it_is_cancelled() {
    check(async {
        let task = spawn(async { spawn(crash_in_the_clean_up()).await });
        let failed = cancelled_after_100_ms(task).await;
        assert_eq!(errors_of(failed), "[ZeroDivision]");
        assert_eq!(now(), ms(300));
        Ok(())
    });
}

#[test]
fn a_body_that_makes_another_error_of_its_cancel() {
    check(async {
        let task = spawn(
            TaskGroup::new().scope(async |_| fail_when_cancelled(Error::new(OtherError)).await),
        );
        assert_eq!(errors_of(cancelled_after_100_ms(task).await), "[OtherError]");
        Ok(())
    });
}

/// A group with a task that fails with one error, whose body then fails with another.
async fn crash_and_body(task: Error, body: Error) -> Result<()> {
    let block = async move |g: &TaskGroup| {
        g.spawn(crash(100, task))?;
        fail_when_cancelled(body).await
    };
    TaskGroup::new().scope(block).await
}

/// The body's error is the last in the group.
#[test]
fn errors_of_a_task_and_of_the_body() {
    check(async {
        let failed = crash_and_body(Error::new(ZeroDivision), Error::new(OtherError)).await;
        assert_eq!(errors_of(failed), "[ZeroDivision OtherError]");
        Ok(())
    });
}

/// What breaks the loop goes out as it is.
#[test]
fn an_interrupt_in_the_body() {
    let outcome = Simulation::new().run(|| {
        run(async {
            let failed = crash_and_body(Error::new(ZeroDivision), Error::new(Interrupt)).await;
            assert!(failed.as_ref().is_err_and(|error| error.is::<Interrupt>()), "{failed:?}");
            Ok(())
        })
    });
    outcome.result.and_then(|result| result).expect("the error was caught");
}

/// An error that is no exception makes the group none; the group is raised all the same.
#[test]
fn a_base_error_in_the_body() {
    check(async {
        let failed = crash_and_body(Error::new(ZeroDivision), Error::new(BaseError {})).await;
        assert!(failed.as_ref().is_err_and(|error| !error.is_exception()));
        assert_eq!(errors_of(failed), "[ZeroDivision generator is being closed]");
        Ok(())
    });
}

#[test]
fn a_base_error_in_a_task() {
    check(async {
        let failed = crash_and_body(Error::new(BaseError {}), Error::new(OtherError)).await;
        assert!(failed.as_ref().is_err_and(|error| !error.is_exception()));
        assert_eq!(errors_of(failed), "[generator is being closed OtherError]");
        Ok(())
    });
}

/// Tasks that spawn two more each in their own group, until one fails.
async fn hydra(g: TaskGroup, born: Log) -> Result<()> {
    born.push(1);
    sleep(ms(10)).await?;
    for _ in 0..2 {
        let next: std::pin::Pin<Box<dyn Future<Output = Result<()>>>> =
            Box::pin(hydra(g.clone(), born.clone()));
        g.spawn(next)?;
    }
    Ok(())
}

#[test]
fn a_growing_group_is_ended() {
    check(async {
        let born = Log::new();
        let heads = born.clone();
        let block = async move |g: &TaskGroup| {
            g.spawn(hydra(g.clone(), heads.clone()))?;
            g.spawn(async move {
                while heads.len() < 10 {
                    sleep(ms(15)).await?;
                }
                divide()
            })
        };
        assert_eq!(errors_of(TaskGroup::new().scope(block).await), "[ZeroDivision]");
        // 1, 2, 4, 8 and 16 are born at 0, 10, 20, 30 and 40 ms. At 30 ms 7 are seen: the timer of
        // the one that looks was set before theirs.
        assert_eq!((born.len(), now()), (31, ms(45)));
        Ok(())
    });
}

#[test]
fn no_task_after_a_failure() {
    check(async {
        let refused = Flag::new();
        let seen = refused.clone();
        let block = async move |g: &TaskGroup| {
            g.spawn(crash(1, Error::new(ZeroDivision)))?;
            let group = g.clone();
            g.spawn(async move {
                is_cancelled(sleep(ms(1000)).await);
                is_refused(group.spawn(crash(1, Error::new(ZeroDivision))), "is shutting down");
                seen.set();
                Ok(())
            })
        };
        assert_eq!(errors_of(TaskGroup::new().scope(block).await), "[ZeroDivision]");
        assert!(refused.is_set());
        Ok(())
    });
}

/// An error of the body's own clean-up joins that of the task that ended the body.
#[test]
fn clean_up_inside_the_body_fails() {
    check(async {
        let task = spawn(async {
            let block = async |g: &TaskGroup| {
                // What stands for a context manager whose exit raises.
                let body = attempt(async {
                    g.spawn(async { Err::<(), _>(Error::new(OtherError)) })?;
                    Ok(sleep(ms(1000)).await?)
                })
                .await;
                is_cancelled(body);
                Err::<(), _>(Error::new(OtherError))
            };
            let failed = TaskGroup::new().scope(block).await;
            assert_eq!(me().cancelling(), 0);
            assert_eq!(errors_of(failed), "[OtherError OtherError]");
            Ok(())
        });
        task.await
    });
}

/// Both groups fail in one iteration: the inner ends, and the outer's cancel is still there.
#[test]
fn nested_groups_are_both_cancelled() {
    check(async {
        let block = async |outer: &TaskGroup| {
            let block = async |inner: &TaskGroup| {
                inner.spawn(crash(0, Error::new(ZeroDivision)))?;
                outer.spawn(crash(0, Error::new(OtherError)))
            };
            let failed = TaskGroup::new().scope(block).await;
            assert_eq!(errors_of(failed.map(drop)), "[ZeroDivision]");
            assert_eq!(me().cancelling(), 1);
            Ok(())
        };
        assert_eq!(errors_of(TaskGroup::new().scope(block).await), "[OtherError]");
        assert_eq!(me().cancelling(), 0);
        Ok(())
    });
}

/// A cancel that comes while the group fails is not lost: it meets the next await.
#[test]
fn an_error_and_a_cancel() {
    check(async {
        let event = Event::new();
        let set = event.clone();
        let task = spawn(async move {
            let block = async |g: &TaskGroup| {
                g.spawn(async move {
                    set.set();
                    sleep(ms(0)).await?;
                    divide()
                })?;
                sleep(ms(1000)).await?;
                panic!("the sleep in the group was not cancelled");
                #[expect(unreachable_code, reason = "gives the block its type")]
                Ok(())
            };
            let failed = TaskGroup::new().scope(block).await;
            assert_eq!(errors_of(failed), "[ZeroDivision]");
            assert_eq!(me().cancelling(), 1);
            sleep(ms(1000)).await?;
            panic!("the sleep after the group was not cancelled");
            #[expect(unreachable_code, reason = "gives the task its type")]
            Ok(())
        });
        event.wait().await?;
        assert_eq!(task.cancelling(), 0);
        task.cancel();
        assert_eq!(task.cancelling(), 1);
        is_cancelled(task.shared().await);
        assert!(task.cancelled());
        assert_eq!(now(), ms(0));
        Ok(())
    });
}
