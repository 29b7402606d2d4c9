//! JSON as it is read: a tree whose strings and numbers are borrowed from the line where they can
//! be, and whose objects are lists, since they are short.
//!
//! A reader of our own, because programs may hold numbers of any size, because it is what most of
//! a run's time would go to, and because it still knows the program's name when the line turns out
//! to be broken. What is written is serde_json's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// A JSON value.
#[derive(Debug)]
pub(super) enum Source<'a> {
    Null,
    Bool(bool),
    /// As it is written. `NaN`, `Infinity` and `-Infinity` are let through, though they are no
    /// JSON, so that they are refused where they stand.
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Source<'a>>),
    Object(Members<'a>),
}

/// The members of an object as they are written; of equal keys the last one counts.
#[derive(Debug)]
pub(super) struct Members<'a>(Vec<Member<'a>>);

type Member<'a> = (Cow<'a, str>, Source<'a>);

impl<'a> Members<'a> {
    /// Gives the position of the member that counts under `key`.
    pub(super) fn position(&self, key: &str) -> Option<usize> {
        self.0.iter().rposition(|(other, _)| other == key)
    }

    pub(super) fn at(&self, position: usize) -> &Source<'a> {
        &self.0[position].1
    }

    pub(super) fn get(&self, key: &str) -> Option<&Source<'a>> {
        self.position(key).map(|position| self.at(position))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_ref())
    }

    /// The members that count, in the order in which their keys came first.
    pub(super) fn distinct(&self) -> Vec<(&str, &Source<'a>)> {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut distinct = Vec::with_capacity(self.len());
        for (key, value) in &self.0 {
            match places.get(key.as_ref()) {
                Some(place) => distinct[*place] = (key.as_ref(), value),
                None => {
                    places.insert(key, distinct.len());
                    distinct.push((key.as_ref(), value));
                }
            }
        }
        distinct
    }
}

impl Source<'_> {
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Source::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// As JSON, for errors; lists and objects are only named.
impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Null => f.write_str("null"),
            Source::Bool(truth) => write!(f, "{truth}"),
            Source::Number(number) => f.write_str(number),
            Source::Text(text) => write!(f, "{}", serde_json::Value::from(text.as_ref())),
            Source::List(_) => f.write_str("a list"),
            Source::Object(_) => f.write_str("an object"),
        }
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
pub(super) fn read(line: &str, levels: usize) -> Result<Source<'_>, Broken> {
    let mut reader = Reader {
        text: line,
        at: 0,
        levels,
        depth: 0,
        name: None,
        values: Vec::with_capacity(32),
        members: Vec::with_capacity(32),
    };
    // Editors write it, and CPython's `json` takes it.
    if line.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    let result = reader.value().and_then(|value| match reader.peek() {
        None => Ok(value),
        Some(_) => Err(Fault::Wrong("trailing characters")),
    });
    result.map_err(|fault| reader.broken(&fault))
}

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

struct Reader<'a> {
    text: &'a str,
    at: usize,
    levels: usize,
    depth: usize,
    name: Option<String>,
    /// The elements of the lists and the members of the objects that are being read: collected
    /// here first, so that each list is allocated once, at its size.
    values: Vec<Source<'a>>,
    members: Vec<Member<'a>>,
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

    fn value(&mut self) -> Result<Source<'a>, Fault> {
        match self.peek() {
            Some(b'"') => self.string().map(Source::Text),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::list),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.word(),
            None => Err(Fault::Wrong("unexpected end")),
        }
    }

    #[inline]
    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Source<'a>, Fault>,
    ) -> Result<Source<'a>, Fault> {
        if self.depth == self.levels {
            return Err(Fault::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn list(&mut self) -> Result<Source<'a>, Fault> {
        let first = self.values.len();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Source::List(Vec::new()));
        }
        loop {
            let value = self.value()?;
            self.values.push(value);
            if !self.goes_on(b']', "expected a comma or ]")? {
                return Ok(Source::List(self.values.drain(first..).collect()));
            }
        }
    }

    fn object(&mut self) -> Result<Source<'a>, Fault> {
        let first = self.members.len();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Source::Object(Members(Vec::new())));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(Fault::Wrong("expected a string as key"));
            }
            let key = self.string()?;
            if self.peek() != Some(b':') {
                return Err(Fault::Wrong("expected a colon"));
            }
            self.at += 1;
            let value = self.value()?;
            if self.depth == 1 && key == "name" {
                self.name = value.as_str().map(str::to_owned);
            }
            self.members.push((key, value));
            if !self.goes_on(b'}', "expected a comma or }")? {
                return Ok(Source::Object(Members(self.members.drain(first..).collect())));
            }
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

    fn word(&mut self) -> Result<Source<'a>, Fault> {
        let rest = &self.text[self.at..];
        for (word, value) in [
            ("null", Source::Null),
            ("true", Source::Bool(true)),
            ("false", Source::Bool(false)),
            ("NaN", Source::Number("NaN")),
            ("Infinity", Source::Number("Infinity")),
        ] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(Fault::Wrong("expected a value"))
    }

    fn number(&mut self) -> Result<Source<'a>, Fault> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
            if self.text[self.at..].starts_with("Infinity") {
                self.at += "Infinity".len();
                return Ok(Source::Number("-Infinity"));
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
        Ok(Source::Number(&self.text[start..self.at]))
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
    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.at += 1;
        let first = self.plain()?;
        if self.byte() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(first));
        }
        let mut text = first.to_owned();
        while self.byte() == Some(b'\\') {
            self.at += 1;
            text.push(self.escaped()?);
            text.push_str(self.plain()?);
        }
        self.at += 1;
        Ok(Cow::Owned(text))
    }

    /// Reads up to the next quote or backslash.
    fn plain(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        for (length, byte) in self.text.as_bytes()[start..].iter().enumerate() {
            if IS_PLAIN[usize::from(*byte)] {
                continue;
            }
            self.at += length;
            return match byte {
                b'"' | b'\\' => Ok(&self.text[start..self.at]),
                _ => Err(Fault::Wrong("a control character in a string")),
            };
        }
        self.at = self.text.len();
        Err(Fault::Wrong("a string without end"))
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
