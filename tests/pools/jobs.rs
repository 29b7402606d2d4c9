//! What becomes of a job's value, error or panic, and what a job may do.

use seedloop::error::{Deadlock, Exit, Panicked, ValueError};
use seedloop::{
    Error, Result, RuntimeError, ThreadPool, attempt, blocking, out, run, run_in_executor,
    running_loop, sleep, spawn,
};

use super::helpers::{check, secs, simulate, sleeper, timed};

#[test]
fn a_jobs_error_is_raised_at_the_await() {
    check(&["1.0s caught: no such row"], async {
        let job = run_in_executor(None, || {
            blocking::sleep(secs(1));
            Err::<(), _>(ValueError::new("no such row").into())
        });
        let error = job.await.unwrap_err();
        assert!(error.is::<ValueError>());
        out!("caught: {error}");
        Ok(())
    });
}

/// A panic is the job's, and the worker goes on with the next job.
#[test]
fn a_jobs_panic_is_carried_to_the_await() {
    let outcome = simulate(async {
        let pool = ThreadPool::builder().name("db").workers(1).build()?;
        let panics = run_in_executor(&pool, || {
            blocking::sleep(secs(1));
            if true {
                panic!("lost connection");
            }
            Ok(())
        });
        let next = run_in_executor(&pool, sleeper("next", 1));
        let error = panics.await.unwrap_err();
        let panicked = error.downcast_ref::<Panicked>().expect("a panic").clone();
        next.await?;
        Ok(panicked)
    });
    assert_eq!(timed(&outcome), ["1.0s start next", "2.0s end next"]);
    let panicked = outcome.result.unwrap().expect("the run goes on");
    assert_eq!(panicked.task(), "job 1 of pool 'db'");
    assert_eq!(panicked.message(), "lost connection");
    assert_eq!(panicked.time().since_start(), secs(1));
    let location = panicked.location().expect("a place");
    assert!(location.starts_with("tests/pools/jobs.rs:"), "{location}");
}

/// Like a panic of its own, a job's panic ends the run once a task returns it.
#[test]
fn a_task_that_returns_a_jobs_panic_ends_the_run() {
    let outcome = simulate(async {
        spawn(async { run_in_executor(None, || -> Result<()> { panic!("boom") }).await });
        sleep(secs(9)).await?;
        Ok(())
    });
    let error = outcome.result.unwrap().unwrap_err();
    assert!(error.is::<Panicked>(), "{error}");
    assert_eq!(outcome.time.since_start(), secs(0));
}

/// Source: CPython 3.13, `_chain_future`: a SystemExit of a job surfaces at the await.
#[test]
fn an_exit_in_a_job_surfaces_at_the_await() {
    let outcome = simulate(async {
        out!("{:?}", run_in_executor(None, || Err::<(), _>(Error::exit(3))).await.is_err());
        spawn(async { run_in_executor(None, || Err::<(), _>(Error::exit(4))).await });
        sleep(secs(9)).await?;
        Ok(())
    });
    assert_eq!(timed(&outcome), ["0.0s true"]);
    let error = outcome.result.unwrap().unwrap_err();
    assert_eq!(error.downcast_ref::<Exit>().map(Exit::code), Some(4));
}

/// Source: CPython 3.13, `_chain_future`: a CancelledError raised in a job cancels the task.
#[test]
fn a_cancelled_error_of_a_job_cancels_the_task() {
    check(&["0.0s cancelled: true"], async {
        let task = spawn(async {
            let cancel = Error::new(seedloop::Cancelled::new());
            run_in_executor(None, move || Err::<(), _>(cancel)).await
        });
        drop(attempt(async { Ok(sleep(secs(0)).await?) }).await);
        sleep(secs(0)).await?;
        sleep(secs(0)).await?;
        out!("cancelled: {}", task.cancelled());
        Ok(())
    });
}

#[test]
fn a_pool_without_workers_is_refused() {
    let text = "max_workers must be greater than 0: a pool without workers would do no job";
    for refused in [
        ThreadPool::with_workers(0).map(drop),
        ThreadPool::builder().workers(0).build().map(drop),
        seedloop::ProcessPool::with_workers(0).map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(error.is::<ValueError>());
        assert_eq!(error.to_string(), text);
    }
}

/// Source: CPython 3.13, `ThreadPoolExecutor.submit`, `BaseEventLoop._check_default_executor`.
#[test]
fn pools_refuse_jobs_after_their_shutdown() {
    let expected = [
        "0.0s call: cannot schedule new futures after shutdown",
        "0.0s await: cannot schedule new futures after shutdown",
        "0.0s call: Executor shutdown has been called",
        "0.0s await: Executor shutdown has been called",
        "0.0s other pool: 1",
    ];
    check(&expected, async {
        let (event_loop, pool) = (running_loop()?, ThreadPool::new());
        pool.shutdown_nowait();
        out!("call: {}", event_loop.run_in_executor(&pool, || Ok(1)).unwrap_err());
        out!("await: {}", run_in_executor(&pool, || Ok(1)).await.unwrap_err());
        event_loop.shutdown_default_executor(None).await?;
        out!("call: {}", event_loop.run_in_executor(None, || Ok(1)).unwrap_err());
        let error = run_in_executor(None, || Ok(1)).await.unwrap_err();
        assert!(error.is::<RuntimeError>());
        out!("await: {error}");
        out!("other pool: {}", run_in_executor(&ThreadPool::new(), || Ok(1)).await?);
        Ok(())
    });
}

