//! Futures of primitives that are dropped in mid-wait, which asyncio does not have: what they were
//! given goes to the next in line, as after a cancel.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use seedloop::sync::{Barrier, BoundedSemaphore, Condition, Event, Lock, Queue, Semaphore};
use seedloop::{JoinHandle, out, spawn, yield_now};

use super::check::{at, attempt, check, spin, transcript};

/// Polls a future once, which must not be over then.
async fn park<F: Future>(mut future: Pin<&mut F>) {
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending(), "the future was to wait");
        Poll::Ready(())
    })
    .await;
}

/// Checks what a program prints.
#[track_caller]
fn check_prints<F>(expected: &str, main: impl FnOnce() -> F)
where
    F: Future<Output = seedloop::Result<()>> + 'static,
{
    assert_eq!(transcript(main), expected);
}

fn locker(lock: &Lock, name: &'static str) -> JoinHandle<()> {
    let lock = lock.clone();
    spawn(async move { Ok(at!("{name} {}", attempt(lock.acquire()).await)) })
}

#[test]
fn a_dropped_waiter_leaves_the_line_of_a_lock() {
    check_prints("1 b ok", || async {
        let lock = Lock::new();
        lock.acquire().await?;
        let mut a = Box::pin(lock.acquire());
        park(a.as_mut()).await;
        locker(&lock, "b");
        spin(1).await?;
        drop(a);
        lock.release()?;
        spin(2).await
    });
}

#[test]
fn a_lock_on_its_way_to_a_dropped_waiter_goes_on() {
    check_prints("false; 1 b ok; 2 c ok", || async {
        let lock = Lock::new();
        lock.acquire().await?;
        let mut a = Box::pin(lock.acquire());
        park(a.as_mut()).await;
        locker(&lock, "b");
        locker(&lock, "c");
        spin(1).await?;
        lock.release()?;
        drop(a);
        out!("{}", lock.locked());
        spin(1).await?;
        lock.release()?;
        spin(1).await
    });
}

#[test]
fn an_aborted_task_releases_its_guard_and_hands_its_place_over() {
    check_prints("2 c ok", || async {
        let (lock, event) = (Lock::new(), Event::new());
        let (theirs, never) = (lock.clone(), event.clone());
        let a = spawn(async move {
            let _guard = theirs.lock().await?;
            Ok(never.wait().await?)
        });
        let b = locker(&lock, "b");
        locker(&lock, "c");
        spin(1).await?;
        // The guard wakes b, which is being aborted too.
        a.abort();
        b.abort();
        spin(3).await
    });
}

#[test]
fn a_guard_releases_only_its_own_hold() {
    check(|| async {
        let lock = Lock::new();
        let guard = lock.lock().await?;
        assert!(lock.try_lock().is_none());
        lock.release()?;
        let other = lock.try_lock().expect("a free lock");
        drop(guard);
        assert!(lock.locked(), "the other guard's lock was released");
        drop(other);
        assert!(!lock.locked());
        let guard = lock.lock().await?;
        guard.release()?;
        let guard = lock.lock().await?;
        lock.release()?;
        assert!(guard.release().is_err());
        Ok(())
    });
}

#[test]
fn a_permit_on_its_way_to_a_dropped_waiter_goes_on() {
    check_prints("1 b ok; 1 c ok; 0", || async {
        let semaphore = Semaphore::new(0);
        let mut a = Box::pin(semaphore.acquire());
        park(a.as_mut()).await;
        for name in ["b", "c"] {
            let semaphore = semaphore.clone();
            spawn(async move { Ok(at!("{name} {}", attempt(semaphore.acquire()).await)) });
        }
        spin(1).await?;
        semaphore.release();
        semaphore.release();
        drop(a);
        spin(1).await?;
        out!("{}", semaphore.available_permits());
        Ok(())
    });
}

#[test]
fn permits_are_given_back_when_dropped() {
    check(|| async {
        let semaphore = Semaphore::new(2);
        let (first, second) = (semaphore.permit().await?, semaphore.try_permit());
        assert!(second.is_some() && semaphore.try_permit().is_none());
        drop(first);
        assert_eq!(semaphore.available_permits(), 1);
        second.expect("a permit").forget();
        assert_eq!(semaphore.available_permits(), 1);
        let bounded = BoundedSemaphore::new(1);
        let permit = bounded.permit().await?;
        bounded.release()?;
        assert!(permit.release().is_err());
        let permit = bounded.try_permit();
        bounded.release()?;
        drop(permit);
        assert_eq!(bounded.available_permits(), 1);
        Ok(())
    });
}

