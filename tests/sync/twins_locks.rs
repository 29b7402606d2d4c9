//! Locks, events, conditions and semaphores: the programs of `twins.py`.

use std::cell::Cell;
use std::rc::Rc;

use seedloop::error::ValueError;
use seedloop::sync::{BoundedSemaphore, Condition, Event, Lock, Semaphore};
use seedloop::{out, spawn, yield_now};

use super::check::{at, attempt, check_twin, spin, text};

#[test]
fn lock_hand_over() {
    let expected = "false; waiter; main";
    check_twin("lock_hand_over", expected, || async {
        let lock = Lock::new();
        lock.acquire().await?;
        let theirs = lock.clone();
        let task = spawn(async move {
            theirs.acquire().await?;
            out!("waiter");
            Ok(theirs.release()?)
        });
        spin(1).await?;
        lock.release()?;
        out!("{}", lock.locked());
        lock.acquire().await?;
        out!("main");
        task.await
    });
}

#[test]
fn lock_is_first_in_first_out() {
    let expected = "2 a; 3 a left; 4 b; 5 b left; 6 c; 7 c left; 8 late; 9 late left";
    check_twin("lock_is_first_in_first_out", expected, || async {
        let lock = Lock::new();
        let user = |name: &'static str| {
            let lock = lock.clone();
            spawn(async move {
                lock.scope(async || {
                    at!("{name}");
                    Ok(yield_now().await?)
                })
                .await?;
                Ok(at!("{name} left"))
            })
        };
        lock.acquire().await?;
        for name in ["a", "b", "c"] {
            user(name);
        }
        spin(2).await?;
        lock.release()?;
        let late = user("late");
        spin(8).await?;
        late.await
    });
}

#[test]
fn lock_newcomer_passes_those_cancelled() {
    let expected = "1 main, at once; cancelled; cancelled; true";
    check_twin("lock_newcomer_passes_those_cancelled", expected, || async {
        let lock = Lock::new();
        lock.acquire().await?;
        let waiter = || {
            let lock = lock.clone();
            spawn(async move { Ok(attempt(lock.acquire()).await) })
        };
        let (a, b) = (waiter(), waiter());
        spin(1).await?;
        a.cancel();
        b.cancel();
        lock.release()?;
        lock.acquire().await?;
        at!("main, at once");
        out!("{}", a.await?);
        out!("{}", b.await?);
        out!("{}", lock.locked());
        Ok(())
    });
}

/// Spawns a task that acquires and says how that went.
fn acquirer(lock: &Lock, name: &'static str) -> seedloop::JoinHandle<()> {
    let lock = lock.clone();
    spawn(async move { Ok(at!("{name} {}", attempt(lock.acquire()).await)) })
}

#[test]
fn lock_woken_waiter_is_cancelled() {
    let expected = "false; 1 a cancelled: m; 2 b ok; 5 c ok";
    check_twin("lock_woken_waiter_is_cancelled", expected, || async {
        let lock = Lock::new();
        lock.acquire().await?;
        let a = acquirer(&lock, "a");
        acquirer(&lock, "b");
        acquirer(&lock, "c");
        spin(1).await?;
        lock.release()?;
        a.cancel_with("m");
        out!("{}", lock.locked());
        spin(4).await?;
        lock.release()?;
        spin(2).await
    });
}

#[test]
fn lock_first_waiter_is_cancelled_before_the_release() {
    let expected = "1 a cancelled; 2 b ok";
    check_twin("lock_first_waiter_is_cancelled_before_the_release", expected, || async {
        let lock = Lock::new();
        lock.acquire().await?;
        let a = acquirer(&lock, "a");
        acquirer(&lock, "b");
        spin(1).await?;
        a.cancel();
        lock.release()?;
        spin(4).await
    });
}

