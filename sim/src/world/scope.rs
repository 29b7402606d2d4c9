//! The block of an `async with`.

use std::future::Future;
use std::panic::Location;

use crate::base::{Error, Result};
use crate::task::Boundary;

/// Runs the body of an `async with`: a cancel that meets it in a foreign wait drops it alone.
pub(super) async fn within<T>(
    location: &'static Location<'static>,
    body: impl Future<Output = Result<T>>,
) -> Result<T> {
    Boundary::new(body, location).await.unwrap_or_else(|cancelled| Err(Error::new(cancelled)))
}
