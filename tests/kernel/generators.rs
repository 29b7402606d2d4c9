//! Async generators whose consumer goes away while the body awaits something.

use std::time::Duration;

use futures_lite::StreamExt;
use seedloop::error::StopAsyncIteration;
use seedloop::sync::Event;
use seedloop::{
    AsyncGen, Error, Result, attempt, current_task, out, run, running_loop, select, sleep, spawn,
    timeout,
};

use crate::surprises::helpers::{check, check_sync, ms, show, spin};

/// Sleeps, yields, and says how it was left; its clean-up takes a while.
fn slow() -> AsyncGen<i32> {
    AsyncGen::new(|co| async move {
        let result = attempt(async {
            sleep(Duration::from_secs(5)).await?;
            co.yield_(1).await
        })
        .await;
        out!("left with {} at {}", show(result.clone()), running_loop()?.time());
        sleep(ms(10)).await.unwrap_or_else(|cancelled| out!("clean-up: {cancelled:?}"));
        out!("cleaned up");
        result
    })
}

/// Drops a `next` after a second.
async fn abandon(numbers: &mut AsyncGen<i32>) -> Result<()> {
    select! {
        item = numbers.next() => panic!("{item:?}"),
        slept = sleep(Duration::from_secs(1)) => Ok(slept?),
    }
}

fn cancelling() -> u32 {
    current_task().ok().flatten().expect("a task runs").cancelling()
}

/// "Dropping the future leaves the body at the await at which it is; the next one goes on from
/// there."
#[test]
fn a_dropped_next_goes_on_with_the_next_one() {
    let left = "left with generator is being closed at 5.0s";
    check(&["Some(1) 5.0s", left, "cleaned up"], async {
        let mut numbers = slow();
        abandon(&mut numbers).await?;
        let item = numbers.next().await;
        out!("{} {}", show(item), running_loop()?.time());
        numbers.aclose().await
    });
}

/// As CPython's body gets what closes it at its inner await, ours gets a cancel there.
#[test]
fn aclose_cuts_short_what_the_body_awaits() {
    let expected = &["left with CancelledError() at 1.0s", "cleaned up", "() 0", "None", "Ok(())"];
    check(expected, async {
        let mut numbers = slow();
        abandon(&mut numbers).await?;
        let closed = numbers.aclose().await;
        out!("{} {}", show(closed), cancelling());
        out!("{}", show(numbers.next().await));
        out!("{:?}", sleep(ms(1)).await);
        Ok(())
    });
}

/// An outside cancel of the task that closes comes through.
#[test]
fn a_cancel_from_outside_ends_the_closing() {
    let expected = &["left with CancelledError() at 1.0s", "clean-up: Cancelled { message: None }"];
    let expected = [expected, ["cleaned up", "CancelledError()"].as_slice()].concat();
    check(&expected, async {
        let task = spawn(async {
            let mut numbers = slow();
            abandon(&mut numbers).await?;
            numbers.aclose().await
        });
        sleep(ms(1005)).await?;
        task.cancel();
        out!("{}", show(task.await));
        Ok(())
    });
}

/// "Dropping the last handle on an open one hands it to the loop": also in the middle of an await.
#[test]
fn a_generator_dropped_in_the_middle_is_closed_by_the_loop() {
    check(&["left with CancelledError() at 1.0s", "cleaned up"], async {
        running_loop()?.set_exception_handler(|report| out!("HANDLER {}", report.message));
        let mut numbers = slow();
        abandon(&mut numbers).await?;
        drop(numbers);
        Ok(sleep(Duration::from_secs(9)).await?)
    });
}

/// The task that closes a dropped generator is among those that the end of the run cancels. CPython
/// raises that cancel in the body, though the task has not begun.
#[test]
fn the_end_of_the_run_cancels_what_closes_a_generator() {
    check(&["left with CancelledError()"], async {
        let mut numbers = AsyncGen::new(|co| async move {
            let left = co.yield_(1).await;
            out!("left with {}", show(left.clone()));
            left
        });
        numbers.next().await?;
        drop(numbers);
        Ok(())
    });
}

