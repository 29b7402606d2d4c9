//! Barriers: the programs of `twins.py`.

use seedloop::sync::Barrier;
use seedloop::{Result, out, spawn};

use super::check::{at, attempt, check_twin, spin};

/// Spawns a task that waits at the barrier and says how that went.
fn party(barrier: &Barrier, name: &'static str) -> seedloop::JoinHandle<()> {
    let barrier = barrier.clone();
    spawn(async move { Ok(at!("{name} {}", attempt(barrier.wait()).await)) })
}

#[test]
fn barrier_lets_all_go_at_once() {
    check_twin("barrier_lets_all_go_at_once", "2 c 2; 3 a 0; 3 b 1; 0", || async {
        let barrier = Barrier::new(3)?;
        for name in ["a", "b", "c"] {
            party(&barrier, name);
            spin(1).await?;
        }
        spin(2).await?;
        out!("{}", barrier.n_waiting());
        Ok(())
    });
}

#[test]
fn barrier_newcomer_waits_for_the_last_to_leave() {
    let expected = "0 b 1; 1 a 0; 2 b 1; 3 a 0; 4 d 1; 5 c 0; 6 d 1; 7 c 0; true";
    check_twin("barrier_newcomer_waits_for_the_last_to_leave", expected, || async {
        let barrier = Barrier::new(2)?;
        let tasks = ["a", "b", "c", "d"].map(|name| {
            let barrier = barrier.clone();
            spawn(async move {
                for _ in 0..2 {
                    at!("{name} {}", barrier.wait().await?);
                }
                Ok(())
            })
        });
        spin(8).await?;
        out!("{}", tasks.iter().all(|task| task.done()));
        Ok(())
    });
}

fn state(barrier: &Barrier) -> &'static str {
    if barrier.broken() { "broken" } else { "whole" }
}

#[test]
fn barrier_reset() -> Result<()> {
    let expected = "1 reset 0 whole; 1 a BrokenBarrierError; 1 b BrokenBarrierError; \
                    4 1; 4 e 2; 5 c 0; 5 d 1";
    check_twin("barrier_reset", expected, || async {
        let barrier = Barrier::new(3)?;
        party(&barrier, "a");
        party(&barrier, "b");
        spin(1).await?;
        barrier.reset().await?;
        at!("reset {} {}", barrier.n_waiting(), state(&barrier));
        party(&barrier, "c");
        spin(3).await?;
        at!("{}", barrier.n_waiting());
        party(&barrier, "d");
        party(&barrier, "e");
        spin(4).await
    });
    Ok(())
}

#[test]
fn barrier_abort() {
    let expected = "1 abort 0 broken; 1 a BrokenBarrierError; 1 b BrokenBarrierError; \
                    1 c BrokenBarrierError; false";
    check_twin("barrier_abort", expected, || async {
        let barrier = Barrier::new(3)?;
        party(&barrier, "a");
        party(&barrier, "b");
        spin(1).await?;
        barrier.abort().await?;
        at!("abort {} {}", barrier.n_waiting(), state(&barrier));
        party(&barrier, "c");
        spin(3).await?;
        barrier.reset().await?;
        out!("{}", barrier.broken());
        Ok(())
    });
}

#[test]
fn barrier_counts_a_cancelled_one_out() {
    let expected = "1 a cancelled: m; 2 0; 3 c 1; 4 b 0";
    check_twin("barrier_counts_a_cancelled_one_out", expected, || async {
        let barrier = Barrier::new(2)?;
        let a = party(&barrier, "a");
        spin(1).await?;
        a.cancel_with("m");
        spin(1).await?;
        at!("{}", barrier.n_waiting());
        party(&barrier, "b");
        spin(1).await?;
        let c = party(&barrier, "c");
        spin(1).await?;
        c.cancel();
        spin(3).await
    });
}

#[test]
fn barrier_woken_one_is_cancelled() {
    let expected = "1 main 2; 1 a cancelled: m; 1 b 1; 4 1; 4 next cancelled";
    check_twin("barrier_woken_one_is_cancelled", expected, || async {
        let barrier = Barrier::new(3)?;
        let a = party(&barrier, "a");
        party(&barrier, "b");
        spin(1).await?;
        at!("main {}", barrier.wait().await?);
        a.cancel_with("m");
        party(&barrier, "next");
        spin(3).await?;
        at!("{}", barrier.n_waiting());
        Ok(())
    });
}
