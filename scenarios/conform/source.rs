//! JSON as it is read: all values of a line one behind the other on a *tape*, whose strings and
//! numbers are borrowed from the line where they can be. Objects are lists, since they are short.
//!
//! A reader of our own, because programs may hold numbers of any size, because it is what most of
//! a run's time would go to, and because it still knows the program's name when the line turns out
//! to be broken. What is written is serde_json's.

use std::borrow::Cow;
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
    Text(Cow<'a, str>),
    /// A list of so many values, which take so many tokens.
    List(usize, usize),
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
            Token::List(len, size) => Source::List(Elements { left: *len, rest: self.take(*size) }),
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

    /// Takes a member off.
    #[inline]
    fn next_member(&mut self) -> (&'a str, Source<'a>) {
        let key = self.next_value().as_str().expect("seedloop bug: a key that is no text");
        (key, self.next_value())
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
        let (first, value) = rest.next_member();
        if first != key {
            return None;
        }
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
        (0..self.len).map(move |_| rest.next_member())
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
    let mut reader = Reader { text: line, at: 0, levels, depth: 0, name: None, tape };
    // Editors write it, and CPython's `json` takes it.
    if line.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    let result = reader.value().and_then(|()| match reader.peek() {
        None => Ok(()),
        Some(_) => Err(Fault::Wrong("trailing characters")),
    });
    match result {
        Ok(()) => Ok(Line { tape: reader.tape }),
        Err(fault) => Err(reader.broken(&fault)),
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
    #[inline]
    fn add(&mut self, key: &str) {
        let first = key.bytes().next().unwrap_or_default();
        let bit = 1 << ((usize::from(first) ^ (key.len() << 3)) & 63);
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
}

impl<'a> Reader<'a> {
    fn broken(&mut self, fault: &Fault) -> Broken {
        let (problem, is_too_deep) = match fault {
            Fault::Wrong(what) => {
                let column = self.text[..self.at].chars().count() + 1;
                (format!("not JSON: {what} at column {column}"), false)
            }
            Fault::TooDeep => {
                (format!("lists and objects nest deeper than {} levels", self.levels), true)
            }
        };
        Broken { name: self.name.take(), problem, is_too_deep }
    }

    /// The byte at the current place.
    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips white space; the byte behind it.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = self.byte()?;
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Reads a value onto the tape.
    fn value(&mut self) -> Result<(), Fault> {
        let token = match self.peek() {
            Some(b'"') => Token::Text(self.string()?),
            Some(b'{') => return self.nested(Self::object),
            Some(b'[') => return self.nested(Self::list),
            Some(b'-' | b'0'..=b'9') => Token::Number(self.number()?),
            Some(_) => self.word()?,
            None => return Err(Fault::Wrong("unexpected end")),
        };
        self.tape.push(token);
        Ok(())
    }

    /// Reads a list or object: `read` its inside, and it gives what stands before that.
    #[inline]
    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self, usize) -> Result<Token<'a>, Fault>,
    ) -> Result<(), Fault> {
        if self.depth == self.levels {
            return Err(Fault::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        let place = self.tape.len();
        self.tape.push(Token::Null);
        self.tape[place] = read(self, place + 1)?;
        self.depth -= 1;
        Ok(())
    }

    /// Reads the inside of a list, which begins at `first` on the tape.
    fn list(&mut self, first: usize) -> Result<Token<'a>, Fault> {
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Token::List(0, 0));
        }
        let mut len = 1;
        loop {
            self.value()?;
            if !self.goes_on(b']', "expected a comma or ]")? {
                return Ok(Token::List(len, self.tape.len() - first));
            }
            len += 1;
        }
    }

    /// Reads the inside of an object, which begins at `first` on the tape.
    fn object(&mut self, first: usize) -> Result<Token<'a>, Fault> {
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Token::Object(0, 0, true));
        }
        let mut keys = Keys { bits: 0, differ: true };
        let mut len = 1;
        loop {
            if self.peek() != Some(b'"') {
                return Err(Fault::Wrong("expected a string as key"));
            }
            let key = self.string()?;
            if self.peek() != Some(b':') {
                return Err(Fault::Wrong("expected a colon"));
            }
            self.at += 1;
            keys.add(&key);
            let is_name = self.depth == 1 && key == "name";
            self.tape.push(Token::Text(key));
            let place = self.tape.len();
            self.value()?;
            if is_name {
                self.name = match &self.tape[place] {
                    Token::Text(name) => Some(name.clone().into_owned()),
                    _ => None,
                };
            }
            if !self.goes_on(b'}', "expected a comma or }")? {
                return Ok(Token::Object(len, self.tape.len() - first, keys.differ));
            }
            len += 1;
        }
    }

    /// Reads a comma or the `end`; tells whether it was the comma.
    fn goes_on(&mut self, end: u8, expected: &'static str) -> Result<bool, Fault> {
        let next = self.peek();
        if next != Some(b',') && next != Some(end) {
            return Err(Fault::Wrong(expected));
        }
        self.at += 1;
        Ok(next == Some(b','))
    }

    fn word(&mut self) -> Result<Token<'a>, Fault> {
        let rest = &self.text[self.at..];
        for (word, value) in [
            ("null", Token::Null),
            ("true", Token::Bool(true)),
            ("false", Token::Bool(false)),
            ("NaN", Token::Number("NaN")),
            ("Infinity", Token::Number("Infinity")),
        ] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(Fault::Wrong("expected a value"))
    }

    fn number(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
            if self.text[self.at..].starts_with("Infinity") {
                self.at += "Infinity".len();
                return Ok("-Infinity");
            }
        }
        let has_zero = self.byte() == Some(b'0');
        if self.digits()? > 1 && has_zero {
            return Err(Fault::Wrong("a number with a leading zero"));
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    /// Skips digits, of which there must be one; tells how many.
    fn digits(&mut self) -> Result<usize, Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        match self.at - start {
            0 => Err(Fault::Wrong("expected a digit")),
            count => Ok(count),
        }
    }

    /// Reads the string that begins here.
    #[inline]
    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        let start = self.at + 1;
        self.at = self.end_of_plain(start);
        if self.byte() != Some(b'"') {
            return self.rest_of_string(start).map(Cow::Owned);
        }
        let text = &self.text[start..self.at];
        self.at += 1;
        Ok(Cow::Borrowed(text))
    }

    /// The place of the next byte that does not stand for itself.
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
    fn rest_of_string(&mut self, start: usize) -> Result<String, Fault> {
        let mut text = self.text[start..self.at].to_owned();
        loop {
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {}
                Some(_) => return Err(Fault::Wrong("a control character in a string")),
                None => return Err(Fault::Wrong("a string without end")),
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
    fn escaped(&mut self) -> Result<char, Fault> {
        let byte = self.byte();
        self.at += 1;
        Ok(match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.code_point(),
            _ => {
                self.at -= 1;
                return Err(Fault::Wrong("an unknown escape"));
            }
        })
    }

    /// Reads the digits behind `\u`, and the other half if it is one of a pair.
    fn code_point(&mut self) -> Result<char, Fault> {
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
            Fault::Wrong("half of a surrogate pair")
        })
    }

    fn hex(&mut self) -> Result<u32, Fault> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let number = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let number = number.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let number = number.ok_or(Fault::Wrong("expected four hexadecimal digits"))?;
        self.at += 4;
        Ok(number)
    }
}
