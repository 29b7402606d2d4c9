//! The harness: what explorations find, what they report, and what they must not take for a bug.

mod attribute;
mod cancels;
mod epoch;
mod judgements;
mod real_crates;
mod reduction;
mod reports;
mod searches;
mod told;
