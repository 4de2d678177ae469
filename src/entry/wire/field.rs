//! Objects: the ways in which a field can be read and written.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde_json::Value;
use uuid::Uuid;

use super::nullable::{Extra, Nullable};
use super::tagged::Key;

/// An object of known fields and an `extra` map, as `wire_struct!` defines it.
pub(crate) trait Fields: Sized {
    /// Reads the rest of an object. With `kind`, the tag has been read before.
    fn read_fields<'de, A: MapAccess<'de>>(map: A, kind: Option<&str>) -> Result<Self, A::Error>;

    /// Writes the known fields in order, then the others. With `tagged`, the tag has been
    /// written before.
    fn write_fields<M: SerializeMap>(&self, map: &mut M, tagged: bool) -> Result<(), M::Error>;
}

/// How a field of type `T` is read and written.
///
/// What the field itself cannot hold, such as a `null` where it is normally left out, goes to
/// `extra`, which is written while [`is_written`](Mode::is_written) is false. The last of several values counts.
pub(crate) trait Mode<T> {
    /// What is known of the field while the object is read.
    type Slot: Default;

    fn read<'de, A: MapAccess<'de>>(
        slot: &mut Self::Slot,
        name: &'static str,
        map: &mut A,
        extra: &mut Extra,
    ) -> Result<(), A::Error>;

