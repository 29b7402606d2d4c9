//! S08 to S17: cancelling tasks.

use std::cell::RefCell;
use std::rc::Rc;

use seedloop::{
    Cancelled, Error, JoinHandle, Result, attempt, create_future, current_task, gather, out, spawn,
    yield_now,
};

use super::helpers::{Wake, boom, check, nap, show, spin};

fn me() -> JoinHandle<()> {
    current_task().unwrap().unwrap()
}

/// Cancelled before its first step, the body never runs.
#[test]
fn s08_cancel_before_the_first_step() {
    check(&["true false", "CancelledError('m') true"], async {
        let task = spawn(async {
            out!("body");
            Ok(())
        });
        out!("{} {}", task.cancel_with("m"), task.cancelled());
        let watch = task.shared();
        out!("{} {}", show(task.await), watch.cancelled());
        Ok(())
    });
}

/// Cancelling one waiter of a bare future cancels the future, and so every other waiter.
#[test]
fn s09_cancel_of_one_waiter_cancels_the_future() {
    check(&["CancelledError() 0 true"], async {
        let future = create_future::<()>()?;
        let (for_a, for_b) = (future.shared(), future.shared());
        let a = spawn(async move { Ok(show(for_a.await)) });
        let b = spawn(async move { Ok(show(for_b.await)) });
        spin(1).await?;
        a.cancel();
        let watch = b.shared();
        out!("{} {} {}", b.await?, watch.cancelling(), future.cancelled());
        Ok(())
    });
}

/// Two cancels before the task runs are one error: the first's message when parked on a future,
/// the last's on a bare yield.
#[test]
fn s10_two_cancels_are_one_error() {
    let expected = &["CancelledError('1st') 2", "alive", "CancelledError('2nd') 2", "alive"];
    check(expected, async {
        for bare in [false, true] {
            let future = create_future::<()>()?;
            let task = spawn(async move {
                let got = match bare {
                    true => show(attempt(async { Ok(yield_now().await?) }).await),
                    false => show(future.await),
                };
                out!("{got} {}", me().cancelling());
                yield_now().await?;
                out!("alive");
                Ok(())
            });
            spin(1).await?;
            task.cancel_with("1st");
            task.cancel_with("2nd");
            task.await?;
        }
        Ok(())
    });
}

/// A result that was set and not delivered is lost to a cancel.
#[test]
fn s11_a_cancel_beats_an_undelivered_result() {
    check(&["CancelledError() 42"], async {
        let future = create_future::<i32>()?;
        let waited = future.shared();
        let task = spawn(async move { Ok(show(waited.await)) });
        spin(1).await?;
        future.set_result(42)?;
        task.cancel();
        out!("{} {}", task.await?, future.result()?);
        Ok(())
    });
}

/// It stays in the future, also for the only handle.
#[test]
fn an_undelivered_result_is_there_at_the_next_await() {
    check(&["CancelledError() 42"], async {
        let slot = Rc::new(RefCell::new(None::<JoinHandle<String>>));
        let child = spawn(async { Ok(spin(1).await.map(|()| 42)?) });
        let waiter = Rc::clone(&slot);
        // Behind the child's end, and before the task that awaits it goes on.
        child.add_done_callback(move |_| {
            waiter.borrow().as_ref().map(|task| task.cancel());
        })?;
        let task = spawn(async move {
            let mut child = child;
            let first = show((&mut child).await);
            Ok(format!("{first} {}", show(child.await)))
        });
        slot.replace(Some(task.clone()));
        out!("{}", task.await?);
        Ok(())
    });
}

/// A self-cancel, then a return: the value is lost. A self-cancel, then an error: the error wins.
#[test]
fn s12_self_cancel_then_return_or_fail() {
    check(&["CancelledError() ValueError()"], async {
        let returns = spawn(async {
            me().cancel();
            Ok(5)
        });
        let fails = spawn(async {
            me().cancel();
            Err::<(), _>(Error::msg("ValueError()"))
        });
        out!("{} {}", show(returns.await), show(fails.await));
        Ok(())
    });
}

/// A pending self-cancel is delivered only at an await that suspends.
#[test]
fn s13_a_self_cancel_waits_for_a_suspension() {
    check(&["1 [] CancelledError()"], async {
        let future = create_future::<i32>()?;
        future.set_result(1)?;
        me().cancel();
        let done = show(future.await);
        let none = show(gather(Vec::<JoinHandle<()>>::new()).await);
        let turn = attempt(async { Ok(yield_now().await?) }).await;
        out!("{done} {none} {}", show(turn));
        Ok(())
    });
}

/// A pending self-cancel goes to the child that is awaited next.
#[test]
fn s14_a_self_cancel_is_forwarded_to_the_child() {
    check(&["child swallowed it 1", "alive"], async {
        let child = spawn(nap(Wake { value: Some("child swallowed it"), ..Wake::default() }));
        spin(1).await?;
        me().cancel();
        out!("{} {}", child.await?, me().cancelling());
        yield_now().await?;
        out!("alive");
        Ok(())
    });
}

/// The same from outside: the cancel was accepted, the child swallowed it, the parent goes on.
#[test]
fn s15_a_swallowed_cancel_of_the_child() {
    check(&["true", "parent got value false 1"], async {
        let task = spawn(async {
            let child = spawn(nap(Wake { value: Some("value"), ..Wake::default() }));
            Ok(format!("parent got {}", child.await?))
        });
        spin(2).await?;
        out!("{}", task.cancel());
        let watch = task.shared();
        out!("{} {} {}", task.await?, watch.cancelled(), watch.cancelling());
        Ok(())
    });
}

/// Returning a cancelled error oneself makes the task cancelled; gather spreads it.
#[test]
fn s16_a_cancelled_error_of_ones_own() {
    check(&["CancelledError('mine') true 0"], async {
        let task = spawn(async {
            gather((async { Err::<(), _>(Cancelled::with_message("mine").into()) },)).await?;
            Ok(())
        });
        let watch = task.shared();
        out!("{} {} {}", show(task.await), watch.cancelled(), watch.cancelling());
        Ok(())
    });
}

/// Only the first awaiter of a cancelled task sees the message.
#[test]
fn s17_the_message_is_for_the_first_awaiter() {
    check(&["CancelledError('msg') CancelledError()"], async {
        let task = spawn(nap(Wake::default()));
        let (for_a, for_b) = (task.shared(), task.shared());
        let a = spawn(async move { Ok(show(for_a.await)) });
        let b = spawn(async move { Ok(show(for_b.await)) });
        spin(1).await?;
        task.cancel_with("msg");
        out!("{} {}", a.await?, b.await?);
        Ok(())
    });
}

/// Not one of the forty: an error is the same one for every awaiter.
#[test]
fn an_error_is_the_same_for_every_awaiter() {
    check(&["true"], async {
        let task = spawn(boom(0));
        let again = task.shared();
        let first: Result<()> = task.await;
        let second = again.await;
        out!("{}", first.unwrap_err().is_same(&second.unwrap_err()));
        Ok(())
    });
}
