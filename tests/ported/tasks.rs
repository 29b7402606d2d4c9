//! Tasks: what CPython's tests of them assert, but for cancels.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_tasks.py` and `test_context.py`.

use seedloop::error::ValueError;
use seedloop::{
    ContextVar, Error, EventLoop, JoinHandle, ReportKind, Result, all_tasks, create_future,
    current_task, gather, gather_into, running_loop, sleep, spawn, spawn_named, yield_now,
};

use super::check::{
    Log, ZeroDivision, awaiting, by_hand, check, is_cancelled, is_refused, now, run_briefly,
};
use crate::surprises::helpers::ms;

fn me() -> JoinHandle<()> {
    current_task().expect("a running loop").expect("a running task")
}

#[test]
fn a_future_of_another_loop_is_refused() {
    by_hand(|event_loop| {
        let other = EventLoop::new();
        let f = other.create_future::<()>()?;
        is_refused(event_loop.run_until_complete(awaiting(f)), "attached to a different");
        other.close()
    });
}

#[test]
fn a_task_awaits_itself() {
    by_hand(|event_loop| {
        let slot = Log::<JoinHandle<()>>::new();
        let own = slot.clone();
        let task = event_loop.create_task(async move { own.take().expect("the task").await })?;
        slot.push(task.shared());
        is_refused(event_loop.run_until_complete(task), "await on itself");
        Ok(())
    });
}

#[test]
fn a_task_is_of_its_loop() {
    by_hand(|event_loop| {
        let task = event_loop.create_task(async { Ok("ok") })?;
        event_loop.run_until_complete(task.shared())?;
        assert!(task.done());
        assert_eq!(task.result()?, "ok");
        let other = EventLoop::new();
        let task = other.create_task(async { Ok("ok") })?;
        run_briefly(event_loop);
        assert!(!task.done(), "another loop ran it");
        other.run_until_complete(task.shared())?;
        assert_eq!(task.result()?, "ok");
        other.close()
    });
}

/// What is no future of the loop becomes a task of the loop that runs.
#[test]
fn a_coroutine_becomes_a_task() {
    by_hand(|event_loop| {
        let before = event_loop.run_until_complete(async {
            let gathered = gather([async { Ok("ok") }]);
            Ok((all_tasks()?.len(), gathered))
        })?;
        assert_eq!(before.0, 2);
        assert_eq!(event_loop.run_until_complete(before.1)?, ["ok"]);
        Ok(())
    });
}

/// A future or task that is waited for is waited for itself, and only by its own loop.
#[test]
fn a_future_stays_itself() {
    by_hand(|event_loop| {
        let f = event_loop.create_future()?;
        f.set_result("ko")?;
        assert_eq!(event_loop.run_until_complete(f.shared())?, "ko");
        let task = event_loop.create_task(async {
            yield_now().await?;
            Ok(all_tasks()?.len())
        })?;
        let other = EventLoop::new();
        let refused = other.run_until_complete(task.shared());
        assert!(refused.as_ref().is_err_and(|e| e.is::<ValueError>()), "{refused:?}");
        let refused = other.run_until_complete(f.shared());
        assert!(refused.as_ref().is_err_and(|e| e.is::<ValueError>()), "{refused:?}");
        other.close()?;
        assert_eq!(event_loop.run_until_complete(task.shared())?, 1, "there was one task more");
        Ok(())
    });
}

#[test]
fn awaits_in_sequence() {
    by_hand(|event_loop| {
        let outer = async {
            let a = async { Ok::<_, Error>(42) }.await?;
            let b = async { Ok::<_, Error>(1000) }.await?;
            Ok(a + b)
        };
        assert_eq!(event_loop.run_until_complete(outer)?, 1042);
        Ok(())
    });
}

/// Names that are not given are numbered, in the order of the tasks.
#[test]
fn names_of_tasks() {
    by_hand(|event_loop| {
        let t1 = event_loop.create_task(async { Ok(123) })?;
        let t2 = event_loop.create_task(async { Ok(123) })?;
        assert_eq!([t1.name(), t2.name()], ["Task-1", "Task-2"]);
        t1.set_name("other");
        assert_eq!(t1.name(), "other");
        event_loop.run_until_complete(t1)?;
        event_loop.run_until_complete(t2)?;
        Ok(())
    });
}

#[test]
fn a_task_in_a_task() {
    check(async {
        let task = spawn(async { Ok(1) });
        assert_eq!(task.await?, 1);
        let named = spawn_named("No-op", async { Ok(()) });
        assert_eq!(named.name(), "No-op");
        named.await
    });
}

