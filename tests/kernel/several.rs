//! A task that waits on several things at once.

use std::time::Duration;

use futures_lite::future::{or, zip};
use seedloop::{
    Error, Result, attempt, cancellable, create_future, current_task, out, running_loop, sleep,
    spawn, timeout, yield_now,
};

use crate::surprises::helpers::{check, ms, repr, show, spin};

/// A cancel reaches all waits of ours; each that is polled next gives the cancelled error.
#[test]
fn a_cancel_reaches_every_wait() {
    check(&["true", "Err(Cancelled { message: Some(\"stop\") }) CancelledError('stop')"], async {
        let future = create_future::<()>()?;
        let waited = future.shared();
        let task = spawn(async move {
            let (slept, got) = zip(sleep(Duration::from_secs(9)), waited).await;
            out!("{slept:?} {}", show(got));
            Ok(())
        });
        spin(1).await?;
        out!("{}", task.cancel_with("stop"));
        task.await
    });
}

/// One of several waits has its result already, the other accepts the cancel: both give it.
#[test]
fn a_cancel_beats_the_result_of_one_of_several() {
    check(&["CancelledError() CancelledError() 1"], async {
        let (a, b) = (create_future::<i32>()?, create_future::<i32>()?);
        let (wait_a, wait_b) = (a.shared(), b.shared());
        let task = spawn(async move {
            let (got_a, got_b) = zip(wait_a, wait_b).await;
            let me = current_task()?.expect("a task runs");
            Ok(format!("{} {} {}", show(got_a), show(got_b), me.cancelling()))
        });
        spin(1).await?;
        a.set_result(1)?;
        task.cancel();
        out!("{}", task.await?);
        Ok(())
    });
}

/// A wait of ours beside a foreign one: ours gives the cancel, and the select is over.
#[test]
fn a_wait_of_ours_beside_a_foreign_one() {
    check(&["CancelledError()"], async {
        let task = spawn(async {
            let ours = async { Ok::<(), Error>(sleep(Duration::from_secs(9)).await?) };
            or(ours, std::future::pending()).await
        });
        spin(1).await?;
        task.cancel();
        out!("{}", show(task.await));
        Ok(())
    });
}

/// A bare yield beside a sleep: both are cancelled at the next step.
#[test]
fn a_yield_beside_a_sleep() {
    check(&["Err(Cancelled { message: None }) Err(Cancelled { message: None })"], async {
        let task = spawn(async {
            let (turned, slept) = zip(yield_now(), sleep(Duration::from_secs(9))).await;
            out!("{turned:?} {slept:?}");
            Ok(())
        });
        // The task is parked, and ready for its turn, when this runs.
        running_loop()?.call_soon(|| ())?;
        spin(1).await?;
        task.cancel();
        task.await
    });
}

/// A timeout cancels only what waits inside it: the other arm of a join goes on.
#[test]
fn a_timeout_reaches_only_its_own_waits() {
    check(&["TimeoutError() Ok(()) 2.0s"], async {
        let limited = timeout(Duration::from_secs(1))
            .scope(async |_| Ok(sleep(Duration::from_secs(9)).await?));
        let (limited, free) = zip(limited, sleep(Duration::from_secs(2))).await;
        out!("{} {free:?} {}", show(limited), running_loop()?.time());
        Ok(())
    });
}

/// Two timeouts in the arms of a join that expire at one moment are two timeouts.
#[test]
fn two_timeouts_side_by_side() {
    check(&["TimeoutError() TimeoutError() 0"], async {
        let limited = || timeout(ms(10)).scope(async |_| Ok(sleep(Duration::from_secs(9)).await?));
        let (a, b) = zip(limited(), limited()).await;
        let me = current_task()?.expect("a task runs");
        out!("{} {} {}", show(a), show(b), me.cancelling());
        Ok(())
    });
}

/// The same while the task is ready: what stands beside both is none of their concern.
#[test]
fn two_timeouts_around_yields_reach_nothing_beside_them() {
    check(&["TimeoutError() Ok(()) TimeoutError()"], async {
        let limited = || timeout(Duration::ZERO).scope(async |_| Ok(yield_now().await?));
        let (a, (free, b)) = zip(limited(), zip(yield_now(), limited())).await;
        out!("{} {free:?} {}", show(a), show(b));
        Ok(())
    });
}

/// A timeout that is entered while one beside it is expired counts none of its cancels.
#[test]
fn a_timeout_is_entered_beside_an_expired_one() {
    check(&["TimeoutError() TimeoutError() 0.02s"], async {
        let cleaning = timeout(ms(5)).scope(async |_| {
            let slept = sleep(Duration::from_secs(9)).await;
            sleep(ms(10)).await?;
            Ok(slept?)
        });
        let around = timeout(ms(20)).scope(async |_| {
            sleep(ms(10)).await?;
            let inner = timeout(ms(10)).scope(async |_| Ok(sleep(ms(10)).await?)).await;
            // The outer one is expired too, and the cancel is its own.
            assert!(inner.as_ref().is_err_and(Error::is_cancelled), "{inner:?}");
            inner
        });
        let (a, b) = zip(cleaning, around).await;
        out!("{} {} {}", show(a), show(b), running_loop()?.time());
        Ok(())
    });
}

/// A timeout that is dropped takes its cancel back, also while that is on its way.
#[test]
fn a_dropped_timeout_cancels_nothing() {
    check(&["None 0"], async {
        let task = spawn(async {
            let limited = timeout(Duration::ZERO).scope(async |_| Ok(yield_now().await?));
            // Both are due at the same step; the first one drops the second.
            or(async { Ok(yield_now().await?) }, limited).await
        });
        spin(3).await?;
        out!("{:?} {}", task.exception()?, task.cancelling());
        Ok(())
    });
}

/// A timeout of a wait that a join does not poll again: only woken arms are polled, and the arm
/// keeps its registration.
#[test]
fn an_arm_that_is_not_polled_keeps_its_wait() {
    check(&["CancelledError() CancelledError()"], async {
        let (a, b) = (create_future::<()>()?, create_future::<()>()?);
        let task = spawn(async move {
            let (a, b) = zip(attempt(a), attempt(b)).await;
            out!("{} {}", show(a), show(b));
            Ok(())
        });
        spin(3).await?;
        task.cancel();
        task.await
    });
}

/// A cancel that meets a value in a channel leaves the value there.
#[test]
fn cancellable_leaves_the_item_in_the_channel() {
    check(&["CancelledError()", "Ok(7)"], async {
        let (sender, receiver) = async_channel::unbounded::<i32>();
        let other_end = receiver.clone();
        let task = spawn(async move {
            let received = cancellable(other_end.recv()).await?;
            Ok(received.ok())
        });
        spin(1).await?;
        sender.try_send(7).expect("the channel is open");
        task.cancel();
        let result: Result<Option<i32>> = task.await;
        out!("{}", result.map_or_else(|error| repr(&error), |value| format!("{value:?}")));
        out!("{:?}", receiver.try_recv());
        Ok(())
    });
}
