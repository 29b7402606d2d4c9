//! The transcript: what the program prints.

use std::fmt;

use crate::base::Access;
use crate::event_loop::{OUTPUT, with};

/// Prints a line into the transcript of the simulation; see [`out!`](crate::out).
#[doc(hidden)]
pub fn print_line(text: fmt::Arguments<'_>) {
    // The user's `Display` runs here, unborrowed.
    let text = text.to_string();
    let (capture, text) = with(|core| {
        core.meets(OUTPUT, Access::Write);
        let limit = core.session.limits.lines;
        // The line before has broken the loop; code that goes on all the same is endless.
        let endless = core.session.lines.len() >= limit && core.is_broken();
        assert!(
            !endless || std::thread::panicking(),
            "limit of {limit} lines of transcript reached; see `Limits` to raise it"
        );
        let source = core.source();
        let capture = core.session.capture;
        let shown = if capture { String::new() } else { text.clone() };
        core.session.print(source, text);
        let full = core.session.lines.len() > limit;
        if full {
            core.session.lines.pop();
            core.break_by_limit(&format!("{limit} lines of transcript"));
        }
        (capture || full, shown)
    });
    if !capture {
        show(&text);
    }
}

#[expect(clippy::print_stdout, reason = "outside of a captured simulation `out!` is `println!`")]
fn show(text: &str) {
    println!("{text}");
}

/// Prints a line into the transcript of the simulation, as `println!` prints to the terminal.
///
/// Where nobody captures the transcript, in a plain [`run`](crate::run), the line goes to the
/// standard output too.
#[macro_export]
macro_rules! out {
    () => { $crate::print_line(::std::format_args!("")) };
    ($($arg:tt)*) => { $crate::print_line(::std::format_args!($($arg)*)) };
}
