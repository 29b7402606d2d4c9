//! The tests of the workspace.

mod layers;
mod surprises;