/// A stream that was polled and dropped is not inside of the generator for ever.
#[test]
fn a_stream_owns_nothing_between_polls() {
    check(&["Some(1) 5.0s", "left with closing at 5.0s", "cleaned up", "()"], async {
        let mut numbers = AsyncGen::new(|co| async move {
            sleep(Duration::from_secs(5)).await?;
            let result = co.yield_(1).await;
            out!("left with closing at {}", running_loop()?.time());
            out!("cleaned up");
            result
        });
        select! {
            item = StreamExt::next(&mut numbers) => panic!("{item:?}"),
            slept = sleep(Duration::from_secs(1)) => slept?,
        }
        let item = StreamExt::next(&mut numbers).await.transpose();
        out!("{} {}", show(item), running_loop()?.time());
        out!("{}", show(numbers.aclose().await));
        Ok(())
    });
}

/// The same where nobody asks again: the loop closes it.
#[test]
fn a_dropped_stream_is_closed_by_the_loop() {
    check(&["left with CancelledError() at 1.0s", "cleaned up"], async {
        let mut numbers = slow();
        select! {
            item = StreamExt::next(&mut numbers) => panic!("{item:?}"),
            slept = sleep(Duration::from_secs(1)) => slept?,
        }
        drop(numbers);
        Ok(sleep(Duration::from_secs(9)).await?)
    });
}

/// A cancel of the task does not reach a body that nobody awaits.
#[test]
fn a_cancel_does_not_reach_an_abandoned_body() {
    let cancelled = "Err(Cancelled { message: None })";
    let left = "left with generator is being closed at 5.0s";
    check(&[cancelled, "Some(1) 5.0s", left, "cleaned up"], async {
        let task = spawn(async {
            let mut numbers = slow();
            abandon(&mut numbers).await?;
            out!("{:?}", sleep(Duration::from_secs(1)).await);
            let item = numbers.next().await;
            out!("{} {}", show(item), running_loop()?.time());
            numbers.aclose().await
        });
        sleep(ms(1500)).await?;
        task.cancel();
        task.await
    });
}

/// "One that is still open when the run ends is closed then", whatever the body waits for.
#[test]
fn an_abandoned_body_is_closed_at_the_end() {
    check_sync(&["left with CancelledError()", "1.0s"], || {
        let result = run(async {
            let mut numbers: AsyncGen<i32> = AsyncGen::new(|_| async {
                let waited = Event::new().wait().await.map_err(Error::from);
                out!("left with {}", show(waited.clone()));
                out!("{}", running_loop()?.time());
                waited.map(drop)
            });
            abandon(&mut numbers).await?;
            std::mem::forget(numbers);
            Ok(())
        });
        result.unwrap();
    });
}

/// Says that it was dropped.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        out!("dropped");
    }
}

/// What knows no cancel is dropped with the body.
#[test]
fn a_body_that_awaits_something_foreign_is_dropped() {
    check(&["dropped", "()", "None"], async {
        let mut numbers: AsyncGen<i32> = AsyncGen::new(|_| async {
            let _guard = Guard;
            std::future::pending().await
        });
        abandon(&mut numbers).await?;
        out!("{}", show(numbers.aclose().await));
        out!("{}", show(numbers.next().await));
        Ok(())
    });
}

/// An error is raised at the `yield_` to which the body comes, in place of its item.
#[test]
fn athrow_waits_for_the_yield() {
    check(&["left with bad at 5.0s", "cleaned up", "bad"], async {
        let mut numbers = slow();
        abandon(&mut numbers).await?;
        let thrown = numbers.athrow(Error::msg("bad")).await;
        out!("{}", show(thrown));
        Ok(())
    });
}