#[test]
fn lock_scope_is_left_by_error_and_cancel() {
    let expected = "ValueError; false; true; cancelled: m; false";
    check_twin("lock_scope_is_left_by_error_and_cancel", expected, || async {
        let lock = Lock::new();
        let fails = lock.scope(async || Err::<(), _>(ValueError::new("x").into()));
        out!("{}", attempt(fails).await);
        out!("{}", lock.locked());
        let theirs = lock.clone();
        let parks = async move { theirs.scope(async || Ok(Event::new().wait().await?)).await };
        let task = spawn(async move { Ok(attempt(parks).await) });
        spin(1).await?;
        out!("{}", lock.locked());
        task.cancel_with("m");
        out!("{}", task.await?);
        out!("{}", lock.locked());
        Ok(())
    });
}

#[test]
fn lock_released_inside_its_scope() {
    let expected = "RuntimeError; other holds; true; false";
    check_twin("lock_released_inside_its_scope", expected, || async {
        let lock = Lock::new();
        out!("{}", attempt(lock.scope(async || Ok(lock.release()?))).await);
        let theirs = lock.clone();
        let longer = lock.scope(async || {
            lock.release()?;
            let steals = spawn(async move {
                theirs.acquire().await?;
                Ok(out!("other holds"))
            });
            steals.await?;
            out!("{}", lock.locked());
            Ok(())
        });
        longer.await?;
        out!("{}", lock.locked());
        Ok(())
    });
}

#[test]
fn event_set_and_cleared_in_one_go() {
    check_twin("event_set_and_cleared_in_one_go", "ok; false", || async {
        let event = Event::new();
        let theirs = event.clone();
        let task = spawn(async move { Ok(theirs.wait().await?) });
        spin(1).await?;
        event.set();
        event.clear();
        out!("{}", attempt(task).await);
        out!("{}", event.is_set());
        Ok(())
    });
}

#[test]
fn event_wakes_in_order() {
    let expected = "1 main, at once; 1 a; 1 b; 1 c; 1 late";
    check_twin("event_wakes_in_order", expected, || async {
        let event = Event::new();
        let waiter = |name: &'static str| {
            let event = event.clone();
            spawn(async move {
                event.wait().await?;
                Ok(at!("{name}"))
            })
        };
        for name in ["a", "b", "c"] {
            waiter(name);
        }
        spin(1).await?;
        event.set();
        let late = waiter("late");
        event.wait().await?;
        at!("main, at once");
        spin(1).await?;
        late.await
    });
}

#[test]
fn event_woken_waiter_is_cancelled() {
    check_twin("event_woken_waiter_is_cancelled", "cancelled: m; ok", || async {
        let event = Event::new();
        let waiter = || {
            let event = event.clone();
            spawn(async move { Ok(attempt(event.wait()).await) })
        };
        let (a, b) = (waiter(), waiter());
        spin(1).await?;
        event.set();
        a.cancel_with("m");
        out!("{}", a.await?);
        out!("{}", b.await?);
        Ok(())
    });
}

#[test]
fn condition_needs_its_lock() {
    let expected = "RuntimeError; RuntimeError; RuntimeError; ok; RuntimeError";
    check_twin("condition_needs_its_lock", expected, || async {
        let condition = Condition::new();
        out!("{}", attempt(condition.wait()).await);
        out!("{}", text(condition.notify(1)));
        out!("{}", text(condition.notify_all()));
        out!("{}", attempt(condition.wait_for(|| true)).await);
        out!("{}", attempt(condition.wait_for(|| false)).await);
        Ok(())
    });
}

/// Spawns a task that waits for the condition and says how that went.
fn cond_waiter(condition: &Condition, name: &'static str) -> seedloop::JoinHandle<()> {
    let condition = condition.clone();
    spawn(async move {
        let wait = async || Ok(out!("{name} {}", attempt(condition.wait()).await));
        condition.scope(wait).await
    })
}

#[test]
fn condition_notifies_in_order() {
    let expected = "3 still held; 3 a; 4 b; 6 released; 6 c; 6 d";
    check_twin("condition_notifies_in_order", expected, || async {
        let condition = Condition::new();
        for name in ["a", "b", "c", "d"] {
            let condition = condition.clone();
            spawn(async move {
                let wait = async || {
                    condition.wait().await?;
                    Ok(at!("{name}"))
                };
                condition.scope(wait).await
            });
        }
        spin(1).await?;
        let two = async || {
            condition.notify(2)?;
            spin(2).await?;
            Ok(at!("still held"))
        };
        condition.scope(two).await?;
        spin(3).await?;
        condition.scope(async || Ok(condition.notify_all()?)).await?;
        at!("released");
        spin(3).await
    });
}

