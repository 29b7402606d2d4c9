//! What belongs to a simulation, used on another thread than its own: an error where there can be
//! one, else a panic, and quiet where something is dropped or printed for debugging.

use std::fmt::Debug;
use std::time::Duration;

use seedloop::error::Panicked;
use seedloop::sync::{self, Barrier, Condition, Lock, Queue, Semaphore, mpsc, oneshot};
use seedloop::{
    AsyncGen, Error, LoopFuture, Result, ReturnWhen, Runner, RuntimeError, Simulation, TaskGroup,
    as_completed, create_future, gather, interrupt, out, run, running_loop, shield, sleep, spawn,
    spawn_named, timeout, wait, wait_for,
};

use crate::surprises::helpers::{check, poll_outside};

const FUTURE: &str = "a future was used on another thread than that of its loop; hand over the \
                      value, not the future";
const OBJECT: &str = "used on another thread than the simulation that made it; create it inside \
                      the simulation that uses it";
const LOOP: &str = "the loop belongs to another thread; a simulation runs on one thread, let its \
                    pools and outside events do what other threads would";
const HANDLE: &str = "the handle of a callback was used on another thread than that of its loop; \
                      take the callback back on the loop's own thread";

#[expect(clippy::disallowed_methods, reason = "the misuse that is tested")]
fn on_another_thread<R: Send + 'static>(call: impl FnOnce() -> R + Send + 'static) -> R {
    std::thread::spawn(call).join().expect("the thread ends")
}

/// Checks that a call that cannot fail panics with `expected`, at a line of the caller's.
#[track_caller]
fn panics<R>(expected: &str, call: impl FnOnce() -> R) {
    // A simulation of this thread's own sees where.
    let result = Simulation::new().run(|| drop(call())).result;
    let error = result.expect_err("a panic");
    let panicked = error.downcast_ref::<Panicked>().expect("a panic");
    assert_eq!(panicked.message(), expected);
    let place = panicked.location().expect("the library's hook saw it");
    assert!(place.starts_with(file!()), "at {place}");
}