#[test]
fn a_scope_that_is_dropped_gives_back() {
    check(|| async {
        let (lock, semaphore, event) = (Lock::new(), Semaphore::new(1), Event::new());
        let mut body =
            Box::pin(lock.scope(async || semaphore.scope(async || Ok(event.wait().await?)).await));
        park(body.as_mut()).await;
        assert!(lock.locked() && semaphore.locked());
        drop(body);
        assert!(!lock.locked() && !semaphore.locked());
        Ok(())
    });
}

#[test]
fn a_dropped_wait_for_an_event_is_forgotten() {
    check_prints("1 b ok", || async {
        let event = Event::new();
        let mut a = Box::pin(event.wait());
        park(a.as_mut()).await;
        drop(a);
        assert!(format!("{event:?}").ends_with("waiters: 0>"), "{event:?}");
        let theirs = event.clone();
        spawn(async move { Ok(at!("b {}", attempt(theirs.wait()).await)) });
        spin(1).await?;
        let mut woken = Box::pin(event.wait());
        park(woken.as_mut()).await;
        event.set();
        drop(woken);
        yield_now().await?;
        Ok(())
    });
}

/// Spawns a task that waits for the condition under its lock.
fn waiter(condition: &Condition, name: &'static str) -> JoinHandle<()> {
    let condition = condition.clone();
    spawn(async move {
        condition.scope(async || Ok(at!("{name} {}", attempt(condition.wait()).await))).await
    })
}

#[test]
fn a_dropped_wait_for_a_condition_wakes_nobody_for_nothing() {
    check_prints("3 b ok", || async {
        let condition = Condition::new();
        condition.acquire().await?;
        let mut a = Box::pin(condition.wait());
        park(a.as_mut()).await;
        waiter(&condition, "b");
        spin(1).await?;
        drop(a);
        spin(2).await?;
        assert!(format!("{condition:?}").ends_with("waiters: 1>"), "{condition:?}");
        assert!(!condition.locked());
        condition.acquire().await?;
        condition.notify(1)?;
        condition.release()?;
        spin(2).await
    });
}

#[test]
fn a_notification_of_a_dropped_wait_goes_on() {
    check_prints("1 b ok; 5 c cancelled", || async {
        let condition = Condition::new();
        condition.acquire().await?;
        let mut a = Box::pin(condition.wait());
        park(a.as_mut()).await;
        waiter(&condition, "b");
        waiter(&condition, "c");
        spin(1).await?;
        condition.acquire().await?;
        condition.notify(1)?;
        condition.release()?;
        drop(a);
        spin(4).await?;
        // Only b was notified; c is there until the end of the run.
        Ok(drop(condition))
    });
}

#[test]
fn a_notification_of_a_wait_that_is_dropped_before_the_lock_goes_on() {
    check_prints("2 waits for the lock; 3 b ok", || async {
        let condition = Condition::new();
        condition.acquire().await?;
        let mut a = Box::pin(condition.wait());
        park(a.as_mut()).await;
        waiter(&condition, "b");
        spin(1).await?;
        condition.acquire().await?;
        condition.notify(1)?;
        spin(1).await?;
        park(a.as_mut()).await;
        at!("waits for the lock");
        drop(a);
        spin(1).await?;
        condition.release()?;
        spin(3).await
    });
}

