//! Runs in which nothing can happen any more.

use std::cell::RefCell;
use std::rc::Rc;

use seedloop::error::Deadlock;
use seedloop::sync::Lock;
use seedloop::{JoinHandle, Result, Simulation, create_future, gather, sleep, spawn_named};

use crate::surprises::helpers::ms;

fn deadlock_of<F>(main: F) -> Deadlock
where
    F: Future<Output = Result<()>> + 'static,
{
    let error = Simulation::new().block_on(main).result.unwrap_err();
    error.downcast_ref::<Deadlock>().expect("a deadlock").clone()
}

/// Two tasks take two locks in opposite order: the text names who waits for what, where, who holds
/// it since where, and the cycle.
#[test]
fn a_deadlock_names_holders_and_the_cycle() {
    let line = line!();
    let deadlock = deadlock_of(async {
        let (a, b) = (Lock::new(), Lock::new());
        let (a2, b2) = (a.clone(), b.clone());
        let first = spawn_named("first", async move {
            a.acquire().await?;
            sleep(ms(1)).await?;
            b.acquire().await?;
            Ok(())
        });
        let second = spawn_named("second", async move {
            b2.acquire().await?;
            sleep(ms(1)).await?;
            a2.acquire().await?;
            Ok(())
        });
        first.await?;
        second.await
    });
    let at = |offset: u32| format!("tests/kernel/deadlock.rs:{}", line + offset);
    let expected = format!(
        "deadlock at 0.001s: 3 tasks wait for ever\n  \
         task 'Task-1' (spawned at {})\n    \
         waits for task at {}, which is 'first'\n  \
         task 'first' (spawned at {})\n    \
         waits for lock#2 at {}, held by 'second' since {}\n  \
         task 'second' (spawned at {})\n    \
         waits for lock#1 at {}, held by 'first' since {}\n  \
         cycle: 'first' -> lock#2 -> 'second' -> lock#1 -> 'first'",
        "tests/kernel/deadlock.rs:16",
        at(16),
        at(4),
        at(7),
        at(11),
        at(10),
        at(13),
        at(5),
    );
    assert_eq!(deadlock.to_string(), expected);
}

/// Nobody completes a future: the run ends at once, in virtual time too.
#[test]
fn a_future_that_nobody_completes() {
    let deadlock = deadlock_of(async {
        sleep(ms(5)).await?;
        create_future::<()>()?.await
    });
    assert_eq!(deadlock.time().since_start(), ms(5));
    assert_eq!(deadlock.blocked().len(), 1);
    assert_eq!(deadlock.blocked()[0].waits[0].what, "future");
    assert_eq!(deadlock.cycle(), None);
}

/// A wait on something foreign is named as such.
#[test]
fn a_foreign_wait_in_a_deadlock() {
    let deadlock = deadlock_of(async {
        std::future::pending::<()>().await;
        Ok(())
    });
    assert!(deadlock.to_string().contains("waits for something that is not seedloop's"));
}

/// Spawns `count` tasks of which each awaits the one before; the first awaits what `first` does.
async fn chain(count: usize, first: impl Future<Output = Result<()>> + 'static) -> Result<()> {
    let mut last = spawn_named("t0", first);
    for index in 1..count {
        last = spawn_named(format!("t{index}"), last);
    }
    last.await
}

/// A long chain is walked once: the text shows its beginning and says how much more there is.
#[test]
fn a_long_chain_is_told_in_short() {
    let deadlock = deadlock_of(chain(20_000, std::future::pending()));
    assert_eq!(deadlock.blocked().len(), 20_001);
    assert_eq!(deadlock.cycle(), None);
    let text = deadlock.to_string();
    let tasks = text.lines().filter(|line| line.starts_with("  task '"));
    assert_eq!(tasks.count(), 20);
    assert!(text.starts_with("deadlock at 0.0s: 20001 tasks wait for ever\n  task 'Task-1'"));
    assert!(text.ends_with(", which is 't17'\n  ... and 19981 more tasks"), "{text}");
}

/// A ring behind a chain and behind many others is shown, up to a limit, from its oldest task on.
#[test]
fn a_long_cycle_is_told_in_short() {
    let deadlock = deadlock_of(async {
        for index in 0..30 {
            spawn_named(format!("other{index}"), std::future::pending::<Result<()>>());
        }
        let slot = Rc::new(RefCell::new(None::<JoinHandle<()>>));
        let last = Rc::clone(&slot);
        let ring = chain(60, async move {
            let last = last.borrow_mut().take();
            last.expect("the last of the ring was put here").await
        });
        let ring = spawn_named("last", ring);
        *slot.borrow_mut() = Some(ring.shared());
        ring.await
    });
    let cycle = deadlock.cycle().expect("a ring");
    // Before them: main and the others. The one that spawned the ring is its oldest.
    let expected = std::iter::once(32).chain((33..93).rev());
    assert_eq!(cycle, expected.collect::<Vec<u32>>());
    let text = deadlock.to_string();
    let shown: Vec<String> = (11..60).rev().map(|index| format!("'t{index}'")).collect();
    let expected =
        format!("  cycle: 'last' -> {} -> ... and 11 more -> 'last'", shown.join(" -> "));
    assert_eq!(text.lines().last(), Some(expected.as_str()));
    assert!(text.contains("\n  task 't11' ("), "{text}");
    assert!(text.contains("\n  ... and 22 more tasks\n"), "{text}");
}

/// Of many children that a gather waits for, the first are named.
#[test]
fn many_children_are_told_in_short() {
    let deadlock = deadlock_of(async {
        let children = (0..12).map(|_| std::future::pending::<Result<()>>());
        gather(children.collect::<Vec<_>>()).await.map(drop)
    });
    let text = deadlock.to_string();
    assert!(text.contains(" and which is 'Task-9' and 4 more\n"), "{text}");
}

/// A combinator of another library polls what it was given: the place is that at which this was
/// made, not a line of the library.
#[test]
fn places_under_a_combinator_are_the_programs() {
    let line = line!();
    let deadlock = deadlock_of(async {
        let (future, lock) = (create_future::<()>()?, Lock::new());
        lock.acquire().await?;
        let (first, second) = futures_lite::future::zip(future, lock.acquire()).await;
        first?;
        Ok(second?)
    });
    let places: Vec<String> =
        deadlock.blocked()[0].waits.iter().map(|wait| wait.location.to_string()).collect();
    let at = |offset: u32| format!("tests/kernel/deadlock.rs:{}", line + offset);
    assert_eq!(places, [at(2), at(4)]);
}

/// A wait for the one value of a channel tells where it waits, and where the sender comes from.
#[test]
fn a_oneshot_tells_where_it_was_made() {
    let line = line!();
    let deadlock = deadlock_of(async {
        let (_sender, receiver) = seedloop::sync::oneshot::channel::<()>();
        // Both places are told, since nobody knows who has the sender.
        let received = receiver.await;
        Ok(received?)
    });
    let at = |offset: u32| format!("tests/kernel/deadlock.rs:{}", line + offset);
    let wait = format!("waits for oneshot#1 (recv) at {}, made at {}", at(4), at(2));
    assert!(deadlock.to_string().ends_with(&wait), "{deadlock}");
}

/// What a gather is called in the trace it is called here too.
#[test]
fn a_gather_is_called_so() {
    let deadlock = deadlock_of(async {
        let gathered = gather([std::future::pending::<Result<()>>()]);
        gathered.await.map(drop)
    });
    assert_eq!(deadlock.blocked()[0].waits[0].what, "gather");
}
