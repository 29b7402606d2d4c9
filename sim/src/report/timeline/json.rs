//! JSON, as far as a trace needs it: it is only written.

use std::fmt::Write;

/// Appends a text in quotes. What could end a script of HTML is escaped, too: the text can stand in
/// a page as it is.
pub(in crate::report) fn push_text(json: &mut String, text: &str) {
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => push_escape(json, letter),
            _ if letter.is_control() => push_escape(json, letter),
            _ => json.push(letter),
        }
    }
    json.push('"');
}

/// All that comes here is of the basic plane: one escape is a letter.
fn push_escape(json: &mut String, letter: char) {
    // Writing into a string can't fail.
    let _ = write!(json, "\\u{:04x}", u32::from(letter));
}

/// An object that is written member by member.
#[derive(Debug)]
pub(in crate::report) struct Object {
    json: String,
}

impl Object {
    pub(in crate::report) fn new() -> Self {
        Object { json: "{".to_owned() }
    }

    fn push_name(&mut self, name: &str) {
        if self.json.len() > 1 {
            self.json.push(',');
        }
        push_text(&mut self.json, name);
        self.json.push(':');
    }

    /// Adds a text, unless it is empty.
    pub(in crate::report) fn text(mut self, name: &str, text: &str) -> Self {
        if !text.is_empty() {
            self.push_name(name);
            push_text(&mut self.json, text);
        }
        self
    }

    /// Adds a number or `true` or `false`, if there is one.
    pub(in crate::report) fn plain(
        mut self,
        name: &str,
        value: Option<impl std::fmt::Display>,
    ) -> Self {
        if let Some(value) = value {
            self.push_name(name);
            let _ = write!(self.json, "{value}");
        }
        self
    }

    pub(in crate::report) fn end(mut self) -> String {
        self.json.push('}');
        self.json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_text_or_a_script_is_escaped() {
        let mut json = String::new();
        push_text(&mut json, "\"受信\\\n</script>\u{1b}\u{2028}");
        assert_eq!(json, r#""\"受信\\\n\u003c/script\u003e\u001b\u2028""#);
    }

    #[test]
    fn an_object_leaves_out_what_there_is_not() {
        let object = Object::new().text("a", "b").text("no", "").plain("n", Some(1));
        assert_eq!(object.plain("none", None::<u32>).end(), r#"{"a":"b","n":1}"#);
        assert_eq!(Object::new().end(), "{}");
    }
}
