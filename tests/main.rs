//! x
mod pools;
