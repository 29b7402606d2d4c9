//! When jobs start and end, and in which order their results arrive.

use seedloop::{
    ContextVar, ThreadPool, attempt, blocking, gather, out, run_in_executor, running_loop, sleep,
    spawn, to_thread, yield_now,
};

use super::helpers::{check, secs, sleeper, spin};

/// Source: the document, "Executor": the blocking function takes 3 s and the loop goes on.
#[test]
fn the_loop_goes_on_while_a_job_blocks() {
    let expected =
        ["0.0s start job", "0.0s loop", "1.0s loop", "2.0s loop", "3.0s end job", "3.0s got job"];
    check(&expected, async {
        let job = run_in_executor(None, sleeper("job", 3));
        for _ in 0..3 {
            out!("loop");
            sleep(secs(1)).await?;
        }
        out!("got {}", job.await?);
        Ok(())
    });
}

#[test]
fn workers_take_jobs_first_come_first_served() {
    let expected = [
        "0.0s start a",
        "0.0s start b",
        "1.0s end a",
        "1.0s start c",
        "2.0s end c",
        "2.0s start d",
        "3.0s end b",
        "3.0s end d",
        "3.0s [\"a\", \"b\", \"c\", \"d\"]",
    ];
    check(&expected, async {
        let pool = ThreadPool::with_workers(2)?;
        let jobs = [("a", 1), ("b", 3), ("c", 1), ("d", 1)];
        let jobs = jobs.map(|(tag, seconds)| run_in_executor(&pool, sleeper(tag, seconds)));
        out!("{:?}", gather(jobs).await?);
        Ok(())
    });
}

/// The end is seen first, then the result is handed over, then the next job starts; the loop runs
/// on after all that.
#[test]
fn a_result_is_handed_over_before_the_next_job_starts() {
    let expected = [
        "0.0s start a",
        "0.0s queued b",
        "1.0s end a",
        "1.0s told of a",
        "1.0s start b",
        "1.0s got a",
        "2.0s end b",
    ];
    check(&expected, async {
        let pool = ThreadPool::with_workers(1)?;
        let first = pool.submit(sleeper("a", 1))?;
        first.add_done_callback(|_| out!("told of a"));
        let second = run_in_executor(&pool, sleeper("b", 1));
        out!("queued b");
        out!("got {}", first.await?);
        second.await?;
        Ok(())
    });
}

/// Pools of one moment act in the order of the causes, whatever pool they belong to.
#[test]
fn pools_of_one_moment_act_in_the_order_of_causes() {
    let expected = [
        "0.0s start a1",
        "0.0s start b1",
        "2.0s end a1",
        "2.0s start a2",
        "2.0s end b1",
        "2.0s start b2",
        "2.0s end a2",
        "2.0s end b2",
    ];
    check(&expected, async {
        let (a, b) = (ThreadPool::with_workers(1)?, ThreadPool::with_workers(1)?);
        let jobs = [
            run_in_executor(&a, sleeper("a1", 2)),
            run_in_executor(&b, sleeper("b1", 2)),
            run_in_executor(&a, sleeper("a2", 0)),
            run_in_executor(&b, sleeper("b2", 0)),
        ];
        gather(jobs).await?;
        Ok(())
    });
}

/// Source: tests/conformance/LANGUAGE.md: at one moment pool events come before timers.
#[test]
fn the_end_of_a_job_comes_before_timers_of_that_moment() {
    let expected = ["0.0s start job", "2.0s end job", "2.0s timer", "2.0s got job"];
    check(&expected, async {
        running_loop()?.call_later(secs(2), || out!("timer"))?;
        out!("got {}", run_in_executor(None, sleeper("job", 2)).await?);
        Ok(())
    });
}

