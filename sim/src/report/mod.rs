//! What people read of a finished run: its transcript, its trace, and what its loops reported.
//!
//! All of it are pure functions of an [`Outcome`](crate::Outcome), and the only place that formats
//! one. Texts end with a line feed, unless they are empty, and hold neither real times nor
//! addresses, so that they are the same on every machine; only a [`backtrace`] is what it is.

mod divergence;
mod failure;
mod forgotten;
mod gantt;
mod names;
mod odds;
mod operations;
mod page;
mod perfetto;
mod picture;
mod race;
mod steps;
mod table;
mod text;
mod timeline;
mod trace;
mod transcript;
mod wording;

pub use failure::{Found, failure_text};
pub use gantt::GanttStyle;
pub use picture::Picture;
pub use trace::trace_text;
pub use transcript::{backtrace, reports, transcript};