#[test]
fn a_guard_around_a_dropped_wait_leaves_the_lock_to_others() {
    check(|| async {
        let condition = Condition::new();
        // The guard's lock is given up by the wait, and somebody else takes it.
        let guard = condition.lock().await?;
        let mut wait = Box::pin(condition.wait());
        park(wait.as_mut()).await;
        let other = condition.try_lock().expect("the wait has released the lock");
        drop(wait);
        drop(guard);
        assert!(condition.locked(), "the other's lock was released");
        drop(other);
        // The same with the end of a scope, which else releases whatever is held.
        let body = async || {
            let mut wait = Box::pin(condition.wait());
            park(wait.as_mut()).await;
            Ok(condition.try_lock().expect("the wait has released the lock"))
        };
        let other = condition.scope(body).await?;
        assert!(condition.locked(), "the other's lock was released");
        drop(other);
        assert!(!condition.locked());
        // A wait that comes to its end gives the lock back to its guard.
        let guard = condition.lock().await?;
        let mut wait = Box::pin(condition.wait());
        park(wait.as_mut()).await;
        condition.acquire().await?;
        condition.notify_all()?;
        condition.release()?;
        wait.await?;
        assert!(condition.locked());
        drop(guard);
        assert!(!condition.locked());
        Ok(())
    });
}

#[test]
fn a_scope_that_is_dropped_in_a_wait_leaves_the_lock_to_others() {
    check(|| async {
        let condition = Condition::new();
        let mut scope = Box::pin(condition.scope(async || Ok(condition.wait().await?)));
        park(scope.as_mut()).await;
        condition.acquire().await?;
        drop(scope);
        assert!(condition.locked(), "the other's lock was released");
        Ok(())
    });
}

#[test]
fn a_dropped_wait_at_a_barrier_is_counted_out() {
    check_prints("0; 2 c 1; 3 b 0", || async {
        let barrier = Barrier::new(2)?;
        let mut a = Box::pin(barrier.wait());
        park(a.as_mut()).await;
        assert_eq!(barrier.n_waiting(), 1);
        drop(a);
        out!("{}", barrier.n_waiting());
        for name in ["b", "c"] {
            let barrier = barrier.clone();
            spin(1).await?;
            spawn(async move { Ok(at!("{name} {}", attempt(barrier.wait()).await)) });
        }
        spin(3).await
    });
}

#[test]
fn the_last_to_leave_a_barrier_may_be_dropped() {
    check_prints("1 last 1; 1 next 0", || async {
        let barrier = Barrier::new(2)?;
        let mut a = Box::pin(barrier.wait());
        park(a.as_mut()).await;
        spin(1).await?;
        at!("last {}", barrier.wait().await?);
        // It drains, and the one that is still inside is dropped instead of leaving.
        let mut next = pin!(barrier.wait());
        park(next.as_mut()).await;
        drop(a);
        let theirs = barrier.clone();
        spawn(async move { Ok(theirs.wait().await?) });
        at!("next {}", next.await?);
        Ok(())
    });
}

fn getter(queue: &Queue<u32>, name: &'static str) -> JoinHandle<()> {
    let queue = queue.clone();
    spawn(async move {
        let item = queue.get().await?;
        Ok(at!("{name} {item}"))
    })
}

#[test]
fn an_item_for_a_dropped_getter_goes_to_the_next() {
    check_prints("1 b 7", || async {
        let queue = Queue::unbounded();
        let mut a = Box::pin(queue.get());
        park(a.as_mut()).await;
        getter(&queue, "b");
        spin(1).await?;
        queue.put_nowait(7)?;
        drop(a);
        spin(2).await
    });
}

#[test]
fn room_for_a_dropped_putter_goes_to_the_next() {
    check_prints("1 b put; 1 3", || async {
        let queue = Queue::new(1);
        queue.put(1).await?;
        let mut a = Box::pin(queue.put(2));
        park(a.as_mut()).await;
        let theirs = queue.clone();
        spawn(async move {
            theirs.put(3).await?;
            Ok(at!("b put"))
        });
        spin(1).await?;
        let first = queue.get_nowait()?;
        drop(a);
        spin(1).await?;
        out!("{first} {}", queue.get_nowait()?);
        Ok(())
    });
}

#[test]
fn an_unwoken_getter_and_joiner_are_forgotten() {
    check_prints("1 b 1; done", || async {
        let queue = Queue::unbounded();
        let mut a = Box::pin(queue.get());
        park(a.as_mut()).await;
        getter(&queue, "b");
        spin(1).await?;
        drop(a);
        queue.put_nowait(1)?;
        let mut joiner = Box::pin(queue.join());
        park(joiner.as_mut()).await;
        drop(joiner);
        spin(1).await?;
        queue.task_done()?;
        queue.join().await?;
        out!("done");
        Ok(())
    });
}