#[test]
fn stop_while_running_until_complete() {
    by_hand(|event_loop| {
        let x = Log::new();
        let theirs = x.clone();
        let task = event_loop.create_task(async move {
            for turn in 1..=10 {
                sleep(ms(100)).await?;
                theirs.push(turn);
                if turn == 2 {
                    running_loop()?.stop();
                }
            }
            Ok(())
        })?;
        let stopped = event_loop.run_until_complete(task.shared()).expect_err("it was stopped");
        assert_eq!(stopped.to_string(), "Event loop stopped before Future completed.");
        assert!(!task.done());
        x.is(&[1, 2]);
        assert_eq!(event_loop.time().since_start(), ms(200));
        task.cancel();
        is_cancelled(event_loop.run_until_complete(task));
        x.is(&[1, 2]);
        Ok(())
    });
}

#[test]
fn sleep_takes_its_time() {
    check(async {
        sleep(ms(50)).await?;
        assert_eq!(now(), ms(50));
        sleep(ms(50)).await?;
        assert_eq!(now(), ms(100));
        Ok(())
    });
}

/// A zero sleep lets what was ready go first.
#[test]
fn sleep_zero_gives_way() {
    check(async {
        let log = Log::new();
        let theirs = log.clone();
        running_loop()?.call_soon(move || theirs.push(1))?;
        log.is(&[]);
        sleep(ms(0)).await?;
        log.is(&[1]);
        assert_eq!(now(), ms(0));
        Ok(())
    });
}

#[test]
fn a_task_sets_its_own_result() {
    by_hand(|event_loop| {
        let task = event_loop.create_task(async { Ok("ko") })?;
        is_refused(task.set_result("ok"), "task");
        is_refused(task.set_exception(ZeroDivision), "task");
        assert_eq!(event_loop.run_until_complete(task)?, "ko");
        Ok(())
    });
}

/// A task goes on one hop after the future for which it waits.
#[test]
fn a_task_waits_for_a_future() {
    by_hand(|event_loop| {
        let (f, log) = (event_loop.create_future::<u32>()?, Log::new());
        let (theirs, seen) = (f.shared(), log.clone());
        let task = event_loop.create_task(async move {
            seen.push(theirs.await?);
            Ok(())
        })?;
        run_briefly(event_loop);
        log.is(&[]);
        f.set_result(7)?;
        assert!(!task.done());
        run_briefly(event_loop);
        log.is(&[7]);
        assert!(task.done());
        task.result()
    });
}

/// A future that a task returns is a value like any other.
#[test]
fn a_task_returns_a_future() {
    by_hand(|event_loop| {
        let f = event_loop.create_future::<&str>()?;
        let (returned, set) = (f.shared(), f.shared());
        let t1 = event_loop.create_task(async move { Ok(returned) })?;
        let t2 = event_loop.create_task(async move { set.set_result("test") })?;
        let found = event_loop.run_until_complete(t1)?;
        assert_eq!(found.as_any(), f.as_any());
        assert!(t2.done(), "it ran in the same iteration");
        assert_eq!(found.result()?, "test");
        Ok(())
    });
}

#[test]
fn the_current_task() {
    by_hand(|event_loop| {
        is_refused(current_task(), "no running event loop");
        let slot = Log::<JoinHandle<()>>::new();
        let own = slot.clone();
        let task = event_loop.create_task(async move {
            assert_eq!(own.take().expect("the task").as_any(), me().as_any());
            Ok(())
        })?;
        slot.push(task.shared());
        // In a callback there is none.
        event_loop.call_soon(|| assert!(current_task().is_ok_and(|task| task.is_none())))?;
        event_loop.run_until_complete(task)?;
        is_refused(current_task(), "no running event loop");
        Ok(())
    });
}

#[test]
fn the_current_task_of_interleaved_tasks() {
    check(async {
        let [f1, f2] = [create_future::<bool>()?, create_future::<bool>()?];
        let (wait1, wait2) = (f1.shared(), f2.shared());
        let t1 = spawn_named("one", async move {
            assert_eq!(me().name(), "one");
            wait1.await?;
            assert_eq!(me().name(), "one");
            f2.set_result(true)
        });
        let t2 = spawn_named("two", async move {
            assert_eq!(me().name(), "two");
            f1.set_result(true)?;
            wait2.await?;
            assert_eq!(me().name(), "two");
            Ok(())
        });
        gather((t1, t2)).await?;
        assert_eq!(me().name(), "Task-1");
        Ok(())
    });
}

