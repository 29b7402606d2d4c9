//! Handles and futures that are moved: to another thread, or to another task.

use std::time::Duration;

use seedloop::sync::Lock;
use seedloop::{
    EventLoop, JoinHandle, Result, Simulation, TimerHandle, out, run, running_loop, sleep, spawn,
    yield_now,
};

/// Runs on another thread, in a run of its own whose objects have the same ids.
#[expect(clippy::disallowed_methods, reason = "the misuse that is tested")]
fn elsewhere<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(move || {
        run(async move {
            let mine = spawn(async { Ok(sleep(Duration::from_secs(1)).await?) });
            let timer = running_loop()?.call_later(Duration::from_secs(1), || ())?;
            let lock = Lock::new();
            let guard = lock.lock().await?;
            yield_now().await?;
            let result = call();
            mine.await?;
            drop((timer, guard));
            Ok(result)
        })
    });
    thread.join().expect("the thread does not panic").expect("its run is not disturbed")
}

#[test]
fn what_is_dropped_on_another_thread_changes_nothing_there() {
    let result = run(async {
        let timer = running_loop()?.call_later(Duration::from_secs(1), || ())?;
        let handle = running_loop()?.call_soon(|| ())?;
        let task = spawn(async { Ok(sleep(Duration::from_secs(1)).await?) });
        let mut sleeping = Box::pin(sleep(Duration::from_secs(1)));
        let pending = std::future::poll_fn(|cx| {
            std::task::Poll::Ready(sleeping.as_mut().poll(cx).is_pending())
        });
        assert!(pending.await);
        let lock = Lock::new();
        let guard = lock.lock().await?;
        elsewhere(move || drop((timer, handle, task, sleeping, guard)));
        Ok(())
    });
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn clones_made_on_another_thread_do_not_free_what_they_name() {
    let result: Result<(u8, bool)> = run(async {
        let task = spawn(async { Ok(5) }).shared();
        let lock = Lock::new();
        let event_loop = running_loop()?;
        let (theirs, their_lock, their_loop) = (task.clone(), lock.clone(), event_loop.clone());
        let clones = elsewhere(move || {
            let clones = (theirs.clone(), their_lock.clone(), their_loop.clone());
            drop((theirs, their_lock, their_loop));
            clones
        });
        drop(clones);
        yield_now().await?;
        lock.acquire().await?;
        Ok((task.await?, event_loop.is_running()))
    });
    assert_eq!(result.expect("nothing is freed"), (5, true));
}

#[test]
fn what_came_from_another_thread_is_refused_with_a_reason() {
    let (task, timer): (JoinHandle<()>, TimerHandle) = elsewhere(|| {
        let task = spawn(async { Ok(()) });
        (task, running_loop().unwrap().call_later(Duration::from_secs(1), || ()).unwrap())
    });
    let error = run(task).expect_err("it is not of this thread");
    assert!(error.to_string().contains("used on another thread"), "{error}");
    assert!(format!("{timer:?}").contains("on another thread"), "{timer:?}");
}

/// What another task goes on with is that task's wait, also for a cancel.
#[test]
fn a_wait_that_is_handed_on_is_the_new_tasks() {
    let outcome = Simulation::new().run(|| {
        run(async {
            let (give, take) = async_channel::bounded(1);
            let first = spawn(async move {
                let mut sleeping = Box::pin(sleep(Duration::from_secs(1)));
                std::future::poll_fn(|cx| {
                    assert!(sleeping.as_mut().poll(cx).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
                give.try_send(sleeping).expect("there is room");
                Ok(sleep(Duration::from_secs(9)).await?)
            });
            yield_now().await?;
            let second = spawn(async move {
                let sleeping = take.try_recv().expect("it was sent");
                let slept = sleeping.await;
                out!("second: {slept:?}");
                Ok(slept?)
            });
            yield_now().await?;
            first.cancel();
            out!("first: {:?}", first.await.is_err_and(|error| error.is_cancelled()));
            second.await
        })
    });
    outcome.result.flatten().expect("the second sleeps to the end");
    let lines: Vec<_> = outcome.lines.iter().map(|l| format!("{} {}", l.time, l.text)).collect();
    assert_eq!(lines, ["0.0s first: true", "1.0s second: Ok(())"]);
}

/// A simulation leaves nothing behind for loops that are made by hand afterwards.
#[test]
fn a_simulation_leaves_nothing_on_its_thread() {
    let simulation = || {
        Simulation::new().seed(5).run(|| {
            run(async {
                for _ in 0..5 {
                    drop(spawn(async { Ok(sleep(Duration::from_secs(7)).await?) }));
                }
                Ok(sleep(Duration::from_secs(7)).await?)
            })
        })
    };
    let first = simulation().fingerprint;
    let event_loop = EventLoop::new();
    let order = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let (to, seen) = (std::rc::Rc::clone(&order), event_loop.clone());
    let main = event_loop.create_task(async move {
        let tasks = (0..8).map(|number| {
            let to = std::rc::Rc::clone(&to);
            spawn(async move { Ok(to.borrow_mut().push((number, seen_time()))) })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await?;
        }
        Ok(())
    });
    event_loop.run_until_complete(main.unwrap()).unwrap();
    let in_order: Vec<_> = (0..8).map(|number| (number, Duration::ZERO)).collect();
    assert_eq!(*order.borrow(), in_order);
    event_loop.close().unwrap();
    drop(seen);
    assert_eq!(simulation().fingerprint, first);
}

fn seen_time() -> Duration {
    seedloop::Instant::now().since_start()
}

fn stuck_here() -> u64 {
    let body = || run(async { std::future::pending::<Result<()>>().await });
    Simulation::new().run(body).fingerprint
}

fn stuck_there() -> u64 {
    // The same program as above, on other lines.
    let body = || run(async { std::future::pending::<Result<()>>().await });
    Simulation::new().run(body).fingerprint
}

#[test]
fn a_fingerprint_knows_no_places() {
    assert_eq!(stuck_here(), stuck_there());
}
