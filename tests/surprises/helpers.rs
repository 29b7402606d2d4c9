//! What the programs share: the preamble of the Python originals.

use std::future::Future;
use std::time::Duration;

use seedloop::{Cancelled, Error, Result, Simulation, attempt, out, run, sleep, yield_now};

/// Runs `main` in asyncio's order and compares what was printed.
#[track_caller]
pub(crate) fn check<F>(expected: &[&str], main: F)
where
    F: Future<Output = Result<()>> + 'static,
{
    check_sync(expected, move || {
        if let Err(error) = run(main) {
            out!("run: {}", repr(&error));
        }
    });
}

/// The same for a program that runs loops itself.
#[track_caller]
pub(crate) fn check_sync(expected: &[&str], body: impl FnOnce()) {
    let outcome = Simulation::new().run(body);
    let printed: Vec<&str> = outcome.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(printed, expected);
    outcome.result.expect("the body panicked");
}

/// An error as Python prints it.
pub(crate) fn repr(error: &Error) -> String {
    if let Some(cancelled) = error.as_cancelled() {
        return match cancelled.message() {
            Some(message) => format!("CancelledError('{message}')"),
            None => "CancelledError()".to_owned(),
        };
    }
    if let Some(group) = error.as_group() {
        let errors: Vec<String> = group.errors().iter().map(repr).collect();
        return format!("[{}]", errors.join(", "));
    }
    if error.is_timeout() {
        return "TimeoutError()".to_owned();
    }
    error.to_string()
}

/// What an await gives, as a text.
pub(crate) fn show<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => repr(&error),
    }
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Polls a future once where no task runs, as another executor would; it is ready, or panics.
pub(crate) fn poll_outside<F: Future>(future: F) -> F::Output {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut cx) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("the future is pending"),
    }
}

/// Gives way `hops` times.
pub(crate) async fn spin(hops: u32) -> Result<(), Cancelled> {
    for _ in 0..hops {
        yield_now().await?;
    }
    Ok(())
}

/// Fails after `hops`.
pub(crate) async fn boom(hops: u32) -> Result<()> {
    spin(hops).await?;
    Err(Error::msg("ValueError()"))
}

/// What a [`nap`] does when it is cancelled.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wake {
    /// Hops of clean-up.
    pub hops: u32,
    /// What it says then.
    pub say: Option<&'static str>,
    /// What it fails with.
    pub error: Option<&'static str>,
    /// What it returns in place of the cancel.
    pub value: Option<&'static str>,
}

/// Sleeps for long; cleans up when it is cancelled.
pub(crate) async fn nap(wake: Wake) -> Result<&'static str> {
    let slept = attempt(async {
        sleep(Duration::from_secs(9)).await?;
        Ok("slept")
    })
    .await;
    let Err(error) = slept else { return slept };
    spin(wake.hops).await?;
    if let Some(say) = wake.say {
        out!("{say}");
    }
    match (wake.error, wake.value) {
        (Some(text), _) => Err(Error::msg(text)),
        (None, Some(value)) => Ok(value),
        (None, None) => Err(error),
    }
}