/// Checks that a call returns a `RuntimeError` with `expected`.
#[track_caller]
fn refuses<R: Debug, E: Into<Error>>(expected: &str, result: Result<R, E>) {
    let error: Error = result.expect_err("an error").into();
    assert!(error.is::<RuntimeError>(), "{error}");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn handles_of_tasks_and_futures() {
    check(&["first"], async {
        let task = spawn_named("first", async { Ok(sleep(Duration::from_secs(1)).await?) });
        let (theirs, future) = (task.shared(), create_future::<i32>()?);
        on_another_thread(move || {
            panics(FUTURE, || theirs.cancel());
            panics(FUTURE, || theirs.cancel_with("stop"));
            panics(FUTURE, || theirs.abort());
            panics(FUTURE, || theirs.name());
            panics(FUTURE, || theirs.set_name("other"));
            panics(FUTURE, || theirs.cancelling());
            panics(FUTURE, || theirs.uncancel());
            panics(FUTURE, || theirs.done());
            panics(FUTURE, || theirs.cancelled());
            let any = theirs.as_any();
            panics(FUTURE, || any.cancel());
            panics(FUTURE, || any.done());
            panics(FUTURE, || any.name());
            refuses(FUTURE, theirs.take_result());
            refuses(FUTURE, theirs.exception().map(drop));
            refuses(FUTURE, future.set_result(1));
            refuses(FUTURE, future.add_done_callback(|_| ()));
            assert_eq!(
                format!("{theirs:?} {any:?}"),
                "<Task on another thread> <Future on another thread>"
            );
            assert_eq!(format!("{future:?}"), "<Future on another thread>");
        });
        assert!(!task.done());
        task.shared().await?;
        out!("{}", task.name());
        Ok(())
    });
}

#[test]
fn loops_and_callbacks() {
    check(&["called"], async {
        let event_loop = running_loop()?;
        let later = event_loop.call_later(Duration::from_secs(1), || out!("called"))?;
        let soon = event_loop.call_soon(|| ())?;
        let theirs = event_loop.clone();
        on_another_thread(move || {
            panics(LOOP, || theirs.is_closed());
            panics(LOOP, || theirs.is_running());
            panics(LOOP, || theirs.time());
            panics(LOOP, || theirs.stop());
            panics(LOOP, || theirs.set_current());
            panics(LOOP, || theirs.set_exception_handler(|_| ()));
            panics(LOOP, || theirs.clear_exception_handler());
            refuses(LOOP, theirs.call_soon(|| ()).map(drop));
            refuses(LOOP, theirs.call_later(Duration::MAX, || ()).map(drop));
            refuses(LOOP, theirs.create_future::<()>().map(drop));
            refuses(LOOP, theirs.run_until_complete(async { Ok(()) }));
            refuses(LOOP, theirs.close());
            assert_eq!(format!("{theirs:?}"), "<EventLoop on another thread>");
            panics(HANDLE, || later.cancel());
            panics(HANDLE, || later.is_cancelled());
            panics(HANDLE, || soon.cancel());
            panics(HANDLE, || soon.is_cancelled());
        });
        assert!(!event_loop.is_closed());
        Ok(sleep(Duration::from_secs(2)).await?)
    });
}

/// A Ctrl-C arrives at a virtual moment, not from a real thread.
#[test]
fn interrupts() {
    let nothing_runs = "no running event loop on this thread to interrupt; call `interrupt` from \
                        inside `seedloop::run(async { .. })`, such as from `call_later`";
    check(&["not interrupted"], async move {
        let runner = Runner::new();
        on_another_thread(move || {
            panics(nothing_runs, || {
                interrupt();
            });
            panics(OBJECT, || runner.interrupt());
            refuses(OBJECT, runner.event_loop().map(drop));
            refuses(OBJECT, runner.run(async { Ok(()) }));
            refuses(OBJECT, runner.close());
        });
        sleep(Duration::from_secs(1)).await?;
        out!("not interrupted");
        Ok(())
    });
}

/// What gives a permit or a lock back does it, or says that it does not.
#[test]
fn primitives() {
    check(&["0 true 0 false 0"], async {
        let (lock, semaphore) = (Lock::new(), Semaphore::new(0));
        let (event, queue) = (sync::Event::new(), Queue::<i32>::new(0));
        let (condition, barrier) = (Condition::with_lock(&lock), Barrier::new(2)?);
        let guard = lock.lock().await?;
        let theirs = (lock.clone(), semaphore.clone(), event.clone(), queue.clone());
        on_another_thread(move || {
            let (lock, semaphore, event, queue) = theirs;
            refuses(OBJECT, lock.release());
            refuses(OBJECT, condition.release());
            refuses(OBJECT, condition.notify(1));
            refuses(OBJECT, condition.notify_all());
            refuses(OBJECT, guard.release());
            panics(OBJECT, || lock.locked());
            panics(OBJECT, || lock.try_lock());
            panics(OBJECT, || semaphore.release());
            panics(OBJECT, || semaphore.locked());
            panics(OBJECT, || event.set());
            panics(OBJECT, || event.clear());
            panics(OBJECT, || queue.put_nowait(1));
            panics(OBJECT, || queue.get_nowait());
            panics(OBJECT, || queue.task_done());
            panics(OBJECT, || queue.shutdown(true));
            panics(OBJECT, || barrier.n_waiting());
            let shown = format!("{lock:?} {semaphore:?} {event:?} {queue:?}");
            let elsewhere = |kind: &str| format!("<{kind}#? on another thread>");
            let expected = ["lock", "semaphore", "event", "queue"].map(elsewhere);
            assert_eq!(shown, expected.join(" "));
            let expected = ["condition", "barrier"].map(elsewhere);
            assert_eq!(format!("{condition:?} {barrier:?}"), expected.join(" "));
        });
        let (free, held) = (semaphore.available_permits(), lock.locked());
        out!(
            "{free} {held} {} {} {}",
            queue.qsize(),
            event.is_set(),
            semaphore.available_permits()
        );
        Ok(())
    });
}

#[test]
fn channels() {
    check(&["Empty Empty"], async {
        let (sender, mut receiver) = mpsc::channel::<i32>(1);
        let (one, mut other) = oneshot::channel::<i32>();
        let (receiver, other) = on_another_thread(move || {
            panics(OBJECT, || sender.try_send(1));
            panics(OBJECT, || sender.is_closed());
            panics(OBJECT, || receiver.close());
            panics(OBJECT, || receiver.try_recv());
            panics(OBJECT, || one.is_closed());
            panics(OBJECT, || other.close());
            panics(OBJECT, || one.send(1));
            std::mem::forget(sender);
            (receiver, other)
        });
        let (mut receiver, mut other) = (receiver, other);
        let refused = (receiver.try_recv().unwrap_err(), other.try_recv().unwrap_err());
        out!("{:?} {:?}", refused.0, refused.1);
        Ok(())
    });
}

/// Dropped elsewhere, a guard and a permit let nobody in, and panic in no destructor.
#[test]
fn guards_that_are_dropped() {
    check(&["true 0"], async {
        let (lock, semaphore) = (Lock::new(), Semaphore::new(1));
        let held = (lock.lock().await?, semaphore.permit().await?);
        on_another_thread(move || drop(held));
        out!("{} {}", lock.locked(), semaphore.available_permits());
        Ok(())
    });
}

/// What takes a future of the loop gives the error when it is awaited.
#[test]
fn combinators_of_foreign_futures() {
    check(&["first"], async {
        let task = spawn(async {
            sleep(Duration::from_secs(1)).await?;
            Ok("first")
        });
        let theirs: Vec<_> = (0..7).map(|_| task.shared()).collect();
        on_another_thread(move || {
            let Ok([a, b, c, d, e, f, g]) = <[_; 7]>::try_from(theirs) else { unreachable!() };
            let combined = run(async move {
                // A future whose id may be that of one of theirs.
                let own = spawn(async {
                    sleep(Duration::from_secs(1)).await?;
                    Ok(5)
                });
                refuses(FUTURE, a.await);
                refuses(FUTURE, shield(b).await);
                refuses(FUTURE, gather((c, own.shared())).await);
                refuses(FUTURE, wait([&d], ReturnWhen::AllCompleted).await.map(drop));
                refuses(FUTURE, wait_for(d, Duration::ZERO).await);
                refuses(FUTURE, wait_for(e, Duration::from_secs(1)).await);
                let mut completed = as_completed([f]);
                refuses(FUTURE, completed.next().await.expect("the error"));
                assert!(completed.next().await.is_none());
                let called = g.add_done_callback(|done| drop(done.take_result()));
                refuses(FUTURE, called.map(drop));
                own.await
            });
            assert_eq!(combined.unwrap(), 5);
        });
        out!("{}", task.await?);
        Ok(())
    });
}

#[test]
fn groups_timeouts_and_generators() {
    check(&["Some(1)"], async {
        let (group, limit) = (TaskGroup::new(), timeout(Duration::from_secs(1)));
        let mut generator = AsyncGen::<i32>::new(async |co| co.yield_(1).await);
        let generator = on_another_thread(move || {
            refuses(OBJECT, group.spawn(async { Ok(()) }).map(drop));
            refuses(OBJECT, limit.reschedule(None));
            panics(OBJECT, || limit.when());
            let polled = poll_outside(generator.next());
            refuses(OBJECT, polled);
            refuses(OBJECT, poll_outside(generator.aclose()));
            let thrown = generator.athrow(Error::msg("x"));
            refuses(OBJECT, poll_outside(thrown));
            generator
        });
        let mut generator = generator;
        out!("{:?}", generator.next().await?);
        Ok(())
    });
}

/// Ids of another thread are not taken for those of this one.
#[test]
fn handles_with_the_id_of_another_are_not_equal() {
    let made = || {
        let outcome = Simulation::new().block_on(async { create_future::<()>() });
        outcome.result.unwrap().as_any()
    };
    let (mine, theirs): (_, LoopFuture<()>) = (made(), {
        on_another_thread(|| Simulation::new().block_on(async { create_future() }).result).unwrap()
    });
    assert!(mine != theirs.as_any());
    assert!(mine == mine.clone());
}
