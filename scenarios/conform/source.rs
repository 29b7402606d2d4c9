//! JSON as it is read: all values of a line one behind the other on a *tape*, whose strings and
//! numbers are borrowed from the line where they can be. Objects are lists, since they are short.
//!
//! A reader of our own, because programs may hold numbers of any size, because it is what most of
//! a run's time would go to, and because it still knows the program's name when the line turns out
//! to be broken. What is written is serde_json's.

use std::collections::BTreeMap;
use std::fmt;

/// A line of JSON that was read.
pub(super) struct Line<'a> {
    tape: Vec<Token<'a>>,
}

impl Line<'_> {
    pub(super) fn value(&self) -> Source<'_> {
        Rest(&self.tape).next_value()
    }
}

/// A JSON value without what is in it, which follows on the tape.
enum Token<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(&'a str),
    /// A text with escapes.
    Unescaped(Box<str>),
    /// A list of so many values, which take so many tokens.
    List(u32, usize),
    /// An object of so many members, each a text and a value, which take so many tokens; and
    /// whether the keys are known to differ.
    Object(u32, usize, bool),
}

/// A JSON value.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Null,
    Bool(bool),
    /// As it is written. `NaN`, `Infinity` and `-Infinity` are let through, though they are no
    /// JSON, so that they are refused where they stand.
    Number(&'a str),
    Text(&'a str),
    List(Elements<'a>),
    Object(Members<'a>),
}

impl<'a> Source<'a> {
    pub(super) fn as_str(self) -> Option<&'a str> {
        match self {
            Source::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// As JSON, for errors; lists and objects are only named.
impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Source::Null => f.write_str("null"),
            Source::Bool(truth) => write!(f, "{truth}"),
            Source::Number(number) => f.write_str(number),
            Source::Text(text) => write!(f, "{}", serde_json::Value::from(text)),
            Source::List(_) => f.write_str("a list"),
            Source::Object(_) => f.write_str("an object"),
        }
    }
}

/// What follows at a place of the tape.
#[derive(Clone, Copy)]
struct Rest<'a>(&'a [Token<'a>]);

impl<'a> Rest<'a> {
    /// Takes a value off.
    #[inline]
    fn next_value(&mut self) -> Source<'a> {
        let (token, rest) = self.0.split_first().expect("seedloop bug: the tape ends early");
        self.0 = rest;
        match token {
            Token::Null => Source::Null,
            Token::Bool(truth) => Source::Bool(*truth),
            Token::Number(number) => Source::Number(number),
            Token::Text(text) => Source::Text(text),
            Token::Unescaped(text) => Source::Text(text),
            Token::List(len, size) => {
                Source::List(Elements { left: *len as usize, rest: self.take(*size) })
            }
            Token::Object(len, size, keys_differ) => Source::Object(Members {
                len: *len,
                keys_differ: *keys_differ,
                rest: self.take(*size),
            }),
        }
    }

    fn take(&mut self, size: usize) -> Self {
        let (inside, behind) = self.0.split_at(size);
        self.0 = behind;
        Rest(inside)
    }

    /// Takes a member's key off.
    #[inline]
    fn next_key(&mut self) -> &'a str {
        let (token, rest) = self.0.split_first().expect("seedloop bug: the tape ends early");
        self.0 = rest;
        match token {
            Token::Text(key) => key,
            Token::Unescaped(key) => key,
            _ => panic!("seedloop bug: a key that is no text"),
        }
    }
}

/// The values of a list, one after the other.
#[derive(Clone, Copy)]
pub(super) struct Elements<'a> {
    left: usize,
    rest: Rest<'a>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Source<'a>;

    fn next(&mut self) -> Option<Source<'a>> {
        self.left = self.left.checked_sub(1)?;
        Some(self.rest.next_value())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Elements<'_> {}

/// The members of an object as they are written; of equal keys the last one counts.
#[derive(Clone, Copy)]
pub(super) struct Members<'a> {
    len: u32,
    keys_differ: bool,
    rest: Rest<'a>,
}

