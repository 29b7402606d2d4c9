//! Waits that were polled and are kept, while their task awaits something else: a task waits on
//! what its last step has polled, as a coroutine of asyncio waits on what it yielded last.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use seedloop::{
    AsyncGen, Cancelled, Error, Result, TaskGroup, as_completed, attempt, out, running_loop,
    select, sleep, spawn, timeout, yield_now,
};

use crate::surprises::helpers::{check, ms, show, spin};

/// Polls a future once, and says whether it was ready.
async fn poll_once(future: Pin<&mut (impl Future + ?Sized)>) -> bool {
    let mut future = future;
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await
}

const LONG: Duration = Duration::from_secs(100);

/// The task is in a foreign wait: the cancel drops it there.
#[test]
fn a_cancel_does_not_go_to_a_kept_sleep() {
    check(&["CancelledError() at 0.0s"], async {
        let task = spawn(async {
            let mut kept = pin!(sleep(LONG));
            poll_once(kept.as_mut()).await;
            pending::<()>().await;
            Ok(())
        });
        spin(2).await?;
        task.cancel();
        let result = show(task.await);
        out!("{result} at {}", running_loop()?.time());
        Ok(())
    });
}

/// A timeout takes the foreign wait for what is awaited in it, whatever is kept beside that.
#[test]
fn a_timeout_ends_a_foreign_wait_beside_a_kept_sleep() {
    check(&["TimeoutError() at 1.0s"], async {
        let limited = timeout(Duration::from_secs(1)).scope(async |_| {
            let mut kept = pin!(sleep(LONG));
            poll_once(kept.as_mut()).await;
            pending::<()>().await;
            Ok(())
        });
        let result = show(limited.await);
        out!("{result} at {}", running_loop()?.time());
        Ok(())
    });
}

/// The same of a boundary, and of a turn, that are kept.
#[test]
fn a_timeout_ends_a_foreign_wait_beside_a_kept_block() {
    check(&["TimeoutError() at 1.0s"], async {
        let limited = timeout(Duration::from_secs(1)).scope(async |_| {
            let mut kept = pin!(attempt(async { Ok(sleep(LONG).await?) }));
            poll_once(kept.as_mut()).await;
            let mut turn = pin!(yield_now());
            poll_once(turn.as_mut()).await;
            spin(1).await?;
            pending::<()>().await;
            Ok(())
        });
        let result = show(limited.await);
        out!("{result} at {}", running_loop()?.time());
        Ok(())
    });
}

/// A child that fails ends the body of its group in a foreign wait.
#[test]
fn a_group_ends_a_foreign_wait_beside_a_kept_sleep() {
    check(&["[boom] at 0.0s"], async {
        let limited = timeout(Duration::from_secs(20)).scope(async |_| {
            let group: Result<()> = TaskGroup::new()
                .scope(async |group| {
                    group.spawn(async { Err::<(), _>(Error::msg("boom")) })?;
                    let mut kept = pin!(sleep(LONG));
                    poll_once(kept.as_mut()).await;
                    pending::<()>().await;
                    Ok(())
                })
                .await;
            group
        });
        let result = show(limited.await);
        out!("{result} at {}", running_loop()?.time());
        Ok(())
    });
}

/// A child that lost a `select!` and is kept is not awaited: a cancel of its parent leaves it.
#[test]
fn a_cancel_does_not_go_to_a_child_that_nobody_awaits() {
    check(&["CancelledError()", "child: 'done' at 10.0s"], async {
        let child = spawn(async {
            sleep(Duration::from_secs(10)).await?;
            Ok("done")
        });
        let mut kept = child.shared();
        let parent = spawn(async move {
            select! {
                _ = &mut kept => out!("never here"),
                slept = sleep(Duration::from_secs(1)) => slept?,
            }
            sleep(Duration::from_secs(5)).await?;
            drop(kept);
            Ok(())
        });
        sleep(Duration::from_secs(2)).await?;
        parent.cancel();
        out!("{}", show(parent.await));
        let result = child.await?;
        out!("child: '{result}' at {}", running_loop()?.time());
        Ok(())
    });
}

