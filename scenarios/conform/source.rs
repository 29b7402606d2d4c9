//! JSON as it is read: a tree whose strings are borrowed from the line where they can be, and whose
//! objects are lists, since they are short. What is written is serde_json's own tree.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// A JSON value.
#[derive(Debug)]
pub(super) enum Source<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Source<'a>>),
    Object(Members<'a>),
}

/// The members of an object, in the order in which their keys came first; of equal keys the last
/// one counts.
#[derive(Debug)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, Source<'a>)>);

/// Up to here, comparing keys one by one is the fastest way to find equal ones.
const FEW: usize = 16;

impl<'a> Members<'a> {
    fn new(mut members: Vec<(Cow<'a, str>, Source<'a>)>) -> Self {
        let key = |index: usize| members[index].0.as_ref();
        let has_equal = match members.len() {
            count @ ..=FEW => (1..count).any(|index| (0..index).any(|i| key(i) == key(index))),
            _ => true,
        };
        if has_equal {
            let mut places: BTreeMap<Cow<'a, str>, usize> = BTreeMap::new();
            let mut distinct: Vec<(Cow<'a, str>, Source<'a>)> = Vec::new();
            for (key, value) in members {
                match places.get(&key) {
                    Some(place) => distinct[*place].1 = value,
                    None => {
                        places.insert(key.clone(), distinct.len());
                        distinct.push((key, value));
                    }
                }
            }
            members = distinct;
        }
        Members(members)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Source<'a>> {
        self.iter().find(|(other, _)| *other == key).map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Source<'a>)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }
}

impl<'a> Source<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&Source<'a>> {
        match self {
            Source::Object(members) => members.get(key),
            _ => None,
        }
    }

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
            Source::Number(number) => write!(f, "{number}"),
            Source::Text(text) => write!(f, "{}", serde_json::Value::from(text.as_ref())),
            Source::List(_) => f.write_str("a list"),
            Source::Object(_) => f.write_str("an object"),
        }
    }
}

impl<'de> Deserialize<'de> for Source<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

/// A text, borrowed where it can be.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(AnyText)
    }
}

struct AnyText;

impl<'de> Visitor<'de> for AnyText {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Source<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Source::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Source::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Source::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Source::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        // JSON knows no other than finite numbers.
        Ok(Number::from_f64(number).map_or(Source::Null, Source::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Source::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Source::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element()? {
            elements.push(element);
        }
        Ok(Source::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Text(key)) = access.next_key()? {
            members.push((key, access.next_value()?));
        }
        Ok(Source::Object(Members::new(members)))
    }
}