    fn finish<E: de::Error>(slot: Self::Slot, name: &'static str) -> Result<T, E>;

    fn is_written(value: &T, name: &'static str, extra: &Extra) -> bool;
}

/// Always there.
pub(crate) struct Required;

impl<T: for<'de> Deserialize<'de>> Mode<T> for Required {
    type Slot = Option<T>;

    fn read<'de, A: MapAccess<'de>>(
        slot: &mut Option<T>,
        name: &'static str,
        map: &mut A,
        _extra: &mut Extra,
    ) -> Result<(), A::Error> {
        *slot = Some(value_of(name, map)?);
        Ok(())
    }

    fn finish<E: de::Error>(slot: Option<T>, name: &'static str) -> Result<T, E> {
        slot.ok_or_else(|| E::missing_field(name))
    }

    fn is_written(_value: &T, _name: &'static str, _extra: &Extra) -> bool {
        true
    }
}

/// Left out where it has no value.
pub(crate) struct Optional;

impl<T: for<'de> Deserialize<'de>> Mode<Option<T>> for Optional {
    type Slot = Option<T>;

    fn read<'de, A: MapAccess<'de>>(
        slot: &mut Option<T>,
        name: &'static str,
        map: &mut A,
        extra: &mut Extra,
    ) -> Result<(), A::Error> {
        *slot = value_of(name, map)?;
        keep_if(slot.is_none(), name, || Value::Null, extra);
        Ok(())
    }

    fn finish<E: de::Error>(slot: Option<T>, _name: &'static str) -> Result<Option<T>, E> {
        Ok(slot)
    }

    fn is_written(value: &Option<T>, _name: &'static str, _extra: &Extra) -> bool {
        value.is_some()
    }
}

/// Left out where it is empty.
pub(crate) struct List;

impl<T: for<'de> Deserialize<'de>> Mode<Vec<T>> for List {
    type Slot = Vec<T>;

    fn read<'de, A: MapAccess<'de>>(
        slot: &mut Vec<T>,
        name: &'static str,
        map: &mut A,
        extra: &mut Extra,
    ) -> Result<(), A::Error> {
        let list: Option<Vec<T>> = value_of(name, map)?;
        let null = list.is_none();
        *slot = list.unwrap_or_default();
        let empty = || {
            if null {
                Value::Null
            } else {
                Value::Array(Vec::new())
            }
        };
        keep_if(slot.is_empty(), name, empty, extra);
        Ok(())
    }

    fn finish<E: de::Error>(slot: Vec<T>, _name: &'static str) -> Result<Vec<T>, E> {
        Ok(slot)
    }

    fn is_written(value: &Vec<T>, _name: &'static str, _extra: &Extra) -> bool {
        !value.is_empty()
    }
}

/// Written as `null` where it has no value.
pub(crate) struct Nulled;

/// A `Nullable` that starts absent.
pub(crate) struct NulledSlot<T>(Nullable<T>);

impl<T> Default for NulledSlot<T> {
    fn default() -> Self {
        Self(Nullable::Absent)
    }
}

impl<T: for<'de> Deserialize<'de>> Mode<Nullable<T>> for Nulled {
    type Slot = NulledSlot<T>;

    fn read<'de, A: MapAccess<'de>>(
        slot: &mut NulledSlot<T>,
        name: &'static str,
        map: &mut A,
        _extra: &mut Extra,
    ) -> Result<(), A::Error> {
        slot.0 = value_of(name, map)?;
        Ok(())
    }

    fn finish<E: de::Error>(slot: NulledSlot<T>, _name: &'static str) -> Result<Nullable<T>, E> {
        Ok(slot.0)
    }

    fn is_written(value: &Nullable<T>, _name: &'static str, _extra: &Extra) -> bool {
        !matches!(value, Nullable::Absent)
    }
}

/// Any JSON, `null` included; left out where there is none.
pub(crate) struct AnyJson;

impl Mode<Option<Value>> for AnyJson {
    type Slot = Option<Value>;

    fn read<'de, A: MapAccess<'de>>(
        slot: &mut Option<Value>,
        name: &'static str,
        map: &mut A,
        _extra: &mut Extra,
    ) -> Result<(), A::Error> {
        *slot = Some(value_of(name, map)?);
        Ok(())
    }

    fn finish<E: de::Error>(slot: Option<Value>, _name: &'static str) -> Result<Option<Value>, E> {
        Ok(slot)
    }

    fn is_written(value: &Option<Value>, _name: &'static str, _extra: &Extra) -> bool {
        value.is_some()
    }
}

/// An id. Other spellings than the usual one (lower case, with dashes) are kept in `extra`, and
/// written while the id is still the same.
pub(crate) struct Id;

impl Mode<Uuid> for Id {
    type Slot = Option<Uuid>;

    fn read<'de, A: MapAccess<'de>>(
        slot: &mut Option<Uuid>,
        name: &'static str,
        map: &mut A,
        extra: &mut Extra,
    ) -> Result<(), A::Error> {
        let Key(text) = value_of(name, map)?;
        *slot = Some(read_id(&text, name, extra)?);
        Ok(())
    }

    fn finish<E: de::Error>(slot: Option<Uuid>, name: &'static str) -> Result<Uuid, E> {
        slot.ok_or_else(|| E::missing_field(name))
    }

    fn is_written(value: &Uuid, name: &'static str, extra: &Extra) -> bool {
        spelt_id(name, extra) != Some(*value)
    }
}

/// An id that is left out where there is none.
impl Mode<Option<Uuid>> for Id {
    type Slot = Option<Uuid>;

    fn read<'de, A: MapAccess<'de>>(
        slot: &mut Option<Uuid>,
        name: &'static str,
        map: &mut A,
        extra: &mut Extra,
    ) -> Result<(), A::Error> {
        *slot = None;
        if let Some(Key(text)) = value_of(name, map)? {
            *slot = Some(read_id(&text, name, extra)?);
        } else {
            keep_if(true, name, || Value::Null, extra);
        }
        Ok(())
    }

    fn finish<E: de::Error>(slot: Option<Uuid>, _name: &'static str) -> Result<Option<Uuid>, E> {
        Ok(slot)
    }

    fn is_written(value: &Option<Uuid>, name: &'static str, extra: &Extra) -> bool {
        value.is_some() && spelt_id(name, extra) != *value
    }
}

fn read_id<E: de::Error>(text: &str, name: &'static str, extra: &mut Extra) -> Result<Uuid, E> {
    let id = Uuid::try_parse(text).map_err(|cause| in_field(name, &cause))?;
    let usual = *text == *id.hyphenated().encode_lower(&mut Uuid::encode_buffer());
    keep_if(!usual, name, || text.into(), extra);
    Ok(id)
}

/// The id that `extra` spells out, if it holds one.
fn spelt_id(name: &'static str, extra: &Extra) -> Option<Uuid> {
    let spelt = extra.get(name).and_then(Value::as_str);
    spelt.and_then(|text| Uuid::try_parse(text).ok())
}

/// Reads an object that has no tag.
pub(crate) struct FieldsVisitor<T>(PhantomData<T>);

impl<T> FieldsVisitor<T> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Fields> Visitor<'de> for FieldsVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::read_fields(map, None)
    }
}

fn value_of<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    name: &'static str,
    map: &mut A,
) -> Result<T, A::Error> {
    map.next_value().map_err(|cause| in_field(name, &cause))
}

#[cold]
pub(crate) fn in_field<E: de::Error>(name: &str, cause: &impl fmt::Display) -> E {
    E::custom(format_args!("field `{name}`: {cause}"))
}

/// Keeps what the wire had where the field itself cannot hold it, and otherwise forgets what an
/// earlier value of the same name left there.
fn keep_if(keep: bool, name: &'static str, value: impl FnOnce() -> Value, extra: &mut Extra) {
    if keep {
        extra.insert(name.to_owned(), value());
    } else if !extra.is_empty() {
        extra.remove(name);
    }
}
