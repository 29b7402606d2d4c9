//! Misuse: each gets an error or a panic that names the fix, and nothing hangs.

use std::time::Duration;

use seedloop::error::{ForeignWake, InvalidStateError, LimitExceeded};
use seedloop::{
    Error, EventLoop, Limits, Result, Simulation, create_future, current_task, out, run,
    running_loop, sleep, spawn, spawn_named, yield_now,
};

use crate::surprises::helpers::{check, check_sync, poll_outside, repr};

/// A task that yields for ever while time stands still is ended, and named.
#[test]
fn an_endless_yield_is_ended() {
    let limits = Limits { steps_at_one_instant: 1_000, ..Limits::default() };
    let outcome = Simulation::new().limits(limits).block_on(async {
        spawn_named("spinner", async {
            loop {
                yield_now().await?;
            }
            #[expect(unreachable_code, reason = "gives the task its type")]
            Ok(())
        });
        Ok(sleep(Duration::from_secs(1)).await?)
    });
    let error = outcome.result.unwrap_err();
    assert!(error.is::<LimitExceeded>());
    assert_eq!(
        error.to_string().lines().next().expect("a line"),
        "limit of 1000 steps without virtual time moving on reached at 0.0s in task 'spinner'; \
         see `Limits` to raise it"
    );
}

/// An endless chain of sleeps is ended by the limit on virtual time.
#[test]
fn an_endless_sleep_chain_is_ended() {
    let limits =
        Limits { time: seedloop::Instant::START + Duration::from_secs(60), ..Limits::default() };
    let outcome = Simulation::new().limits(limits).block_on(async {
        loop {
            sleep(Duration::from_secs(7)).await?;
        }
        #[expect(unreachable_code, reason = "gives the task its type")]
        Ok(())
    });
    let error = outcome.result.unwrap_err();
    assert!(error.is::<LimitExceeded>(), "{error}");
    assert_eq!(outcome.time.since_start(), Duration::from_secs(60));
}

/// A wake from another thread is told, and does not hang.
#[test]
fn a_wake_from_another_thread() {
    let outcome = Simulation::new().run(|| {
        run(async {
            let slot = std::sync::Arc::new(std::sync::Mutex::new(None::<std::task::Waker>));
            let kept = std::sync::Arc::clone(&slot);
            spawn_named("sleeper", async move {
                std::future::poll_fn(|cx| {
                    *kept.lock().expect("no panic") = Some(cx.waker().clone());
                    std::task::Poll::<()>::Pending
                })
                .await;
                Ok(())
            });
            yield_now().await?;
            let waker = slot.lock().expect("no panic").take().expect("the task is parked");
            #[expect(clippy::disallowed_methods, reason = "the misuse that is tested")]
            std::thread::spawn(move || waker.wake()).join().expect("the thread ends");
            Ok(sleep(Duration::from_secs(1)).await?)
        })
    });
    let error = outcome.result.unwrap().unwrap_err();
    assert!(error.is::<ForeignWake>());
    let text = error.to_string();
    assert!(text.contains("task 'sleeper' was woken from another thread"), "{text}");
}

/// The same in the middle of the task's own step, at whose end the task would be ready again.
#[test]
fn a_wake_from_another_thread_while_the_task_runs() {
    let outcome = Simulation::new().run(|| {
        run(async {
            let mut polls = 0;
            spawn_named("hasty", async move {
                std::future::poll_fn(move |cx| {
                    polls += 1;
                    out!("poll {polls}");
                    let waker = cx.waker().clone();
                    #[expect(clippy::disallowed_methods, reason = "the misuse that is tested")]
                    std::thread::spawn(move || waker.wake()).join().expect("the thread ends");
                    std::task::Poll::<()>::Pending
                })
                .await;
                Ok(())
            });
            Ok(sleep(Duration::from_secs(1)).await?)
        })
    });
    let error = outcome.result.unwrap().unwrap_err();
    assert!(error.is::<ForeignWake>());
    let text = error.to_string();
    assert!(text.contains("task 'hasty' was woken from another thread"), "{text}");
    assert_eq!(outcome.lines.len(), 1, "it was not polled again");
}

