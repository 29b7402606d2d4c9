//! `shield`: what CPython's tests assert.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_tasks.py`, `BaseTaskTests`.

use seedloop::{Error, EventLoop, LoopFuture, Result, gather, shield};

use super::check::{Log, ZeroDivision, by_hand, is_cancelled, on_done, run_briefly};

/// A future of the loop and a shield around it.
fn shielded(event_loop: &EventLoop) -> Result<(LoopFuture<i32>, LoopFuture<i32>)> {
    let inner = event_loop.create_future::<i32>()?;
    let outer = shield(inner.shared());
    Ok((inner, outer))
}

#[test]
fn result() {
    by_hand(|event_loop| {
        let (inner, outer) = shielded(event_loop)?;
        inner.set_result(42)?;
        assert_eq!(event_loop.run_until_complete(outer)?, 42);
        Ok(())
    });
}

#[test]
fn exception() {
    by_hand(|event_loop| {
        let (inner, outer) = shielded(event_loop)?;
        run_briefly(event_loop);
        let error = Error::new(ZeroDivision);
        inner.set_exception(error.clone())?;
        run_briefly(event_loop);
        assert!(outer.exception()?.is_some_and(|found| found.is_same(&error)));
        Ok(())
    });
}

#[test]
fn cancel_of_the_inner() {
    by_hand(|event_loop| {
        let (inner, outer) = shielded(event_loop)?;
        run_briefly(event_loop);
        inner.cancel();
        run_briefly(event_loop);
        assert!(outer.cancelled());
        Ok(())
    });
}

#[test]
fn cancel_of_the_outer() {
    by_hand(|event_loop| {
        let (inner, outer) = shielded(event_loop)?;
        let log = Log::new();
        on_done(&outer, &log, 1);
        run_briefly(event_loop);
        outer.cancel();
        run_briefly(event_loop);
        assert!(outer.cancelled());
        log.is(&[1]);
        // Nothing of it is left on the inner one.
        inner.set_result(42)?;
        run_briefly(event_loop);
        log.is(&[1]);
        is_cancelled(outer.result());
        Ok(())
    });
}

#[test]
fn shortcut() {
    by_hand(|event_loop| {
        let f = event_loop.create_future()?;
        f.set_result(42)?;
        let outer = shield(f.shared());
        assert_eq!(outer.as_any(), f.as_any());
        assert_eq!(event_loop.run_until_complete(outer)?, 42);
        Ok(())
    });
}

/// Cancelling outer does not affect inner.
#[test]
fn effect() {
    by_hand(|event_loop| {
        let (waiter, log) = (event_loop.create_future::<()>()?, Log::new());
        let (theirs, proof) = (waiter.shared(), log.clone());
        let task = event_loop.create_task(async move {
            let inner = proof.clone();
            let protected = shield(async move {
                theirs.await?;
                inner.push(1);
                Ok(())
            });
            protected.await?;
            proof.push(100);
            Ok(())
        })?;
        run_briefly(event_loop);
        task.cancel();
        is_cancelled(event_loop.run_until_complete(task));
        waiter.set_result(())?;
        run_briefly(event_loop);
        log.is(&[1]);
        Ok(())
    });
}

#[test]
fn shield_of_a_gather() {
    by_hand(|event_loop| {
        let [child1, child2] = [event_loop.create_future()?, event_loop.create_future()?];
        let parent = gather([child1.shared(), child2.shared()]);
        let outer = shield(parent.shared());
        run_briefly(event_loop);
        outer.cancel();
        run_briefly(event_loop);
        assert!(outer.cancelled());
        child1.set_result(1)?;
        child2.set_result(2)?;
        run_briefly(event_loop);
        assert_eq!(parent.result()?, [1, 2]);
        Ok(())
    });
}

/// Cancelling the gather cancels the shields, not what is behind them.
#[test]
fn gather_of_shields() {
    by_hand(|event_loop| {
        let (child1, inner1) = shielded(event_loop)?;
        let (child2, inner2) = shielded(event_loop)?;
        let parent = gather([inner1.shared(), inner2.shared()]);
        run_briefly(event_loop);
        parent.cancel();
        run_briefly(event_loop);
        let error = parent.exception()?.expect("a cancel is the gather's error");
        assert!(error.is_cancelled());
        assert!(inner1.cancelled());
        assert!(inner2.cancelled());
        child1.set_result(1)?;
        child2.set_result(2)?;
        run_briefly(event_loop);
        assert_eq!((child1.result()?, child2.result()?), (1, 2));
        Ok(())
    });
}

#[test]
#[should_panic(expected = "no running event loop")]
fn no_shield_without_a_loop() {
    drop(shield(async { Ok::<_, Error>(42) }));
}

#[test]
fn a_shield_is_of_the_running_loop() {
    by_hand(|event_loop| {
        let outer = event_loop.run_until_complete(async { Ok(shield(async { Ok(42) })) })?;
        assert_eq!(event_loop.run_until_complete(outer)?, 42);
        Ok(())
    });
}

#[test]
fn a_shield_is_of_the_current_loop() {
    by_hand(|event_loop| {
        let outer = shield(async { Ok(42) });
        assert_eq!(event_loop.run_until_complete(outer)?, 42);
        Ok(())
    });
}