#[test]
fn condition_lock_is_free_or_contested() {
    let expected = "2 contender; 4 a; 6 b";
    check_twin("condition_lock_is_free_or_contested", expected, || async {
        let condition = Condition::new();
        for name in ["a", "b"] {
            let condition = condition.clone();
            spawn(async move {
                condition.acquire().await?;
                condition.wait().await?;
                at!("{name}");
                yield_now().await?;
                Ok(condition.release()?)
            });
        }
        spin(1).await?;
        condition.acquire().await?;
        let theirs = condition.clone();
        spawn(async move {
            let hold = async || {
                at!("contender");
                Ok(yield_now().await?)
            };
            theirs.scope(hold).await
        });
        spin(1).await?;
        condition.notify_all()?;
        condition.release()?;
        spin(8).await
    });
}

#[test]
fn condition_cancelled_waiter_wakes_another() {
    // Source: CPython 3.13, `Condition.wait`; neither 3.11 nor 3.12 wakes another one here.
    let expected = "a cancelled; b ok; |; a cancelled; b ok; |; c cancelled; c cancelled";
    check_twin("condition_cancelled_waiter_wakes_another", expected, || async {
        for notify in 0..2 {
            let condition = Condition::new();
            let a = cond_waiter(&condition, "a");
            cond_waiter(&condition, "b");
            cond_waiter(&condition, "c");
            spin(1).await?;
            condition.acquire().await?;
            condition.notify(notify)?;
            condition.release()?;
            a.cancel();
            spin(5).await?;
            out!("|");
        }
        Ok(())
    });
}

#[test]
fn condition_cancelled_while_taking_the_lock_again() {
    let expected = "5 ok, locked; 6 cancelled: second, locked";
    check_twin("condition_cancelled_while_taking_the_lock_again", expected, || async {
        let condition = Condition::new();
        let waiter = || {
            let condition = condition.clone();
            spawn(async move {
                let wait = async || {
                    let result = attempt(condition.wait()).await;
                    let locked = if condition.locked() { "locked" } else { "unlocked" };
                    Ok(at!("{result}, {locked}"))
                };
                condition.scope(wait).await
            })
        };
        waiter();
        let other = waiter();
        spin(1).await?;
        condition.acquire().await?;
        condition.notify(2)?;
        spin(2).await?;
        other.cancel_with("first");
        spin(1).await?;
        other.cancel_with("second");
        spin(1).await?;
        condition.release()?;
        spin(4).await
    });
}

#[test]
fn condition_cancelled_twice_before_it_runs() {
    check_twin("condition_cancelled_twice_before_it_runs", "1 cancelled: first; 2", || async {
        let condition = Condition::new();
        let theirs = condition.clone();
        let task = spawn(async move {
            theirs.scope(async || Ok(at!("{}", attempt(theirs.wait()).await))).await
        });
        spin(1).await?;
        task.cancel_with("first");
        task.cancel_with("second");
        spin(3).await?;
        out!("{}", task.cancelling());
        Ok(())
    });
}

#[test]
fn condition_waits_for_a_predicate() {
    let expected = "asked 0; asked 1; asked 2; 3 enough";
    check_twin("condition_waits_for_a_predicate", expected, || async {
        let (condition, value) = (Condition::new(), Rc::new(Cell::new(0)));
        let (theirs, seen) = (condition.clone(), value.clone());
        spawn(async move {
            let enough = || {
                out!("asked {}", seen.get());
                seen.get() >= 2
            };
            let wait = async || {
                theirs.wait_for(enough).await?;
                Ok(at!("enough"))
            };
            theirs.scope(wait).await
        });
        spin(1).await?;
        for n in [1, 2] {
            value.set(n);
            condition.scope(async || Ok(condition.notify(1)?)).await?;
            spin(2).await?;
        }
        Ok(())
    });
}

