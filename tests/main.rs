//! The tests of the workspace.

mod cli;
mod conformance;
mod docs;
mod explore;
mod guide;
mod harness;
mod isolated;
mod job_queue;
mod kernel;
mod layers;
mod long;
mod mutations;
mod names;
mod pools;
mod ported;
mod properties;
mod readme;
mod report;
mod scenarios;
mod surprises;
mod sync;
mod tokio_shape;
mod tracing;
mod world;
