//! Runs in which nothing can happen any more.

use seedloop::sync::Lock;
use seedloop::{Deadlock, Result, Simulation, create_future, run, sleep, spawn_named};

use crate::surprises::helpers::ms;

fn deadlock_of<F>(main: F) -> Deadlock
where
    F: Future<Output = Result<()>> + 'static,
{
    let outcome = Simulation::new().run(|| run(main));
    let error = outcome.result.expect("no panic").unwrap_err();
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
        "tests/kernel/deadlock.rs:12",
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
