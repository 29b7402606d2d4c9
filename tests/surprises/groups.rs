//! S29 to S31: task groups.

use std::time::Duration;

use seedloop::{Error, Result, TaskGroup, attempt, out, sleep};

use super::helpers::{Wake, boom, check, nap, repr, show, spin};

/// The body's error comes last; cancelled children vanish; one that fails while it is aborted is
/// among the errors.
#[test]
fn s29_what_a_group_collects() {
    check(&["run: [KeyError(), ValueError()]"], async {
        TaskGroup::new()
            .scope(async |group| {
                group.spawn(nap(Wake { error: Some("KeyError()"), ..Wake::default() }))?;
                group.spawn(nap(Wake::default()))?;
                spin(1).await?;
                Err(Error::msg("ValueError()"))
            })
            .await
    });
}

/// A body that swallows the abort's cancel runs on undisturbed; the group raises in the end.
#[test]
fn s30_a_body_that_swallows_the_abort() {
    check(&["CancelledError()", "body ends", "group raised [ValueError()]"], async {
        let group: Result<()> = TaskGroup::new()
            .scope(async |group| {
                group.spawn(boom(0))?;
                let slept = attempt(async { Ok(sleep(Duration::from_secs(9)).await?) }).await;
                out!("{}", show(slept));
                spin(5).await?;
                out!("body ends");
                Ok(())
            })
            .await;
        out!("group raised {}", repr(&group.unwrap_err()));
        Ok(())
    });
}

/// Spawning is legal while the group waits, refused while it aborts, and once it has ended.
#[test]
fn s31_when_a_group_takes_tasks() {
    let expected = &[
        "late child ok",
        "the task group is finished",
        "[the task group is shutting down, division by zero]",
    ];
    check(expected, async {
        let group = TaskGroup::new();
        let inside = group.clone();
        group
            .clone()
            .scope(async |group| {
                group.spawn(async move {
                    spin(2).await?;
                    inside.spawn(async { Ok(spin(1).await?) })?;
                    out!("late child ok");
                    Ok(())
                })?;
                Ok(())
            })
            .await?;
        out!("{}", group.spawn(async { Ok(()) }).unwrap_err());
        let refused: Result<()> = TaskGroup::new()
            .scope(async |group| {
                let inside = group.clone();
                group.spawn(async move {
                    drop(attempt(async { Ok(sleep(Duration::from_secs(9)).await?) }).await);
                    inside.spawn(async { Ok(spin(1).await?) })?;
                    Ok(())
                })?;
                spin(1).await?;
                Err(Error::msg("division by zero"))
            })
            .await;
        out!("{}", repr(&refused.unwrap_err()));
        Ok(())
    });
}
