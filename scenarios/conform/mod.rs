//! The language of scheduling programs: its programs, how they are read, what makes one valid, and
//! how one is run.

mod check;
mod interpret;
mod json;
mod parse;
pub mod program;
mod run;
mod source;

pub use interpret::{Mark, Trace, interpret, watch};
pub use run::conform;
