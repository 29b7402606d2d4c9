//! What a loop has to tell, each with what it is about.
//!
//! Expected is what CPython 3.13.0 prints for the same programs, but for the words that are ours.

use std::time::Duration;

use seedloop::error::GeneratorExit;
use seedloop::{
    AsyncGen, Cancelled, ContextVar, Error, EventLoop, Report, ReportKind, Result, Simulation,
    TaskGroup, blocking, create_future, out, run, run_in_executor, running_loop, select, shield,
    sleep, spawn,
};

use crate::surprises::helpers::{check, check_sync, ms, spin};

/// Prints what the handler of the running loop is told.
fn print_reports() -> Result<()> {
    running_loop()?.set_exception_handler(|report| {
        let error = report.error.as_ref().map(Error::to_string).unwrap_or_default();
        out!("{:?} {}: {error}", report.kind, report.message);
    });
    Ok(())
}

/// CPython: `HANDLER Task was destroyed but it is pending! task`.
#[test]
fn a_pending_task_is_told_with_its_own_variables() {
    static WHERE: ContextVar<&str> = ContextVar::new();
    check_sync(&["DestroyedPending Some(\"task\")"], || {
        let event_loop = EventLoop::new();
        event_loop.set_exception_handler(|report| out!("{:?} {:?}", report.kind, WHERE.get()));
        let task = event_loop.create_task(async {
            drop(WHERE.set("task"));
            create_future::<()>()?.await
        });
        drop(task.unwrap());
        event_loop.run_until_complete(async { Ok(spin(1).await?) }).unwrap();
        drop(WHERE.set("main"));
        event_loop.close().unwrap();
    });
}

/// CPython: `HANDLER Exception in callback _chain_future.<locals>._set_state() AssertionError()`.
#[test]
fn a_job_whose_future_has_a_result_already() {
    let text = "the future of a pool's job was given a result by somebody else";
    let report = format!("Callback Exception in callback: {text}");
    check(&["5 0.0s", &report], async {
        print_reports()?;
        let job = run_in_executor(None, || {
            blocking::sleep(ms(10));
            Ok(1)
        });
        job.set_result(5)?;
        out!("{} {}", job.await?, running_loop()?.time());
        Ok(sleep(ms(50)).await?)
    });
}

/// CPython: `inner.exception()  # Mark inner's result as retrieved.` It is one that ends while the
/// shield's own callback is still on its way; one that ends later is told.
#[test]
fn the_error_of_what_a_shield_has_let_go() {
    let told = "FutureNeverRetrieved Future exception was never retrieved: later";
    check(&["at once", "--", told], async {
        print_reports()?;
        for text in ["at once", "later"] {
            let inner = create_future::<()>()?;
            let outer = shield(inner.shared());
            assert!(outer.cancel());
            if text == "later" {
                spin(2).await?;
            }
            inner.set_exception(Error::msg(text))?;
            spin(3).await?;
            drop((inner, outer));
            if text == "at once" {
                out!("at once");
                out!("--");
            }
        }
        Ok(())
    });
}

/// CPython: `BaseEventLoop.call_exception_handler` tells of both, the failure and its cause.
#[test]
fn a_handler_that_fails_hides_nothing() {
    let outcome = Simulation::new().run(|| {
        run(async {
            running_loop()?.set_exception_handler(|_| Err(Error::msg("handler")));
            running_loop()?
                .call_exception_handler(Report::new(ReportKind::Custom, "what it was about"));
            Ok(())
        })
    });
    outcome.result.and_then(|result| result).expect("the program to succeed");
    let told: Vec<_> = outcome.reports.iter().map(|r| (r.kind, r.message.as_str())).collect();
    let handler = "unhandled error in exception handler";
    assert_eq!(told, [(ReportKind::Handler, handler), (ReportKind::Custom, "what it was about")]);
}

/// CPython: `if dt >= self.slow_callback_duration`, and 0.1 s unless set.
#[test]
fn a_step_is_slow_from_its_limit_on() {
    let slow = |took: &str| format!("SlowCallback Executing a step took {took}: ");
    let (default, own) = (slow("100ms"), slow("20ms"));
    check(&["99", "100", &default, "20", &own], async {
        print_reports()?;
        for milliseconds in [99, 100, 20] {
            if milliseconds == 20 {
                running_loop()?.set_slow_callback_duration(ms(20))?;
            }
            out!("{milliseconds}");
            running_loop()?.call_soon(move || blocking::sleep(ms(milliseconds)))?;
            spin(2).await?;
        }
        Ok(())
    });
}

/// CPython: `if isinstance(result, Exception)`, which a cancel and a GeneratorExit are not.
#[test]
fn only_exceptions_of_generators_are_told_in_the_end() {
    let text = "an error occurred during closing of an asynchronous generator";
    check(&[&format!("AsyncGenerator {text}: value")], async {
        print_reports()?;
        let errors =
            [Error::from(Cancelled::new()), Error::msg("value"), Error::new(GeneratorExit)];
        for error in errors {
            let mut open = AsyncGen::new(async move |co| {
                drop(co.yield_(1).await);
                Err(error)
            });
            open.next().await?;
            // Kept to the end of the run.
            std::mem::forget(open);
        }
        Ok(())
    });
}

/// "Dropping the future cancels the tasks of the group; .. their errors are reported."
#[test]
fn a_child_that_fails_when_its_group_was_dropped_is_told() {
    let text = "a task of a group has failed, and its parent task has left the group";
    check(&["left", &format!("TaskGroup {text}: clean-up")], async {
        print_reports()?;
        let group = TaskGroup::new().scope(async |group| {
            group.spawn(async {
                drop(sleep(Duration::from_secs(9)).await);
                Err::<(), _>(Error::msg("clean-up"))
            })?;
            Ok(sleep(Duration::from_secs(9)).await?)
        });
        select! {
            result = group => result?,
            slept = sleep(ms(10)) => slept?,
        }
        out!("left");
        spawn(async { Ok(spin(3).await?) }).await
    });
}
