//! A task that waits on something that is not of the library.

use std::time::Duration;

use seedloop::{
    Error, Result, TaskGroup, attempt, out, running_loop, sleep, spawn, timeout, wait_for,
};

use crate::surprises::helpers::{check, ms, show, spin};

/// Says so when it is dropped.
struct Says(&'static str);

impl Drop for Says {
    fn drop(&mut self) {
        out!("{} dropped", self.0);
    }
}

async fn foreign(name: &'static str) {
    let _says = Says(name);
    std::future::pending::<()>().await;
}

/// Without a boundary the task itself is dropped; its awaiter gets the cancel with its message.
#[test]
fn without_a_boundary_the_task_is_dropped() {
    check(&["true", "wait dropped", "CancelledError('stop') true"], async {
        let task = spawn(async {
            foreign("wait").await;
            out!("never here");
            Ok(())
        });
        spin(2).await?;
        out!("{}", task.cancel_with("stop"));
        let watch = task.shared();
        out!("{} {}", show(task.await), watch.cancelled());
        Ok(())
    });
}

/// The innermost boundary drops what is inside and returns the cancel; clean-up may await.
#[test]
fn the_innermost_boundary_returns_the_cancel() {
    let expected = &["inner wait dropped", "cleaned up at 1.0s", "CancelledError('stop')"];
    check(expected, async {
        let task = spawn(async {
            let result: Result<()> = attempt(async {
                let inner = attempt(async {
                    foreign("inner wait").await;
                    Ok(())
                })
                .await;
                sleep(Duration::from_secs(1)).await?;
                out!("cleaned up at {}", running_loop()?.time());
                inner
            })
            .await;
            result
        });
        spin(2).await?;
        task.cancel_with("stop");
        out!("{}", show(task.await));
        Ok(())
    });
}

/// A timeout around a foreign wait drops it and says that the time was up; the task goes on.
#[test]
fn a_timeout_ends_a_foreign_wait() {
    check(&["wait dropped", "TimeoutError()", "0.01s"], async {
        let limited = timeout(ms(10)).scope(async |_| {
            foreign("wait").await;
            Ok(())
        });
        out!("{}", show(limited.await));
        out!("{}", running_loop()?.time());
        Ok(())
    });
}

/// wait_for takes a foreign future of a channel as it is.
#[test]
fn wait_for_a_channel() {
    check(&["Ok(1)", "TimeoutError()"], async {
        let (sender, receiver) = async_channel::unbounded::<i32>();
        sender.try_send(1).expect("the channel is open");
        let other_end = receiver.clone();
        let first = wait_for(async move { other_end.recv().await }, ms(10)).await;
        out!("{:?}", first.map_err(|error| error.to_string()));
        let second = wait_for(async move { receiver.recv().await }, ms(10)).await;
        out!("{}", show(second));
        Ok(())
    });
}

/// A group's failing child drops the body's foreign wait; the group raises.
#[test]
fn a_group_ends_its_bodys_foreign_wait() {
    check(&["body dropped", "[boom]"], async {
        let group: Result<()> = TaskGroup::new()
            .scope(async |group| {
                group.spawn(async { Err::<(), _>(Error::msg("boom")) })?;
                foreign("body").await;
                Ok(())
            })
            .await;
        out!("{}", show(group));
        Ok(())
    });
}

/// A foreign wait that was woken and not run: the cancel is delivered at that step, and what the
/// wait would have given is dropped with it.
#[test]
fn a_cancel_beats_a_foreign_wake() {
    check(&["CancelledError()"], async {
        let (sender, receiver) = async_channel::unbounded::<i32>();
        let task = spawn(async move { attempt(async move { Ok(receiver.recv().await?) }).await });
        spin(1).await?;
        sender.try_send(1).expect("the channel is open");
        task.cancel();
        out!("{}", show(task.await));
        Ok(())
    });
}

/// The run's clean-up reaches tasks in foreign waits too.
#[test]
fn the_clean_up_ends_foreign_waits() {
    check(&["main ends", "stray dropped"], async {
        spawn(async {
            foreign("stray").await;
            Ok(())
        });
        spin(1).await?;
        out!("main ends");
        Ok(())
    });
}
