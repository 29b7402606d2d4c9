//! What the tests of pools share.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seedloop::{Outcome, Result, Simulation, out, run, yield_now};

/// Runs `main` in asyncio's order.
pub(super) fn simulate<T, F>(main: F) -> Outcome<Result<T>>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    Simulation::new().run(|| run(main))
}

/// What was printed, each line with its time: `3.0s line`.
pub(super) fn timed<T>(outcome: &Outcome<T>) -> Vec<String> {
    outcome.lines.iter().map(|line| format!("{} {}", line.time, line.text)).collect()
}

/// Runs `main` in asyncio's order and compares what was printed, and when.
#[track_caller]
pub(super) fn check<F>(expected: &[&str], main: F)
where
    F: Future<Output = Result<()>> + 'static,
{
    let outcome = simulate(async {
        if let Err(error) = main.await {
            out!("main: {error}");
        }
        Ok(())
    });
    assert_eq!(timed(&outcome), expected);
    outcome.result.expect("the body panicked").expect("the run failed");
}

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Gives way `hops` times.
pub(super) async fn spin(hops: u32) -> Result<()> {
    for _ in 0..hops {
        yield_now().await?;
    }
    Ok(())
}

/// A job that sleeps and says when it starts and ends.
pub(super) fn sleeper(
    tag: &'static str,
    seconds: u64,
) -> impl FnOnce() -> Result<&'static str> + Send {
    move || {
        out!("start {tag}");
        seedloop::blocking::sleep(secs(seconds));
        out!("end {tag}");
        Ok(tag)
    }
}

/// Tells whether it was dropped.
#[derive(Clone, Default)]
pub(super) struct Flag(Arc<AtomicBool>);

impl Flag {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the flag when it is dropped.
    pub(super) fn on_drop(&self) -> SetOnDrop {
        SetOnDrop(self.clone())
    }
}

pub(super) struct SetOnDrop(Flag);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}
