//! `gather`: what CPython's tests assert.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_tasks.py`, `FutureGatherTests` and
//! `CoroutineGatherTests`, whose common tests run with futures and with tasks around them.

use seedloop::error::ValueError;
use seedloop::{
    AnyFuture, Error, EventLoop, LoopFuture, Result, create_future, gather,
    gather_return_exceptions, spawn,
};

use super::check::{
    Log, OtherError, ZeroDivision, awaiting, by_hand, is_cancelled, on_done, run_briefly,
};

/// Whether the children of a gather are futures themselves or coroutines that wait for them.
#[derive(Clone, Copy)]
enum Children {
    Futures,
    Coroutines,
}

const BOTH: [Children; 2] = [Children::Futures, Children::Coroutines];

fn futures<const N: usize>(event_loop: &EventLoop) -> [LoopFuture<i32>; N] {
    [(); N].map(|()| event_loop.create_future().expect("an open loop"))
}

/// Gathers inside the running loop, and counts the calls of a done-callback.
fn gathered<const N: usize>(
    event_loop: &EventLoop,
    children: Children,
    of: &[LoopFuture<i32>; N],
) -> Result<(LoopFuture<[i32; N]>, Log)> {
    let of = of.each_ref().map(LoopFuture::shared);
    let outer = event_loop.run_until_complete(async move {
        Ok(match children {
            Children::Futures => gather(of),
            Children::Coroutines => gather(of.map(awaiting)),
        })
    })?;
    let log = Log::new();
    on_done(&outer, &log, 1);
    Ok((outer, log))
}

/// The same with a result for each.
fn gathered_all<const N: usize>(
    event_loop: &EventLoop,
    children: Children,
    of: &[LoopFuture<i32>; N],
) -> Result<(LoopFuture<[Result<i32>; N]>, Log)> {
    let of = of.each_ref().map(LoopFuture::shared);
    let outer = event_loop.run_until_complete(async move {
        Ok(match children {
            Children::Futures => gather_return_exceptions(of),
            Children::Coroutines => gather_return_exceptions(of.map(awaiting)),
        })
    })?;
    let log = Log::new();
    on_done(&outer, &log, 1);
    Ok((outer, log))
}

/// Lets the loop run until nothing is ready.
fn settle(event_loop: &EventLoop) {
    (0..5).for_each(|_| run_briefly(event_loop));
}

#[test]
fn success() {
    by_hand(|event_loop| {
        for children in BOTH {
            let [a, b, c] = &futures(event_loop);
            let of = [a, b, c].map(LoopFuture::shared);
            let (outer, log) = gathered(event_loop, children, &of)?;
            b.set_result(1)?;
            a.set_result(2)?;
            settle(event_loop);
            log.is(&[]);
            assert!(!outer.done());
            c.set_result(3)?;
            settle(event_loop);
            log.is(&[1]);
            assert_eq!(outer.result()?, [2, 1, 3]);
        }
        Ok(())
    });
}

#[test]
fn success_with_return_exceptions() {
    by_hand(|event_loop| {
        for children in BOTH {
            let of = futures::<3>(event_loop);
            let (outer, log) = gathered_all(event_loop, children, &of)?;
            of[1].set_result(1)?;
            of[0].set_result(2)?;
            settle(event_loop);
            log.is(&[]);
            assert!(!outer.done());
            of[2].set_result(3)?;
            settle(event_loop);
            log.is(&[1]);
            let values: Vec<i32> = outer.take_result()?.into_iter().collect::<Result<_>>()?;
            assert_eq!(values, [2, 1, 3]);
        }
        Ok(())
    });
}

#[test]
fn one_exception() {
    let reports = by_hand(|event_loop| {
        for children in BOTH {
            let of = futures::<5>(event_loop);
            let (outer, log) = gathered(event_loop, children, &of)?;
            let error = Error::new(ZeroDivision);
            of[0].set_result(1)?;
            of[1].set_exception(error.clone())?;
            settle(event_loop);
            assert!(outer.done());
            log.is(&[1]);
            assert!(outer.exception()?.is_some_and(|found| found.is_same(&error)));
            // What becomes of the others is nobody's concern, and not reported.
            of[2].set_result(3)?;
            of[3].cancel();
            of[4].set_exception(OtherError)?;
            settle(event_loop);
            log.is(&[1]);
        }
        Ok(())
    });
    assert!(reports.is_empty(), "{reports:?}");
}

