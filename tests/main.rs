//! The tests of the workspace.

mod cli;
mod kernel;
mod layers;
mod pools;
mod report;
mod scenarios;
mod surprises;
mod sync;
mod world;
