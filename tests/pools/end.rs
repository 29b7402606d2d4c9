//! The end of a run: what waits for jobs, and what becomes of those that nobody waits for.

use std::panic::{AssertUnwindSafe, catch_unwind};

use seedloop::error::LimitExceeded;
use seedloop::{
    EventLoop, Instant, Limits, ReportKind, RuntimeError, Simulation, ThreadPool, blocking, out,
    run, run_in_executor, running_loop, sleep,
};

use super::helpers::{Flag, check, secs, simulate, sleeper, timed};

/// Source: CPython 3.13, `Runner.close`: the end waits for the default executor only.
#[test]
fn a_run_waits_for_the_default_pool_only() {
    let outcome = simulate(async {
        drop(run_in_executor(None, sleeper("default", 5)));
        drop(run_in_executor(&ThreadPool::new(), sleeper("own", 9)));
        out!("main ends");
        Ok(())
    });
    let expected = ["0.0s start default", "0.0s start own", "0.0s main ends", "5.0s end default"];
    assert_eq!(timed(&outcome), expected);
    assert_eq!(outcome.time.since_start(), secs(5));
    outcome.result.unwrap().unwrap();
}

/// Source: CPython 3.13: `run` waits 300 s for the default executor, then warns and goes on.
#[test]
fn a_run_gives_up_on_the_default_pool_after_300_seconds() {
    let outcome = simulate(async {
        drop(run_in_executor(None, || -> seedloop::Result<()> {
            loop {
                blocking::sleep(secs(1));
            }
        }));
        Ok(())
    });
    outcome.result.unwrap().unwrap();
    assert_eq!(outcome.time.since_start(), secs(300));
    let report = outcome.reports.iter().find(|r| r.kind == ReportKind::ExecutorTimeout).unwrap();
    let text = "The executor did not finishing joining its threads within 300 seconds.";
    assert_eq!(report.message, text);
}

/// Source: D18, CPython 3.13.0: the timeout of the shutdown is kept.
#[test]
fn the_shutdown_of_the_default_pool_has_a_limit() {
    let expected = ["0.0s start job", "1.0s gave up", "5.0s end job", "5.0s idle"];
    check(&expected, async {
        let event_loop = running_loop()?;
        drop(run_in_executor(None, sleeper("job", 5)));
        event_loop.set_exception_handler(|_| {});
        event_loop.shutdown_default_executor(secs(1)).await?;
        out!("gave up");
        event_loop.shutdown_default_executor(None).await?;
        out!("idle");
        Ok(())
    });
}

#[test]
fn another_pool_can_be_the_default() {
    check(&["0.0s start a", "1.0s end a", "1.0s start b", "2.0s end b"], async {
        running_loop()?.set_default_executor(&ThreadPool::with_workers(1)?)?;
        drop(run_in_executor(None, sleeper("a", 1)));
        run_in_executor(None, sleeper("b", 1)).await?;
        Ok(())
    });
}

/// A job in the middle of its work when the simulation ends: its stack is unwound.
#[test]
fn a_job_that_nobody_waits_for_is_unwound() {
    let (flag, deep) = (Flag::default(), Flag::default());
    let (held, deeper) = (flag.on_drop(), deep.on_drop());
    let outcome = simulate(async {
        drop(run_in_executor(&ThreadPool::new(), move || {
            let _held = held;
            let hold = move || {
                let _deeper = deeper;
                blocking::sleep(secs(100));
            };
            hold();
            out!("never");
            Ok(())
        }));
        sleep(secs(1)).await?;
        Ok(())
    });
    assert!(flag.is_set() && deep.is_set());
    assert_eq!(timed(&outcome), [""; 0]);
    assert_eq!(outcome.time.since_start(), secs(1));
    outcome.result.unwrap().unwrap();
}

