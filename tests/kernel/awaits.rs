//! Awaits that are refused, cancelled or over, hop by hop.
//!
//! Expected is what CPython 3.13.0 prints for the same programs.

use std::future::{Future, poll_fn};
use std::task::Poll;

use seedloop::{
    AsyncGen, Elapsed, Error, EventLoop, JoinHandle, Result, as_completed, attempt, current_task,
    out, running_loop, sleep, spawn, timeout, wait_for, yield_now,
};

use crate::surprises::helpers::{check, ms, repr, show, spin};

fn me() -> JoinHandle<()> {
    current_task().ok().flatten().expect("a task runs")
}

/// Says in how many hops `refused` fails, and why.
async fn refusal(refused: impl Future<Output = Result<()>>) -> Result<()> {
    let hop = running_loop()?.call_soon(|| out!("a hop"))?;
    out!("{}", repr(&refused.await.unwrap_err()));
    hop.cancel();
    Ok(())
}

/// The first misuse is found when the task is given the future, a hop later; it leaves the future
/// marked, and every later await finds the mark.
#[test]
fn a_misused_future_is_refused_at_once_the_second_time() {
    let marked = "await wasn't used with future";
    let expected = ["a hop", "task cannot await on itself", marked, marked, "--", "a hop"];
    let expected =
        [&expected[..], &["the future is attached to a different loop", marked]].concat();
    check(&expected, async {
        for _ in 0..3 {
            refusal(me()).await?;
        }
        out!("--");
        let other = EventLoop::new();
        let theirs = other.create_future::<()>()?;
        for _ in 0..2 {
            refusal(theirs.shared()).await?;
        }
        other.close()
    });
}

/// A generator that has ignored its GeneratorExit is closed: it takes nothing more at its `yield`,
/// but goes on.
#[test]
fn a_generator_that_ignores_its_exit_is_closed_once() {
    let ignores = "async generator ignored GeneratorExit";
    let closed = "generator was closed before";
    check(&["ignored", ignores, closed, closed, "Some(1)"], async {
        let mut items = AsyncGen::new(async |co| {
            loop {
                if co.yield_(1).await.is_err() {
                    out!("ignored");
                }
            }
        });
        items.next().await?;
        for _ in 0..2 {
            out!("{}", show(items.aclose().await));
        }
        out!("{}", show(items.athrow(Error::msg("x")).await));
        out!("{}", show(items.next().await));
        std::mem::forget(items);
        Ok(())
    });
}

/// `_AsCompletedIterator.__anext__` counts before it waits: the last one is never given.
#[test]
fn a_cancelled_next_counts_as_a_result() {
    check(&["CancelledError()", "10", "over"], async {
        let job = async |milliseconds| {
            sleep(ms(milliseconds)).await?;
            Ok(milliseconds)
        };
        let mut results = as_completed([job(10), job(20)]);
        let task = me();
        running_loop()?.call_later(ms(5), move || {
            task.cancel();
        })?;
        while let Some(result) = results.next().await {
            out!("{}", show(result));
        }
        out!("over");
        Ok(())
    });
}

/// `expired` from the moment at which the time is up; from then on nothing is rescheduled.
#[test]
fn a_timeout_that_is_about_to_expire() {
    let expected = ["false 10ms", "true 10ms", "cannot change state of expiring timeout", "true"];
    check(&expected, async {
        let limit = timeout(ms(10));
        let theirs = limit.clone();
        let body = async |limit: &seedloop::Timeout| {
            let tell = || {
                let when = limit.when().map(|when| when.since_start());
                out!("{} {:?}", limit.expired(), when.unwrap_or_default());
            };
            tell();
            drop(sleep(ms(1000)).await);
            tell();
            out!("{}", limit.reschedule(None).unwrap_err());
            Ok(())
        };
        limit.scope(body).await?;
        out!("{}", theirs.expired());
        Ok(())
    });
}

/// Without time, `wait_for` waits for the end of what it has cancelled; its own cancel ends that
/// wait, and not what it has cancelled.
#[test]
fn a_cancelled_wait_for_without_time() {
    check(&["CancelledError() false 5ms", "5 10ms"], async {
        let mut stubborn = spawn(async {
            if attempt(async { Ok(sleep(ms(9000)).await?) }).await.is_ok() {
                return Ok(0);
            }
            sleep(ms(10)).await?;
            Ok(5)
        });
        spin(1).await?;
        let (waiter, passed) = (me(), || running_loop().map(|now| now.time().since_start()));
        running_loop()?.call_later(ms(5), move || {
            waiter.cancel();
        })?;
        let waited = wait_for::<_, Error, _>(stubborn.shared(), ms(0)).await;
        assert!(!waited.as_ref().is_err_and(Error::is::<Elapsed>));
        out!("{} {} {:?}", show(waited), stubborn.done(), passed()?);
        out!("{} {:?}", (&mut stubborn).await?, passed()?);
        Ok(())
    });
}

/// The locals of a body are gone before anybody hears of its end.
#[test]
fn locals_go_before_the_end_is_told() {
    struct Local;
    impl Drop for Local {
        fn drop(&mut self) {
            let event_loop = running_loop().expect("a loop runs");
            event_loop.call_soon(|| out!("local")).expect("it is open");
        }
    }
    check(&["local", "done", "local", "done"], async {
        let block = async {
            let _local = Local;
            Ok(yield_now().await?)
        };
        // What is no block drops nothing by itself.
        let local = Local;
        let holds = poll_fn(move |_| {
            let _held = &local;
            Poll::Ready(Ok(()))
        });
        let end = async |task: JoinHandle<()>| {
            task.add_done_callback(|_| out!("done"))?;
            task.await?;
            Ok(spin(2).await?)
        };
        end(spawn(block)).await?;
        end(spawn(holds)).await
    });
}

/// `uncancel` revokes what is pending only with the last of the cancels.
#[test]
fn one_of_two_cancels_is_taken_back() {
    check(&["1", "Err(Cancelled { message: None })", "0", "0", "Ok(())"], async {
        let me = me();
        assert!(me.cancel() && me.cancel());
        out!("{}", me.uncancel());
        out!("{:?}", yield_now().await);
        out!("{}", me.uncancel());
        assert!(me.cancel());
        out!("{}", me.uncancel());
        out!("{:?}", yield_now().await);
        Ok(())
    });
}
