//! What goes wrong with a campaign, and is told.

use std::io;
use std::path::Path;

use crate::output::Output;
use crate::status::Status;

/// What is wrong, in words for the user, and how the command ends by it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    status: Status,
    pub(super) text: String,
}

impl Wrong {
    /// Something on the command line, or a file that it names.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Wrong { status: Status::Usage, text: text.into() }
    }

    /// A file could not be written.
    pub(super) fn unwritable(path: &Path, error: &io::Error) -> Self {
        let text = format!("cannot write {}: {error}", path.display());
        Wrong { status: Status::Unwritable, text }
    }

    /// Runs are missing.
    pub(super) fn incomplete(text: impl Into<String>) -> Self {
        Wrong { status: Status::Incomplete, text: text.into() }
    }

    /// The runs themselves.
    pub(super) fn failed(text: impl Into<String>) -> Self {
        Wrong { status: Status::Failed, text: text.into() }
    }

    /// The same with advice on a line of its own.
    pub(super) fn tip(mut self, tip: &str) -> Self {
        self.text.push_str(&format!("\n  tip: {tip}"));
        self
    }

    /// Complains of it.
    pub(super) fn tell(self, output: &mut Output<'_>) -> io::Result<Status> {
        output.complain(format_args!("error: {}", self.text))?;
        Ok(self.status)
    }

    #[cfg(test)]
    pub(super) fn text(&self) -> (u8, &str) {
        (self.status.code(), &self.text)
    }
}
