//! `PoolFuture`: `concurrent.futures.Future`.

use seedloop::error::InvalidStateError;
use seedloop::{
    Elapsed, Error, ProcessPool, ReportKind, ThreadPool, blocking, out, run_in_executor, sleep,
};

use super::helpers::{check, secs, simulate, sleeper, timed};

#[test]
fn a_future_tells_its_state() {
    let expected = [
        "0.0s start a",
        "0.0s a: running=true done=false, b: running=false done=false",
        "0.0s cancel a: false, b: true, again: true",
        "1.0s end a",
        "1.0s a: running=false done=true \"a\", b: cancelled=true",
        "1.0s b: cancelled",
        "1.0s a again: the result was already taken",
    ];
    check(&expected, async {
        let pool = ThreadPool::with_workers(1)?;
        let (a, b) = (pool.submit(sleeper("a", 1))?, pool.submit(sleeper("b", 1))?);
        out!(
            "a: running={} done={}, b: running={} done={}",
            a.running(),
            a.done(),
            b.running(),
            b.done()
        );
        out!("cancel a: {}, b: {}, again: {}", a.cancel(), b.cancel(), b.cancel());
        assert!(a.take_result().unwrap_err().is::<InvalidStateError>());
        sleep(secs(1)).await?;
        let value = a.take_result()?;
        out!(
            "a: running={} done={} {value:?}, b: cancelled={}",
            a.running(),
            a.done(),
            b.cancelled()
        );
        out!("b: {}", b.take_result().unwrap_err());
        out!("a again: {}", a.take_result().unwrap_err());
        Ok(())
    });
}

/// Source: CPython 3.13, `_chain_future`: callbacks run in the worker, or synchronously in the
/// canceller; added after the end, they are called at once.
#[test]
fn callbacks_are_called_by_whoever_ends_the_job() {
    let expected = [
        "0.0s start a",
        "0.0s b cancelled",
        "0.0s cancel returned",
        "1.0s end a",
        "1.0s first",
        "1.0s second",
        "1.0s awaited",
        "1.0s at once",
        "1.0s added",
    ];
    check(&expected, async {
        let pool = ThreadPool::with_workers(1)?;
        let (a, b) = (pool.submit(sleeper("a", 1))?, pool.submit(sleeper("b", 1))?);
        a.add_done_callback(|_| out!("first"));
        a.add_done_callback(|_| out!("second"));
        b.add_done_callback(|b| out!("b {}", if b.cancelled() { "cancelled" } else { "done" }));
        b.cancel();
        out!("cancel returned");
        a.clone().await?;
        out!("awaited");
        a.add_done_callback(|_| out!("at once"));
        out!("added");
        Ok(())
    });
}

#[test]
fn a_panic_in_a_callback_is_reported_and_the_next_is_called() {
    let outcome = simulate(async {
        let pool = ThreadPool::new();
        let job = pool.submit(sleeper("job", 1))?;
        job.add_done_callback(|_| panic!("callback"));
        job.add_done_callback(|_| out!("next"));
        run_in_executor(&pool, sleeper("other", 2)).await?;
        job.take_result()
    });
    let printed = timed(&outcome);
    assert!(printed.contains(&"1.0s next".to_owned()), "{printed:?}");
    assert_eq!(outcome.result.unwrap().unwrap(), "job");
    let report = &outcome.reports[0];
    assert_eq!(report.kind, ReportKind::Callback);
    assert_eq!(report.message, "exception calling callback for job 1 of pool 'ThreadPool-1'");
}

/// A job waits for another one: it blocks its own worker only.
#[test]
fn a_job_waits_for_another() {
    let expected = [
        "0.0s outer",
        "0.0s start inner",
        "0.0s submitted",
        "3.0s end inner",
        "3.0s got inner",
        "3.0s outer returned",
    ];
    check(&expected, async {
        let pool = ThreadPool::with_workers(2)?;
        let inner = pool.clone();
        let outer = run_in_executor(&pool, move || {
            out!("outer");
            let job = inner.submit(sleeper("inner", 3))?;
            out!("submitted");
            out!("got {}", job.result()?);
            Ok(())
        });
        outer.await?;
        out!("outer returned");
        Ok(())
    });
}