#[test]
fn return_exceptions() {
    by_hand(|event_loop| {
        for children in BOTH {
            let of = futures::<4>(event_loop);
            let (outer, log) = gathered_all(event_loop, children, &of)?;
            let (first, second) = (Error::new(ZeroDivision), Error::new(OtherError));
            of[1].set_result(1)?;
            of[2].set_exception(first.clone())?;
            of[0].set_result(3)?;
            settle(event_loop);
            assert!(!outer.done());
            of[3].set_exception(second.clone())?;
            settle(event_loop);
            assert!(outer.done());
            log.is(&[1]);
            let [a, b, c, d] = outer.take_result()?;
            assert_eq!((a?, b?), (3, 1));
            assert!(c.is_err_and(|found| found.is_same(&first)));
            assert!(d.is_err_and(|found| found.is_same(&second)));
        }
        Ok(())
    });
}

fn nothing() -> Vec<AnyFuture> {
    Vec::new()
}

#[test]
#[should_panic(expected = "no running event loop")]
fn nothing_without_a_loop() {
    drop(gather(nothing()));
}

/// A gather of nothing is done at once.
#[test]
fn nothing_in_the_running_loop() {
    by_hand(|event_loop| {
        let outer = event_loop.run_until_complete(async { Ok(gather(nothing())) })?;
        settle(event_loop);
        assert!(outer.done());
        assert_eq!(outer.result()?, []);
        Ok(())
    });
}

#[test]
fn nothing_in_the_current_loop() {
    by_hand(|event_loop| {
        let outer = gather(nothing());
        settle(event_loop);
        assert!(outer.done());
        assert_eq!(outer.result()?, []);
        Ok(())
    });
}

/// The children are all of one loop.
#[test]
fn children_of_two_loops() {
    by_hand(|event_loop| {
        let other = EventLoop::new();
        let pair = [event_loop.create_future::<i32>()?, other.create_future::<i32>()?];
        let refused = gather(pair).take_result();
        assert!(refused.as_ref().is_err_and(|e| e.is::<ValueError>()), "{refused:?}");
        other.close()
    });
}

/// A gather is of the loop of its children, whatever loop is current.
#[test]
fn children_of_another_loop() {
    by_hand(|event_loop| {
        let other = EventLoop::new();
        let of = futures::<3>(&other);
        let outer = gather(of.each_ref().map(LoopFuture::shared));
        settle(&other);
        assert!(!outer.done());
        of.iter().zip([1, 2, 3]).try_for_each(|(f, value)| f.set_result(value))?;
        settle(event_loop);
        assert!(!outer.done(), "the current loop has nothing to do with it");
        assert_eq!(other.run_until_complete(outer)?, [1, 2, 3]);
        other.close()
    });
}

#[test]
fn one_cancellation() {
    by_hand(|event_loop| {
        let of = futures::<5>(event_loop);
        let (outer, log) = gathered(event_loop, Children::Futures, &of)?;
        of[0].set_result(1)?;
        of[1].cancel();
        settle(event_loop);
        assert!(outer.done());
        log.is(&[1]);
        assert!(!outer.cancelled());
        assert!(outer.exception()?.is_some_and(|error| error.is_cancelled()));
        of[2].set_result(3)?;
        of[3].cancel();
        of[4].set_exception(OtherError)?;
        Ok(())
    });
}

#[test]
fn cancellations_with_return_exceptions() {
    by_hand(|event_loop| {
        let of = futures::<6>(event_loop);
        let (outer, log) = gathered_all(event_loop, Children::Futures, &of)?;
        let (second, last) = (Error::new(ZeroDivision), Error::new(OtherError));
        of[0].set_result(1)?;
        of[1].set_exception(second.clone())?;
        of[2].cancel();
        settle(event_loop);
        assert!(!outer.done());
        of[3].set_result(3)?;
        of[4].cancel();
        of[5].set_exception(last.clone())?;
        let [a, b, c, d, e, f] = event_loop.run_until_complete(outer)?;
        assert_eq!((a?, d?), (1, 3));
        assert!(b.is_err_and(|found| found.is_same(&second)));
        is_cancelled(c);
        is_cancelled(e);
        assert!(f.is_err_and(|found| found.is_same(&last)));
        log.is(&[1]);
        Ok(())
    });
}

async fn text() -> Result<&'static str> {
    Ok("abc")
}