/// Without a collector, a task that nobody can wake is told of when its loop is closed.
#[test]
fn a_destroyed_pending_task_is_reported() {
    let log = Log::<(ReportKind, String, Option<String>)>::new();
    let (seen, told) = (log.clone(), log.clone());
    let reports = by_hand(move |event_loop| {
        event_loop.set_exception_handler(move |report| {
            seen.push((report.kind, report.message.clone(), report.task.clone()));
        });
        let f = event_loop.create_future::<()>()?;
        let task = event_loop.create_task(f)?;
        drop(task);
        run_briefly(event_loop);
        told.is(&[]);
        assert_eq!(event_loop.run_until_complete(async { Ok(all_tasks()?.len()) })?, 2);
        Ok(())
    });
    let text = "Task was destroyed but it is pending!".to_owned();
    log.is(&[(ReportKind::DestroyedPending, text, Some("Task-1".to_owned()))]);
    assert!(reports.is_empty(), "the handler has it: {reports:?}");
}

/// A cancel of a task that has failed counts as a look at its error.
#[test]
fn a_cancel_silences_the_report() {
    let failing = |looks: bool| {
        check(async move {
            let task = spawn(async { Err::<(), _>(Error::new(ZeroDivision)) });
            sleep(ms(50)).await?;
            if looks {
                assert!(!task.cancel());
            }
            Ok(())
        })
    };
    assert!(failing(true).is_empty());
    let [report] = &failing(false)[..] else { panic!("one report was expected") };
    assert_eq!(report.kind, ReportKind::TaskNeverRetrieved);
    assert_eq!(report.message, "Task exception was never retrieved");
}

static TEXT: ContextVar<String> = ContextVar::new();

fn text() -> String {
    TEXT.get().unwrap_or_else(|| "nope".to_owned())
}

fn set_text(text: impl Into<String>) {
    drop(TEXT.set(text.into()));
}

/// A task starts with the variables that its creator had then, and what it sets is its own.
#[test]
fn a_task_has_variables_of_its_own() {
    check(async {
        assert_eq!(text(), "nope");
        let task = spawn(async {
            sleep(ms(10)).await?;
            assert_eq!(text(), "nope");
            set_text("something else");
            Ok(())
        });
        set_text("yes");
        task.await?;
        assert_eq!(text(), "yes");
        Ok(())
    });
}

/// A callback runs with the variables of whoever added it, and changes only its own copy.
#[test]
fn a_callback_has_variables_of_its_own() {
    check(async {
        for j in 0..2 {
            let f = create_future::<()>()?;
            f.add_done_callback(|_| set_text("something else"))?;
            set_text(format!("yes{j}"));
            let set = f.shared();
            running_loop()?.call_soon(move || set.set_result(()))?;
            f.await?;
            assert_eq!(text(), format!("yes{j}"));
            for i in 0..3 {
                set_text(format!("yes{i}-{j}"));
                sleep(ms(1)).await?;
                assert_eq!(text(), format!("yes{i}-{j}"));
            }
        }
        Ok(())
    });
}

static NUMBER: ContextVar<u64> = ContextVar::new();

#[test]
fn a_hundred_tasks_have_variables_of_their_own() {
    check(async {
        let count = async |task: u64| {
            for i in 0..10 {
                drop(NUMBER.set(task + i));
                sleep(ms(1 + (task * 7 + i * 13) % 50)).await?;
                assert_eq!(NUMBER.get(), Some(task + i));
            }
            Ok(())
        };
        let tasks = (0..100).map(|task| spawn(async move { count(task).await }));
        gather_into::<Vec<()>, _, _>(tasks).await?;
        assert_eq!(NUMBER.get(), None);
        Ok(())
    });
}

/// Two tasks side by side each keep what they set across an await.
#[test]
fn tasks_side_by_side_keep_their_variables() {
    static PRECISION: ContextVar<usize> = ContextVar::new();
    async fn fractions(delay: u64, precision: usize) -> Result<(String, String)> {
        drop(PRECISION.set(precision));
        let digits = || "3".repeat(PRECISION.get().unwrap_or(1));
        let before = digits();
        sleep(ms(delay)).await?;
        Ok((before, digits()))
    }
    check(async {
        let (a, b) = gather((fractions(100, 3), fractions(200, 6))).await?;
        assert_eq!(a, ("333".to_owned(), "333".to_owned()));
        assert_eq!(b, ("333333".to_owned(), "333333".to_owned()));
        Ok(())
    });
}
