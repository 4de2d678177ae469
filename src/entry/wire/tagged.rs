//! Enums told apart by `kind`: the tag is found, then the rest of the object goes straight to the
//! fields of that kind.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, IntoDeserializer, MapAccess,
    SeqAccess, Visitor,
};
use serde::ser::{self, Serialize, Serializer};
use serde_json::Value;

use super::exact::Floats;
use super::nullable::Extra;
use crate::raw_json::RawJson;

/// An enum as `tagged_enum!` defines it.
pub(crate) trait Tagged: Sized {
    /// What a reader was looking for, for error messages.
    const EXPECTING: &'static str;

    fn from_unknown(value: Value) -> Self;

    /// Whether this version knows the kind.
    fn knows(kind: &str) -> bool;

    /// Reads the rest of an object whose tag has been read.
    fn read_kind<'de, A: MapAccess<'de>>(kind: &str, map: A) -> Result<Self, A::Error>;
}

/// Finds the tag. Only the fields before it are buffered, and it normally comes first.
pub(crate) struct TaggedVisitor<T>(PhantomData<T>);

impl<T> TaggedVisitor<T> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Tagged> Visitor<'de> for TaggedVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (an object)", T::EXPECTING)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut before = Extra::new();
        while let Some(Key(key)) = map.next_key()? {
            if key != "kind" {
                before.insert(key.into_owned(), map.next_value()?);
                continue;
            }
            let mut tag = Scalar::Absent;
            map.next_value_seed(&mut tag)?;
            return match tag {
                Scalar::Word(kind) if before.is_empty() => T::read_kind(&kind, map),
                Scalar::Word(kind) => T::read_kind(&kind, Chain::new(before, map)),
                tag => rest(before, tag, map).map(T::from_unknown),
            };
        }
        Ok(T::from_unknown(Value::Object(before)))
    }
}

/// What the `Unknown` variant of such an enum holds.
pub(crate) trait Holder {
    /// The `kind` on the wire; empty if there is none, or none that is a string.
    fn kind_of(&self) -> &str;

    /// Says why it cannot be written, if it cannot.
    fn check<T: Tagged>(&self) -> Result<(), String>;

    /// Writes it as it is.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

/// A part of an entry: an object whose kind is not known. Written, anything else could not be read
/// back.
impl Holder for Value {
    fn kind_of(&self) -> &str {
        self.get("kind").and_then(Value::as_str).unwrap_or("")
    }

    fn check<T: Tagged>(&self) -> Result<(), String> {
        let (what, kind) = (T::EXPECTING, self.kind_of());
        if !self.is_object() {
            return Err(format!("{what} is an object"));
        }
        if T::knows(kind) {
            return Err(format!(
                "{what} of the known kind `{kind}` is not `Unknown`"
            ));
        }
        Ok(())
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }
}

/// A whole entry, which may be any JSON.
impl Holder for RawJson {
    fn kind_of(&self) -> &str {
        self.kind()
    }

    fn check<T: Tagged>(&self) -> Result<(), String> {
        Ok(())
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = self.to_raw_value().map_err(ser::Error::custom)?;
        value.serialize(serializer)
    }
}

impl Floats for RawJson {
    fn holds_float(&self) -> bool {
        false
    }
}

/// A value of a known kind, or nothing: of another one the fields are passed over.
pub(crate) struct Known<T>(pub(crate) Option<T>);

impl<'de, T: Tagged> Deserialize<'de> for Known<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KnownVisitor(PhantomData))
    }
}

struct KnownVisitor<T>(PhantomData<T>);

impl<'de, T: Tagged> Visitor<'de> for KnownVisitor<T> {
    type Value = Known<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (an object)", T::EXPECTING)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Known<T>, A::Error> {
        let mut before = Extra::new();
        while let Some(Key(key)) = map.next_key()? {
            if key != "kind" {
                before.insert(key.into_owned(), map.next_value()?);
                continue;
            }
            let mut tag = Scalar::Absent;
            map.next_value_seed(&mut tag)?;
            let known = match tag {
                Scalar::Word(kind) if !T::knows(&kind) => break,
                Scalar::Word(kind) if before.is_empty() => T::read_kind(&kind, map),
                Scalar::Word(kind) => T::read_kind(&kind, Chain::new(before, map)),
                _ => break,
            };
            return known.map(|known| Known(Some(known)));
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Known(None))
    }
}

