//! The tests of the workspace.

mod cli;
mod layers;
mod report;
mod surprises;