impl<'a> Members<'a> {
    pub(super) fn get(self, key: &str) -> Option<Source<'a>> {
        self.all().filter(|(other, _)| *other == key).last().map(|(_, value)| value)
    }

    /// Takes the first member off if it is under `key`, and no other one can be.
    #[inline]
    pub(super) fn take(&mut self, key: &str) -> Option<Source<'a>> {
        if self.len == 0 || !self.keys_differ {
            return None;
        }
        let mut rest = self.rest;
        if rest.next_key() != key {
            return None;
        }
        let value = rest.next_value();
        (self.len, self.rest) = (self.len - 1, rest);
        Some(value)
    }

    pub(super) fn len(self) -> usize {
        self.len as usize
    }

    /// Tells that no key stands twice; not told of every object of which it is true.
    pub(super) fn keys_differ(self) -> bool {
        self.keys_differ
    }

    fn all(self) -> impl Iterator<Item = (&'a str, Source<'a>)> {
        let mut rest = self.rest;
        (0..self.len).map(move |_| (rest.next_key(), rest.next_value()))
    }

    pub(super) fn keys(self) -> impl Iterator<Item = &'a str> {
        self.all().map(|(key, _)| key)
    }

    /// The members that count, in the order in which their keys came first.
    pub(super) fn distinct(self) -> Vec<(&'a str, Source<'a>)> {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut distinct = Vec::with_capacity(self.len());
        for (key, value) in self.all() {
            match places.get(key) {
                Some(place) => distinct[*place] = (key, value),
                None => {
                    places.insert(key, distinct.len());
                    distinct.push((key, value));
                }
            }
        }
        distinct
    }
}

/// A line that is no JSON.
pub(super) struct Broken {
    /// The program's name, if that was read before.
    pub(super) name: Option<String>,
    /// What is wrong.
    pub(super) problem: String,
    /// It is only too deep for the levels that were allowed.
    pub(super) is_too_deep: bool,
}

/// Reads a line of JSON in which lists and objects nest at most `levels` deep.
pub(super) fn read(line: &str, levels: usize) -> Result<Line<'_>, Broken> {
    let tape = Vec::with_capacity((line.len() / BYTES_A_TOKEN).min(TOKENS_MAX));
    let mut reader = Reader { text: line, at: 0, levels, depth: 0, name: None, tape, fault: None };
    // Editors write it, and CPython's `json` takes it.
    if line.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    let result = reader.value().and_then(|()| match reader.peek() {
        END if reader.at == line.len() => Ok(()),
        _ => Err(reader.wrong("trailing characters")),
    });
    match result {
        Ok(()) => Ok(Line { tape: reader.tape }),
        Err(Stopped) => Err(reader.broken()),
    }
}

/// So many bytes of a line make a token, or more.
const BYTES_A_TOKEN: usize = 5;

/// Room for so many tokens is made at once, at most.
const TOKENS_MAX: usize = 1 << 14;

/// Why the reader stops.
enum Fault {
    /// A mistake at the current place.
    Wrong(&'static str),
    TooDeep,
}

/// The reader has stopped, and knows why.
struct Stopped;

/// What stands for the byte behind the last one; as a byte of the text it is wrong wherever the
/// reader asks what is next.
const END: u8 = 0;

/// The bytes that stand for themselves in a string.
const IS_PLAIN: [bool; 256] = {
    let mut is_plain = [true; 256];
    let mut control = 0;
    while control < 0x20 {
        is_plain[control] = false;
        control += 1;
    }
    is_plain[b'"' as usize] = false;
    is_plain[b'\\' as usize] = false;
    is_plain
};

/// The keys of an object that is read: each takes a bit of a set, and if none takes one that is
/// taken, all differ.
struct Keys {
    bits: u64,
    differ: bool,
}

impl Keys {
    /// Adds the key that is written as `text`, quotes and all.
    #[inline]
    fn add(&mut self, text: &[u8]) {
        let bit = 1 << ((usize::from(text[1]) ^ (text.len() << 3)) & 63);
        self.differ &= self.bits & bit == 0;
        self.bits |= bit;
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    levels: usize,
    depth: usize,
    name: Option<String>,
    tape: Vec<Token<'a>>,
    fault: Option<Fault>,
}

impl<'a> Reader<'a> {
    #[cold]
    fn wrong(&mut self, what: &'static str) -> Stopped {
        self.fault = Some(Fault::Wrong(what));
        Stopped
    }