/// A queued job goes with its simulation, though the program keeps the pool.
#[test]
fn a_queued_job_is_dropped_with_its_simulation() {
    let flag = Flag::default();
    let held = flag.on_drop();
    let outcome = simulate(async move {
        let pool = ThreadPool::with_workers(1)?;
        drop(pool.submit(sleeper("busy", 100))?);
        let queued = pool.submit(move || {
            drop(held);
            Ok(())
        })?;
        Ok((pool, queued))
    });
    let (pool, queued) = outcome.result.unwrap().unwrap();
    assert!(flag.is_set());
    let text = "the job was dropped when its simulation ended";
    assert_eq!(queued.result().unwrap_err().to_string(), text);
    let outcome = simulate(async move { pool.submit(|| Ok(1)).map(drop) });
    let error = outcome.result.unwrap().unwrap_err();
    assert!(error.is::<RuntimeError>());
    assert_eq!(
        error.to_string(),
        "pool 'ThreadPool-1' belongs to another simulation, or to another thread; make it inside \
         the simulation that uses it"
    );
}

/// Code that catches the unwinding and blocks again is given up in the end: nothing hangs.
#[test]
fn a_job_that_catches_its_unwinding_is_given_up() {
    let outcome = simulate(async {
        drop(run_in_executor(&ThreadPool::new(), || -> seedloop::Result<()> {
            loop {
                drop(catch_unwind(AssertUnwindSafe(|| blocking::sleep(secs(1)))));
            }
        }));
        sleep(secs(3)).await?;
        Ok(())
    });
    outcome.result.unwrap().unwrap();
    assert_eq!(outcome.time.since_start(), secs(3));
}

/// Code that catches the unwinding once ends by itself.
#[test]
fn a_job_may_catch_its_unwinding_once() {
    let flag = Flag::default();
    let held = flag.on_drop();
    let outcome = simulate(async {
        drop(run_in_executor(&ThreadPool::new(), move || {
            let _held = held;
            drop(catch_unwind(AssertUnwindSafe(|| blocking::sleep(secs(9)))));
            out!("goes on");
            blocking::sleep(secs(9));
            out!("never");
            Ok(())
        }));
        Ok(())
    });
    assert_eq!(timed(&outcome), ["0.0s goes on"]);
    assert!(flag.is_set());
    outcome.result.unwrap().unwrap();
}

/// What the destructors of an unwound job do stays inside: they block, submit and finish nothing.
#[test]
fn destructors_of_an_unwound_job_are_contained() {
    struct Busy(ThreadPool);
    impl Drop for Busy {
        fn drop(&mut self) {
            blocking::sleep(secs(5));
            out!("refused: {}", self.0.submit(|| Ok(1)).is_err());
        }
    }
    let outcome = simulate(async {
        let pool = ThreadPool::new();
        let busy = Busy(pool.clone());
        drop(pool.submit(move || {
            let _busy = busy;
            blocking::sleep(secs(100));
            Ok(())
        })?);
        sleep(secs(1)).await?;
        Ok(())
    });
    assert_eq!(timed(&outcome), ["1.0s refused: true"]);
    outcome.result.unwrap().unwrap();
}

/// A loop made by hand: its end unwinds the jobs too, also in the middle of a panic.
#[test]
fn a_closed_loop_unwinds_jobs() {
    let start = |flag: &Flag| {
        let (event_loop, held) = (EventLoop::new(), flag.on_drop());
        let job = event_loop.run_in_executor(None, move || {
            let _held = held;
            blocking::sleep(secs(100));
            Ok(())
        });
        drop(job);
        event_loop
    };
    let flag = Flag::default();
    let event_loop = start(&flag);
    assert!(!flag.is_set());
    event_loop.run_until_complete(async { Ok(()) }).unwrap();
    event_loop.close().unwrap();
    assert!(flag.is_set());

    let flag = Flag::default();
    let inside = flag.clone();
    let caught = catch_unwind(move || {
        let _event_loop = start(&inside);
        panic!("in the middle");
    });
    assert!(caught.is_err() && flag.is_set());
}

/// A thread may end with jobs on it: they are left as they stand.
#[test]
#[expect(clippy::disallowed_methods, reason = "the end of a real thread is what is tested")]
fn a_thread_may_end_with_jobs_on_it() {
    let thread = std::thread::spawn(|| {
        let event_loop = EventLoop::new();
        drop(event_loop.run_in_executor(None, || {
            struct Sleeps;
            impl Drop for Sleeps {
                fn drop(&mut self) {
                    blocking::sleep(secs(1));
                }
            }
            let _sleeps = Sleeps;
            blocking::sleep(secs(100));
            Ok(())
        }));
        std::mem::forget(event_loop);
    });
    thread.join().expect("the thread ends in peace");
}