/// A block with a deadline inside an abandoned body is cancelled, and nothing else.
#[test]
fn a_timeout_in_an_abandoned_body_cancels_only_its_block() {
    check(&["Ok(())", "in the body: TimeoutError()", "Some(1) 0 4.0s"], async {
        let mut numbers = AsyncGen::new(|co| async move {
            let limit = timeout(Duration::from_secs(2));
            let limited = limit.scope(async |_| Ok(sleep(Duration::from_secs(9)).await?)).await;
            out!("in the body: {}", show(limited));
            co.yield_(1).await
        });
        abandon(&mut numbers).await?;
        out!("{:?}", sleep(Duration::from_secs(3)).await);
        let item = numbers.next().await;
        out!("{} {} {}", show(item), cancelling(), running_loop()?.time());
        numbers.aclose().await
    });
}

/// "The next `aclose` goes on from there": the clean-up is not cut short a second time, and its
/// end is what the body gives.
#[test]
fn an_aclose_that_is_dropped_goes_on_with_the_next() {
    let expected = ["left with CancelledError() at 1.0s", "dropped 0", "cleaned up"].as_slice();
    let expected = [expected, ["CancelledError()"].as_slice()].concat();
    check(&expected, async {
        let mut numbers = slow();
        abandon(&mut numbers).await?;
        select! {
            biased;
            slept = sleep(ms(5)) => slept?,
            closed = numbers.aclose() => panic!("{closed:?}"),
        }
        out!("dropped {}", cancelling());
        spin(2).await?;
        let closed = numbers.aclose().await;
        out!("{}", show(closed));
        Ok(())
    });
}

/// `await gen.athrow(ValueError())` raises in a body that was never started, and gives None in one
/// that has ended.
#[test]
fn athrow_on_what_has_ended_gives_none() {
    check(&["bad", "None", "None", "None"], async {
        let empty = || AsyncGen::<i32>::new(|_| async { Ok(()) });
        let mut unstarted = empty();
        out!("{}", show(unstarted.athrow(Error::msg("bad")).await));
        out!("{}", show(unstarted.athrow(Error::msg("bad")).await));
        let mut closed = empty();
        closed.aclose().await?;
        out!("{}", show(closed.athrow(Error::msg("bad")).await));
        let mut finished = empty();
        finished.next().await?;
        out!("{}", show(finished.athrow(Error::msg("bad")).await));
        Ok(())
    });
}

/// A body that raises StopAsyncIteration does not look as if it had ended; a body that was never
/// started gives back what was thrown.
#[test]
fn a_stop_of_the_body_is_an_error() {
    let text = "async generator raised StopAsyncIteration";
    check(&[text, text, "true"], async {
        let stop = || Error::new(StopAsyncIteration);
        let mut numbers = AsyncGen::<i32>::new(|_| async move { Err(stop()) });
        out!("{}", show(numbers.next().await));
        let mut numbers = AsyncGen::new(|co| async move { co.yield_(1).await });
        numbers.next().await?;
        out!("{}", show(numbers.athrow(stop()).await));
        let mut numbers = AsyncGen::new(|co| async move { co.yield_(1).await });
        let thrown = numbers.athrow(stop()).await;
        out!("{}", thrown.is_err_and(|error| error.is::<StopAsyncIteration>()));
        Ok(())
    });
}

/// How the body below goes on once it was left at its `yield_`.
#[derive(Clone, Copy)]
enum Leave {
    HandOn,
    Swallow,
    CleanUp,
    Fail,
    YieldAgain,
}

/// A generator that says how it was left, and has given out its first item.
async fn begun(leave: Leave) -> Result<AsyncGen<i32>> {
    let mut numbers = AsyncGen::new(move |co| async move {
        let Err(error) = co.yield_(1).await else { return Ok(()) };
        out!("got {}", show::<()>(Err(error.clone())));
        match leave {
            Leave::HandOn => {}
            Leave::Swallow => return Ok(()),
            Leave::CleanUp => out!("clean-up {}", show(sleep(ms(10)).await.map_err(Error::from))),
            Leave::Fail => return Err(Error::msg("boom")),
            Leave::YieldAgain => co.yield_(2).await?,
        }
        Err(error)
    });
    numbers.next().await?;
    Ok(numbers)
}

