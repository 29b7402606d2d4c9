//! Processes that die.

use seedloop::error::{BrokenPoolError, Panicked};
use seedloop::{
    Error, ProcessPool, ThreadPool, blocking, gather_return_exceptions, out, run_in_executor,
    sleep, spawn,
};

use super::helpers::{Flag, check, secs, simulate, sleeper};

/// Source: CPython 3.13, `_ExecutorManagerThread.terminate_broken`: all pending futures fail, the
/// other workers are terminated, and later submits are refused.
#[test]
fn a_process_that_dies_breaks_its_pool() {
    let expected = [
        "0.0s start beside",
        "1.0s dies",
        "1.0s dying: true, beside: true, queued: true, cancelled: cancelled",
        "1.0s later: a child process terminated abruptly, the process pool is not usable anymore",
    ];
    check(&expected, async {
        let pool = ProcessPool::with_workers(2)?;
        let dying = run_in_executor(&pool, || {
            blocking::sleep(secs(1));
            out!("dies");
            blocking::die();
            #[expect(unreachable_code, reason = "says what the job returns")]
            Ok("")
        });
        let beside = run_in_executor(&pool, sleeper("beside", 5));
        let queued = [(); 3].map(|()| run_in_executor(&pool, sleeper("queued", 5)));
        let [queued, _, last] = queued;
        last.cancel();
        let broken = |error: &Error| {
            error.is::<BrokenPoolError>()
                && error.to_string()
                    == "a process in the process pool was terminated abruptly while the future \
                        was running or pending"
        };
        let results = gather_return_exceptions([dying, beside, queued, last]).await?;
        let errors: Vec<Error> = results.into_iter().filter_map(Result::err).collect();
        let [a, b, c, d] = errors.as_slice() else { panic!("{errors:?}") };
        out!("dying: {}, beside: {}, queued: {}, cancelled: {d}", broken(a), broken(b), broken(c));
        out!("later: {}", run_in_executor(&pool, || Ok(1)).await.unwrap_err());
        pool.shutdown()?;
        Ok(())
    });
}

#[test]
fn a_killed_pool_drops_what_its_jobs_hold() {
    let (queued, running) = (Flag::default(), Flag::default());
    let (in_queued, in_running) = (queued.on_drop(), running.on_drop());
    check(&["2.0s broken"], async {
        let pool = ProcessPool::with_workers(1)?;
        let job = run_in_executor(&pool, move || {
            let _held = in_running;
            blocking::sleep(secs(9));
            Ok(())
        });
        drop(pool.submit(move || {
            drop(in_queued);
            Ok(())
        })?);
        let killer = spawn(async move {
            sleep(secs(2)).await?;
            pool.kill_worker();
            Ok(())
        });
        assert!(job.await.unwrap_err().is::<BrokenPoolError>());
        out!("broken");
        killer.await
    });
    assert!(queued.is_set() && running.is_set());
}

/// A job that kills its own pool does not come back from that.
#[test]
fn a_job_kills_its_own_pool() {
    check(&["0.0s before", "0.0s true"], async {
        let pool = ProcessPool::new();
        let own = pool.clone();
        let job = run_in_executor(&pool, move || {
            out!("before");
            own.kill_worker();
            out!("after");
            Ok(())
        });
        out!("{}", job.await.unwrap_err().is::<BrokenPoolError>());
        Ok(())
    });
}

#[test]
fn a_thread_cannot_die_alone() {
    let outcome = simulate(async {
        let threads = run_in_executor(None, || {
            blocking::die();
            #[expect(unreachable_code, reason = "says what the job returns")]
            Ok(())
        });
        let error = threads.await.unwrap_err();
        Ok(error.downcast_ref::<Panicked>().map(|panicked| panicked.message().to_owned()))
    });
    let text = "only the worker of a process pool can die alone; submit the job to a `ProcessPool`";
    assert_eq!(outcome.result.unwrap().unwrap().as_deref(), Some(text));
}

/// The dead pool is idle: whoever waits for it goes on.
#[test]
fn a_wait_for_a_pool_ends_when_it_breaks() {
    check(&["1.0s idle"], async {
        let pool = ProcessPool::with_workers(1)?;
        drop(pool.submit(|| {
            blocking::sleep(secs(1));
            blocking::die();
            #[expect(unreachable_code, reason = "says what the job returns")]
            Ok(())
        })?);
        let waits = pool.clone();
        run_in_executor(&ThreadPool::new(), move || waits.shutdown()).await?;
        out!("idle");
        Ok(())
    });
}

/// A callback that nobody's worker can call blocks the loop's thread, also while that is blocked
/// already: each wait ends when its own time has come.
#[test]
fn a_callback_may_block_while_the_loop_is_blocked() {
    check(&["1.0s broken", "3.0s callback ends", "5.0s thawed"], async {
        let pool = ProcessPool::with_workers(1)?;
        let job = pool.submit(|| {
            blocking::sleep(secs(1));
            blocking::die();
            #[expect(unreachable_code, reason = "says what the job returns")]
            Ok(())
        })?;
        job.add_done_callback(|_| {
            out!("broken");
            blocking::sleep(secs(2));
            out!("callback ends");
        });
        blocking::sleep(secs(5));
        out!("thawed");
        Ok(())
    });
}
