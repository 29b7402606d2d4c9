//! How a command ended.

use std::fmt::Write;
use std::process::ExitCode;

/// How a command ended; the exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Status {
    /// All went well, or the reader of the output went away: 0.
    Success,
    /// A scenario failed, or its check does not hold: 1.
    Failed,
    /// The command line is wrong, or a file that it names: 2.
    Usage,
    /// The output could not be written: 3.
    Unwritable,
    /// Runs could not be made, or those of a campaign are missing: 4.
    Incomplete,
}

impl Status {
    const ALL: [Status; 5] =
        [Status::Success, Status::Failed, Status::Usage, Status::Unwritable, Status::Incomplete];

    /// Returns the exit code.
    pub const fn code(self) -> u8 {
        match self {
            Status::Success => 0,
            Status::Failed => 1,
            Status::Usage => 2,
            Status::Unwritable => 3,
            Status::Incomplete => 4,
        }
    }

    /// What `--help` says of it; the docs of the crate say the same.
    const fn meaning(self) -> &'static str {
        match self {
            Status::Success => "all went well, or the reader of the output went away",
            Status::Failed => "a scenario failed, or its check does not hold",
            Status::Usage => "the command line is wrong, or a file that it names",
            Status::Unwritable => "the output could not be written",
            Status::Incomplete => "runs could not be made, or those of a campaign are missing",
        }
    }

    /// The table of exit codes for `--help`.
    pub(crate) fn table() -> String {
        let mut table = "Exit codes:".to_owned();
        for status in Status::ALL {
            // Writing into a string can't fail.
            let _ = write!(table, "\n  {}  {}", status.code(), status.meaning());
        }
        table
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        ExitCode::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_docs_of_the_crate_have_the_same_table() {
        let docs = include_str!("lib.rs");
        for status in Status::ALL {
            let row = format!("//! | {} | {} |\n", status.code(), status.meaning());
            assert!(docs.contains(&row), "no such row in lib.rs: {row}");
        }
    }
}
