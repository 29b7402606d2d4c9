//! Futures of ours that are dropped in the middle: Rust's own way to cancel.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use seedloop::{
    Error, Result, Simulation, TaskGroup, as_completed, attempt, create_future, current_task,
    gather, out, run, running_loop, sleep, spawn, timeout,
};

use crate::surprises::helpers::{check, ms, show, spin};

/// Polls a future once, and drops it if it is pending.
async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// A dropped sleep is forgotten: virtual time does not go there.
#[test]
fn a_dropped_sleep_moves_no_clock() {
    check(&["None", "1.0s"], async {
        out!("{:?}", poll_once(sleep(Duration::from_secs(100))).await);
        sleep(Duration::from_secs(1)).await?;
        let event_loop = running_loop()?;
        event_loop.call_later(ms(0), move || out!("{}", running_loop().unwrap().time()))?;
        Ok(spin(2).await?)
    });
}

/// A dropped timeout does not cancel the task later.
#[test]
fn a_dropped_timeout_is_forgotten() {
    check(&["None", "Ok(()) 0"], async {
        let limited = timeout(ms(10)).scope(async |_| Ok(sleep(Duration::from_secs(9)).await?));
        out!("{:?}", poll_once(limited).await.map(|result| result.is_ok()));
        let slept = sleep(Duration::from_secs(1)).await;
        out!("{slept:?} {}", current_task()?.expect("a task runs").cancelling());
        Ok(())
    });
}

/// A dropped group cancels its children; the task that dropped it is done only after they ended.
#[test]
fn a_dropped_group_is_waited_for() {
    let expected = &["dropped", "body ends", "child cleaned up at 1.0s", "owner done at 1.0s"];
    check(expected, async {
        let owner = spawn(async {
            let group = TaskGroup::new().scope(async |group| {
                group.spawn(async {
                    let result = attempt(async { Ok(sleep(Duration::from_secs(9)).await?) }).await;
                    sleep(Duration::from_secs(1)).await?;
                    out!("child cleaned up at {}", running_loop()?.time());
                    result
                })?;
                Ok(sleep(Duration::from_secs(9)).await?)
            });
            let polled: Option<Result<()>> = poll_twice(group).await;
            assert!(polled.is_none());
            out!("dropped");
            out!("body ends");
            Ok(())
        });
        owner.await?;
        out!("owner done at {}", running_loop()?.time());
        Ok(())
    });
}

/// Polls a future in two steps of the task, so that its children have started, then drops it.
async fn poll_twice<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polls = 0;
    std::future::poll_fn(|cx| {
        polls += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polls == 2 => Poll::Ready(None),
            Poll::Pending => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    })
    .await
}

/// Dropping handles and gathers cancels nothing.
#[test]
fn handles_do_not_cancel_on_drop() {
    check(&["a", "b", "c"], async {
        let says = |text: &'static str| async move {
            sleep(ms(1)).await?;
            out!("{text}");
            Ok(())
        };
        drop(spawn(says("a")));
        drop(gather((says("b"), says("c"))));
        Ok(sleep(ms(5)).await?)
    });
}

/// abort drops the future at its next step; an awaiter gets the cancelled error.
#[test]
fn abort_drops_the_future() {
    check(&["CancelledError() true", "true"], async {
        let task = spawn(async {
            let result = attempt(async { Ok(sleep(Duration::from_secs(9)).await?) }).await;
            out!("no clean-up behind an await");
            result
        });
        spin(1).await?;
        task.abort();
        let watch = task.shared();
        out!("{} {}", show(task.await), watch.cancelled());
        let unstarted = spawn(async { Err::<(), _>(Error::msg("never runs")) });
        unstarted.abort();
        out!("{}", unstarted.await.is_err_and(|error| error.is_cancelled()));
        Ok(())
    });
}

/// Says that it was dropped.
struct Dropped(u32);

impl Drop for Dropped {
    fn drop(&mut self) {
        out!("dropped {}", self.0);
    }
}

/// What a timeout lets go is dropped in the order of the arguments, also where earlier runs on the
/// thread have left their traces.
#[test]
fn as_completed_lets_go_in_order() {
    let program = || {
        run(async {
            let mut futures = Vec::new();
            for index in 0..4 {
                let future = create_future::<()>()?;
                let held = Dropped(index);
                future.add_done_callback(move |_| drop(held))?;
                futures.push(future);
            }
            futures.swap(0, 3);
            let mut arrived = as_completed(futures).timeout(ms(1));
            while let Some(result) = arrived.next().await {
                out!("{}", show(result));
            }
            Ok(())
        })
    };
    let expected = ["dropped 3", "dropped 1", "dropped 2", "dropped 0"];
    let expected: Vec<&str> = expected.into_iter().chain(["TimeoutError()"; 4]).collect();
    let mut fingerprints = Vec::new();
    for _ in 0..5 {
        let outcome = Simulation::new().run(program);
        let printed: Vec<&str> = outcome.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(printed, expected);
        fingerprints.push(outcome.fingerprint);
    }
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 1);
}