    fn broken(self) -> Broken {
        let (problem, is_too_deep) = match self.fault {
            Some(Fault::Wrong(what)) => {
                let column = self.text[..self.at].chars().count() + 1;
                (format!("not JSON: {what} at column {column}"), false)
            }
            Some(Fault::TooDeep) => {
                (format!("lists and objects nest deeper than {} levels", self.levels), true)
            }
            None => unreachable!("seedloop bug: a reader that stops and does not know why"),
        };
        Broken { name: self.name, problem, is_too_deep }
    }

    /// The byte at the current place.
    #[inline]
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(END)
    }

    /// Skips white space; the byte behind it.
    #[inline]
    fn peek(&mut self) -> u8 {
        loop {
            let byte = self.byte();
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return byte;
            }
            self.at += 1;
        }
    }

    /// Reads a value onto the tape.
    fn value(&mut self) -> Result<(), Stopped> {
        match self.peek() {
            b'"' => self.string(),
            b'{' => self.object(),
            b'[' => self.list(),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.word(),
        }
    }

    /// Begins a list or an object, whose inside begins at the place on the tape that is returned.
    #[inline]
    fn enter(&mut self) -> Result<usize, Stopped> {
        if self.depth == self.levels {
            self.fault = Some(Fault::TooDeep);
            return Err(Stopped);
        }
        self.depth += 1;
        self.at += 1;
        // What it is is known at its end.
        self.tape.push(Token::Null);
        Ok(self.tape.len())
    }

    /// Ends the list or object whose inside begins at `inside`.
    #[inline]
    fn leave(&mut self, inside: usize, token: impl FnOnce(usize) -> Token<'a>) {
        self.depth -= 1;
        self.tape[inside - 1] = token(self.tape.len() - inside);
    }

    fn list(&mut self) -> Result<(), Stopped> {
        let inside = self.enter()?;
        let mut len = 0;
        if self.peek() == b']' {
            self.at += 1;
        } else {
            loop {
                self.value()?;
                len += 1;
                if !self.goes_on(b']', "expected a comma or ]")? {
                    break;
                }
            }
        }
        self.leave(inside, |size| Token::List(len, size));
        Ok(())
    }

    fn object(&mut self) -> Result<(), Stopped> {
        let inside = self.enter()?;
        let mut keys = Keys { bits: 0, differ: true };
        let mut len = 0;
        if self.peek() == b'}' {
            self.at += 1;
        } else {
            loop {
                self.member(&mut keys)?;
                len += 1;
                if !self.goes_on(b'}', "expected a comma or }")? {
                    break;
                }
            }
        }
        self.leave(inside, |size| Token::Object(len, size, keys.differ));
        Ok(())
    }

    #[inline]
    fn member(&mut self, keys: &mut Keys) -> Result<(), Stopped> {
        if self.peek() != b'"' {
            return Err(self.wrong("expected a string as key"));
        }
        let (start, key) = (self.at, self.tape.len());
        self.string()?;
        keys.add(&self.text.as_bytes()[start..self.at]);
        if self.peek() != b':' {
            return Err(self.wrong("expected a colon"));
        }
        self.at += 1;
        self.value()?;
        if self.depth == 1 {
            self.note_name(key);
        }
        Ok(())
    }

    /// Keeps the program's name, if that is the member at `key` on the tape.
    fn note_name(&mut self, key: usize) {
        let mut member = Rest(&self.tape[key..]);
        if member.next_key() == "name" {
            self.name = member.next_value().as_str().map(str::to_owned);
        }
    }

