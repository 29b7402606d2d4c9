//! Blocking calls on the loop's own thread, and where they must not block.

use std::panic::{AssertUnwindSafe, catch_unwind};

use seedloop::error::Deadlock;
use seedloop::{
    EventLoop, ReportKind, ThreadPool, blocking, out, run_in_executor, running_loop, sleep, spawn,
};

use super::helpers::{check, secs, simulate, sleeper, spin, timed};

/// Source: the document, "Executor": `time.sleep(5)` stops the loop, and all other tasks with it.
#[test]
fn a_blocking_call_freezes_the_loop() {
    let outcome = simulate(async {
        spawn(async {
            loop {
                sleep(secs(1)).await?;
                out!("tick");
            }
            #[expect(unreachable_code, reason = "says what the task returns")]
            Ok(())
        });
        sleep(secs(1)).await?;
        spin(1).await?;
        blocking::sleep(secs(5));
        out!("five seconds later");
        Ok(())
    });
    assert_eq!(timed(&outcome), ["1.0s tick", "6.0s five seconds later"]);
    let slow: Vec<_> =
        outcome.reports.iter().filter(|r| r.kind == ReportKind::SlowCallback).collect();
    assert_eq!(slow.len(), 1, "{:?}", outcome.reports);
    assert_eq!(slow[0].message, "Executing a step took 5s");
    assert_eq!(slow[0].task.as_deref(), Some("Task-1"));
}

#[test]
fn a_callback_freezes_the_loop_too() {
    let outcome = simulate(async {
        running_loop()?.call_soon(|| blocking::compute(secs(1)))?;
        sleep(secs(0)).await?;
        out!("on");
        Ok(())
    });
    assert_eq!(timed(&outcome), ["1.0s on"]);
    assert_eq!(outcome.reports[0].kind, ReportKind::SlowCallback);
}

/// Jobs go on at their own moments while the loop is frozen; what they hand over is queued.
#[test]
fn jobs_go_on_while_the_loop_is_frozen() {
    let expected = [
        "0.0s start a",
        "2.0s end a",
        "2.0s start b",
        "3.0s end b",
        "5.0s thawed",
        "5.0s got a",
        "5.0s got b",
    ];
    check(&expected, async {
        let pool = ThreadPool::with_workers(1)?;
        let (a, b) =
            (run_in_executor(&pool, sleeper("a", 2)), run_in_executor(&pool, sleeper("b", 1)));
        blocking::sleep(secs(5));
        out!("thawed");
        out!("got {}", a.await?);
        out!("got {}", b.await?);
        Ok(())
    });
}

/// An event at the very moment of the wake-up happens before it if it was caused before.
#[test]
fn events_at_the_moment_of_the_thaw_come_in_the_order_of_causes() {
    let expected = [
        "0.0s start before",
        "5.0s end before",
        "5.0s thawed",
        "5.0s start after",
        "5.0s end after",
    ];
    check(&expected, async {
        let before = run_in_executor(None, sleeper("before", 5));
        blocking::sleep(secs(5));
        out!("thawed");
        before.await?;
        run_in_executor(None, sleeper("after", 0)).await?;
        Ok(())
    });
}

/// Source: the document, "Executor": leaving the `with` block of an executor waits for its jobs.
/// CPython's `__exit__` joins the threads, which blocks the loop.
#[test]
fn leaving_a_scope_waits_for_the_jobs_and_freezes_the_loop() {
    let expected = [
        "0.0s start left",
        "1.0s body ends",
        "3.0s end left",
        "3.0s scope left",
        "3.0s refused: \
         cannot schedule new futures after shutdown",
        "3.0s other task",
    ];
    check(&expected, async {
        spawn(async {
            sleep(secs(2)).await?;
            out!("other task");
            Ok(())
        });
        let pool = ThreadPool::new();
        let body = async |pool: seedloop::Pool| {
            drop(pool.submit(sleeper("left", 3))?);
            sleep(secs(1)).await?;
            out!("body ends");
            Ok(())
        };
        pool.scope(body).await?;
        out!("scope left");
        if let Err(error) = pool.submit(sleeper("late", 1)) {
            out!("refused: {error}");
        }
        spin(3).await
    });
}

/// The scope is left the same way by an error, a cancel and a drop.
#[test]
fn a_scope_waits_however_its_body_ends() {
    let expected =
        ["0.0s start a", "1.0s end a", "1.0s no", "1.0s start b", "3.0s end b", "3.0s cut"];
    check(&expected, async {
        let failing = ThreadPool::new().scope(async |pool| {
            drop(pool.submit(sleeper("a", 1))?);
            Err::<(), _>(seedloop::Error::msg("no"))
        });
        out!("{}", failing.await.unwrap_err());
        let endless = spawn(ThreadPool::new().scope(async |pool| {
            drop(pool.submit(sleeper("b", 2))?);
            sleep(secs(100)).await?;
            Ok(())
        }));
        spin(1).await?;
        endless.abort();
        assert!(endless.await.unwrap_err().is_cancelled());
        out!("cut");
        Ok(())
    });
}