/// A waker that outlives its task wakes nobody, whichever thread it is on.
#[test]
fn a_wake_from_another_thread_after_the_task() {
    let outcome = Simulation::new().run(|| {
        run(async {
            let kept = spawn(async {
                Ok(std::future::poll_fn(|cx| std::task::Poll::Ready(cx.waker().clone())).await)
            });
            let waker = kept.await?;
            waker.wake_by_ref();
            #[expect(clippy::disallowed_methods, reason = "the misuse that is tested")]
            std::thread::spawn(move || waker.wake()).join().expect("the thread ends");
            Ok(sleep(Duration::from_secs(1)).await?)
        })
    });
    outcome.result.unwrap().unwrap();
}

/// Loops inside loops, and runs inside runs, are refused.
#[test]
fn nested_loops_are_refused() {
    let expected = &[
        "run() cannot be called from a running event loop; await the future instead",
        "Cannot run the event loop while another loop is running",
        "This event loop is already running",
        "cannot close a running event loop",
    ];
    check(expected, async {
        out!("{}", run(async { Ok(()) }).unwrap_err());
        let other = EventLoop::new();
        out!("{}", other.run_until_complete(async { Ok(()) }).unwrap_err());
        other.close()?;
        let this = running_loop()?;
        out!("{}", this.run_forever().unwrap_err());
        out!("{}", this.close().unwrap_err());
        Ok(())
    });
}

/// A closed loop refuses everything with one error; closing it again does nothing.
#[test]
fn a_closed_loop_refuses() {
    check_sync(&["Event loop is closed"; 6], || {
        let closed = EventLoop::new();
        closed.close().unwrap();
        closed.close().unwrap();
        let say = |result: Result<()>| out!("{}", result.unwrap_err());
        say(closed.call_soon(|| ()).map(drop));
        say(closed.call_later(Duration::ZERO, || ()).map(drop));
        say(closed.call_soon_threadsafe(|| ()).map(drop));
        say(closed.create_task(async { Ok(()) }).map(drop));
        say(closed.run_forever());
        say(closed.run_until_complete(async { Ok(()) }));
    });
}

/// Asking for what only a running loop has.
#[test]
fn outside_of_a_loop() {
    check_sync(&["no running event loop"; 4], || {
        let say = |result: Result<()>| out!("{}", result.unwrap_err());
        say(running_loop().map(drop));
        say(current_task().map(drop));
        say(seedloop::all_tasks().map(drop));
        say(create_future::<()>().map(drop));
    });
}

/// Spawning where no loop runs is a panic that names the fix.
#[test]
#[should_panic(expected = "no running event loop: call `spawn` from inside `seedloop::run")]
fn spawning_outside_of_a_loop() {
    drop(spawn(async { Ok(()) }));
}

/// Polling a wait of ours under another executor is a panic that names the fix.
#[test]
#[should_panic(expected = "polled outside of its tasks")]
fn a_wait_under_another_executor() {
    let event_loop = EventLoop::new();
    let future = event_loop.create_future::<()>().unwrap();
    let mut future = std::pin::pin!(future);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    drop(Future::poll(future.as_mut(), &mut cx));
}

/// A value is moved to one awaiter: a second one is told to share the handle.
#[test]
fn a_result_is_taken_once() {
    check(&["Ok(5)", "true"], async {
        let future = create_future::<i32>()?;
        future.set_result(5)?;
        out!("{:?}", future.take_result());
        let again = future.take_result().unwrap_err();
        out!("{}", again.is::<InvalidStateError>() && again.to_string().contains(".shared()"));
        Ok(())
    });
}

/// Setting a result twice, and asking too early.
#[test]
fn results_at_the_wrong_time() {
    let expected = &["result is not ready", "exception is not set", "the future is already done"];
    check(expected, async {
        let future = create_future::<i32>()?;
        out!("{}", future.take_result().unwrap_err());
        out!("{}", future.exception().unwrap_err());
        future.set_result(1)?;
        out!("{}", future.set_result(2).unwrap_err());
        Ok(())
    });
}

