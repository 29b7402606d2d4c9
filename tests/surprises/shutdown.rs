//! S32 to S35, S39, S40: the end of a run, generators and futures that nobody asks for.

use std::time::Duration;

use seedloop::error::{Exit, Interrupt};
use seedloop::{
    AsyncGen, Error, Result, attempt, create_future, current_task, interrupt, out, run,
    running_loop, sleep, spawn, yield_now,
};

use super::helpers::{Wake, check, check_sync, ms, nap, repr, show, spin};

/// Counts its turns and says so when it is dropped.
struct Turns(u32);

impl Drop for Turns {
    fn drop(&mut self) {
        out!("steps {}", self.0);
    }
}

/// A task spawned by another's clean-up is never cancelled: it gets exactly six steps.
#[test]
fn s32_a_task_born_in_the_clean_up_gets_six_steps() {
    check(&["steps 6"], async {
        spawn(async {
            drop(attempt(nap(Wake::default())).await);
            spawn(async {
                let mut turns = Turns(0);
                loop {
                    turns.0 += 1;
                    yield_now().await?;
                }
                #[expect(unreachable_code, reason = "says what the endless task would return")]
                Ok(())
            });
            Ok(())
        });
        Ok(spin(1).await?)
    });
}

/// run waits without limit for a task that swallows its cancel; its error goes to the handler.
#[test]
fn s33_run_waits_for_what_swallows_its_cancel() {
    let expected = &[
        "took its time",
        "HANDLER unhandled exception during asyncio.run() shutdown late",
        "\"result\"",
    ];
    check_sync(expected, || {
        let result = run(async {
            running_loop()?.set_exception_handler(|report| {
                let error = report.error.as_ref().map(repr).unwrap_or_default();
                out!("HANDLER {} {error}", report.message);
            });
            spawn(async {
                drop(attempt(nap(Wake::default())).await);
                sleep(ms(50)).await?;
                out!("took its time");
                Err::<(), _>(Error::msg("late"))
            });
            spin(1).await?;
            Ok("result")
        });
        out!("{}", show(result));
    });
}

/// Ctrl-C is a plain cancel of main: swallowed, main's value is returned; another error is what run
/// returns.
#[test]
fn s34_an_interrupt_is_a_cancel_of_main() {
    check_sync(&["\"returned\"", "ValueError()", "interrupted"], || {
        let returns = Wake { value: Some("returned"), ..Wake::default() };
        let fails = Wake { error: Some("ValueError()"), ..Wake::default() };
        for wake in [returns, fails, Wake::default()] {
            let result = run(async move {
                interrupt();
                nap(wake).await
            });
            if let Err(error) = &result {
                assert_eq!(error.is::<Interrupt>(), wake.error.is_none());
            }
            out!("{}", show(result));
        }
    });
}

/// An exit breaks the loop in mid-iteration: main is cancelled, a sibling's body never runs.
#[test]
fn s35_an_exit_breaks_the_loop() {
    check_sync(&["CancelledError()", "exit with code 3"], || {
        let result = run(async {
            spawn(async { Err::<(), _>(Error::exit(3)) });
            spawn(async {
                out!("sibling body");
                Ok(())
            });
            let slept = attempt(async { Ok(sleep(Duration::from_secs(9)).await?) }).await;
            out!("{}", show(slept));
            Ok(())
        });
        let error = result.unwrap_err();
        assert_eq!(error.downcast_ref::<Exit>().map(Exit::code), Some(3));
        out!("{error}");
    });
}

/// Leaving the iteration early does not close the generator: its clean-up runs in a task of its
/// own, two hops after the last handle is gone.
#[test]
fn s39_an_abandoned_generator_is_closed_by_the_loop() {
    let expected = &["loop left", "hop 1", "finally, in main: false", "hop 2"];
    check(expected, async {
        let main = current_task()?.expect("a task runs").name();
        let mut items = AsyncGen::new(move |co| async move {
            let result = attempt(async { co.yield_(1).await }).await;
            let here = current_task()?.expect("a task runs").name();
            out!("finally, in main: {}", here == main);
            result
        });
        let first: Result<Option<i32>> = items.next().await;
        assert_eq!(first?, Some(1));
        drop(items);
        out!("loop left");
        yield_now().await?;
        out!("hop 1");
        yield_now().await?;
        out!("hop 2");
        Ok(())
    });
}

/// Cancelling a failed future silences the report of its error.
#[test]
fn s40_a_cancel_silences_the_report() {
    check(&["false"], async {
        running_loop()?.set_exception_handler(|report| out!("HANDLER {}", report.message));
        let future = create_future::<()>()?;
        future.set_exception(Error::msg("KeyError()"))?;
        out!("{}", future.cancel());
        drop(future);
        Ok(())
    });
}
