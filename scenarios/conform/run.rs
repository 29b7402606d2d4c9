//! The conformance runner: programs as JSON lines in, traces as JSON lines out.

use std::io::{self, BufRead, Write};

use serde_json::Value as Json;

use super::interpret::{Trace, interpret};
use super::program::Program;

/// Runs every program of `input`, one a line, and writes an answer a line to `output`, in order.
///
/// The answer to a program is `{"name": .., "trace": [..]}`; to a malformed one
/// `{"name": .., "error": ".."}`, which says what is wrong and where.
///
/// # Errors
///
/// Those of reading and writing; a program is never one.
pub fn conform(mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let (mut line, mut answer) = (Vec::new(), Vec::new());
    while input.read_until(b'\n', &mut line)? > 0 {
        answer.clear();
        answer_to(&line, &mut answer)?;
        output.write_all(&answer)?;
        line.clear();
        // Whoever asks line by line is waiting; a file or pipe with more to come is not.
        output.flush()?;
    }
    Ok(())
}

/// Writes the answer to one line of input.
fn answer_to(line: &[u8], answer: &mut Vec<u8>) -> io::Result<()> {
    let (name, result) = run_line(line);
    answer.extend_from_slice(b"{\"name\": ");
    serde_json::to_writer(&mut *answer, &name.map_or(Json::Null, Json::from))?;
    match result {
        Ok(trace) => {
            answer.extend_from_slice(b", \"trace\": [");
            for (index, line) in trace.iter().enumerate() {
                answer.extend_from_slice(if index == 0 { b"" } else { b", " });
                serde_json::to_writer(&mut *answer, line)?;
            }
            answer.extend_from_slice(b"]}\n");
        }
        Err(error) => {
            answer.extend_from_slice(b", \"error\": ");
            serde_json::to_writer(&mut *answer, &error)?;
            answer.extend_from_slice(b"}\n");
        }
    }
    Ok(())
}

/// Runs the program of a line; returns its name too.
fn run_line(line: &[u8]) -> (Option<String>, Result<Trace, String>) {
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => return (None, Err(format!("not UTF-8: {error}"))),
    };
    match Program::parse(text) {
        Ok(program) => (Some(program.name.clone()), interpret(program)),
        Err(error) => (error.name.clone(), Err(error.to_string())),
    }
}
