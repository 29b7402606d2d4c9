//! `run` and `Runner`: what CPython's tests assert.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_runners.py`.

use seedloop::error::Interrupt;
use seedloop::{
    AsyncGen, Cancelled, ContextVar, Error, JoinHandle, Report, ReportKind, Result, Runner,
    Simulation, attempt, blocking, current_task, interrupt, run, running_loop, sleep, spawn,
    yield_now,
};

use super::check::{
    Flag, Log, OtherError, ZeroDivision, divide, is_cancelled, is_refused, is_zero_division, now,
};
use crate::surprises::helpers::ms;

/// Runs a body that makes runs itself, and returns what was reported; it must succeed.
#[track_caller]
fn simulate(body: impl FnOnce() -> Result<()>) -> Vec<Report> {
    let outcome = Simulation::new().run(body);
    outcome.result.and_then(|result| result).expect("the program to succeed");
    outcome.reports
}

/// Runs `body` with a runner, which is closed in the end.
#[track_caller]
fn with_runner(body: impl FnOnce(&Runner) -> Result<()>) {
    simulate(|| {
        let runner = Runner::new();
        body(&runner)?;
        runner.close()
    });
}

fn me() -> JoinHandle<()> {
    current_task().expect("a running loop").expect("a running task")
}

#[test]
fn a_value() {
    simulate(|| {
        let value = run(async {
            yield_now().await?;
            Ok(42)
        })?;
        assert_eq!(value, 42);
        Ok(())
    });
}

#[test]
fn an_error() {
    simulate(|| {
        let result = run(async {
            yield_now().await?;
            divide()
        });
        is_zero_division(result);
        Ok(())
    });
}

#[test]
fn inside_a_running_loop() {
    simulate(|| {
        run(async {
            is_refused(run(async { Ok(()) }), "cannot be called from a running event loop");
            Ok(())
        })
    });
}

#[test]
fn tasks_that_are_left_are_cancelled() {
    let reports = simulate(|| {
        let (value, left) = run(async {
            let left = spawn(async { Ok(sleep(ms(100)).await?) });
            Ok((123, left))
        })?;
        assert_eq!(value, 123);
        assert!(left.done());
        assert!(left.cancelled());
        Ok(())
    });
    let kinds: Vec<ReportKind> = reports.iter().map(|report| report.kind).collect();
    assert_eq!(kinds, [ReportKind::Stray], "asyncio logs nothing");
}

#[test]
fn errors_of_tasks_that_are_left_are_reported() {
    let log = Log::<(ReportKind, String, Option<String>, bool)>::new();
    let seen = log.clone();
    simulate(|| {
        let (value, left) = run(async {
            running_loop()?.set_exception_handler(move |report| {
                let is_ours = report.error.as_ref().is_some_and(|e| e.is::<ZeroDivision>());
                seen.push((report.kind, report.message.clone(), report.task.clone(), is_ours));
            });
            let left = spawn(async {
                is_cancelled(sleep(ms(100)).await);
                divide()
            });
            left.set_name("left");
            Ok((123, left))
        })?;
        assert_eq!(value, 123);
        assert!(left.done());
        Ok(())
    });
    let mut told = Vec::new();
    log.each(|report| told.push(report.clone()));
    told.retain(|report| report.0 != ReportKind::Stray);
    let text = "unhandled exception during asyncio.run() shutdown".to_owned();
    assert_eq!(told, [(ReportKind::Shutdown, text, Some("left".to_owned()), true)]);
}

/// A generator of a task that fails in the clean-up is closed all the same.
#[test]
fn generators_are_closed_after_tasks_that_fail() {
    let closed = Flag::new();
    let is_closed = closed.clone();
    simulate(|| {
        let slot = Log::<JoinHandle<()>>::new();
        let kept = slot.clone();
        let result = run(async move {
            running_loop()?.set_exception_handler(|_| {});
            let spinner = AsyncGen::new(async move |co| {
                let body = attempt(async {
                    loop {
                        co.yield_(1).await?;
                        sleep(ms(1000)).await?;
                    }
                    #[expect(unreachable_code, reason = "gives the body its type")]
                    Ok(())
                })
                .await;
                is_closed.set();
                body
            });
            kept.push(spawn(async move {
                let mut spinner = spinner;
                let spun = attempt(async {
                    while spinner.next().await?.is_some() {}
                    Ok(())
                })
                .await;
                is_cancelled(spun);
                divide()
            }));
            yield_now().await?;
            Err::<(), _>(Error::new(OtherError))
        });
        assert!(result.is_err_and(|error| error.is::<OtherError>()));
        assert!(slot.take().expect("the task").done());
        Ok(())
    });
    assert!(closed.is_set());
}

