//! What is explored: an async function that is called anew for each run.

use std::future::Future;
use std::panic::Location;

use crate::base::{Error, Result};
use crate::runner::run_at;

/// What an explored body may return: nothing, or a [`Result`] of nothing with any error.
pub trait TestOutput {
    /// The body's result.
    ///
    /// # Errors
    ///
    /// The body's own.
    fn into_result(self) -> Result<()>;
}

impl TestOutput for () {
    fn into_result(self) -> Result<()> {
        Ok(())
    }
}

impl<E: Into<Error>> TestOutput for Result<(), E> {
    fn into_result(self) -> Result<()> {
        self.map_err(Into::into)
    }
}

/// Makes a closure that runs `body` once, as [`run`](crate::run) does.
pub(crate) fn runs_of<F, Fut>(
    body: F,
    location: &'static Location<'static>,
) -> impl Fn() -> Result<()>
where
    F: Fn() -> Fut,
    Fut: Future<Output: TestOutput> + 'static,
{
    move || {
        let future = body();
        run_at(async move { future.await.into_result() }, location)
    }
}
