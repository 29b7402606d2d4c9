//! The programs once more, with the crate that stands in for tokio.

use seedloop_tokio as tokio;

pub(super) use programs::PROGRAMS;

use super::say;

#[path = "programs.rs"]
#[expect(clippy::duplicate_mod, reason = "the same programs with another crate as tokio")]
mod programs;
