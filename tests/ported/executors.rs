//! Pools and the futures of their jobs: what CPython's tests assert.
//!
//! Source: CPython 3.13.0, `test_concurrent_futures`. Where those sleep and hope, the virtual clock
//! gives exact counts.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use seedloop::error::{BrokenPoolError, ValueError};
use seedloop::{
    Elapsed, Error, Pool, PoolFuture, ProcessPool, Report, ReportKind, Result, Simulation,
    ThreadPool, blocking, run, set_cores,
};

use super::check::{divide, is_cancelled, is_refused, is_zero_division, now};
use crate::surprises::helpers::ms;

/// Runs a task that blocks as it likes; it must succeed. Returns the reports.
#[track_caller]
fn check(main: impl FnOnce() -> Result<()> + 'static) -> Vec<Report> {
    let outcome = Simulation::new().run(|| run(async { main() }));
    outcome.result.and_then(|result| result).expect("the program to succeed");
    outcome.reports
}

/// A job that takes 100 ms.
fn short() -> Result<()> {
    blocking::sleep(ms(100));
    Ok(())
}

/// A pool of threads and one of processes.
fn both_of(workers: usize) -> Result<[Pool; 2]> {
    let (threads, processes) =
        (ThreadPool::with_workers(workers)?, ProcessPool::with_workers(workers)?);
    Ok([Pool::clone(&threads), Pool::clone(&processes)])
}

/// Milliseconds since the start of the run.
fn passed() -> u128 {
    now().as_millis()
}

/// What callbacks have seen, in order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn push(&self, what: impl Into<String>) {
        self.0.lock().expect("no panic").push(what.into());
    }

    #[track_caller]
    fn is(&self, expected: &[&str]) {
        assert_eq!(*self.0.lock().expect("no panic"), expected);
    }

    /// Notes what became of a job when it has ended.
    fn look_at<T: Debug + Send + 'static>(&self, job: &PoolFuture<T>) {
        let seen = self.clone();
        job.add_done_callback(move |job| {
            seen.push(match job.take_result() {
                Ok(value) => format!("{value:?}"),
                Err(_) if job.cancelled() => "cancelled".to_owned(),
                Err(error) => error.to_string(),
            });
        });
    }
}

/// Callbacks are called with the future of the job, once it has ended; at once if it has.
#[test]
fn callbacks_get_what_became_of_the_job() {
    check(|| {
        let (pool, seen) = (ThreadPool::with_workers(1)?, Seen::default());
        let good = pool.submit(|| short().map(|()| 5))?;
        let bad = pool.submit(divide)?;
        let cancelled = pool.submit(short)?;
        seen.look_at(&good);
        seen.look_at(&bad);
        seen.look_at(&cancelled);
        assert!(cancelled.cancel());
        seen.is(&["cancelled"]);
        pool.shutdown()?;
        seen.is(&["cancelled", "5", "ZeroDivision"]);
        let later = Seen::default();
        later.look_at(&good);
        later.look_at(&bad);
        later.look_at(&cancelled);
        later.is(&["the result was already taken", "ZeroDivision", "cancelled"]);
        Ok(())
    });
}

#[test]
fn a_callback_that_fails_does_not_hold_up_the_next() {
    let reports = check(|| {
        let (pool, seen) = (ThreadPool::with_workers(1)?, Seen::default());
        let job = pool.submit(short)?;
        job.add_done_callback(|_| panic!("doh!"));
        seen.look_at(&job);
        pool.shutdown()?;
        seen.is(&["()"]);
        job.add_done_callback(|_| panic!("doh! again"));
        Ok(())
    });
    let text = "exception calling callback for job 1 of pool 'ThreadPool-1'";
    let mut told = reports.iter().filter(|report| report.kind == ReportKind::Callback);
    for panic in ["doh!", "doh! again"] {
        let report = told.next().expect("a report");
        assert_eq!(report.message, text);
        let error = report.error.as_ref().expect("an error").to_string();
        assert!(error.contains(panic), "{error}");
    }
    assert!(told.next().is_none());
}

/// Whether a job is cancelled by a late cancel, was cancelled, is done and runs.
fn states<T: Send + 'static>(job: &PoolFuture<T>) -> [bool; 4] {
    let state = [job.cancelled(), job.done(), job.running()];
    [job.cancel(), state[0], state[1], state[2]]
}