#[test]
fn a_wait_for_a_job_may_have_a_limit() {
    let expected = ["0.0s start slow", "1.0s timeout: true", "3.0s end slow", "3.0s got slow"];
    check(&expected, async {
        let pool = ThreadPool::with_workers(2)?;
        let slow = pool.submit(sleeper("slow", 3))?;
        run_in_executor(&pool, move || {
            let error = slow.result_within(secs(1)).unwrap_err();
            out!("timeout: {}", error.is::<Elapsed>());
            out!("got {}", slow.result_within(secs(9))?);
            Ok(())
        })
        .await?;
        // The second limit was not reached, and its timer does not hold up the end.
        Ok(())
    });
}

#[test]
fn a_waiting_job_is_woken_by_a_cancel() {
    check(&["0.0s start busy", "1.0s cancelled", "5.0s end busy"], async {
        let (one, other) = (ThreadPool::with_workers(1)?, ThreadPool::with_workers(1)?);
        let busy = run_in_executor(&one, sleeper("busy", 5));
        let queued = one.submit(sleeper("queued", 5))?;
        let handle = queued.clone();
        let waiter = run_in_executor(&other, move || {
            out!("{}", queued.result().unwrap_err());
            Ok(())
        });
        sleep(secs(1)).await?;
        handle.cancel();
        waiter.await?;
        busy.await?;
        Ok(())
    });
}

/// Source: CPython 3.13, `concurrent/futures/process.py`, `EXTRA_QUEUED_CALLS`.
#[test]
fn a_process_pool_hands_over_one_job_more_than_it_has_workers() {
    let expected = ["0.0s [true, true, false, false]", "1.5s [false, true, true, false]"];
    check(&expected, async {
        let pool = ProcessPool::with_workers(1)?;
        let jobs: Vec<_> = (0..4)
            .map(|_| {
                pool.submit(|| {
                    blocking::sleep(secs(1));
                    Ok(())
                })
            })
            .collect::<Result<_, Error>>()?;
        let running = |jobs: &[seedloop::PoolFuture<()>]| {
            out!("{:?}", jobs.iter().map(seedloop::PoolFuture::running).collect::<Vec<_>>());
        };
        running(&jobs);
        sleep(std::time::Duration::from_millis(1_500)).await?;
        running(&jobs);
        assert!(!jobs[2].cancel() && jobs[3].cancel());
        Ok(())
    });
}

#[test]
fn handles_may_go_anywhere() {
    fn check<T: Clone + Send + Sync>() {}
    check::<ThreadPool>();
    check::<ProcessPool>();
    check::<seedloop::Pool>();
    check::<seedloop::PoolFuture<std::cell::Cell<u8>>>();
}

/// Real threads are no part of a simulation: there a handle gives errors, and changes nothing.
#[test]
#[expect(clippy::disallowed_methods, reason = "a real thread is what is refused")]
fn handles_are_refused_on_other_threads() {
    check(&["0.0s start a", "1.0s end a", "1.0s start b", "2.0s end b"], async {
        let pool = ThreadPool::with_workers(1)?;
        let (a, b) = (pool.submit(sleeper("a", 1))?, pool.submit(sleeper("b", 1))?);
        let (away, from) = (b.clone(), pool.clone());
        let refused = std::thread::spawn(move || {
            let submitted = from.submit(|| Ok(1)).unwrap_err().to_string();
            (submitted, away.cancel(), away.take_result().unwrap_err().to_string())
        });
        let (submitted, cancelled, result) = refused.join().expect("no panic");
        assert!(submitted.contains("belongs to another simulation, or to another thread"));
        assert!(!cancelled);
        assert_eq!(result, "result is not ready");
        a.await?;
        b.await?;
        Ok(())
    });
}

#[test]
fn the_life_of_a_job_is_recorded() {
    let outcome = seedloop::Simulation::new().record().run(|| {
        seedloop::run(async {
            let pool = ThreadPool::with_workers(1)?;
            let (a, b) = (pool.submit(sleeper("a", 2))?, pool.submit(sleeper("b", 1))?);
            drop(pool.submit(sleeper("c", 1))?);
            b.cancel();
            a.await?;
            Ok(())
        })
    });
    let events: Vec<_> = outcome
        .records
        .iter()
        .filter_map(|record| match record.event {
            seedloop::trace::Event::Outside { operation, number } => {
                Some(format!("{} {operation} {number}", record.time))
            }
            _ => None,
        })
        .collect();
    let expected = [
        "0.0s job queued 1",
        "0.0s job started 1",
        "0.0s job queued 2",
        "0.0s job queued 3",
        "0.0s job cancelled 2",
        "2.0s job ended 1",
        "2.0s job started 3",
    ];
    assert_eq!(events, expected);
}
