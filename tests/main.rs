//! The tests of the workspace.

mod kernel;
mod layers;
mod pools;
mod scenarios;
mod surprises;
mod sync;
