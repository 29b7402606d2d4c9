//! Small programs with a known bug each, found and shrunk by proptest.

mod bugs;
mod shrinking;
