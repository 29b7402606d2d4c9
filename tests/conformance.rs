//! The conformance language: the recorded corpus against the traces that CPython made of it.
//!
//! What needs CPython is in the example `conformance`.

mod compare;
mod corpus;
mod coverage;
mod edges;
mod replay;