/// One cancel, caught at the wait that was awaited, comes once.
#[test]
fn a_kept_deadline_gives_no_second_cancel() {
    check(&["CancelledError()", "Ok(())", "100.0s"], async {
        let task = spawn(async {
            let mut deadline = pin!(sleep(LONG));
            select! {
                _ = &mut deadline => out!("never here"),
                given = yield_now() => given?,
            }
            out!("{}", show(attempt(async { Ok(sleep(ms(500)).await?) }).await));
            out!("{:?}", deadline.await);
            out!("{}", running_loop()?.time());
            Ok(())
        });
        sleep(ms(100)).await?;
        task.cancel();
        task.await
    });
}

/// The same where any combinator has kept it, in a step before.
#[test]
fn a_deadline_kept_for_a_step_gives_no_second_cancel() {
    check(&["CancelledError()", "Ok(())", "100.0s"], async {
        let task = spawn(async {
            let mut deadline = pin!(sleep(LONG));
            poll_once(deadline.as_mut()).await;
            spin(1).await?;
            out!("{}", show(attempt(async { Ok(sleep(ms(500)).await?) }).await));
            out!("{:?}", deadline.await);
            out!("{}", running_loop()?.time());
            Ok(())
        });
        sleep(ms(100)).await?;
        task.cancel();
        task.await
    });
}

/// What a kept wait was told meanwhile is not lost.
#[test]
fn a_kept_deadline_that_has_passed_is_ready() {
    check(&["Ok(()) at 2.0s", "CancelledError()"], async {
        let task = spawn(async {
            let mut deadline = pin!(sleep(Duration::from_secs(1)));
            poll_once(deadline.as_mut()).await;
            sleep(Duration::from_secs(2)).await?;
            let result = deadline.await;
            out!("{result:?} at {}", running_loop()?.time());
            out!("{}", show(attempt(async { Ok(sleep(LONG).await?) }).await));
            Ok(())
        });
        sleep(Duration::from_secs(3)).await?;
        task.cancel();
        task.await
    });
}

/// A kept wait that is awaited again inside a block belongs to the block.
#[test]
fn a_timeout_reaches_a_kept_wait_that_is_awaited_in_it() {
    check(&["TimeoutError() at 1.0s", "TimeoutError() at 2.0s"], async {
        let mut deadline = pin!(sleep(LONG));
        poll_once(deadline.as_mut()).await;
        let limited =
            timeout(Duration::from_secs(1)).scope(async move |_| Ok(deadline.as_mut().await?));
        let result = show(limited.await);
        out!("{result} at {}", running_loop()?.time());

        let block = timeout(LONG).scope(async |_| Ok(sleep(LONG * 2).await?));
        let mut block = pin!(block);
        poll_once(block.as_mut()).await;
        let limited = timeout(Duration::from_secs(1)).scope(async move |_| block.await);
        let result = show(limited.await);
        out!("{result} at {}", running_loop()?.time());
        Ok(())
    });
}

/// The time of a block is up that nobody polls: the task goes on, and the block ends when it is
/// polled again.
#[test]
fn a_kept_block_that_is_late_waits_for_its_poll() {
    check(&["5.0s", "TimeoutError() at 5.0s"], async {
        let (sender, receiver) = async_channel::unbounded::<()>();
        spawn(async move {
            sleep(Duration::from_secs(5)).await?;
            Ok(sender.try_send(())?)
        });
        let mut block =
            pin!(timeout(Duration::from_secs(1)).scope(async |_| Ok(sleep(LONG).await?)));
        poll_once(block.as_mut()).await;
        receiver.recv().await?;
        out!("{}", running_loop()?.time());
        let result = show(block.await);
        out!("{result} at {}", running_loop()?.time());
        Ok(())
    });
}

/// Sleeps that somebody else polls by wakers of their own are awaited, whichever was polled last.
#[test]
fn a_cancel_reaches_what_is_polled_by_other_wakers() {
    check(&["a", "CancelledError()", "CancelledError()", "CancelledError()"], async {
        let task = spawn(async {
            let limited = timeout(LONG).scope(async |_| {
                let mut sleeps: FuturesUnordered<_> =
                    [1, 50, 60].map(|at| sleep(Duration::from_secs(at))).into_iter().collect();
                sleeps.next().await.expect("there are three")?;
                out!("a");
                while let Some(result) = sleeps.next().await {
                    out!("{}", show(result.map_err(Error::from)));
                }
                sleep(LONG * 2).await?;
                Ok(())
            });
            limited.await
        });
        sleep(Duration::from_secs(2)).await?;
        task.cancel();
        sleep(Duration::from_secs(1)).await?;
        task.cancel();
        out!("{}", show(task.await));
        Ok(())
    });
}