#[test]
fn a_future_in_each_state() {
    check(|| {
        let pool = ThreadPool::with_workers(1)?;
        let running = pool.submit(short)?;
        let (bad, queued) = (pool.submit(divide)?, pool.submit(short)?);
        assert_eq!(states(&running), [false, false, false, true]);
        assert_eq!(states(&queued), [true, false, false, false]);
        assert_eq!(states(&queued), [true, true, true, false], "it is cancelled already");
        pool.shutdown()?;
        assert_eq!(states(&running), [false, false, true, false]);
        assert_eq!(states(&bad), [false, false, true, false]);
        assert_eq!(states(&queued), [true, true, true, false]);
        Ok(())
    });
}

/// A wait for a result ends with the job, with its cancel, or when the time is up.
#[test]
fn a_result_is_waited_for() {
    check(|| {
        let pool = ThreadPool::with_workers(2)?;
        let (running, bad) = (pool.submit(|| short().map(|()| 42))?, pool.submit(divide)?);
        let beside = pool.submit(short)?;
        let (queued, refused) = (pool.submit(short)?, pool.submit(short)?);
        is_elapsed(running.result_within(ms(0)));
        is_elapsed(queued.result_within(ms(0)));
        is_zero_division(bad.result_within(ms(0)));
        refused.cancel();
        is_cancelled(refused.result_within(ms(0)));
        assert_eq!(passed(), 0);
        assert_eq!(running.result_within(ms(5000))?, 42);
        assert_eq!(passed(), 100);
        beside.result()?;
        let waits = ThreadPool::with_workers(1)?;
        let last = pool.submit(short)?;
        drop(pool.submit(short)?);
        let never = pool.submit(short)?;
        let theirs = never.clone();
        let waiter = waits.submit(move || Ok(theirs.result().is_err_and(|e| e.is_cancelled())))?;
        assert!(never.cancel());
        assert!(waiter.result()?);
        assert_eq!(passed(), 100, "the cancel has woken it");
        last.result()
    });
}

#[track_caller]
fn is_elapsed<T: Debug>(result: Result<T>) {
    assert!(result.as_ref().is_err_and(Error::is::<Elapsed>), "{result:?}");
}

#[test]
fn a_pool_has_workers() {
    check(|| {
        let text = "max_workers must be greater than 0";
        for refused in
            [ThreadPool::with_workers(0).map(drop), ProcessPool::with_workers(0).map(drop)]
        {
            let error = refused.expect_err("no workers");
            assert!(error.is::<ValueError>() && error.to_string().starts_with(text), "{error}");
        }
        for (cores, threads) in [(1, 5), (4, 8), (28, 32), (29, 32), (61, 32)] {
            set_cores(cores)?;
            assert_eq!(ThreadPool::new().workers(), threads);
            assert_eq!(ProcessPool::new().workers(), cores);
        }
        Ok(())
    });
}

/// What a job holds goes with the job, also if nobody keeps its future.
#[test]
fn a_job_that_has_ended_holds_nothing() {
    check(|| {
        let (pool, held) = (ThreadPool::with_workers(1)?, Arc::new(()));
        let theirs = Arc::clone(&held);
        drop(pool.submit(move || Ok(drop(theirs)))?);
        let theirs = Arc::clone(&held);
        let kept = pool.submit(move || {
            let _theirs = theirs;
            short()
        })?;
        assert_eq!(Arc::strong_count(&held), 2);
        kept.result()?;
        assert_eq!(Arc::strong_count(&held), 1);
        Ok(())
    });
}

#[test]
fn nothing_is_submitted_after_the_shutdown() {
    check(|| {
        for pool in both_of(1)? {
            pool.shutdown()?;
            is_refused(pool.submit(short), "cannot schedule new futures after shutdown");
        }
        Ok(())
    });
}

/// As many jobs at a time as there are workers, and the shutdown waits for all.
#[test]
fn a_shutdown_waits_for_what_is_queued() {
    check(|| {
        for (pool, end) in both_of(5)?.into_iter().zip([1000, 2000]) {
            let jobs: Vec<_> = (0..50).map(|_| pool.submit(short)).collect::<Result<_>>()?;
            pool.shutdown()?;
            assert_eq!(passed(), end);
            jobs.iter().try_for_each(PoolFuture::take_result)?;
        }
        Ok(())
    });
}

