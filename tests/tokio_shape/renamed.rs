//! The programs once more, with the crate that stands in for tokio.

use seedloop_tokio as tokio;

pub(super) use {fs_programs::PROGRAMS as FS, net_programs::PROGRAMS as NET, programs::PROGRAMS};

use super::{go_on, rest, say, stall};

#[path = "fs_programs.rs"]
#[expect(clippy::duplicate_mod, reason = "the same programs with another crate as tokio")]
mod fs_programs;
#[path = "net_programs.rs"]
#[expect(clippy::duplicate_mod, reason = "the same programs with another crate as tokio")]
mod net_programs;
#[path = "programs.rs"]
#[expect(clippy::duplicate_mod, reason = "the same programs with another crate as tokio")]
mod programs;