#[test]
fn semaphore_wakes_all_it_can() {
    // Source: CPython 3.13, `Semaphore.acquire`; 3.11 and 3.12 wake at most one here.
    check_twin("semaphore_wakes_all_it_can", "1 a; 2 c; 2 d", || async {
        let (semaphore, go) = (Semaphore::new(0), Event::new());
        let waiter = |name: &'static str, event: Option<Event>| {
            let semaphore = semaphore.clone();
            spawn(async move {
                if let Some(event) = event {
                    event.wait().await?;
                }
                semaphore.acquire().await?;
                Ok(at!("{name}"))
            })
        };
        waiter("c", Some(go.clone()));
        waiter("d", Some(go.clone()));
        waiter("a", None);
        spin(1).await?;
        go.set();
        (0..3).for_each(|_| semaphore.release());
        spin(4).await
    });
}

/// Spawns a task that takes a permit and says how that went.
fn permit_taker(semaphore: &Semaphore, name: &'static str) -> seedloop::JoinHandle<()> {
    let semaphore = semaphore.clone();
    spawn(async move { Ok(at!("{name} {}", attempt(semaphore.acquire()).await)) })
}

#[test]
fn semaphore_is_locked_with_permits_left() {
    let expected = "true; 1 a; 1 main; true";
    check_twin("semaphore_is_locked_with_permits_left", expected, || async {
        let semaphore = Semaphore::new(0);
        let theirs = semaphore.clone();
        spawn(async move {
            theirs.acquire().await?;
            Ok(at!("a"))
        });
        spin(1).await?;
        semaphore.release();
        semaphore.release();
        out!("{}", semaphore.locked());
        semaphore.acquire().await?;
        at!("main");
        out!("{}", semaphore.locked());
        Ok(())
    });
}

#[test]
fn semaphore_woken_waiter_is_cancelled() {
    let expected = "1 a cancelled: m; 1 b ok; 2 c cancelled; 2 d ok; false";
    check_twin("semaphore_woken_waiter_is_cancelled", expected, || async {
        let semaphore = Semaphore::new(0);
        let tasks = ["a", "b", "c", "d"].map(|name| permit_taker(&semaphore, name));
        spin(1).await?;
        semaphore.release();
        semaphore.release();
        tasks[0].cancel_with("m");
        spin(1).await?;
        tasks[2].cancel();
        semaphore.release();
        spin(4).await?;
        out!("{}", semaphore.locked());
        Ok(())
    });
}

#[test]
fn semaphore_waiter_cancelled_before_the_release() {
    let expected = "true; true; false; 1 main, at once; 1 a cancelled; 1 b cancelled";
    check_twin("semaphore_waiter_cancelled_before_the_release", expected, || async {
        let semaphore = Semaphore::new(0);
        let (a, b) = (permit_taker(&semaphore, "a"), permit_taker(&semaphore, "b"));
        spin(1).await?;
        a.cancel();
        out!("{}", semaphore.locked());
        b.cancel();
        out!("{}", semaphore.locked());
        semaphore.release();
        out!("{}", semaphore.locked());
        semaphore.acquire().await?;
        at!("main, at once");
        spin(2).await
    });
}

#[test]
fn bounded_semaphore_counts() {
    let expected = "ValueError; ValueError; the permit on its way does not count; ValueError";
    check_twin("bounded_semaphore_counts", expected, || async {
        let semaphore = BoundedSemaphore::new(1);
        for _ in 0..2 {
            out!("{}", text(semaphore.release()));
            semaphore.acquire().await?;
            semaphore.release()?;
        }
        semaphore.acquire().await?;
        let theirs = semaphore.clone();
        spawn(async move { Ok(theirs.acquire().await?) });
        spin(1).await?;
        semaphore.release()?;
        semaphore.release()?;
        out!("the permit on its way does not count");
        spin(1).await?;
        out!("{}", attempt(semaphore.scope(async || Ok(semaphore.release()?))).await);
        Ok(())
    });
}
