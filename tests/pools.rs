//! Pools: ordinary code on the virtual clock.
//!
//! Expected times follow from the model, and for what the source document claims they are its own.
//! What the order of a program is on CPython 3.13.0 was compared over random programs of the
//! conformance language.

mod compute;
mod end;
mod explore;
mod freeze;
mod future;
mod helpers;
mod jobs;
mod order;
mod process;
