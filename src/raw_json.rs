//! JSON as it was written, and what a store takes for JSON. The only place that says so.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// One JSON value on one line, kept as it was written: numbers of any length, escapes of any kind,
/// keys that stand twice, nesting of any depth.
///
/// A log keeps it byte for byte, see [`ToEntry`](crate::archive::ToEntry). Two are equal if their
/// bytes are. It is no serde value: what is a part of other JSON is a
/// [`RawValue`](serde_json::value::RawValue), which has no white space around it.
///
/// ```
/// use sessiondb::{Archive, RawJson, new_segment_id, new_session_id};
///
/// let json = RawJson::new(r#"{"n":1e400,"half":"\ud83d"}"#)?;
/// let log = Archive::in_memory()?.log(new_session_id(), new_segment_id());
/// log.append(&json)?;
/// let read: Vec<RawJson> = log.read(..)?.decode().collect::<Result<_, _>>()?;
/// assert_eq!(read, [json]);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RawJson(Box<str>);

impl RawJson {
    /// Takes text that is one JSON value on one line.
    ///
    /// # Errors
    ///
    /// If it is not that, in words.
    pub fn new(json: impl Into<Box<str>>) -> Result<Self, serde_json::Error> {
        let json = json.into();
        check_text(&json).map_err(de::Error::custom)?;
        Ok(Self(json))
    }

    /// Takes bytes that are one JSON value on one line.
    ///
    /// # Errors
    ///
    /// If they are not that, in words.
    pub fn from_bytes(json: &[u8]) -> Result<Self, serde_json::Error> {
        let text = std::str::from_utf8(json).map_err(de::Error::custom)?;
        check_text(text).map_err(de::Error::custom)?;
        Ok(Self(text.into()))
    }

    /// Takes text that has been read as JSON before, and is one line.
    pub(crate) fn trusted(json: &str) -> Self {
        Self(json.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value as [`serde_json`] holds it: of a key that stands twice the last one, numbers as 64
    /// bits.
    ///
    /// # Errors
    ///
    /// If it cannot hold it: half a surrogate pair, a number out of range, or more than 127 levels.
    pub fn to_value(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_str(&self.0)
    }

    /// The value as a part of other JSON: byte for byte, without the white space around it.
    pub(crate) fn to_raw_value(&self) -> Result<&RawValue, serde_json::Error> {
        serde_json::from_str(&self.0)
    }

    /// The same as bytes.
    pub(crate) fn to_vec(&self) -> Result<Vec<u8>, serde_json::Error> {
        Ok(self.to_raw_value()?.get().into())
    }

    /// The field `kind`, if it is a string without escapes; else the empty string.
    pub(crate) fn kind(&self) -> &str {
        #[derive(serde::Deserialize)]
        struct Tag<'a> {
            kind: &'a str,
        }
        self.fields().map_or("", |Tag { kind }| kind)
    }

    /// The field `ts`, if it is a whole number that fits.
    pub(crate) fn ts(&self) -> Option<u64> {
        #[derive(serde::Deserialize)]
        struct Stamp {
            ts: u64,
        }
        self.fields().map(|Stamp { ts }| ts)
    }

    fn fields<'a, T: Deserialize<'a>>(&'a self) -> Option<T> {
        is_object(&self.0)
            .then(|| serde_json::from_str(&self.0).ok())
            .flatten()
    }
}

/// Checks that the bytes are one JSON value on one line. Nesting of any depth is gone through
/// without recursion.
pub(crate) fn check(json: &[u8]) -> Result<(), String> {
    check_text(std::str::from_utf8(json).map_err(|err| err.to_string())?)
}

fn check_text(text: &str) -> Result<(), String> {
    if memchr::memchr(b'\n', text.as_bytes()).is_some() {
        return Err("it contains a line break".to_owned());
    }
    serde_json::from_str::<IgnoredAny>(text)
        .map(|_| ())
        .map_err(|err| err.to_string())
}

/// The fields of an object, such as a session's metadata.
pub(crate) fn fields(json: &RawJson) -> Result<Map<String, Value>, serde_json::Error> {
    serde_json::from_str(json.as_str())
}

/// Whether the JSON is an object. To serde a list is a struct as well, without names.
pub(crate) fn is_object(json: &str) -> bool {
    json.trim_ascii_start().starts_with('{')
}

impl From<Value> for RawJson {
    fn from(value: Value) -> Self {
        Self(value.to_string().into())
    }
}

impl fmt::Display for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson({})", self.0)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Box::<RawValue>::deserialize(deserializer)?;
        Self::new(Box::<str>::from(value)).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_one_value_on_one_line_is_kept_byte_for_byte() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for text in [
            "1e400",
            "-0",
            "123456789012345678901234567890123456789012345678901234567890",
            r#""a\ud83d""#,
            r#"{"a":1,"a":2}"#,
            " {} \r",
            &deep,
        ] {
            let json = RawJson::new(text).unwrap();
            assert_eq!(json.as_str(), text);
            let inside = serde_json::to_string(&[json.to_raw_value().unwrap()]).unwrap();
            assert_eq!(inside, format!("[{}]", text.trim()));
            let back: Vec<RawJson> = serde_json::from_str(&inside).unwrap();
            assert_eq!(back[0].as_str(), text.trim());
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "{", "1 2", "[1,\n2]", "01", "\"a\0b\"", r#""\u12""#] {
            assert!(RawJson::new(text).is_err(), "{text:?}");
        }
        let broken: Result<RawJson, _> = serde_json::from_str("[1,\n2]");
        assert!(broken.is_err());
    }

    #[test]
    fn kind_and_time_are_found_beside_what_fits_no_type() {
        let json = RawJson::new(r#"{"half":"\ud83d","n":1e400,"kind":"a","ts":7}"#).unwrap();
        assert_eq!((json.kind(), json.ts()), ("a", Some(7)));
        let other = RawJson::new(r#"["kind"]"#).unwrap();
        assert_eq!((other.kind(), other.ts()), ("", None));
    }
}
