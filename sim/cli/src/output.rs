//! Where commands write.

use std::fmt;
use std::io::{self, Write};
use std::process::Command;

/// Makes the command that starts this program once more.
pub(crate) type StartProgram = fn() -> io::Result<Command>;

/// Where a command writes: results and complaints, the standard output and the standard error of
/// the process.
///
/// Never `println!`: it panics when the reader has closed the pipe.
pub struct Output<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    shows_progress: bool,
    has_colors: bool,
    /// Starts this program once more, if it has these commands.
    program: Option<StartProgram>,
}

impl<'a> Output<'a> {
    /// Makes the pair of `out` for results and `err` for complaints.
    pub fn new(out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Output { out, err, shows_progress: false, has_colors: false, program: None }
    }

    /// Says whether somebody looks at how far it is: whether errors go to a terminal.
    pub(crate) fn with_progress(mut self, shows: bool) -> Self {
        self.shows_progress = shows;
        self
    }

    pub(crate) fn shows_progress(&self) -> bool {
        self.shows_progress
    }

    /// Says whether results may be coloured: whether they go to a terminal, and nobody minds.
    pub(crate) fn with_colors(mut self, has: bool) -> Self {
        self.has_colors = has;
        self
    }

    /// Says how this program is started once more: it makes runs in other processes of the same.
    pub(crate) fn with_program(mut self, program: StartProgram) -> Self {
        self.program = Some(program);
        self
    }

    pub(crate) fn program(&self) -> Option<StartProgram> {
        self.program
    }

    pub(crate) fn has_colors(&self) -> bool {
        self.has_colors
    }

    /// Shows how far it is, in place of what was shown before; nothing with an empty text.
    pub(crate) fn progress(&mut self, text: impl fmt::Display) {
        if self.shows_progress {
            let _ = write!(self.err, "\r\x1b[K{text}");
            let _ = self.err.flush();
        }
    }

    /// Writes to the results; see [`write!`].
    ///
    /// # Errors
    ///
    /// What the writer fails with. A command hands it on with `?`: [`Cli::run_with`] takes a closed
    /// pipe for a quiet end.
    ///
    /// [`Cli::run_with`]: crate::Cli::run_with
    pub fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.out.write_fmt(text)
    }

    /// Returns the writer of the results, for code that writes by itself.
    pub fn results(&mut self) -> &mut dyn Write {
        self.out
    }

    /// Hands on what was written so far.
    ///
    /// # Errors
    ///
    /// What the writer fails with.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Writes a text to the complaints, behind the results so far, and ends its line.
    ///
    /// A complaint that can't be written is lost; the status of the command still tells.
    ///
    /// # Errors
    ///
    /// What the writer of the results fails with.
    pub fn complain(&mut self, text: impl fmt::Display) -> io::Result<()> {
        // Both may be one terminal, where the order matters.
        self.out.flush()?;
        self.complain_unflushed(text);
        Ok(())
    }

    /// The same where the results can't be written any more.
    pub(crate) fn complain_unflushed(&mut self, text: impl fmt::Display) {
        let text = text.to_string();
        let _ = writeln!(self.err, "{}", text.trim_end_matches('\n'));
    }
}

impl fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}
