//! MessagePack as JSON and back: so that what LangGraph hands over as MessagePack can be read, searched and
//! redacted where it is stored. What JSON has no word for is an object with one key that begins with `$`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rmpv::Value;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// How deep values may be nested; deeper ones are kept as bytes.
const MOST_LEVELS: usize = 64;

const BIN: &str = "$bin";
const EXT: &str = "$ext";
const EXT_BYTES: &str = "$extbin";
const FLOAT: &str = "$f64";
const FLOAT_32: &str = "$f32";
const MAP: &str = "$map";

/// One value as JSON, if that gives just these bytes again.
pub(super) fn to_json(bytes: &[u8]) -> Option<String> {
    let (value, rest) = read(bytes, MOST_LEVELS)?;
    if !rest.is_empty() {
        return None;
    }
    let json = serde_json::to_string(&Json(value)).ok()?;
    (to_bytes(&json)? == bytes).then_some(json)
}

/// The bytes of what [`to_json`] gave.
pub(super) fn to_bytes(json: &str) -> Option<Vec<u8>> {
    let Json(value) = serde_json::from_str(json).ok()?;
    written(&value)
}

/// The values that bytes hold one behind the other, each by its bytes, if they are so many.
pub(super) fn split(mut bytes: &[u8], count: usize) -> Option<Vec<&[u8]>> {
    let mut values = Vec::new();
    for _ in 0..count {
        let (_, rest) = read(bytes, MOST_LEVELS)?;
        values.push(bytes.get(..bytes.len() - rest.len())?);
        bytes = rest;
    }
    bytes.is_empty().then_some(values)
}

/// How many values an array has, and the bytes of them; `None` if it is no array as it is usually written.
pub(super) fn array(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut rest = bytes;
    let count = usize::try_from(rmpv_array_len(&mut rest)?).ok()?;
    let head = bytes.get(..bytes.len() - rest.len())?;
    (array_head(count) == head).then_some((count, rest))
}

/// What stands before the values of an array.
pub(super) fn array_head(count: usize) -> Vec<u8> {
    match u16::try_from(count) {
        Ok(count) if count < 16 => vec![0x90 | count.to_le_bytes()[0]],
        Ok(count) => [&[0xdc][..], &count.to_be_bytes()].concat(),
        // No value has more than 2^32 bytes.
        Err(_) => {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            [&[0xdd][..], &count.to_be_bytes()].concat()
        }
    }
}

fn rmpv_array_len(rest: &mut &[u8]) -> Option<u64> {
    let (first, behind) = rest.split_first()?;
    let (count, behind) = match first {
        0x90..=0x9f => (u64::from(first & 0x0f), behind),
        0xdc => {
            let (count, behind) = behind.split_first_chunk()?;
            (u64::from(u16::from_be_bytes(*count)), behind)
        }
        0xdd => {
            let (count, behind) = behind.split_first_chunk()?;
            (u64::from(u32::from_be_bytes(*count)), behind)
        }
        _ => return None,
    };
    *rest = behind;
    Some(count)
}

fn read(bytes: &[u8], levels: usize) -> Option<(Value, &[u8])> {
    let mut rest = bytes;
    let value = rmpv::decode::read_value_with_max_depth(&mut rest, levels).ok()?;
    Some((value, rest))
}

fn written(value: &Value) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value).ok()?;
    Some(bytes)
}

/// A value as JSON.
struct Json(Value);

/// The same without taking it.
struct AsJson<'a>(&'a Value, usize);

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        AsJson(&self.0, MOST_LEVELS).serialize(to)
    }
}

impl Serialize for AsJson<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let Self(value, levels) = self;
        match value {
            Value::Nil => to.serialize_unit(),
            Value::Boolean(value) => to.serialize_bool(*value),
            Value::Integer(value) => match (value.as_u64(), value.as_i64()) {
                (Some(value), _) => to.serialize_u64(value),
                (_, Some(value)) => to.serialize_i64(value),
                _ => Err(S::Error::custom("no whole number")),
            },
            Value::F64(value) if value.is_finite() => to.serialize_f64(*value),
            Value::F64(value) => marked(to, FLOAT, &format!("{:016x}", value.to_bits())),
            Value::F32(value) => marked(to, FLOAT_32, &format!("{:08x}", value.to_bits())),
            Value::String(text) => match text.as_str() {
                Some(text) => to.serialize_str(text),
                None => Err(S::Error::custom("a text that is no UTF-8")),
            },
            Value::Binary(bytes) => marked(to, BIN, &BASE64.encode(bytes)),
            Value::Array(values) => {
                let mut seq = to.serialize_seq(Some(values.len()))?;
                for value in values {
                    seq.serialize_element(&AsJson(value, *levels))?;
                }
                seq.end()
            }
            Value::Map(pairs) => map(to, pairs, *levels),
            Value::Ext(code, bytes) => ext(to, *code, bytes, *levels),
        }
    }
}

fn marked<S: Serializer>(to: S, mark: &str, value: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(1))?;
    map.serialize_entry(mark, value)?;
    map.end()
}

fn map<S: Serializer>(to: S, pairs: &[(Value, Value)], levels: usize) -> Result<S::Ok, S::Error> {
    let is_plain =
        |(key, _): &(Value, Value)| key.as_str().is_some_and(|key| !key.starts_with('$'));
    if pairs.iter().all(is_plain) {
        let mut map = to.serialize_map(Some(pairs.len()))?;
        for (key, value) in pairs {
            map.serialize_entry(&AsJson(key, levels), &AsJson(value, levels))?;
        }
        return map.end();
    }
    let pair = |(key, value)| [AsJson(key, levels), AsJson(value, levels)];
    let pairs = pairs.iter().map(|(key, value)| pair((key, value)));
    marked(to, MAP, &pairs.collect::<Vec<_>>())
}