#[test]
#[should_panic(expected = "no running event loop")]
fn coroutines_without_a_loop() {
    drop(gather([text(), text()]));
}

#[test]
fn coroutines_in_the_running_loop() {
    by_hand(|event_loop| {
        let outer = event_loop.run_until_complete(async { Ok(gather([text(), text()])) })?;
        assert_eq!(event_loop.run_until_complete(outer)?, ["abc", "abc"]);
        Ok(())
    });
}

#[test]
fn coroutines_in_the_current_loop() {
    by_hand(|event_loop| {
        let current = EventLoop::new();
        current.set_current();
        let outer = gather([text(), text()]);
        settle(event_loop);
        assert!(!outer.done(), "another loop ran them");
        assert_eq!(current.run_until_complete(outer)?, ["abc", "abc"]);
        current.close()
    });
}

/// Equal arguments are one future, whose value is given to each place.
#[test]
fn duplicates() {
    by_hand(|event_loop| {
        let c = event_loop.create_task(text())?;
        let def = event_loop.create_task(async { Ok("def") })?;
        let outer = gather([c.shared(), c.shared(), def, c]);
        settle(event_loop);
        assert_eq!(outer.result()?, ["abc", "abc", "def", "abc"]);
        Ok(())
    });
}

/// Cancelling the waiter of a gather cancels all children.
#[test]
fn cancellation_is_broadcast() {
    by_hand(|event_loop| {
        let (waiter, proof) = (event_loop.create_future::<()>()?, Log::new());
        let inner = || {
            let (waiter, proof) = (waiter.shared(), proof.clone());
            event_loop.create_task(async move {
                waiter.await?;
                proof.push(1);
                Ok(())
            })
        };
        let children = [inner()?, inner()?];
        let of = children.each_ref().map(|child| child.shared());
        let (slot, after) = (Log::<LoopFuture<[(); 2]>>::new(), proof.clone());
        let kept = slot.clone();
        let outer = event_loop.create_task(async move {
            let gathering = gather(of);
            kept.push(gathering.shared());
            gathering.await?;
            after.push(100);
            Ok(())
        })?;
        run_briefly(event_loop);
        assert!(outer.cancel());
        is_cancelled(event_loop.run_until_complete(outer));
        assert!(!slot.take().expect("the gather").cancel());
        assert!(waiter.cancelled());
        assert!(children[0].cancelled());
        assert!(children[1].cancelled());
        run_briefly(event_loop);
        proof.is(&[]);
        Ok(())
    });
}

/// The error of a child that fails after another is marked as seen.
#[test]
fn later_errors_are_marked() {
    let reports = by_hand(|event_loop| {
        let [a, b] = [event_loop.create_future::<()>()?, event_loop.create_future::<()>()?];
        let (first, second) = (a.shared(), b.shared());
        let outer = event_loop.create_task(async move {
            let inner = async |f: LoopFuture<()>| {
                f.await?;
                Err::<(), _>(Error::new(ZeroDivision))
            };
            let children = [first, second].map(|f| spawn(async move { inner(f).await }));
            gather(children).await
        })?;
        run_briefly(event_loop);
        run_briefly(event_loop);
        a.set_result(())?;
        run_briefly(event_loop);
        b.set_result(())?;
        settle(event_loop);
        assert!(outer.exception()?.is_some_and(|error| error.is::<ZeroDivision>()));
        Ok(())
    });
    assert!(reports.is_empty(), "{reports:?}");
}

/// A gather refuses to be cancelled once all its children are done.
#[test]
fn no_cancel_when_the_children_are_done() {
    by_hand(|event_loop| {
        let slot = Log::<(LoopFuture<i32>, LoopFuture<[i32; 1]>)>::new();
        let kept = slot.clone();
        event_loop.run_until_complete(async move {
            let f = create_future::<i32>()?;
            let inner = f.shared();
            kept.push((f, gather([awaiting(inner)])));
            Ok(())
        })?;
        run_briefly(event_loop);
        let (f, outer) = slot.take().expect("the futures");
        let (log, late) = (Log::new(), outer.shared());
        let seen = log.clone();
        // Called in the iteration in which the child ends, before the gather learns of it.
        f.add_done_callback(move |_| seen.push(late.cancel()))?;
        f.set_result(42)?;
        assert_eq!(event_loop.run_until_complete(outer.shared())?, [42]);
        log.is(&[false]);
        assert!(!outer.cancelled());
        Ok(())
    });
}