/// `shutdown(wait=False)` still does what is queued; `cancel_futures` cancels it, first come first.
#[test]
fn a_shutdown_may_cancel_what_is_queued() {
    let expected = ["0.0s start a", "0.0s cancelled 1", "1.0s end a"];
    check(&expected, async {
        let pool = ThreadPool::with_workers(1)?;
        let (a, b) = (pool.submit(sleeper("a", 1))?, pool.submit(sleeper("b", 1))?);
        pool.shutdown_nowait();
        out!("cancelled {}", pool.cancel_queued());
        assert!(b.cancelled() && a.running());
        pool.shutdown()?;
        assert!(a.done());
        Ok(())
    });
}

#[test]
fn a_dropped_pool_does_what_is_queued() {
    let expected = ["0.0s start a", "1.0s end a", "1.0s start b", "2.0s end b", "3.0s slept"];
    check(&expected, async {
        let pool = ThreadPool::with_workers(1)?;
        drop((pool.submit(sleeper("a", 1))?, pool.submit(sleeper("b", 1))?));
        drop(pool);
        sleep(secs(3)).await?;
        out!("slept");
        Ok(())
    });
}

/// Source: CPython: a thread cannot join itself.
#[test]
fn a_job_cannot_shut_its_own_pool_down() {
    check(&["0.0s cannot join current thread"], async {
        let pool = ThreadPool::new();
        let own = pool.clone();
        run_in_executor(&pool, move || {
            out!("{}", own.shutdown().unwrap_err());
            Ok(())
        })
        .await
    });
}

/// Each worker holds a job that waits for one that no worker is left for.
#[test]
fn jobs_that_wait_for_each_other_are_named() {
    let outcome = simulate(async {
        let pool = ThreadPool::builder().name("small").workers(2).build()?;
        let jobs = [(); 2].map(|()| {
            let inner = pool.clone();
            run_in_executor(&pool, move || {
                blocking::sleep(secs(1));
                inner.submit(|| Ok(1))?.result()
            })
        });
        seedloop::gather(jobs).await
    });
    let error = outcome.result.unwrap().unwrap_err();
    let deadlock = error.downcast_ref::<Deadlock>().expect("a deadlock");
    assert_eq!(deadlock.time().since_start(), secs(1));
    let jobs: Vec<String> =
        deadlock.jobs().iter().map(|job| format!("{}: {}", job.name, job.wait.what)).collect();
    assert_eq!(
        jobs,
        [
            "job 1 of pool 'small': job 3 of pool 'small'",
            "job 2 of pool 'small': job 4 of pool 'small'",
            "job 3 of pool 'small': a free worker of pool 'small'",
            "job 4 of pool 'small': a free worker of pool 'small'",
        ]
    );
    assert!(error.to_string().starts_with("deadlock at 1.0s: 1 task and 4 jobs wait for ever"));
}

/// A job is on another thread: no loop runs there, and it starts none.
#[test]
fn a_job_has_no_loop() {
    check(
        &[
            "0.0s no running event loop",
            "0.0s a job of a pool cannot run an event loop; let it \
             return, and await it",
            "0.0s [true, true]",
        ],
        async {
            run_in_executor(None, || {
                out!("{}", running_loop().unwrap_err());
                out!("{}", run(async { Ok(()) }).unwrap_err());
                Ok(())
            })
            .await?;
            let spawns = run_in_executor(None, || {
                drop(spawn(async { Ok(()) }));
                Ok(())
            });
            let submits = run_in_executor(None, || {
                drop(run_in_executor(None, || Ok(1)));
                Ok(())
            });
            let results = [spawns.await, submits.await];
            let named = results.map(|result| {
                let text = result.unwrap_err().to_string();
                text.contains("no running event loop: call `")
            });
            out!("{named:?}");
            Ok(())
        },
    );
}

/// A future of the loop that is polled in a job says where it belongs.
#[test]
fn a_job_cannot_await() {
    use std::task::{Context, Waker};
    let outcome = simulate(async {
        run_in_executor(None, || {
            let mut context = Context::from_waker(Waker::noop());
            let mut future = Box::pin(sleep(secs(1)));
            drop(future.as_mut().poll(&mut context));
            Ok(())
        })
        .await
    });
    let text = outcome.result.unwrap().unwrap_err().to_string();
    assert!(text.contains("was polled outside of its tasks"), "{text}");
}

/// A cancel by a job of the task that submitted it, in the middle of that task's step, is like one
/// of the task by itself.
#[test]
fn a_job_may_cancel_the_task_in_whose_step_it_starts() {
    check(&["0.0s cancel: true", "0.0s still running", "0.0s cancelled: from the job"], async {
        let task = spawn(async {
            let me = seedloop::current_task()?.expect("a task runs");
            drop(run_in_executor(None, move || {
                out!("cancel: {}", me.cancel_with("from the job"));
                Ok(())
            }));
            out!("still running");
            if let Err(error) = sleep(secs(1)).await {
                out!("{error}");
            }
            Ok(())
        });
        task.await
    });
}
