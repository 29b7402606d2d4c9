//! Several errors at once: Python's `ExceptionGroup`.

use std::error::Error as StdError;
use std::fmt;

use super::Error;

/// Several errors raised together: `ExceptionGroup`, or `BaseExceptionGroup` if a member is none
/// of Python's `Exception`s.
#[derive(Clone, Debug)]
pub struct Group {
    message: String,
    errors: Vec<Error>,
}

impl Group {
    /// Makes a group.
    ///
    /// # Panics
    ///
    /// When `errors` is empty: a group of nothing is no error.
    pub fn new(message: impl Into<String>, errors: Vec<Error>) -> Self {
        assert!(!errors.is_empty(), "an error group needs at least one error");
        Group { message: message.into(), errors }
    }

    /// Returns the text that says where the errors come from.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the errors, in the order in which they arrived.
    pub fn errors(&self) -> &[Error] {
        &self.errors
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.errors.len() == 1 { "" } else { "s" };
        write!(f, "{} ({} sub-exception{plural}: ", self.message, self.errors.len())?;
        for (index, error) in self.errors.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{error}")?;
        }
        f.write_str(")")
    }
}

impl StdError for Group {}
