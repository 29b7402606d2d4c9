//! Whether two answers to a program are the same, and if not, how they differ.

use serde_json::Value as Json;

/// An answer to a program: its trace, or why it is malformed.
pub(crate) type Answer = Result<Vec<String>, String>;

/// Reads a line of answer.
pub(crate) fn read_answer(line: &str) -> Answer {
    let json: Json = serde_json::from_str(line)
        .map_err(|error| format!("an answer that is no JSON ({error}): {line}"))?;
    if let Some(Json::Array(trace)) = json.get("trace") {
        let text = |line: &Json| line.as_str().map(str::to_owned);
        return trace.iter().map(text).collect::<Option<_>>().ok_or_else(|| line.to_owned());
    }
    Err(json.get("error").and_then(Json::as_str).unwrap_or(line).to_owned())
}

/// The answer of this project, on the way that a user takes: from JSON to JSON.
pub(crate) fn our_answer(program: &str) -> Answer {
    let mut answer = Vec::new();
    match scenarios::conform::conform(program.as_bytes(), &mut answer) {
        Ok(()) => read_answer(&String::from_utf8_lossy(&answer)),
        Err(error) => Err(error.to_string()),
    }
}

/// Tells whether two answers differ. How a malformed program is refused may differ.
pub(crate) fn differ(ours: &Answer, theirs: &Answer) -> bool {
    match (ours, theirs) {
        (Err(_), Err(_)) => false,
        _ => ours != theirs,
    }
}

/// So many lines before the first difference are shown.
const CONTEXT: usize = 12;
/// So many lines from the first difference on are shown.
const FOLLOWING: usize = 12;

/// Prints two answers side by side, from shortly before the first difference.
pub(crate) fn side_by_side(theirs: &Answer, ours: &Answer) -> String {
    let lines = |answer: &Answer| match answer {
        Ok(trace) => trace.clone(),
        Err(error) => vec![format!("malformed: {error}")],
    };
    let (left, right) = (lines(theirs), lines(ours));
    let longest = left.len().max(right.len());
    let at = |lines: &[String], index: usize| lines.get(index).cloned().unwrap_or_default();
    let first = (0..longest).find(|&index| at(&left, index) != at(&right, index));
    let first = first.unwrap_or(longest);
    let from = first.saturating_sub(CONTEXT);
    let to = longest.min(first + FOLLOWING);
    let width = (from..to).map(|index| at(&left, index).chars().count()).max().unwrap_or(0).max(8);
    let mut text = format!("  {:width$}   seedloop\n", "CPython");
    if from > 0 {
        text.push_str(&format!("  ... {from} equal lines\n"));
    }
    for index in from..to {
        let (left, right) = (at(&left, index), at(&right, index));
        let mark = if left == right { ' ' } else { '|' };
        text.push_str(&format!("  {left:width$} {mark} {right}\n"));
    }
    if to < longest {
        text.push_str(&format!("  ... {} more lines\n", longest - to));
    }
    text
}