/// What LangGraph makes of an object: a value within the bytes of an extension.
fn ext<S: Serializer>(to: S, code: i8, bytes: &[u8], levels: usize) -> Result<S::Ok, S::Error> {
    let within = levels
        .checked_sub(8)
        .and_then(|levels| Some((read(bytes, levels)?, levels)));
    match within {
        // As it would be written again, or it could not be told from other bytes of the same meaning.
        Some(((value, []), levels)) if written(&value).as_deref() == Some(bytes) => {
            marked(to, EXT, &(code, AsJson(&value, levels)))
        }
        _ => marked(to, EXT_BYTES, &(code, BASE64.encode(bytes))),
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json(Value::Nil))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json(Value::Boolean(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json(Value::F64(value)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(Json(value)) = seq.next_element()? {
            values.push(value);
        }
        Ok(Json(Value::Array(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let Json(value) = map.next_value()?;
            if key.starts_with('$') {
                let unmarked = unmarked(&key, value);
                return unmarked
                    .map(Json)
                    .ok_or_else(|| de::Error::custom("an unknown mark"));
            }
            pairs.push((Value::from(key), value));
        }
        Ok(Json(Value::Map(pairs)))
    }
}

/// What an object with a mark for its key stands for.
fn unmarked(mark: &str, value: Value) -> Option<Value> {
    let bits = |value: &Value| u64::from_str_radix(value.as_str()?, 16).ok();
    let bytes = |value: &Value| BASE64.decode(value.as_str()?).ok();
    Some(match mark {
        BIN => Value::Binary(bytes(&value)?),
        FLOAT => Value::F64(f64::from_bits(bits(&value)?)),
        FLOAT_32 => Value::F32(f32::from_bits(u32::try_from(bits(&value)?).ok()?)),
        MAP => {
            let Value::Array(pairs) = value else {
                return None;
            };
            let pair = |pair: Value| match pair {
                Value::Array(pair) => <[Value; 2]>::try_from(pair)
                    .ok()
                    .map(<(Value, Value)>::from),
                _ => None,
            };
            Value::Map(pairs.into_iter().map(pair).collect::<Option<_>>()?)
        }
        EXT | EXT_BYTES => {
            let Value::Array(parts) = value else {
                return None;
            };
            let [code, within] = <[Value; 2]>::try_from(parts).ok()?;
            let code = i8::try_from(code.as_i64()?).ok()?;
            let within = if mark == EXT {
                written(&within)?
            } else {
                bytes(&within)?
            };
            Value::Ext(code, within)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            any::<bool>().prop_map(Value::Boolean),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<u64>().prop_map(|bits| Value::F64(f64::from_bits(bits))),
            any::<u32>().prop_map(|bits| Value::F32(f32::from_bits(bits))),
            "[$a-c\\PC]{0,40}".prop_map(Value::from),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Binary),
            (any::<i8>(), prop::collection::vec(any::<u8>(), 0..20))
                .prop_map(|(code, bytes)| Value::Ext(code, bytes)),
        ];
        leaf.prop_recursive(4, 64, 20, |inner| {
            let pair = (inner.clone(), inner.clone());
            let named = ("[$a-c]{0,3}".prop_map(Value::from), inner.clone());
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..20).prop_map(Value::Array),
                prop::collection::vec(pair, 0..4).prop_map(Value::Map),
                prop::collection::vec(named, 0..20).prop_map(Value::Map),
                (any::<i8>(), inner)
                    .prop_map(|(code, value)| Value::Ext(code, written(&value).unwrap())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_as_usual_is_json_and_comes_back(value in value()) {
            let bytes = written(&value).unwrap();
            let json = to_json(&bytes);
            prop_assert!(json.is_some(), "{value}");
            prop_assert_eq!(to_bytes(&json.unwrap()), Some(bytes));
        }

        #[test]
        fn any_bytes_are_json_that_comes_back_or_none(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(json) = to_json(&bytes) {
                prop_assert_eq!(to_bytes(&json), Some(bytes));
            }
        }
    }

    #[test]
    fn an_object_of_langgraph_can_be_read() {
        let object = Value::Array(vec![
            "langchain_core.messages.human".into(),
            "HumanMessage".into(),
            Value::Map(vec![("content".into(), "Hello".into())]),
        ]);
        let bytes = written(&Value::Ext(5, written(&object).unwrap())).unwrap();
        let expected =
            r#"{"$ext":[5,["langchain_core.messages.human","HumanMessage",{"content":"Hello"}]]}"#;
        assert_eq!(to_json(&bytes).as_deref(), Some(expected));
    }

    #[test]
    fn what_is_not_written_as_usual_is_left_as_bytes() {
        // A one in two bytes, text that is no UTF-8, too deep, a rest.
        for bytes in [&[0xcc, 1][..], &[0xa1, 0xff], &[0x91; 200], &[1, 1], &[]] {
            assert_eq!(to_json(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn arrays_have_the_shortest_head() {
        for count in [0, 1, 15, 16, 65_535, 65_536] {
            let bytes = [array_head(count), vec![1; count]].concat();
            let (counted, rest) = array(&bytes).unwrap();
            assert_eq!((counted, rest.len()), (count, count));
            assert_eq!(split(rest, count).map(|values| values.len()), Some(count));
        }
        assert!(
            array(&[0xdc, 0, 1, 1]).is_none() && array(&[0x80]).is_none() && array(&[]).is_none()
        );
    }
}
