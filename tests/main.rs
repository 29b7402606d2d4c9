//! The tests of the workspace.

mod layers;
mod pools;
mod scenarios;
mod surprises;
