//! A small table of scenarios: some go well, each of the others goes wrong in its own way.

use std::future::pending;
use std::time::Duration;

use seedloop::{Error, Outcome, Result, RuntimeError, out, run, sleep, spawn, spawn_named};
use seedloop_cli::{Scenario, Verdict};

/// The table.
pub(crate) const TABLE: &[Scenario] = &[
    scenario("tea", "台所", "お湯を待つ", tea, holds),
    scenario("two-workers", "1.2", "two tasks, one of which is cancelled", two_workers, holds),
    scenario("a-stray", "1.3", "a task that nobody awaits", a_stray, holds),
    scenario("unasked", "1.3", "an error that nobody asks for", unasked, holds),
    scenario("fails", "2", "a body that fails", fails, holds),
    scenario("panics", "2", "a body that panics", panics, holds),
    scenario("stuck", "2", "a body that waits for ever", stuck, holds),
    scenario("wrong", "2", "a check that does not hold", tea, says_no),
    scenario("asserts", "2", "a check that panics", tea, asserts),
];

const fn scenario(
    name: &'static str,
    section: &'static str,
    summary: &'static str,
    body: fn() -> Result<()>,
    check: fn(&Outcome<Result<()>>) -> Verdict,
) -> Scenario {
    Scenario { name, section, summary, body, check }
}

fn holds(_: &Outcome<Result<()>>) -> Verdict {
    Ok(())
}

fn says_no(outcome: &Outcome<Result<()>>) -> Verdict {
    Err(format!("expected 3 lines, not {}", outcome.lines.len()))
}

fn asserts(outcome: &Outcome<Result<()>>) -> Verdict {
    assert_eq!(outcome.lines.len(), 3, "lines");
    Ok(())
}

fn tea() -> Result<()> {
    run(async {
        out!("お湯を沸かす");
        sleep(Duration::from_secs(180)).await?;
        out!("できた");
        Ok(())
    })
}

fn two_workers() -> Result<()> {
    run(async {
        let quick = spawn_named("quick", async {
            sleep(Duration::from_millis(500)).await?;
            out!("quick is done");
            Ok(())
        });
        let slow = spawn_named("遅い", async {
            sleep(Duration::from_secs(3600)).await?;
            Ok(())
        });
        quick.await?;
        slow.cancel();
        if slow.await.is_err_and(|error| error.is_cancelled()) {
            out!("slow was cancelled");
        }
        Ok(())
    })
}

async fn sleep_a_second() -> Result<()> {
    Ok(sleep(Duration::from_secs(1)).await?)
}

fn a_stray() -> Result<()> {
    run(async {
        spawn(sleep_a_second());
        sleep(Duration::ZERO).await?;
        Ok(())
    })
}

fn unasked() -> Result<()> {
    run(async {
        spawn_named("loser", async { Err::<(), _>(Error::msg("lost in the post")) });
        sleep_a_second().await?;
        out!("still here");
        Ok(())
    })
}

fn fails() -> Result<()> {
    run(async {
        out!("so far so good");
        Err(RuntimeError::new("the kettle is empty"))?
    })
}

fn panics() -> Result<()> {
    run(async {
        let cups: Vec<u32> = Vec::new();
        out!("{}", cups.first().expect("a cup"));
        Ok(())
    })
}

fn stuck() -> Result<()> {
    run(async {
        out!("waiting");
        pending().await
    })
}
