//! What a store has to know of an entry that is otherwise only passed through.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use sessiondb::RawJson;

use crate::error::SdkError;
use crate::ids::fingerprint;

/// Takes an entry that must be a JSON object, and tells by what it is known again, if it has an id of its own.
pub(crate) fn entry(position: usize, json: &str) -> Result<(RawJson, Option<u128>), SdkError> {
    let invalid =
        |reason: String| SdkError::invalid(format!("entry {position} of this call"), reason);
    let raw = RawJson::new(json).map_err(|err| invalid(format!("{err}; give one JSON object")))?;
    let id = id_of(raw.as_str())
        .map_err(|err| invalid(format!("it is no JSON object: {err}; give one JSON object")))?;
    Ok((raw, id))
}

/// Whether this stands in the place of an entry that was erased in the archive.
pub(crate) fn is_tombstone(json: &str) -> bool {
    json.strip_prefix(r#"{"kind":"erased""#)
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(|time| {
            let digits = time.strip_prefix(r#","ts":"#);
            time.is_empty()
                || digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
        })
}

/// By what an object is known again: its `uuid`, if that is a text that says anything.
pub(crate) fn id_of(json: &str) -> Result<Option<u128>, serde_json::Error> {
    struct Id(Option<u128>);
    struct Fields;

    impl<'de> Visitor<'de> for Fields {
        type Value = Id;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Id, M::Error> {
            let mut id = None;
            while let Some(IsUuid(is_uuid)) = map.next_key()? {
                if is_uuid {
                    // Of a key that stands twice the last one counts, as it does in the SDKs.
                    id = text_of(map.next_value::<&RawValue>()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(Id(id))
        }
    }

    impl<'de> Deserialize<'de> for Id {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            from.deserialize_map(Fields)
        }
    }

    serde_json::from_str::<Id>(json).map(|id| id.0)
}

fn text_of(value: &RawValue) -> Option<u128> {
    let Bytes(text) = serde_json::from_str(value.get()).ok()?;
    (!text.is_empty()).then(|| fingerprint(&text))
}

/// Whether a key is the one that is looked for. Read as bytes, since a key may hold half a surrogate pair.
struct IsUuid(bool);

impl<'de> Deserialize<'de> for IsUuid {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Key;

        impl Visitor<'_> for Key {
            type Value = IsUuid;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_bytes<E: de::Error>(self, key: &[u8]) -> Result<IsUuid, E> {
                Ok(IsUuid(key == b"uuid"))
            }
        }
        from.deserialize_bytes(Key)
    }
}

/// The bytes of a string, which may hold half a surrogate pair.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E: de::Error>(self, text: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(text.to_vec()))
            }
        }
        from.deserialize_bytes(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_text_that_says_anything() {
        let known = |json: &str| id_of(json).unwrap();
        let a = Some(fingerprint(b"a"));
        for json in [
            r#"{"uuid":"a"}"#,
            r#"{"x":{"uuid":"b"},"uuid":"\u0061"}"#,
            r#"{"\u0075uid":"a"}"#,
            r#"{"uuid":"b","uuid":"a"}"#,
            r#"{"\ud800":"\udfff","uuid":"a"}"#,
        ] {
            assert_eq!(known(json), a, "{json}");
        }
        for json in [
            "{}",
            r#"{"uuid":""}"#,
            r#"{"uuid":null}"#,
            r#"{"uuid":7}"#,
            r#"{"uuid":["a"]}"#,
            r#"{"x":{"uuid":"a"}}"#,
        ] {
            assert_eq!(known(json), None, "{json}");
        }
        let half = known(r#"{"uuid":"\ud800"}"#);
        assert!(half.is_some() && half != known(r#"{"uuid":"\ud801"}"#));
        assert!(
            known(&format!(
                r#"{{"x":{}{},"uuid":"a"}}"#,
                "[".repeat(5000),
                "]".repeat(5000)
            )) == a
        );
    }

    #[test]
    fn what_is_no_object_on_one_line_is_refused() {
        for json in ["", "[]", "7", "null", r#""a""#, "{", "{}{}", "{\n}"] {
            let error = entry(3, json).unwrap_err().to_string();
            assert!(error.starts_with("entry 3 of this call: "), "{error}");
        }
        assert!(entry(0, "{\"a\":1e400}").is_ok());
    }
}