/// Awaiting oneself and another loop's future, as asyncio words it: one hop later.
#[test]
fn awaiting_oneself_or_another_loops_future() {
    let expected = &["task cannot await on itself", "the future is attached to a different loop"];
    check(expected, async {
        let own = std::rc::Rc::new(std::cell::RefCell::new(None));
        let handle = std::rc::Rc::clone(&own);
        let task = spawn(async move {
            let itself: seedloop::JoinHandle<()> =
                handle.borrow_mut().take().expect("the handle was put here");
            itself.await
        });
        *own.borrow_mut() = Some(task.shared());
        let say = |error: Error| out!("{}", repr(&error));
        say(task.await.unwrap_err());
        let other = EventLoop::new();
        say(other.create_future::<()>()?.await.unwrap_err());
        Ok(())
    });
}

/// A time that does not fit is a panic that names the fix.
#[test]
fn an_overflowing_delay() {
    let outcome = Simulation::new().block_on(async { Ok(sleep(Duration::MAX).await?) });
    let error = outcome.result.unwrap_err();
    assert!(error.to_string().contains("use `std::future::pending()`"), "{error}");
}

/// A handle that is used on another thread gives an error.
#[test]
fn a_handle_on_another_thread() {
    let outcome = Simulation::new().block_on(async {
        let future = create_future::<i32>()?;
        #[expect(clippy::disallowed_methods, reason = "the misuse that is tested")]
        let thread = std::thread::spawn(move || future.take_result());
        thread.join().expect("the thread ends").map(drop)
    });
    let error = outcome.result.unwrap_err();
    assert!(error.to_string().contains("used on another thread"), "{error}");
}

/// Every wait of ours names the fix when it is polled under another executor.
#[test]
fn waits_under_another_executor() {
    use seedloop::{wait, wait_for};
    let text = "polled outside of its tasks; spawn it on the loop, or hand it to `seedloop::run`";
    let check = |what: &str, poll: &dyn Fn()| {
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(poll)).unwrap_err();
        let message = match payload.downcast::<String>() {
            Ok(message) => *message,
            Err(payload) => payload.downcast_ref::<&str>().expect("a text").to_string(),
        };
        assert!(message.ends_with(text), "{what}: {message}");
    };
    let second = Duration::from_secs(1);
    check("sleep", &|| drop(poll_outside(sleep(second))));
    let event_loop = EventLoop::new();
    let future = event_loop.create_future::<()>().unwrap();
    let all = seedloop::ReturnWhen::AllCompleted;
    check("wait", &|| drop(poll_outside(wait([&future], all).timeout(second))));
    check("wait_for", &|| drop(poll_outside(wait_for(future.shared(), Duration::ZERO))));
    let refused =
        poll_outside(wait_for(async { Ok::<(), Error>(()) }, Duration::ZERO)).unwrap_err();
    assert_eq!(refused.to_string(), "no running event loop");
}

/// The name of a task may be any text, and its `as_ref` may ask for what it likes.
#[test]
fn a_name_that_asks_for_its_task() {
    struct Name;
    impl AsRef<str> for Name {
        fn as_ref(&self) -> &str {
            let inside = current_task().is_ok_and(|task| task.is_some());
            if inside { "inside" } else { "outside" }
        }
    }
    check(&["inside"], async {
        let task = spawn(async { Ok(()) });
        task.set_name(Name);
        out!("{}", task.name());
        task.await
    });
}

/// More permits than can be counted are refused, and the ones that are there stay.
#[test]
fn a_semaphore_that_is_full() {
    use seedloop::sync::Semaphore;
    let semaphore = Semaphore::new(usize::MAX);
    let release = std::panic::AssertUnwindSafe(|| semaphore.release());
    let payload = std::panic::catch_unwind(release).unwrap_err();
    let message = payload.downcast::<String>().expect("a text");
    assert_eq!(
        *message,
        "a semaphore has at most usize::MAX permits; make it with fewer, so that there is room for \
         those that are released"
    );
    assert_eq!(semaphore.available_permits(), usize::MAX);
    let permit = semaphore.try_permit().expect("there are permits");
    semaphore.release();
    assert!(permit.release().unwrap_err().to_string().starts_with("a semaphore has at most"));
    drop(semaphore.try_permit());
    assert_eq!(semaphore.available_permits(), usize::MAX);
}
