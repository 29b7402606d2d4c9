//! The tests of the workspace.

mod kernel;
mod layers;
mod surprises;
mod sync;