/// Source: S40, CPython 3.13.0: a result that is ready at submit costs two hops.
#[test]
fn a_ready_result_takes_two_hops() {
    let expected = [
        "0.0s in the job",
        "0.0s submitted",
        "0.0s hop 1",
        "0.0s hop 2",
        "0.0s got 7",
        "0.0s hop 3",
    ];
    check(&expected, async {
        spawn(async {
            for hop in 1.. {
                out!("hop {hop}");
                yield_now().await?;
            }
            Ok(())
        });
        let job = run_in_executor(None, || {
            out!("in the job");
            Ok(7)
        });
        out!("submitted");
        out!("got {}", job.await?);
        Ok(())
    });
}

/// Source: CPython 3.13, `_chain_future`: the cancel of an awaited job reaches the pool one hop
/// later.
#[test]
fn a_cancel_reaches_a_queued_job_one_hop_later() {
    let expected = [
        "0.0s start first",
        "0.0s after the cancel: cancelled=false",
        "0.0s one hop later: cancelled=true",
        "0.0s await: cancelled: enough",
        "1.0s end first",
        "1.0s start third",
        "2.0s end third",
    ];
    check(&expected, async {
        let pool = ThreadPool::with_workers(1)?;
        let first = run_in_executor(&pool, sleeper("first", 1));
        let second = pool.submit(sleeper("second", 1))?;
        let third = run_in_executor(&pool, sleeper("third", 1));
        let handle = second.clone();
        let waiter = spawn(async { attempt(second.into_future()).await });
        spin(1).await?;
        waiter.cancel_with("enough");
        out!("after the cancel: cancelled={}", handle.cancelled());
        spin(1).await?;
        out!("one hop later: cancelled={}", handle.cancelled());
        if let Err(error) = waiter.await {
            out!("await: {error}");
        }
        first.await?;
        third.await?;
        Ok(())
    });
}

/// Source: S40, CPython 3.13.0: cancelling the await cannot stop a running job.
#[test]
fn a_running_job_goes_on_after_its_await_was_cancelled() {
    let expected = ["0.0s start job", "1.0s cancelled", "5.0s end job", "5.0s slept"];
    check(&expected, async {
        let waiter = spawn(to_thread(sleeper("job", 5)));
        sleep(secs(1)).await?;
        waiter.cancel();
        if let Err(error) = waiter.await {
            out!("{error}");
        }
        sleep(secs(4)).await?;
        out!("slept");
        Ok(())
    });
}

#[test]
fn a_job_hands_calls_to_the_loop() {
    let expected = ["1.0s in the job", "1.0s called back", "3.0s called back", "3.0s done"];
    check(&expected, async {
        let event_loop = running_loop()?;
        run_in_executor(None, move || {
            for wait in [1, 2] {
                blocking::sleep(secs(wait));
                event_loop.call_soon_threadsafe(|| out!("called back"))?;
                if wait == 1 {
                    // The call is only queued, and the loop runs on when nothing is due outside.
                    blocking::sleep(secs(0));
                    out!("in the job");
                }
            }
            Ok(())
        })
        .await?;
        out!("done");
        Ok(())
    });
}

static USER: ContextVar<&str> = ContextVar::new();

/// Source: Python docs, asyncio-task, "Running in Threads": the context is propagated.
#[test]
fn to_thread_copies_the_context_variables() {
    check(&["1.0s Some(\"ada\") None Some(\"ada\")"], async {
        drop(USER.set("ada"));
        let copied = to_thread(|| {
            blocking::sleep(secs(1));
            let seen = USER.get();
            drop(USER.set("the job's own"));
            Ok(seen)
        });
        let (copied, plain) = (copied.await?, run_in_executor(None, || Ok(USER.get())).await?);
        out!("{copied:?} {plain:?} {:?}", USER.get());
        Ok(())
    });
}

/// Source: Python docs: `to_thread` is a coroutine, so nothing happens before it is awaited.
#[test]
fn to_thread_starts_when_it_is_awaited() {
    check(&["1.0s start job", "2.0s end job"], async {
        let job = to_thread(sleeper("job", 1));
        sleep(secs(1)).await?;
        job.await?;
        Ok(())
    });
}
