//! The command line of the scenarios.

fn main() {}
