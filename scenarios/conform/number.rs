//! Numbers as Python has them: whole ones of any size, and floats.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// CPython reads no whole number of more digits.
const DIGITS_MAX: usize = 4_300;

/// A number that programs pass around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Number {
    /// A whole number.
    Int(i64),
    /// A whole number beyond those: its digits, with the sign.
    Big(Arc<str>),
    /// A float, by its bits.
    Float(u64),
}

impl Number {
    /// Reads a number in JSON's notation. None if it is not finite or too long for CPython.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(number) = text.parse() {
            return Some(Number::Int(number));
        }
        if is_whole(text) {
            let digits = text.trim_start_matches('-').len();
            return (digits <= DIGITS_MAX).then(|| Number::Big(text.into()));
        }
        let is_written_in_digits = text.ends_with(|last: char| last.is_ascii_digit());
        let float = text.parse::<f64>().ok().filter(|_| is_written_in_digits)?;
        Some(Number::Float(float.to_bits()))
    }

    /// Writes it in JSON's notation.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let text = match self {
            // What is too large for a float is read as infinity.
            Number::Float(bits) if f64::from_bits(*bits).is_infinite() => {
                self.to_string().replace("inf", "1e999")
            }
            number => number.to_string(),
        };
        serde_json::Value::Number(serde_json::Number::from_string_unchecked(text))
    }

    /// Compares as Python does: by value, exactly, whatever the types.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(b),
            (Number::Float(a), Number::Float(b)) => {
                compare_floats(f64::from_bits(*a), f64::from_bits(*b))
            }
            (Number::Float(a), whole) => compare_with_float(whole, f64::from_bits(*a)).reverse(),
            (whole, Number::Float(b)) => compare_with_float(whole, f64::from_bits(*b)),
            (a, b) => compare_digits(&a.to_string(), &b.to_string()),
        }
    }
}

/// Reads a whole number from 0 in JSON's notation; those beyond the type are its greatest one.
pub(super) fn count(text: &str) -> Option<u64> {
    match Number::parse(text)? {
        Number::Int(number) => u64::try_from(number).ok(),
        Number::Big(digits) if digits.starts_with('-') => None,
        Number::Big(digits) => Some(digits.parse().unwrap_or(u64::MAX)),
        Number::Float(_) => None,
    }
}

/// Reads a whole number; those beyond the type are its least or greatest one.
pub(super) fn whole(text: &str) -> Option<i64> {
    match Number::parse(text)? {
        Number::Int(number) => Some(number),
        Number::Big(digits) if digits.starts_with('-') => Some(i64::MIN),
        Number::Big(_) => Some(i64::MAX),
        Number::Float(_) => None,
    }
}

fn is_whole(text: &str) -> bool {
    text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit())
}

fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).expect("seedloop bug: a number that is none was read")
}

fn compare_with_float(whole: &Number, float: f64) -> Ordering {
    if float.is_infinite() {
        return compare_floats(0.0, float);
    }
    // Without a precision loss: a float's whole part is written with all of its digits.
    let by_whole_part = compare_digits(&whole.to_string(), &format!("{:.0}", float.trunc()));
    by_whole_part.then(compare_floats(0.0, float.fract()))
}

/// Compares whole numbers by their digits.
fn compare_digits(a: &str, b: &str) -> Ordering {
    let size = |text: &str| text.len();
    match (a.strip_prefix('-'), b.strip_prefix('-')) {
        (None, None) => size(a).cmp(&size(b)).then_with(|| a.cmp(b)),
        (Some(a), Some(b)) => size(b).cmp(&size(a)).then_with(|| b.cmp(a)),
        // A float between -1 and 0 has the whole part -0.
        (Some("0"), None) => compare_digits("0", b),
        (None, Some("0")) => compare_digits(a, "0"),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
    }
}

/// As Python prints it.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Int(number) => write!(f, "{number}"),
            Number::Big(digits) => f.write_str(digits),
            Number::Float(bits) => {
                // Rust and Python agree on the digits, and on when there is to be an exponent.
                let written = format!("{:?}", f64::from_bits(*bits));
                let Some((digits, exponent)) = written.split_once('e') else {
                    return f.write_str(&written);
                };
                match exponent.strip_prefix('-') {
                    Some(exponent) => write!(f, "{digits}e-{exponent:0>2}"),
                    None => write!(f, "{digits}e+{exponent:0>2}"),
                }
            }
        }
    }
}