/// Drops a generator, gives way so many times, and ends the run; a second report of the same
/// generator would show.
fn end_after(turns: u32, leave: Leave, expected: &[&str]) {
    check(expected, async move {
        running_loop()?.set_exception_handler(|report| {
            let error = report.error.clone().map(|error| show::<()>(Err(error)));
            out!("{}: {}", report.message, error.unwrap_or_default());
        });
        drop(begun(leave).await?);
        Ok(spin(turns).await?)
    });
}

/// The loop closes a dropped generator in a task. The end of the run cancels that task, and if it
/// has not begun, its cancel is what the body gets. What is expected is CPython 3.13's output.
#[test]
fn a_closing_task_that_is_cancelled_before_it_begins() {
    let cancelled = "got CancelledError()";
    end_after(0, Leave::HandOn, &[cancelled]);
    end_after(0, Leave::Swallow, &[cancelled]);
    end_after(0, Leave::CleanUp, &[cancelled, "clean-up ()"]);
    let failed = "unhandled exception during asyncio.run() shutdown: boom";
    end_after(0, Leave::Fail, &[cancelled, failed]);
    let ignored = "unhandled exception during asyncio.run() shutdown: \
                   async generator ignored GeneratorExit";
    end_after(0, Leave::YieldAgain, &[cancelled, ignored]);
}

/// One that has begun is closed, and a cancel meets its clean-up.
#[test]
fn a_closing_task_that_is_cancelled_after_it_has_begun() {
    let exit = "got generator is being closed";
    end_after(1, Leave::HandOn, &[exit]);
    end_after(2, Leave::CleanUp, &[exit, "clean-up CancelledError()"]);
    let failed = "Task exception was never retrieved: boom";
    end_after(2, Leave::Fail, &[exit, failed]);
}

/// The body gets the message too. What it awaits elsewhere is cut short by the closing itself, and
/// that and the cancel are one.
#[test]
fn a_closing_task_is_cancelled_with_a_message() {
    let cancel_the_other = async || -> Result<()> {
        spin(1).await?;
        let main = current_task()?.expect("a task runs");
        for task in seedloop::all_tasks()? {
            if task.name() != Some(main.name()) {
                task.cancel_with("m");
            }
        }
        Ok(spin(3).await?)
    };
    check(&["got CancelledError('m')"], async move {
        drop(begun(Leave::HandOn).await?);
        cancel_the_other().await
    });
    check(&["left with CancelledError() at 1.0s", "cleaned up"], async move {
        let mut numbers = slow();
        abandon(&mut numbers).await?;
        drop(numbers);
        cancel_the_other().await?;
        Ok(sleep(Duration::from_secs(1)).await?)
    });
}

/// A generator that is dropped while the run ends is closed once, by its own task, also where that
/// does not get to its end: the loop's closing of what is open does not come upon it. What is
/// expected is CPython 3.13's output.
#[test]
fn a_generator_that_is_dropped_by_the_end_of_the_run() {
    let closing = "got generator is being closed";
    let cases: [(Leave, &[&str]); 2] = [
        (Leave::HandOn, &[closing]),
        (Leave::CleanUp, &[closing, "Task was destroyed but it is pending!"]),
    ];
    for (leave, expected) in cases {
        check(expected, async move {
            running_loop()?.set_exception_handler(|report| out!("{}", report.message));
            spawn(async move {
                let numbers = begun(leave).await?;
                let slept = sleep(Duration::from_secs(9)).await;
                drop(numbers);
                Ok(slept?)
            });
            Ok(sleep(ms(100)).await?)
        });
    }
}
