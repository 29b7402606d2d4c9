//! The tests of the workspace.

mod cli;
mod conformance;
mod kernel;
mod layers;
mod mutations;
mod pools;
mod ported;
mod properties;
mod readme;
mod report;
mod scenarios;
mod surprises;
mod sync;
mod tokio_shape;
mod world;
