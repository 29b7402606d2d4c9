//! Task groups: what CPython's tests assert of groups that end well or are cancelled.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_taskgroups.py`.

use std::cell::RefCell;
use std::rc::Rc;

use seedloop::{
    JoinHandle, Result, TaskGroup, attempt, current_task, running_loop, sleep, spawn, yield_now,
};

use super::check::{
    Flag, Log, by_hand, check, divide, is_cancelled, is_refused, now, outside_of_tasks,
};
use crate::surprises::helpers::ms;

/// Sleeps and gives a value.
async fn value(milliseconds: u64, value: i32) -> Result<i32> {
    sleep(ms(milliseconds)).await?;
    Ok(value)
}

#[test]
fn two_tasks() {
    check(async {
        let block = async |g: &TaskGroup| Ok((g.spawn(value(100, 42))?, g.spawn(value(200, 11))?));
        let (t1, t2) = TaskGroup::new().scope(block).await?;
        assert_eq!(now(), ms(200));
        assert_eq!((t1.result()?, t2.result()?), (42, 11));
        Ok(())
    });
}

#[test]
fn a_task_after_another_has_ended() {
    check(async {
        let block = async |g: &TaskGroup| {
            let t1 = g.spawn(value(100, 42))?;
            sleep(ms(150)).await?;
            assert!(t1.done());
            Ok((t1, g.spawn(value(200, 11))?))
        };
        let (t1, t2) = TaskGroup::new().scope(block).await?;
        assert_eq!(now(), ms(350));
        assert_eq!((t1.result()?, t2.result()?), (42, 11));
        Ok(())
    });
}

/// A task of the group may be cancelled by itself.
#[test]
fn a_cancelled_task_is_no_failure() {
    check(async {
        let block = async |g: &TaskGroup| {
            let t1 = g.spawn(value(1000, 42))?;
            sleep(ms(150)).await?;
            t1.cancel();
            Ok((t1, g.spawn(value(200, 11))?))
        };
        let (t1, t2) = TaskGroup::new().scope(block).await?;
        assert_eq!(now(), ms(350));
        assert!(t1.cancelled());
        assert_eq!(t2.result()?, 11);
        Ok(())
    });
}

/// Spawns five tasks in a group that sleep for 5 s and note their cancel.
fn five_sleepers(g: &TaskGroup, log: &Log) -> Result<()> {
    for _ in 0..5 {
        let log = log.clone();
        g.spawn(async move {
            let slept = sleep(ms(5000)).await;
            is_cancelled(slept.clone());
            log.push(1);
            Ok(slept?)
        })?;
    }
    Ok(())
}

/// Cancels a task that runs a group after 100 ms, which must end it at once.
async fn cancel_after_100_ms(task: JoinHandle<()>) -> Result<()> {
    sleep(ms(100)).await?;
    assert!(!task.done());
    task.cancel();
    is_cancelled(task.await);
    assert_eq!(now(), ms(100));
    Ok(())
}

#[test]
fn cancelled_while_it_waits_for_its_tasks() {
    check(async {
        let log = Log::new();
        let theirs = log.clone();
        let task = spawn(TaskGroup::new().scope(async move |g| five_sleepers(g, &theirs)));
        cancel_after_100_ms(task).await?;
        log.is(&[1; 5]);
        Ok(())
    });
}

#[test]
fn cancelled_while_the_body_runs() {
    check(async {
        let log = Log::new();
        let theirs = log.clone();
        let task = spawn(TaskGroup::new().scope(async move |g| {
            five_sleepers(g, &theirs)?;
            let slept = sleep(ms(10_000)).await;
            is_cancelled(slept.clone());
            theirs.push(10);
            Ok(slept?)
        }));
        cancel_after_100_ms(task).await?;
        log.is(&[10, 1, 1, 1, 1, 1]);
        Ok(())
    });
}

#[test]
fn cancelled_without_tasks() {
    check(async {
        let log = Log::new();
        let theirs = log.clone();
        let task = spawn(TaskGroup::new().scope(async move |_| {
            let slept = sleep(ms(10_000)).await;
            is_cancelled(slept.clone());
            theirs.push(10);
            Ok(slept?)
        }));
        cancel_after_100_ms(task).await?;
        log.is(&[10]);
        Ok(())
    });
}

#[test]
fn cancelled_with_tasks_that_do_not_care() {
    check(async {
        let task = spawn(TaskGroup::new().scope(async |g| {
            g.spawn(value(1000, 42))?;
            g.spawn(value(2000, 11))?;
            Ok(())
        }));
        cancel_after_100_ms(task).await
    });
}

