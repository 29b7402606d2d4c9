//! The cancel that a group requests of its own task: it goes no further than the block, and is
//! taken back whichever way the block is left.

use std::time::Duration;

use futures_lite::future::{or, zip};
use seedloop::error::Exit;
use seedloop::sync::Event;
use seedloop::{
    Error, Result, TaskGroup, attempt, current_task, out, running_loop, select, sleep, spawn,
    timeout,
};

use crate::surprises::helpers::{check, ms, show, spin};

/// A group whose only child fails at `delay`, and whose body waits for longer.
async fn failing(delay: Duration) -> Result<()> {
    let block = TaskGroup::new().scope(async |group| {
        group.spawn(async move {
            sleep(delay).await?;
            Err::<(), _>(Error::msg("bad"))
        })?;
        Ok(sleep(Duration::from_secs(5)).await?)
    });
    block.await
}

fn cancelling() -> u32 {
    current_task().ok().flatten().expect("a task runs").cancelling()
}

/// A block that is dropped after its last child failed has taken its cancel back: the next group
/// finds no cancel from outside, and nothing is cancelled after it.
#[test]
fn a_dropped_group_takes_its_cancel_back_without_children() {
    check(&["first 0", "[bad] 0", "Ok(())"], async {
        let event = Event::new();
        let waited = event.clone();
        // The child fails, its callback cancels the body, and the event is set: one step sees all.
        let setter = spawn(async move {
            sleep(Duration::from_secs(1)).await?;
            spin(2).await?;
            event.set();
            Ok(())
        });
        select! {
            biased;
            _ = waited.wait() => out!("first {}", cancelling()),
            result = failing(Duration::from_secs(1)) => out!("group {}", show(result)),
        }
        setter.await?;
        let second = failing(ms(10)).await;
        out!("{} {}", show(second), cancelling());
        out!("{:?}", sleep(ms(10)).await);
        Ok(())
    });
}

/// What is awaited beside a group is not cancelled by it.
#[test]
fn a_group_cancels_only_its_own_block() {
    check(&["[bad] Ok(()) 3.0s 0"], async {
        let group = failing(Duration::from_secs(1));
        let (failed, slept) = zip(group, sleep(Duration::from_secs(3))).await;
        out!("{} {slept:?} {} {}", show(failed), running_loop()?.time(), cancelling());
        Ok(())
    });
}

/// The same while a group waits for its children: its block is still open.
#[test]
fn a_group_that_ends_is_not_cancelled_by_one_beside_it() {
    check(&["[bad] 1 0"], async {
        let other = TaskGroup::new().scope(async |group| {
            let child = group.spawn(async {
                sleep(Duration::from_secs(2)).await?;
                Ok(1)
            })?;
            Ok(child)
        });
        let (failed, child) = zip(failing(Duration::from_secs(1)), other).await;
        out!("{} {} {}", show(failed), show(child?.await), cancelling());
        Ok(())
    });
}

/// Two groups that fail at one moment are two groups.
#[test]
fn two_groups_side_by_side_fail_at_once() {
    check(&["[bad] [bad] 0", "Ok(())"], async {
        let (a, b) = zip(failing(ms(10)), failing(ms(10))).await;
        out!("{} {} {}", show(a), show(b), cancelling());
        out!("{:?}", sleep(ms(10)).await);
        Ok(())
    });
}

/// A group counts no cancel of a timeout beside it, nor that timeout one of the group's.
#[test]
fn a_group_and_a_timeout_side_by_side() {
    check(&["[bad] TimeoutError() 0", "Ok(())"], async {
        let limited = timeout(ms(10)).scope(async |_| Ok(sleep(Duration::from_secs(9)).await?));
        let (a, b) = zip(failing(ms(10)), limited).await;
        out!("{} {} {}", show(a), show(b), cancelling());
        out!("{:?}", sleep(ms(10)).await);
        Ok(())
    });
}

/// A timeout around a group whose child fails in its clean-up cancels nothing beside the two.
#[test]
fn a_renewed_cancel_stays_in_the_block_that_asked_for_it() {
    check(&["[bad] 0 Ok(()) 1.0s"], async {
        let limited = timeout(ms(10)).scope(async |_| {
            TaskGroup::new()
                .scope(async |group| {
                    group.spawn(async {
                        sleep(Duration::from_secs(9)).await.unwrap_err();
                        Err::<(), _>(Error::msg("bad"))
                    })?;
                    Ok(sleep(Duration::from_secs(9)).await?)
                })
                .await
        });
        let counted = async {
            let result = limited.await;
            format!("{} {}", show(result), cancelling())
        };
        let (text, slept) = zip(counted, sleep(Duration::from_secs(1))).await;
        out!("{text} {slept:?} {}", running_loop()?.time());
        Ok(())
    });
}

/// A cancel of the group that is on its way when the block is dropped goes nowhere.
#[test]
fn a_cancel_on_its_way_is_taken_back_with_the_block() {
    check(&["None 0"], async {
        let task = spawn(async {
            let group = TaskGroup::new().scope(async |group| {
                group.spawn(async { Err::<(), _>(Error::msg("bad")) })?;
                spin(9).await?;
                Ok(())
            });
            or(async { Ok(spin(2).await?) }, group).await?;
            attempt(async { Ok(sleep(ms(10)).await?) }).await
        });
        spin(5).await?;
        sleep(ms(20)).await?;
        out!("{:?} {}", task.exception()?, task.cancelling());
        Ok(())
    });
}

/// A group that ends with an `Exit` has not taken its cancel back: as with CPython 3.13, whose
/// transcript this is, the next group takes it for one from outside and hands it on.
#[test]
fn an_exit_leaves_the_cancel_of_its_group() {
    let cancelled = "Err(Cancelled { message: None }) 1";
    check(&["exit 1", "slept 1", "[bad] 1", cancelled, "timeout true 1"], async {
        let left = TaskGroup::new().scope(async |group| {
            group.spawn(async { Err::<(), _>(Error::msg("bad")) })?;
            match sleep(Duration::from_secs(1)).await {
                Ok(()) => Ok(()),
                Err(_) => Err(Error::exit(3)),
            }
        });
        let left = left.await.expect_err("the group ends with what its body raises");
        assert!(left.is::<Exit>(), "{left:?}");
        out!("exit {}", cancelling());
        sleep(Duration::from_secs(1)).await?;
        out!("slept {}", cancelling());
        out!("{} {}", show(failing(ms(10)).await), cancelling());
        out!("{:?} {}", sleep(Duration::from_secs(1)).await, cancelling());
        let late = timeout(Duration::from_secs(1)).scope(async |_| {
            sleep(Duration::from_secs(5)).await?;
            Ok(())
        });
        out!("timeout {} {}", late.await.is_err_and(|error| error.is_timeout()), cancelling());
        Ok(())
    });
}
