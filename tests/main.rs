//! The tests of the workspace.

mod kernel;
mod layers;
mod pools;
mod surprises;
mod sync;