/// A wait inside a generator that stands at its `yield_` is nobody's.
#[test]
fn a_cancel_does_not_go_into_a_generator_that_is_away() {
    check(&["Ok(Some(1))", "CancelledError()", "slept", "Ok(None) at 10.0s"], async {
        let task = spawn(async {
            let mut generator = AsyncGen::new(async |co| {
                let mut kept = pin!(sleep(Duration::from_secs(10)));
                poll_once(kept.as_mut()).await;
                co.yield_(1).await?;
                kept.await?;
                out!("slept");
                Ok(())
            });
            out!("{:?}", generator.next().await.map_err(|_| ()));
            out!("{}", show(attempt(async { Ok(sleep(LONG).await?) }).await));
            let last = generator.next().await.map_err(|error| error.to_string());
            out!("{last:?} at {}", running_loop()?.time());
            Ok(())
        });
        sleep(Duration::from_secs(1)).await?;
        task.cancel();
        task.await
    });
}

/// Begins with one task that ends after a second, waits for it a little, and goes elsewhere.
async fn leave_next(elsewhere: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
    let mut results = as_completed([spawn(async {
        sleep(Duration::from_secs(1)).await?;
        Ok("item")
    })]);
    {
        let mut next = pin!(results.next());
        poll_once(next.as_mut()).await;
    }
    out!("{}", show(attempt(elsewhere()).await));
    out!("{:?}", results.next().await.map(|result| result.map_err(|error| error.to_string())));
    out!("{}", results.next().await.is_none());
    Ok(())
}

/// "Dropping the future loses nothing".
#[test]
fn a_dropped_next_of_as_completed_takes_no_cancel() {
    check(&["CancelledError()", "Some(Ok(\"item\"))", "true"], async {
        let task = spawn(leave_next(async || Ok(sleep(LONG).await?)));
        sleep(ms(500)).await?;
        task.cancel();
        task.await
    });
}

/// The same before a foreign wait, with an end that came when nobody waited.
#[test]
fn a_dropped_next_of_as_completed_leaves_a_foreign_wait_alone() {
    check(&["CancelledError()", "Some(Ok(\"item\"))", "true"], async {
        let task = spawn(leave_next(async || {
            pending::<()>().await;
            Ok(())
        }));
        sleep(Duration::from_secs(2)).await?;
        task.cancel();
        task.await
    });
}

/// A stream keeps its wait itself.
#[test]
fn a_stream_of_as_completed_that_is_left_takes_no_cancel() {
    check(&["CancelledError()", "Some(\"item\")"], async {
        let task = spawn(async {
            let mut results = as_completed([spawn(async {
                sleep(Duration::from_secs(1)).await?;
                Ok("item")
            })]);
            poll_once(pin!(StreamExt::next(&mut results))).await;
            spin(1).await?;
            out!("{}", show(attempt(async { Ok(sleep(LONG).await?) }).await));
            out!("{:?}", StreamExt::next(&mut results).await.transpose()?);
            Ok(())
        });
        sleep(ms(500)).await?;
        task.cancel();
        task.await
    });
}

/// A report names what is awaited, not what is kept.
#[test]
fn a_deadlock_names_what_is_awaited() {
    let result = seedloop::run(async {
        let event = seedloop::sync::Event::new();
        let mut kept = pin!(event.wait());
        poll_once(kept.as_mut()).await;
        spin(1).await?;
        let never = seedloop::sync::Lock::new();
        never.acquire().await?;
        Ok(never.acquire().await.map(drop)?)
    });
    let text = result.expect_err("nobody sets the event").to_string();
    assert!(text.contains("lock#") && !text.contains("event#"), "{text}");
}

/// A cancel that is pending while a kept wait is polled again goes there, once, as to a new wait.
#[test]
fn a_cancel_in_the_step_in_which_a_kept_wait_is_polled_again_is_for_the_new_await() {
    check(&["Err(Cancelled { message: None })"], async {
        let task = spawn(async {
            let mut kept = pin!(sleep(LONG));
            poll_once(kept.as_mut()).await;
            let (sender, receiver) = async_channel::unbounded::<()>();
            spawn(async move {
                spin(2).await?;
                sender.try_send(())?;
                Ok(())
            });
            receiver.recv().await?;
            let result: Result<(), Cancelled> = kept.await;
            out!("{result:?}");
            Ok(())
        });
        spin(4).await?;
        task.cancel();
        task.await
    });
}
