//! The language of scheduling programs: its programs, how they are read, what makes one valid, and
//! how one is run.

mod check;
mod interpret;
mod json;
mod number;
mod parse;
pub mod program;
mod run;
mod source;
mod stack;

pub use interpret::{Mark, watch};
pub use run::conform;