/// `shutdown(wait=True)` and `result()` in a task block the loop, as in Python.
#[test]
fn waiting_for_a_pool_in_a_task_freezes_the_loop() {
    let expected = [
        "0.0s start a",
        "2.0s end a",
        "2.0s start b",
        "2.0s got a",
        "3.0s end b",
        "3.0s idle",
        "3.0s other task",
    ];
    check(&expected, async {
        spawn(async {
            out!("other task");
            Ok(())
        });
        let pool = ThreadPool::with_workers(1)?;
        let a = pool.submit(sleeper("a", 2))?;
        drop(pool.submit(sleeper("b", 1))?);
        out!("got {}", a.result()?);
        pool.shutdown()?;
        out!("idle");
        spin(1).await
    });
}

#[test]
fn a_loop_that_is_blocked_for_ever_ends_the_run() {
    let outcome = simulate(async {
        let (one, other) = (ThreadPool::with_workers(1)?, ThreadPool::with_workers(1)?);
        let (waits, never) = (one.clone(), other.clone());
        // Each job waits for one that is queued behind the other.
        let first = one.submit(move || never.submit(|| Ok(1))?.result())?;
        let block = other.submit(move || {
            blocking::sleep(secs(1));
            waits.submit(|| Ok(2))?.result()
        })?;
        drop(block);
        blocking::sleep(secs(1));
        first.result()
    });
    // The first job ended at once: the other pool's worker was free. The second waits for ever
    // only if the first still holds its worker, which it does not.
    assert_eq!(outcome.result.unwrap().unwrap(), 1);

    let outcome = simulate(async {
        let pool = ThreadPool::builder().name("small").workers(1).build()?;
        let inner = pool.clone();
        let outer = pool.submit(move || inner.submit(|| Ok(1))?.result())?;
        outer.result()
    });
    let error = outcome.result.unwrap().unwrap_err();
    assert!(error.is::<Deadlock>(), "{error}");
    let text = error.to_string();
    assert!(text.starts_with("deadlock at 0.0s: 1 task and 2 jobs wait for ever"), "{text}");
    assert!(text.contains("waits for job 1 of pool 'small' at tests/pools/freeze.rs:"), "{text}");
    assert!(text.contains("job 1 of pool 'small' (submitted at tests/pools/freeze.rs:"), "{text}");
    assert!(text.contains("waits for job 2 of pool 'small' at tests/pools/freeze.rs:"), "{text}");
    assert!(text.contains("waits for a free worker of pool 'small' at"), "{text}");
}

#[test]
fn blocking_calls_outside_of_a_simulation_name_the_fix() {
    let calls: [fn(); 3] = [
        || blocking::sleep(secs(1)),
        || blocking::compute(secs(1)),
        || blocking::io(secs(1)..=secs(2)),
    ];
    for (call, name) in calls.into_iter().zip(["sleep", "compute", "io"]) {
        let payload = catch_unwind(call).unwrap_err();
        let text = payload.downcast_ref::<String>().expect("a text");
        let expected = format!(
            "`blocking::{name}` was called outside of a simulation, where no virtual time passes; \
             call it inside `seedloop::run(async {{ .. }})`, from a task or from a job of a pool"
        );
        assert_eq!(*text, expected);
    }
}

/// An open loop is a simulation too, also before it runs.
#[test]
fn a_blocking_call_before_the_loop_runs_moves_the_clock() {
    let event_loop = EventLoop::new();
    let before = event_loop.time();
    blocking::sleep(secs(2));
    assert_eq!(event_loop.time() - before, secs(2));
}

struct BlocksInDrop(&'static str);

impl Drop for BlocksInDrop {
    fn drop(&mut self) {
        blocking::sleep(secs(10));
        out!("dropped {}", self.0);
    }
}

/// In the middle of a panic no other code may run on the thread: the call returns at once.
#[test]
fn a_blocking_call_in_a_panic_takes_no_time() {
    let expected = [
        "1.0s dropped in the job",
        "1.0s caught job",
        "3.0s other",
        "3.0s dropped in the task",
        "3.0s caught task",
    ];
    check(&expected, async {
        let other = run_in_executor(None, || {
            blocking::sleep(secs(3));
            out!("other");
            Ok(())
        });
        let panics = run_in_executor(None, || {
            blocking::sleep(secs(1));
            let _blocks = BlocksInDrop("in the job");
            panic!("job");
            #[expect(unreachable_code, reason = "says what the job returns")]
            Ok(())
        });
        assert!(panics.await.unwrap_err().is::<seedloop::error::Panicked>());
        out!("caught job");
        other.await?;
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _blocks = BlocksInDrop("in the task");
            panic!("task");
        }));
        assert!(caught.is_err());
        out!("caught task");
        Ok(())
    });
}

/// A job that is submitted in the middle of a panic starts when that is over.
#[test]
fn a_job_submitted_in_a_panic_starts_after_it() {
    struct SubmitsInDrop(ThreadPool);
    impl Drop for SubmitsInDrop {
        fn drop(&mut self) {
            drop(self.0.submit(sleeper("job", 1)));
            out!("submitted");
        }
    }
    check(
        &["0.0s submitted", "0.0s caught", "0.0s start job", "1.0s end job", "2.0s slept"],
        async {
            let pool = ThreadPool::new();
            let caught = catch_unwind(AssertUnwindSafe(|| {
                let _submits = SubmitsInDrop(pool);
                panic!("task");
            }));
            assert!(caught.is_err());
            out!("caught");
            sleep(secs(2)).await?;
            out!("slept");
            Ok(())
        },
    );
}
