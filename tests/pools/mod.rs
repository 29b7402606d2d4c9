//! x
mod order;
