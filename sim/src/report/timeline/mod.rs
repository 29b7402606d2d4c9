//! A finished run as one picture, before anybody draws it: lanes, the columns of its steps, and
//! what happens in them. The page, the lines of JSON and the other drawings all read this.

mod build;
mod choices;
mod entry;
mod json;
mod lanes;
mod lines;
mod parting;
mod story;
#[cfg(test)]
mod tests;
mod texts;
mod waits;

pub(super) use build::timeline_of;
pub(super) use entry::{Entry, Kind, LaneId, Timeline};
pub(super) use json::Object;
pub(super) use lanes::LaneKind;
pub(super) use lines::{push_lines, push_odds};
pub(super) use parting::parting_of;
pub(super) use story::mark;
