//! The tests of the workspace.

mod layers;
mod scenarios;
mod surprises;
