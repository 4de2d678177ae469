//! Numbers that are held just as they were written, and those that are not: a float holds 17
//! digits, and a whole number beyond 64 bits becomes one.

use serde_json::{Map, Number, Value};
use uuid::Uuid;

use super::nullable::Nullable;

/// A value that may hold floats. One that holds none is what was written: all else is text, or a
/// whole number of 64 bits.
pub(crate) trait Floats {
    fn holds_float(&self) -> bool;
}

macro_rules! no_floats {
    ($($ty:ty),*) => {
        $( impl Floats for $ty {
            fn holds_float(&self) -> bool {
                false
            }
        } )*
    };
}

no_floats!(bool, u64, String, Uuid);

impl<T: Floats> Floats for Option<T> {
    fn holds_float(&self) -> bool {
        self.as_ref().is_some_and(T::holds_float)
    }
}

impl<T: Floats> Floats for Nullable<T> {
    fn holds_float(&self) -> bool {
        self.as_option().is_some_and(T::holds_float)
    }
}

impl<T: Floats> Floats for Vec<T> {
    fn holds_float(&self) -> bool {
        self.iter().any(T::holds_float)
    }
}

impl Floats for Number {
    fn holds_float(&self) -> bool {
        self.is_f64()
    }
}

impl Floats for Map<String, Value> {
    fn holds_float(&self) -> bool {
        self.values().any(Value::holds_float)
    }
}

impl Floats for Value {
    fn holds_float(&self) -> bool {
        match self {
            Value::Number(number) => number.holds_float(),
            Value::Array(values) => values.holds_float(),
            Value::Object(fields) => fields.holds_float(),
            Value::Null | Value::Bool(_) | Value::String(_) => false,
        }
    }
}

/// Whether `serde_json` holds every number in the JSON text as the one that is written there.
pub(crate) fn numbers_are_exact(json: &str) -> bool {
    let mut rest = json;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        rest = rest.get(at..).unwrap_or_default();
        let len = if let Some(behind) = rest.strip_prefix('"') {
            1 + string_len(behind)
        } else {
            let len = number_len(rest);
            if !is_exact(rest.get(..len).unwrap_or_default()) {
                return false;
            }
            len
        };
        rest = rest.get(len..).unwrap_or_default();
    }
    true
}

fn number_len(text: &str) -> usize {
    text.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
        .unwrap_or(text.len())
}

/// The length of a string behind its opening quote, the closing one included.
fn string_len(text: &str) -> usize {
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b'"', b'\\', text.as_bytes().get(from..).unwrap_or(&[])) {
        let at = from + at;
        if text.as_bytes().get(at) == Some(&b'"') {
            return at + 1;
        }
        from = at + 2;
    }
    text.len()
}

fn is_exact(number: &str) -> bool {
    if number.parse::<u64>().is_ok() || number.parse::<i64>().is_ok() {
        return true;
    }
    let held: Result<Number, _> = serde_json::from_str(number);
    held.is_ok_and(|held| Decimal::of(&held.to_string()) == Decimal::of(number))
}

/// A number as its digits, without zeros at either end, and the power of ten that they stand for.
#[derive(PartialEq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// `None` if the exponent is beyond all measure.
    fn of(number: &str) -> Option<Self> {
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let negative = whole.starts_with('-');
        let all = [whole.trim_start_matches('-'), fraction].concat();
        let digits = all.trim_end_matches('0');
        let shift = i64::try_from(all.len() - digits.len()).ok()?;
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Some(Self {
                negative: false,
                digits: String::new(),
                exponent: 0,
            });
        }
        let behind_point = i64::try_from(fraction.len()).ok()?;
        let exponent: i64 = exponent.parse().ok()?;
        Some(Self {
            negative,
            digits: digits.to_owned(),
            exponent: exponent.checked_add(shift)?.checked_sub(behind_point)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_64_bits_hold_are_exact() {
        for number in [
            "0",
            "-0",
            "-0.0",
            "0e999999999999999999999",
            "18446744073709551615",
            "-9223372036854775808",
            "0.1",
            "1.50e+3",
            "1E2",
            "100000000000000000000",
            "0.30000000000000004",
            "2.2250738585072014e-308",
            "1.7976931348623157e308",
        ] {
            assert!(numbers_are_exact(number), "{number}");
        }
    }

    #[test]
    fn others_are_not() {
        for number in [
            "18446744073709551617",
            "-9223372036854775809",
            "1234567890123456789012345678901234567890",
            "0.1234567890123456789",
            "9007199254740993.0",
            "1e-400",
            "1e400",
            "-1e-999999999999999999999",
        ] {
            assert!(!numbers_are_exact(number), "{number}");
            assert!(!numbers_are_exact(&format!(r#"{{"a\"":[1,{number}]}}"#)));
            assert!(numbers_are_exact(&format!(
                r#"{{"a\"{number}\\":"{number}"}}"#
            )));
        }
    }
}