/// Tasks that have ended are no longer the group's: it is empty, and finished, without them.
#[test]
fn ended_tasks_are_forgotten() {
    check(async {
        let block = async |g: &TaskGroup| {
            let mut tasks = Vec::new();
            for count in 0..10 {
                sleep(ms(100)).await?;
                tasks.push(g.spawn(async { Ok(sleep(ms(300)).await?) })?);
                if count == 5 {
                    let left = tasks.iter().filter(|task| !task.done()).count();
                    assert_eq!(left, 3);
                }
            }
            sleep(ms(1350)).await?;
            assert!(tasks.iter().all(|task| task.done()));
            Ok(now())
        };
        let end = TaskGroup::new().scope(block).await?;
        assert_eq!(end, ms(2350));
        assert_eq!(now(), end, "nothing was left to wait for");
        Ok(())
    });
}

#[test]
fn a_task_spawns_in_its_group() {
    check(async {
        let block = async |g: &TaskGroup| {
            let group = g.clone();
            g.spawn(async move {
                sleep(ms(100)).await?;
                group.spawn(value(100, 1))?;
                group.spawn(value(200, 2))?;
                Ok(())
            })
        };
        TaskGroup::new().scope(block).await?;
        assert_eq!(now(), ms(300));
        Ok(())
    });
}

#[test]
fn a_name() {
    check(async {
        let block = async |g: &TaskGroup| {
            let task = g.spawn_named("yolo", async { Ok(yield_now().await?) })?;
            assert_eq!(task.name(), "yolo");
            Ok(())
        };
        TaskGroup::new().scope(block).await
    });
}

#[test]
fn already_entered() {
    check(async {
        let block = async |g: &TaskGroup| {
            is_refused(g.clone().scope(async |_| Ok(())).await, "has already been entered");
            Ok(())
        };
        TaskGroup::new().scope(block).await
    });
}

#[test]
fn entered_twice() {
    check(async {
        let group = TaskGroup::new();
        group.clone().scope(async |_| Ok(())).await?;
        is_refused(group.scope(async |_| Ok(())).await, "has already been entered");
        Ok(())
    });
}

/// Says when it is dropped.
struct Dropped(Flag);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// What a finished group refuses is dropped, without having run.
#[test]
fn finished() {
    check(async {
        let group = TaskGroup::new();
        group.clone().scope(async |_| Ok(())).await?;
        let dropped = Flag::new();
        let guard = Dropped(dropped.clone());
        is_refused(
            group.spawn(async move {
                drop(guard);
                panic!("a refused task ran");
                #[expect(unreachable_code, reason = "gives the task its type")]
                Ok(())
            }),
            "is finished",
        );
        assert!(dropped.is_set());
        Ok(yield_now().await?)
    });
}

#[test]
fn finished_in_a_loop_by_hand() {
    by_hand(|event_loop| {
        event_loop.run_until_complete(async {
            let group = TaskGroup::new();
            group.clone().scope(async |_| Ok(())).await?;
            is_refused(group.spawn(async { Ok(sleep(ms(0)).await?) }), "is finished");
            Ok(())
        })
    });
}

#[test]
fn not_entered() {
    check(async {
        let refused = TaskGroup::new().spawn(async { Ok(sleep(ms(0)).await?) });
        is_refused(refused, "has not been entered");
        Ok(())
    });
}

/// A callback is no task, which could be cancelled.
#[test]
fn without_a_parent_task() {
    check(async {
        let group = TaskGroup::new();
        let (theirs, slot) = (group.clone(), Rc::new(RefCell::new(None)));
        let kept = Rc::clone(&slot);
        running_loop()?.call_soon(move || {
            *kept.borrow_mut() = Some(outside_of_tasks(theirs.scope(async |_| Ok(()))));
        })?;
        yield_now().await?;
        is_refused(slot.take().expect("the callback ran"), "parent task");
        is_refused(group.spawn(async { Ok(()) }), "has not been entered");
        Ok(())
    });
}

/// The group takes back the cancel that it sent to its own body.
#[test]
fn the_level_of_cancels_is_kept() {
    check(async {
        let block = async |g: &TaskGroup| {
            g.spawn(async {
                sleep(ms(0)).await?;
                divide()
            })
        };
        let failed = attempt(TaskGroup::new().scope(block)).await;
        assert!(failed.is_err_and(|error| error.as_group().is_some()));
        let me = current_task()?.expect("a running task");
        assert_eq!(me.cancelling(), 0);
        Ok(())
    });
}
