//! Columns of text: what is aligned must count the cells of a terminal, not bytes or characters.

use unicode_width::UnicodeWidthStr;

use crate::base::Instant;
pub(super) use crate::base::one_line;

/// Returns how many cells of a terminal `text` takes.
pub(super) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Appends `text`, and spaces up to `cells`.
pub(super) fn push_left(line: &mut String, text: &str, cells: usize) {
    line.push_str(text);
    line.extend(std::iter::repeat_n(' ', cells.saturating_sub(width(text))));
}

/// Appends spaces, and `text` so that it ends after `cells`.
pub(super) fn push_right(line: &mut String, text: &str, cells: usize) {
    line.extend(std::iter::repeat_n(' ', cells.saturating_sub(width(text))));
    line.push_str(text);
}

/// Cuts a text that is too wide, in its middle: the number at its end may tell it from others.
pub(super) fn middle(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let room = cells.saturating_sub("..".len());
    let tail: Vec<char> = taken(text.chars().rev(), room / 2);
    let head: Vec<char> = taken(text.chars(), room - room / 2);
    head.into_iter().chain("..".chars()).chain(tail.into_iter().rev()).collect()
}

/// The first letters that fit.
fn taken(letters: impl Iterator<Item = char>, cells: usize) -> Vec<char> {
    let mut taken = String::new();
    for letter in letters {
        taken.push(letter);
        if width(&taken) > cells {
            taken.pop();
            break;
        }
    }
    taken.chars().collect()
}

/// Prints times with as many decimals as the finest of them needs, so that their points align.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    decimals: usize,
    cells: usize,
}

impl Times {
    pub(super) fn of(times: impl Iterator<Item = Instant>) -> Self {
        let (mut decimals, mut latest) = (1, Instant::START);
        for time in times {
            // The time's own text has no more decimals than it needs.
            let text = time.to_string();
            let point = text.find('.').unwrap_or(text.len());
            decimals = decimals.max(text.len().saturating_sub(point + "s".len() + 1));
            latest = latest.max(time);
        }
        let mut times = Times { decimals, cells: 0 };
        times.cells = times.text(latest).len();
        times
    }

    /// How many cells the widest of them takes.
    pub(super) fn cells(self) -> usize {
        self.cells
    }

    pub(super) fn text(self, time: Instant) -> String {
        let (seconds, nanos) = (time.as_nanos() / 1_000_000_000, time.as_nanos() % 1_000_000_000);
        let mut text = format!("{seconds}.{nanos:09}");
        text.truncate(text.len() - (9 - self.decimals));
        text.push('s');
        text
    }

    /// Appends a time, aligned at its point.
    pub(super) fn push(self, line: &mut String, time: Instant) {
        push_right(line, &self.text(time), self.cells);
    }
}

/// Ends a line, without the spaces before its end.
pub(super) fn end_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end_matches(' '));
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_times(nanos: &[u64], expected: &[&str]) {
        let instants = || nanos.iter().map(|nanos| Instant::from_nanos(*nanos));
        let times = Times::of(instants());
        let shown: Vec<String> = instants()
            .map(|time| {
                let mut line = String::new();
                times.push(&mut line, time);
                line
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn times_align_at_their_point() {
        check_times(&[], &[]);
        check_times(&[0, 1_000_000_000], &["0.0s", "1.0s"]);
        check_times(&[0, 10_005_000_000], &[" 0.000s", "10.005s"]);
        check_times(&[1], &["0.000000001s"]);
    }

    #[test]
    fn a_wide_letter_takes_two_cells() {
        let mut line = String::new();
        push_left(&mut line, "受信", 6);
        push_right(&mut line, "送", 4);
        assert_eq!(line, "受信    送");
    }

    #[test]
    fn what_a_terminal_acts_on_is_escaped() {
        assert_eq!(one_line("一行目\n\x1b[2J"), "一行目\\n\\u{1b}[2J");
    }
}
