//! What is explored: an async function that is called anew for each run.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::panic::Location;

use crate::base::{Cancelled, Error, Result};
use crate::runner::run_at;

/// What an explored body may return: nothing, or a [`Result`] of nothing with any error that
/// can be shown with `{:?}`.
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

impl<E: fmt::Debug + 'static> TestOutput for Result<(), E> {
    fn into_result(self) -> Result<()> {
        self.map_err(error_of)
    }
}

/// The library's own errors stay what they are; of all others there is the text, as where a test of
/// the standard harness returns them.
fn error_of(error: impl fmt::Debug + 'static) -> Error {
    let mut slot = Some(error);
    let any: &mut dyn Any = &mut slot;
    if let Some(own) = any.downcast_mut::<Option<Error>>().and_then(Option::take) {
        return own;
    }
    if let Some(cancelled) = any.downcast_mut::<Option<Cancelled>>().and_then(Option::take) {
        return cancelled.into();
    }
    let text = slot.map(|error| format!("{error:?}")).unwrap_or_default();
    Error::new(TestError(text))
}

/// What a test returned that is no error of the library.
#[derive(Debug)]
struct TestError(String);

impl fmt::Display for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for TestError {}

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
