//! The conformance runner: programs as JSON lines in, traces as JSON lines out.

use std::io::{self, BufRead, BufReader, Read, Write};

use super::interpret::{Trace, interpret};
use super::parse::{Checked, name_in};

/// So much is read and written at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// Runs every program of `input`, one a line, and writes an answer a line to `output`, in order.
///
/// The answer to a program is `{"name": .., "trace": [..]}`; to a malformed one
/// `{"name": .., "error": ".."}`, which says what is wrong and where.
///
/// # Errors
///
/// Those of reading and writing; a program is never one.
pub fn conform(input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
    let (mut line, mut answers) = (Vec::new(), Vec::new());
    while input.read_until(b'\n', &mut line)? > 0 {
        answer_to(&line, &mut answers)?;
        line.clear();
        // Whoever asks line by line is waiting; a file or pipe with more to come is not.
        if input.buffer().is_empty() || answers.len() >= BUFFER_BYTES {
            output.write_all(&answers)?;
            output.flush()?;
            answers.clear();
        }
    }
    Ok(())
}

/// Writes the answer to one line of input.
fn answer_to(line: &[u8], answer: &mut Vec<u8>) -> io::Result<()> {
    let (name, result) = run_line(line);
    answer.extend_from_slice(b"{\"name\": ");
    serde_json::to_writer(&mut *answer, &name)?;
    match result {
        Ok(trace) => {
            answer.extend_from_slice(b", \"trace\": [");
            let (lines, last) = trace.parts();
            for (time, text) in lines {
                write!(answer, "\"{time} ")?;
                write_text(text, answer);
                answer.extend_from_slice(b"\", ");
            }
            answer.push(b'"');
            write_text(last, answer);
            answer.extend_from_slice(b"\"]}\n");
        }
        Err(error) => {
            answer.extend_from_slice(b", \"error\": ");
            serde_json::to_writer(&mut *answer, &error)?;
            answer.extend_from_slice(b"}\n");
        }
    }
    Ok(())
}

/// Writes what stands between the quotes of a JSON string.
fn write_text(text: &str, answer: &mut Vec<u8>) {
    let mut plain = 0;
    for (index, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        answer.extend_from_slice(&text.as_bytes()[plain..index]);
        match byte {
            b'"' | b'\\' => answer.extend_from_slice(&[b'\\', byte]),
            _ => answer.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        plain = index + 1;
    }
    answer.extend_from_slice(&text.as_bytes()[plain..]);
}

/// Runs the program of a line; returns its name too.
fn run_line(line: &[u8]) -> (Option<String>, Result<Trace, String>) {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => {
            let name = name_in(&String::from_utf8_lossy(line));
            return (name, Err(format!("not UTF-8: {error}")));
        }
    };
    match Checked::parse(text) {
        Ok(checked) => (Some(checked.program.name.to_string()), interpret(checked)),
        Err(error) => (error.name.clone(), Err(error.to_string())),
    }
}
