//! What tests call: the attribute, the environment, and the files beside a test. The only part of
//! the library that reads the environment or touches the disk.

mod environment;
#[doc(hidden)]
pub mod jobs;
mod named;
mod pages;
mod regressions;
mod stack;
mod test;

#[doc(hidden)]
pub use named::{Target, Test};
#[doc(hidden)]
pub use pages::{Explored, write_page};
#[doc(hidden)]
pub use test::run_test;