#[test]
fn a_runner_runs_and_is_closed() {
    simulate(|| {
        let runner = Runner::new();
        let value = runner.run(async {
            yield_now().await?;
            Ok("done")
        })?;
        assert_eq!(value, "done");
        let event_loop = runner.event_loop()?;
        runner.close()?;
        is_refused(runner.event_loop(), "Runner is closed");
        assert!(event_loop.is_closed());
        Ok(())
    });
}

#[test]
fn a_runner_that_did_not_run_is_closed() {
    simulate(|| {
        let runner = Runner::new();
        let event_loop = runner.event_loop()?;
        runner.close()?;
        is_refused(runner.event_loop(), "Runner is closed");
        assert!(event_loop.is_closed());
        Ok(())
    });
}

#[test]
fn a_runner_is_closed_twice() {
    simulate(|| {
        let runner = Runner::new();
        let event_loop = runner.event_loop()?;
        runner.close()?;
        assert!(event_loop.is_closed());
        runner.close()?;
        assert!(event_loop.is_closed());
        Ok(())
    });
}

#[test]
fn a_closed_runner_does_not_run() {
    simulate(|| {
        let (runner, log) = (Runner::new(), Log::new());
        let theirs = log.clone();
        runner.run(async move {
            theirs.push(1);
            Ok(())
        })?;
        runner.close()?;
        let theirs = log.clone();
        let refused = runner.run(async move {
            theirs.push(2);
            Ok(())
        });
        is_refused(refused, "Runner is closed");
        log.is(&[1]);
        Ok(())
    });
}

/// What one run sets of a context variable, the next one of the same runner finds.
#[test]
fn a_runner_keeps_its_context() {
    static NUMBER: ContextVar<i32> = ContextVar::new();
    let set = async |value: i32| {
        let old = NUMBER.get();
        yield_now().await?;
        drop(NUMBER.set(value));
        Ok(old)
    };
    with_runner(|runner| {
        assert_eq!(runner.run(async move { set(1).await })?, None);
        assert_eq!(runner.run(async move { set(2).await })?, Some(1));
        assert_eq!(runner.run(async { Ok(NUMBER.get()) })?, Some(2));
        assert_eq!(NUMBER.get(), None, "it is the runner's own");
        Ok(())
    });
}

#[test]
fn a_runner_inside_itself() {
    with_runner(|runner| {
        let again = runner.clone();
        runner.run(async move {
            let refused = again.run(async { Ok(()) });
            is_refused(refused, "Runner.run() cannot be called from a running event loop");
            Ok(())
        })
    });
}

/// A task that never waits for a future is interrupted between its turns.
#[test]
fn an_interrupt_between_turns() {
    with_runner(|runner| {
        runner.event_loop()?.call_later(ms(100), interrupt)?;
        let ended = runner.run(async {
            // Turns take no virtual time of themselves.
            while yield_now().await.is_ok() {
                blocking::sleep(ms(1));
            }
            // The turn that was ready at 100 ms came before the timer.
            assert_eq!(now(), ms(101));
            Err::<(), _>(Cancelled::new().into())
        });
        assert!(ended.is_err_and(|error| error.is::<Interrupt>()));
        Ok(())
    });
}

#[test]
fn an_interrupt_of_a_wait() {
    with_runner(|runner| {
        let event_loop = runner.event_loop()?;
        let f = event_loop.create_future::<()>()?;
        event_loop.call_later(ms(100), interrupt)?;
        let theirs = f.shared();
        let ended = runner.run(async move {
            is_cancelled(theirs.await);
            Err::<(), _>(Cancelled::new().into())
        });
        assert!(ended.is_err_and(|error| error.is::<Interrupt>()));
        assert!(f.cancelled());
        assert_eq!(event_loop.time().since_start(), ms(100));
        Ok(())
    });
}

/// An interrupt of a task that somebody else has cancelled too leaves it cancelled.
#[test]
fn an_interrupt_of_a_cancelled_task() {
    with_runner(|runner| {
        let ended = runner.run(async {
            let main = me();
            spawn(async move {
                yield_now().await?;
                main.cancel();
                interrupt();
                Ok(())
            });
            Ok(sleep(ms(10_000)).await?)
        });
        is_cancelled(ended);
        Ok(())
    });
}
