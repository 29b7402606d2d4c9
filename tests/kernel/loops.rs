//! Several loops on one thread, and loops that are closed.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use seedloop::error::ValueError;
use seedloop::{
    EventLoop, Result, ReturnWhen, RuntimeError, Simulation, TaskGroup, as_completed, gather,
    gather_return_exceptions, out, run, shield, sleep, wait, wait_for,
};

use crate::surprises::helpers::{check_sync, show};

const OTHER_LOOP: &str = "the future belongs to a different loop";
const ATTACHED: &str = "the future is attached to a different loop";
const CLOSED: &str = "Event loop is closed";

/// Runs a program that is given a loop beside its own.
fn beside<F>(expected: &[&str], program: impl FnOnce(EventLoop) -> F)
where
    F: Future<Output = Result<()>> + 'static,
{
    check_sync(expected, || {
        let (other, own) = (EventLoop::new(), EventLoop::new());
        out!("{}", show(own.run_until_complete(program(other))));
    });
}

/// Source: CPython 3.13, `gather`: it is of the loop of its first child, which makes tasks of the
/// others there; a child of a third loop is refused, and nothing behind it is begun.
#[test]
fn a_gather_is_of_the_loop_of_its_children() {
    beside(&[ATTACHED, "[5]", "()"], async |other| {
        let pending = || other.create_future::<i32>();
        out!("{}", show(gather([pending()?]).await));
        let done = pending()?;
        done.set_result(5)?;
        out!("{}", show(gather([done]).await));
        Ok(())
    });
    check_sync(&[ATTACHED, "on the other loop"], || {
        let (other, own) = (EventLoop::new(), EventLoop::new());
        let first = other.create_future::<i32>().unwrap();
        let gathered = own.run_until_complete(async move {
            gather((first, async { Ok(out!("on the other loop")) })).await.map(drop)
        });
        out!("{}", show(gathered));
        other.run_until_complete(async { Ok(()) }).unwrap();
    });
    beside(&["own", "ValueError: the future belongs to a different loop", "()"], async |other| {
        let theirs = other.create_future::<()>()?;
        let own = async { Ok(out!("own")) };
        let gathered = gather_return_exceptions((own, theirs, async { Ok(out!("never")) }));
        sleep(Duration::from_secs(1)).await?;
        let error = gathered.await.unwrap_err();
        out!("{}: {error}", if error.is::<ValueError>() { "ValueError" } else { "?" });
        Ok(())
    });
}

/// A task that closes another loop drops the tasks of that one, and they do not run.
#[test]
fn closing_another_loop_from_a_task() {
    beside(&["dropped", "true", "()"], async |other| {
        let held = guard(|| out!("dropped"));
        let task = other.create_task(async move {
            out!("never");
            Ok(drop(held))
        })?;
        other.close()?;
        out!("{}", !task.done() && other.is_closed());
        Ok(())
    });
}

/// Source: CPython 3.13, `shield`, `as_completed`, `wait_for`, `run_until_complete`.
#[test]
fn what_takes_a_future_of_another_loop() {
    beside(&[ATTACHED, "6", OTHER_LOOP, OTHER_LOOP, ATTACHED, "()"], async |other| {
        let pending = || other.create_future::<i32>();
        out!("{}", show(shield(pending()?).await));
        let done = pending()?;
        done.set_result(6)?;
        out!("{}", show(shield(done.shared()).await));
        for future in [pending()?, done] {
            let mut completed = as_completed([future]).timeout(Duration::from_secs(1));
            let error = completed.next().await.expect("the error").unwrap_err();
            assert!(error.is::<ValueError>());
            out!("{error}");
            assert!(completed.next().await.is_none());
        }
        out!("{}", show(wait_for(pending()?, Duration::from_secs(1)).await));
        Ok(())
    });
}

#[test]
fn running_until_another_loops_future_ends() {
    check_sync(&[OTHER_LOOP, OTHER_LOOP, "7"], || {
        let (one, other) = (EventLoop::new(), EventLoop::new());
        let (pending, done) = (one.create_future::<i32>().unwrap(), one.create_future().unwrap());
        done.set_result(7).unwrap();
        let refused = other.run_until_complete(pending).unwrap_err();
        assert!(refused.is::<ValueError>());
        out!("{refused}");
        out!("{}", other.run_until_complete(done.shared()).unwrap_err());
        out!("{}", one.run_until_complete(done).unwrap());
    });
}

/// Source: CPython 3.13, `Future.__schedule_callbacks`: the result is set, and the callbacks are
/// refused with an error.
#[test]
fn callbacks_on_the_future_of_a_closed_loop() {
    let expected = [CLOSED, "true 1", "dropped", CLOSED, "()", "()"];
    beside(&expected, async move |other| {
        let future = other.create_future::<i32>()?;
        future.add_done_callback(|_| out!("never"))?;
        let bare = other.create_future::<i32>()?;
        other.close()?;
        let refused = future.set_result(1).unwrap_err();
        assert!(refused.is::<RuntimeError>());
        out!("{refused}");
        out!("{} {}", future.done(), future.result()?);
        let held = guard(|| out!("dropped"));
        let refused = future.add_done_callback(move |_| drop(held)).unwrap_err();
        assert!(refused.is::<RuntimeError>());
        out!("{refused}");
        out!("{}", show(bare.set_result(2)));
        Ok(())
    });
    beside(&[CLOSED, CLOSED, "()"], async |other| {
        let (done, pending) = (other.create_future::<i32>()?, other.create_future::<i32>()?);
        done.set_result(1)?;
        other.close()?;
        out!("{}", show(wait([done], ReturnWhen::AllCompleted).await.map(drop)));
        out!("{}", show(gather((pending, async { Ok(out!("never")) })).await.map(drop)));
        Ok(())
    });
}

/// Calls something when it is dropped.
struct Guard<F: FnMut()>(F);

impl<F: FnMut()> Drop for Guard<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn guard<F: FnMut()>(call: F) -> Guard<F> {
    Guard(call)
}

/// A block that is leaked stays entered when its loop is closed.
#[test]
fn a_group_that_outlives_its_loop() {
    let kept = Rc::new(RefCell::new(None));
    let keep = Rc::clone(&kept);
    run(async move {
        let mut block = Box::pin(TaskGroup::new().scope(async move |group| {
            *keep.borrow_mut() = Some(group.clone());
            Ok(sleep(Duration::from_secs(1)).await?)
        }));
        futures_lite::future::poll_once(&mut block).await;
        std::mem::forget(block);
        Ok(())
    })
    .unwrap();
    let group = kept.borrow_mut().take().expect("the group was put here");
    let refused = group.spawn(async { Ok(()) }).unwrap_err();
    assert!(refused.is::<RuntimeError>());
    assert_eq!(refused.to_string(), CLOSED);
    let inside = Simulation::new().block_on(async move { group.spawn(async { Ok(()) })?.await });
    assert_eq!(inside.result.unwrap_err().to_string(), CLOSED);
}