/// What no worker has taken is cancelled; of processes it was handed one job more than they are.
#[test]
fn a_shutdown_that_cancels() {
    check(|| {
        for (pool, (left, end)) in both_of(5)?.into_iter().zip([(5, 100), (6, 300)]) {
            let jobs: Vec<_> = (0..50).map(|_| pool.submit(short)).collect::<Result<_>>()?;
            assert_eq!(pool.cancel_queued(), 50 - left);
            pool.shutdown()?;
            assert_eq!(passed(), end);
            let (cancelled, others): (Vec<_>, Vec<_>) =
                jobs.into_iter().partition(PoolFuture::cancelled);
            assert_eq!((cancelled.len(), others.len()), (50 - left, left));
            others.iter().try_for_each(PoolFuture::take_result)?;
        }
        Ok(())
    });
}

#[test]
fn a_job_that_was_cancelled_does_not_hold_up_the_shutdown() {
    check(|| {
        let pool = ThreadPool::with_workers(1)?;
        pool.submit(short)?.result()?;
        drop(pool.submit(short)?);
        assert!(pool.submit(short)?.cancel());
        pool.shutdown()?;
        assert_eq!(passed(), 200);
        Ok(())
    });
}

/// Without a wait, and when the pool is dropped, the jobs are done all the same.
#[test]
fn jobs_outlive_their_pool() {
    check(|| {
        let (dropped, shut_down) = (ThreadPool::with_workers(1)?, ThreadPool::with_workers(1)?);
        let submit = |pool: &ThreadPool| -> Result<Vec<PoolFuture<usize>>> {
            (0..3).map(|n| pool.submit(move || short().map(|()| n))).collect()
        };
        let mut jobs = submit(&dropped)?;
        jobs.extend(submit(&shut_down)?);
        drop(dropped);
        shut_down.shutdown_nowait();
        assert_eq!(passed(), 0);
        let values: Vec<usize> = jobs.iter().map(PoolFuture::result).collect::<Result<_>>()?;
        assert_eq!(values, [0, 1, 2, 0, 1, 2]);
        assert_eq!(passed(), 300);
        Ok(())
    });
}

#[test]
fn a_shutdown_that_cancels_and_does_not_wait() {
    check(|| {
        let (pool, seen) = (ThreadPool::with_workers(1)?, Seen::default());
        let (first, second) = (pool.submit(|| short().map(|()| "apple"))?, pool.submit(short)?);
        seen.look_at(&first);
        seen.look_at(&second);
        pool.shutdown_nowait();
        assert_eq!(pool.cancel_queued(), 1);
        seen.is(&["cancelled"]);
        blocking::sleep(ms(100));
        seen.is(&["cancelled", "\"apple\""]);
        Ok(())
    });
}

#[test]
fn the_end_of_a_scope_is_a_shutdown() {
    let outcome = Simulation::new().run(|| {
        run(async {
            let pool = ThreadPool::with_workers(2)?;
            let jobs = pool
                .scope(async |pool| (0..4).map(|_| pool.submit(short)).collect::<Result<Vec<_>>>())
                .await?;
            assert_eq!(passed(), 200);
            assert!(jobs.iter().all(PoolFuture::done));
            is_refused(pool.submit(short), "cannot schedule new futures after shutdown");
            Ok(())
        })
    });
    outcome.result.and_then(|result| result).expect("the program to succeed");
}

/// A pool does as many jobs at a time as it has workers.
#[test]
fn more_jobs_than_workers() {
    check(|| {
        let pool = ThreadPool::with_workers(4)?;
        let jobs: Vec<_> = (0..60).map(|_| pool.submit(short)).collect::<Result<_>>()?;
        let running = || jobs.iter().filter(|job| job.running()).count();
        assert_eq!(running(), 4);
        blocking::sleep(ms(1450));
        assert_eq!(running(), 4);
        pool.shutdown()?;
        assert_eq!((running(), passed()), (0, 1500));
        Ok(())
    });
}

/// A process that dies or is killed takes its pool with it; a job that fails does not.
#[test]
fn a_process_that_dies_breaks_the_pool() {
    check(|| {
        let pool = ProcessPool::with_workers(2)?;
        is_zero_division(pool.submit(divide)?.result());
        pool.submit(short)?.result()?;
        let (killed, dies) = (pool, ProcessPool::with_workers(2)?);
        let jobs = [killed.submit(short)?, dies.submit(short)?];
        killed.kill_worker();
        drop(dies.submit(|| -> Result<()> { blocking::die() })?);
        for (pool, job) in [killed, dies].iter().zip(&jobs) {
            assert!(job.result().is_err_and(|error| error.is::<BrokenPoolError>()));
            let refused = pool.submit(short).expect_err("the pool is broken");
            assert!(refused.is::<BrokenPoolError>(), "{refused}");
            pool.shutdown()?;
        }
        assert_eq!(passed(), 100);
        Ok(())
    });
}
