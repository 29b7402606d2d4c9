//! The harness: what explorations find, what they report, and what they must not take for a bug.

mod cancels;
mod attribute;
mod reports;
mod searches;