    /// Reads a comma or the `end`; tells whether it was the comma.
    #[inline]
    fn goes_on(&mut self, end: u8, expected: &'static str) -> Result<bool, Stopped> {
        let next = self.peek();
        if next != b',' && next != end {
            return Err(self.wrong(expected));
        }
        self.at += 1;
        Ok(next == b',')
    }

    fn word(&mut self) -> Result<(), Stopped> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return Err(self.wrong("unexpected end"));
        }
        for (word, token) in [
            ("null", Token::Null),
            ("true", Token::Bool(true)),
            ("false", Token::Bool(false)),
            ("NaN", Token::Number("NaN")),
            ("Infinity", Token::Number("Infinity")),
        ] {
            if rest.starts_with(word) {
                self.at += word.len();
                self.tape.push(token);
                return Ok(());
            }
        }
        Err(self.wrong("expected a value"))
    }

    fn number(&mut self) -> Result<(), Stopped> {
        let start = self.at;
        if self.byte() == b'-' {
            self.at += 1;
            if self.text[self.at..].starts_with("Infinity") {
                self.at += "Infinity".len();
                self.tape.push(Token::Number("-Infinity"));
                return Ok(());
            }
        }
        let has_zero = self.byte() == b'0';
        if self.digits()? > 1 && has_zero {
            return Err(self.wrong("a number with a leading zero"));
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if let b'e' | b'E' = self.byte() {
            self.at += 1;
            if let b'+' | b'-' = self.byte() {
                self.at += 1;
            }
            self.digits()?;
        }
        self.tape.push(Token::Number(&self.text[start..self.at]));
        Ok(())
    }

    /// Skips digits, of which there must be one; tells how many.
    fn digits(&mut self) -> Result<usize, Stopped> {
        let start = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        match self.at - start {
            0 => Err(self.wrong("expected a digit")),
            count => Ok(count),
        }
    }

    /// Reads the string that begins here onto the tape.
    #[inline]
    fn string(&mut self) -> Result<(), Stopped> {
        let start = self.at + 1;
        self.at = self.end_of_plain(start);
        if self.byte() != b'"' {
            let text = self.rest_of_string(start)?;
            self.tape.push(Token::Unescaped(text.into()));
            return Ok(());
        }
        self.tape.push(Token::Text(&self.text[start..self.at]));
        self.at += 1;
        Ok(())
    }

    /// The place of the next byte that does not stand for itself, or the end.
    #[inline]
    fn end_of_plain(&self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut end = start;
        while end < bytes.len() && IS_PLAIN[usize::from(bytes[end])] {
            end += 1;
        }
        end
    }

    /// Reads on in a string that is plain from `start` up to here.
    #[cold]
    fn rest_of_string(&mut self, start: usize) -> Result<String, Stopped> {
        let mut text = self.text[start..self.at].to_owned();
        loop {
            match self.byte() {
                b'"' => break,
                b'\\' => {}
                END if self.at == self.text.len() => {
                    return Err(self.wrong("a string without end"));
                }
                _ => return Err(self.wrong("a control character in a string")),
            }
            self.at += 1;
            text.push(self.escaped()?);
            let start = self.at;
            self.at = self.end_of_plain(start);
            text.push_str(&self.text[start..self.at]);
        }
        self.at += 1;
        Ok(text)
    }

    /// Reads what stands behind a backslash.
    fn escaped(&mut self) -> Result<char, Stopped> {
        let byte = self.byte();
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => {
                self.at -= 1;
                return Err(self.wrong("an unknown escape"));
            }
        })
    }

    /// Reads the digits behind `\u`, and the other half if it is one of a pair.
    fn code_point(&mut self) -> Result<char, Stopped> {
        let start = self.at;
        let first = self.hex()?;
        let mut code = first;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            }
        }
        char::from_u32(code).ok_or_else(|| {
            self.at = start;
            self.wrong("half of a surrogate pair")
        })
    }

    fn hex(&mut self) -> Result<u32, Stopped> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let number = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let number = number.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let number = number.ok_or_else(|| self.wrong("expected four hexadecimal digits"))?;
        self.at += 4;
        Ok(number)
    }
}