/// A job that never ends and that the run waits for: a limit ends it and names the job.
#[test]
fn a_job_that_never_ends_is_named_by_the_limit() {
    fn endless(pause: u64) -> impl FnOnce() -> seedloop::Result<()> + Send {
        move || loop {
            blocking::sleep(secs(pause));
        }
    }
    let simulate = |limits: Limits, pause: u64| {
        let simulation = Simulation::new().limits(limits);
        let outcome =
            simulation.run(|| run(async move { run_in_executor(None, endless(pause)).await }));
        let error = outcome.result.unwrap().unwrap_err();
        assert!(error.is::<LimitExceeded>(), "{error}");
        error.to_string()
    };
    let time = Instant::START + secs(100);
    let text = simulate(Limits { time, ..Limits::default() }, 3);
    let expected = "limit of 100.0s of virtual time reached at 100.0s in job 1 of pool 'default' \
                    (submitted at tests/pools/end.rs:";
    assert!(text.starts_with(expected), "{text}");
    let text = simulate(Limits { steps: 1_000, ..Limits::default() }, 1);
    assert!(text.starts_with("limit of 1000 steps reached at "), "{text}");
    assert!(text.contains("in job 1 of pool 'default'"), "{text}");
    let text = simulate(Limits { steps_at_one_instant: 1_000, ..Limits::default() }, 0);
    let expected = "limit of 1000 steps without virtual time moving on reached at 0.0s in job 1 \
                    of pool 'default'";
    assert!(text.starts_with(expected), "{text}");
}

/// The same for blocking calls of the loop's own thread.
#[test]
fn a_task_that_blocks_without_end_is_named_by_the_limit() {
    let limits = Limits { time: Instant::START + secs(100), ..Limits::default() };
    let outcome = Simulation::new().limits(limits).run(|| {
        run(async {
            loop {
                blocking::sleep(secs(3));
            }
            #[expect(unreachable_code, reason = "says what the task returns")]
            Ok(())
        })
    });
    let error = outcome.result.unwrap().unwrap_err();
    assert!(error.is::<LimitExceeded>(), "{error}");
    let expected = "limit of 100.0s of virtual time reached at 100.0s in task 'Task-1'";
    assert!(error.to_string().starts_with(expected), "{error}");
}

/// Jobs that submit jobs without time moving on: the limit ends that too.
#[test]
fn jobs_that_breed_at_one_moment_are_ended_by_the_limit() {
    fn breed(pool: ThreadPool) -> impl FnOnce() -> seedloop::Result<()> + Send {
        move || {
            let job: Box<dyn FnOnce() -> seedloop::Result<()> + Send> =
                Box::new(breed(pool.clone()));
            pool.submit(job).map(drop)
        }
    }
    let limits = Limits { steps_at_one_instant: 1_000, ..Limits::default() };
    let outcome = Simulation::new().limits(limits).run(|| {
        run(async {
            let pool = ThreadPool::with_workers(1)?;
            run_in_executor(&pool, breed(pool.clone())).await?;
            sleep(secs(1)).await?;
            Ok(())
        })
    });
    let error = outcome.result.unwrap().unwrap_err();
    assert!(error.is::<LimitExceeded>(), "{error}");
}

/// Many jobs one after the other and side by side: stacks are used again, and the count of jobs is
/// limited by memory for stacks only.
#[test]
fn many_jobs() {
    let outcome = simulate(async {
        let pool = ThreadPool::with_workers(200)?;
        let jobs: Vec<_> = (0..2_000)
            .map(|number: u64| {
                run_in_executor(&pool, move || {
                    blocking::sleep(secs(1));
                    Ok(number)
                })
            })
            .collect();
        Ok(seedloop::gather(jobs).await?.into_iter().sum::<u64>())
    });
    assert_eq!(outcome.result.unwrap().unwrap(), 1_999_000);
    assert_eq!(outcome.time.since_start(), secs(10));
}
