//! What asyncio's `cancel`, a panic and the end of a run do to tasks of tokio's shape.

use seedloop::error::{Deadlock, Panicked};
use seedloop::tokio::task::{JoinSet, yield_now};
use seedloop::tokio::time::{interval, sleep, timeout};
use seedloop::tokio::{self, sync::Notify};
use seedloop::{Outcome, Result, Simulation, TaskGroup, all_tasks, attempt, in_simulation, out};
use std::time::Duration;

struct Loud(&'static str);

impl Drop for Loud {
    fn drop(&mut self) {
        out!("drop {}", self.0);
    }
}

fn check<F>(expected: &[&str], main: F)
where
    F: Future<Output = Result<()>> + 'static,
{
    let outcome = Simulation::new().block_on(main);
    assert_eq!(texts(&outcome), expected);
    outcome.result.expect("the program to succeed");
}

fn texts<T>(outcome: &Outcome<T>) -> Vec<&str> {
    outcome.lines.iter().map(|line| line.text.as_str()).collect()
}

const LONG: Duration = Duration::from_secs(9);

/// Cancels, as asyncio does, every task that was spawned by the one that runs.
fn cancel_others() -> Result<()> {
    for task in all_tasks()?.iter().skip(1) {
        task.cancel();
    }
    Ok(())
}

/// A cancel does not come out of a wait of tokio's shape: the task is dropped.
#[test]
fn a_cancel_drops_a_task_in_any_wait() {
    check(&["drop sleep", "drop tick", "drop join", "drop next", "drop yields", "5 over"], async {
        let inner = tokio::spawn(sleep(LONG));
        let mut tasks = JoinSet::new();
        tasks.spawn(async {
            let _held = Loud("sleep");
            sleep(LONG).await;
            out!("not reached");
        });
        tasks.spawn(async {
            let (_held, mut ticks) = (Loud("tick"), interval(LONG));
            ticks.tick().await;
            ticks.tick().await;
            out!("not reached");
        });
        tasks.spawn(async {
            let _held = Loud("join");
            drop(inner.await);
            out!("not reached");
        });
        tasks.spawn(async {
            let (_held, mut set) = (Loud("next"), JoinSet::new());
            set.spawn(sleep(LONG));
            set.join_next().await;
            out!("not reached");
        });
        tasks.spawn(async {
            let _held = Loud("yields");
            loop {
                yield_now().await;
            }
        });
        yield_now().await;
        yield_now().await;
        cancel_others()?;
        let mut over = 0;
        while let Some(ended) = tasks.join_next().await {
            over += u32::from(ended.unwrap_err().is_cancelled());
        }
        Ok(out!("{over} over"))
    });
}

/// The cancel of a task that awaits a handle leaves alone what it awaits.
#[test]
fn a_cancel_does_not_travel_through_a_handle() {
    check(&["awaiter cancelled: true", "awaited: Ok(7)"], async {
        let awaited = tokio::spawn(async {
            sleep(LONG).await;
            7
        });
        let abort = awaited.abort_handle();
        let (hand_over, taken) = tokio::sync::oneshot::channel();
        let awaiter = seedloop::spawn(async {
            let (mut awaited, _stays) = (awaited, ());
            let result = attempt(async { Ok(drop((&mut awaited).await)) }).await;
            drop(hand_over.send(awaited));
            result
        });
        yield_now().await;
        awaiter.cancel();
        let result = awaiter.await;
        out!("awaiter cancelled: {}", result.is_err_and(|error| error.is_cancelled()));
        assert!(!abort.is_finished());
        Ok(out!("awaited: {:?}", taken.await?.await))
    });
}

/// A boundary of ours around a wait of tokio's shape gets the cancel.
#[test]
fn a_boundary_around_the_wait_gets_the_cancel() {
    check(&["drop held", "cancelled: true", "cleaned up"], async {
        let task = seedloop::spawn(async {
            let result = attempt(async {
                let _held = Loud("held");
                Ok(timeout(LONG, sleep(LONG)).await?)
            });
            out!("cancelled: {}", result.await.is_err_and(|error| error.is_cancelled()));
            sleep(Duration::from_secs(1)).await;
            Ok(out!("cleaned up"))
        });
        yield_now().await;
        task.cancel();
        task.await
    });
}

/// Our time limits and groups drop what waits in tokio's shape.
#[test]
fn our_timeout_and_group_hold_tokio_s_waits() {
    check(&["drop in time", "elapsed", "drop in group", "failed"], async {
        let late = seedloop::timeout(Duration::from_secs(1)).scope(async |_| {
            let _held = Loud("in time");
            Ok(sleep(LONG).await)
        });
        out!("{}", if late.await.is_err_and(|error| error.is_timeout()) { "elapsed" } else { "?" });
        let group = TaskGroup::new().scope(async |group| {
            group.spawn(async {
                let _held = Loud("in group");
                Ok(sleep(LONG).await)
            })?;
            yield_now().await;
            Err::<(), _>(seedloop::error::ValueError::new("bad").into())
        });
        Ok(out!("{}", if group.await.is_err() { "failed" } else { "?" }))
    });
}

/// A panic ends the run, unless it was asked for as the handle's.
#[test]
fn a_panic_ends_the_run() {
    for blocking in [false, true] {
        let outcome = Simulation::new().block_on(async move {
            let task = match blocking {
                true => tokio::task::spawn_blocking(|| panic!("oh no")),
                false => tokio::spawn(async { panic!("oh no") }),
            };
            let result: std::result::Result<(), _> = task.await;
            sleep(LONG).await;
            Ok(out!("not reached: {result:?}"))
        });
        let error = outcome.result.as_ref().unwrap_err();
        let panicked = error.downcast_ref::<Panicked>().expect("a panic");
        assert_eq!(panicked.message(), "oh no");
        assert_eq!(texts(&outcome), [""; 0]);
    }
}

/// A detached task's panic ends the run as well.
#[test]
fn a_panic_of_a_detached_task_ends_the_run() {
    let outcome = Simulation::new().block_on(async {
        drop(tokio::spawn(async { panic!("unseen") }));
        Ok(sleep(LONG).await)
    });
    assert!(outcome.result.unwrap_err().is::<Panicked>());
    assert_eq!(outcome.time, seedloop::Instant::START);
}

/// With `panics_join` nobody need ask for it, as with tokio.
#[test]
fn a_panic_of_a_detached_task_is_the_handle_s() {
    let outcome = Simulation::new().panics_join().block_on(async {
        drop(tokio::spawn(async { panic!("unseen") }));
        Ok(sleep(LONG).await)
    });
    outcome.result.unwrap();
}

/// Values that nobody wants are no loss: dropping the handle says so.
#[test]
fn a_detached_task_is_not_reported() {
    let outcome = Simulation::new().block_on(async {
        drop(tokio::spawn(async { Err::<u32, &str>("unseen") }));
        Ok(sleep(LONG).await)
    });
    assert!(outcome.reports.is_empty(), "{:?}", outcome.reports);
}

/// What is left at the end of the run is dropped, also what never waits.
#[test]
fn the_end_of_the_run_drops_what_is_left() {
    check(&["drop waits", "drop yields"], async {
        tokio::spawn(async {
            let _held = Loud("waits");
            Notify::new().notified().await;
        });
        tokio::spawn(async {
            let _held = Loud("yields");
            loop {
                yield_now().await;
            }
        });
        yield_now().await;
        Ok(())
    });
    assert!(!in_simulation());
}

/// A deadlock report names the task that is awaited, and the wait of a set.
#[test]
fn a_deadlock_names_what_is_waited_for() {
    let outcome = Simulation::new().block_on(async {
        let stuck = tokio::spawn(async { Notify::new().notified().await });
        let mut set = JoinSet::new();
        set.spawn(async { drop(stuck.await) });
        Ok(drop(set.join_next().await))
    });
    let error = outcome.result.unwrap_err();
    let deadlock = error.downcast_ref::<Deadlock>().expect("a deadlock");
    let waits = deadlock.blocked().iter().map(|task| task.waits[0].what.as_str());
    assert_eq!(waits.collect::<Vec<_>>(), ["join set#1", "notify#1", "task"]);
    assert_eq!(deadlock.blocked()[2].waits[0].holders[0].name, "Task-2");
}

/// A loop over waits that need not wait is ended by a limit.
#[test]
fn endless_loops_over_ready_waits_are_ended() {
    let limits = seedloop::Limits { steps: 10_000, ..seedloop::Limits::default() };
    let outcome = Simulation::new().limits(limits).block_on(async {
        let mut set = JoinSet::<()>::new();
        loop {
            set.join_next().await;
        }
    });
    let result: Result<()> = outcome.result;
    assert!(result.unwrap_err().is::<seedloop::error::LimitExceeded>());
}