/// Reads the rest of an object of a kind that is not known.
pub(crate) fn unknown<'de, T: Tagged, A: MapAccess<'de>>(
    kind: &str,
    map: A,
) -> Result<T, A::Error> {
    rest(Extra::new(), Scalar::Word(kind.into()), map).map(T::from_unknown)
}

fn rest<'de, A: MapAccess<'de>>(
    mut object: Extra,
    tag: Scalar<'_>,
    mut map: A,
) -> Result<Value, A::Error> {
    object.extend(tag.into_value().map(|tag| ("kind".to_owned(), tag)));
    while let Some(Key(key)) = map.next_key()? {
        if key == "kind" {
            return Err(de::Error::duplicate_field("kind"));
        }
        object.insert(key.into_owned(), map.next_value()?);
    }
    Ok(Value::Object(object))
}

/// Reads a second tag of one object: it may only repeat the first, since the fields between the
/// two were read by it.
pub(crate) fn expect_same_kind<'de, A: MapAccess<'de>>(
    kind: &str,
    map: &mut A,
) -> Result<(), A::Error> {
    let mut again = Scalar::Absent;
    map.next_value_seed(&mut again)?;
    match again {
        Scalar::Word(again) if again == kind => Ok(()),
        _ => Err(de::Error::duplicate_field("kind")),
    }
}

/// The key of a field, borrowed from the input where it can be.
pub(crate) struct Key<'de>(pub(crate) Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }

            fn visit_string<E>(self, key: String) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key)))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// A value that is normally a word or a number, but may be any JSON as long as the kind of its
/// object is not known. It is read in place: moving a `Value` about costs as much as reading it.
#[derive(Default)]
pub(crate) enum Scalar<'de> {
    #[default]
    Absent,
    Word(Cow<'de, str>),
    Number(u64),
    Other(Value),
}

impl Scalar<'_> {
    pub(crate) fn into_value(self) -> Option<Value> {
        match self {
            Self::Absent => None,
            Self::Word(word) => Some(Value::String(word.into_owned())),
            Self::Number(number) => Some(number.into()),
            Self::Other(value) => Some(value),
        }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Scalar<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Scalar<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_borrowed_str<E>(self, word: &'de str) -> Result<(), E> {
        *self = Scalar::Word(Cow::Borrowed(word));
        Ok(())
    }

    fn visit_str<E>(self, word: &str) -> Result<(), E> {
        *self = Scalar::Word(Cow::Owned(word.to_owned()));
        Ok(())
    }

    fn visit_string<E>(self, word: String) -> Result<(), E> {
        *self = Scalar::Word(Cow::Owned(word));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        *self = Scalar::Number(number);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        *self = Scalar::Other(number.into());
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        *self = Scalar::Other(number.into());
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        *self = Scalar::Other(value.into());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        *self = Scalar::Other(Value::Null);
        Ok(())
    }

    fn visit_none<E>(self) -> Result<(), E> {
        *self = Scalar::Other(Value::Null);
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<(), D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        *self = Scalar::Other(Value::deserialize(SeqAccessDeserializer::new(seq))?);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        *self = Scalar::Other(Value::deserialize(MapAccessDeserializer::new(map))?);
        Ok(())
    }
}

/// The fields that came before the tag, then the rest.
struct Chain<A> {
    before: serde_json::map::IntoIter,
    value: Option<Value>,
    rest: A,
}

impl<A> Chain<A> {
    fn new(before: Extra, rest: A) -> Self {
        Self {
            before: before.into_iter(),
            value: None,
            rest,
        }
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Chain<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        match self.before.next() {
            Some((key, value)) => {
                self.value = Some(value);
                seed.deserialize(key.into_deserializer()).map(Some)
            }
            None => self.rest.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(value).map_err(de::Error::custom),
            None => self.rest.next_value_seed(seed),
        }
    }
}
