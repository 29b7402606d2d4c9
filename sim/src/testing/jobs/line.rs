//! The lines between a crew and its workers: words between tabs.

use std::fmt::Display;
use std::str::FromStr;

/// A line that is put together.
#[derive(Debug, Default)]
pub(super) struct Line(String);

impl Line {
    pub(super) fn new(verb: &str) -> Self {
        Line(verb.to_owned())
    }

    /// Adds a word.
    pub(super) fn word(mut self, word: impl Display) -> Self {
        self.0.push('\t');
        for letter in word.to_string().chars() {
            match letter {
                '\\' => self.0.push_str("\\\\"),
                '\t' => self.0.push_str("\\t"),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                other => self.0.push(other),
            }
        }
        self
    }

    /// The line with its end.
    pub(super) fn end(mut self) -> String {
        self.0.push('\n');
        self.0
    }
}

/// The words of a line, the verb among them.
#[derive(Debug)]
pub(super) struct Words {
    line: String,
    words: std::vec::IntoIter<String>,
}

impl Words {
    /// Takes a line apart, with or without its end.
    pub(super) fn of(line: &[u8]) -> Self {
        let line = String::from_utf8_lossy(line).trim_end_matches('\n').to_owned();
        let words: Vec<String> = line.split('\t').map(unescaped).collect();
        Words { line, words: words.into_iter() }
    }

    /// The next word; empty behind the last.
    pub(super) fn text(&mut self) -> String {
        self.words.next().unwrap_or_default()
    }

    /// The next word as what it stands for.
    ///
    /// # Errors
    ///
    /// A text with the line, if it is something else.
    pub(super) fn next<T: FromStr>(&mut self) -> Result<T, String> {
        let word = self.text();
        word.parse().map_err(|_| format!("'{word}' in the line '{}'", self.line))
    }
}

/// How long a line may be, in bytes: what is told of one run is shorter by far.
pub(super) const LINE_MAX: usize = 64 << 20;

/// Lines that come in pieces.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where no end of it was found.
    scanned: usize,
}

impl Lines {
    /// Adds what has come.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.scanned -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next line that has come whole, with its end.
    pub(super) fn take(&mut self) -> Option<&[u8]> {
        let rest = &self.bytes[self.scanned..];
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            self.scanned = self.bytes.len();
            return None;
        };
        let start = self.start;
        self.start = self.scanned + end + 1;
        self.scanned = self.start;
        Some(&self.bytes[start..self.start])
    }

    /// What has come of the line behind those.
    pub(super) fn begun(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

fn unescaped(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.push(match letters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                _ => '\\',
            }),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_may_have_any_letters() {
        let odd = ["", "two words", "a\tb\\tc\n\r\\", "終わり\u{0}"];
        let line = odd.iter().fold(Line::new("say"), |line, word| line.word(word)).end();
        assert_eq!(line.matches('\n').count(), 1);
        let mut words = Words::of(line.as_bytes());
        assert_eq!(words.text(), "say");
        assert_eq!(odd.map(|_| words.text()), odd);
        assert_eq!(words.text(), "");
    }

    #[test]
    fn lines_come_in_any_pieces_and_are_looked_through_once() {
        let text = b"one\n\ntwo words\nthree";
        for size in 1..=text.len() {
            let (mut lines, mut taken) = (Lines::default(), Vec::new());
            for piece in text.chunks(size) {
                lines.add(piece);
                while let Some(line) = lines.take() {
                    taken.push(line.to_vec());
                }
                assert_eq!(lines.scanned, lines.bytes.len());
            }
            assert_eq!(taken, [&b"one\n"[..], b"\n", b"two words\n"], "{size}");
            assert_eq!(lines.begun(), b"three");
            // An end that would be seen if one looked again.
            lines.bytes[0] = b'\n';
            assert_eq!(lines.take(), None);
        }
    }

    #[test]
    fn what_is_no_number_is_told_with_its_line() {
        let mut words = Words::of(b"at\t7\tx");
        assert_eq!(words.text(), "at");
        assert_eq!(words.next::<u64>(), Ok(7));
        assert_eq!(words.next::<u64>(), Err("'x' in the line 'at\t7\tx'".to_owned()));
    }
}
