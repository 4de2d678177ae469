//! How the shapes on the wire are read and written without loss: one macro for objects, one for
//! enums tagged by `kind`, one for open sets of words. Nothing here names a concrete shape.
//!
//! Serde's own `flatten` and internal tags copy every field into a buffer before they look at it.
//! Here each field is read straight into its place while the tag comes first, as it does on
//! every line that a runtime writes.

mod exact;
mod field;
mod tagged;

pub(crate) use exact::{Floats, numbers_are_exact};
pub(crate) use field::{
    AnyJson, Fields, FieldsVisitor, Id, List, Mode, Nulled, Optional, Required, in_field,
};
pub(crate) use tagged::{
    Holder, Key, Known, Scalar, Tagged, TaggedVisitor, expect_same_kind, unknown,
};

/// The fields of an object that this version of the crate does not know, as they were read.
///
/// They are written back after the known ones. A field that is normally left out but was written
/// as `null` or `[]` is kept here as well, and counts while the field itself is empty.
///
/// ```
/// use sessiondb::LogEntry;
///
/// let line = r#"{"kind":"turn_end","ts":7,"turn_count":1,"took_ms":250}"#;
/// let LogEntry::TurnEnd(turn) = serde_json::from_str(line)? else { unreachable!() };
/// assert_eq!(turn.extra["took_ms"], 250);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub type Extra = serde_json::Map<String, serde_json::Value>;

/// A field that is written as `null` where it has no value, and that older writers left out.
///
/// ```
/// use sessiondb::Nullable;
///
/// let prompt: Nullable<String> = Some("Be brief.".to_owned()).into();
/// assert_eq!(prompt.as_option().map(String::as_str), Some("Be brief."));
/// assert_eq!(Nullable::<u64>::default(), Nullable::Null);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Nullable<T> {
    /// The field is not there.
    Absent,
    /// The field is `null`.
    #[default]
    Null,
    /// The field has a value.
    Value(T),
}

impl<T> Nullable<T> {
    /// The value, if there is one.
    pub fn as_option(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The value, if there is one.
    pub fn into_option(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}

impl<T> From<Option<T>> for Nullable<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }
}

impl<T> From<T> for Nullable<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

impl<T: serde::Serialize> serde::Serialize for Nullable<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_option().serialize(serializer)
    }
}

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Nullable<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::from)
    }
}

/// Defines a struct that is a JSON object on the wire, with an `extra` field for what it does not
/// know. Each field names the [`Mode`](field::Mode) in which it is written.
macro_rules! wire_struct {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* $field:ident: $ty:ty => $mode:ident, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $ty, )*
            /// The fields that this version of the crate does not know.
            pub extra: $crate::wire::Extra,
        }

        impl $crate::wire::Fields for $name {
            fn read_fields<'de, A: serde::de::MapAccess<'de>>(
                mut map: A,
                kind: Option<&str>,
            ) -> Result<Self, A::Error> {
                use $crate::wire::Mode;
                $( let mut $field = <$crate::wire::$mode as Mode<$ty>>::Slot::default(); )*
                let mut extra = $crate::wire::Extra::new();
                while let Some($crate::wire::Key(key)) = map.next_key()? {
                    match (&*key, kind) {
                        $( (stringify!($field), _) => <$crate::wire::$mode as Mode<$ty>>::read(
                            &mut $field, stringify!($field), &mut map, &mut extra,
                        )?, )*
                        ("kind", Some(kind)) => {
                            $crate::wire::expect_same_kind(kind, &mut map)?;
                        }
                        _ => {
                            extra.insert(key.into_owned(), map.next_value()?);
                        }
                    }
                }
                Ok(Self {
                    $( $field: <$crate::wire::$mode as Mode<$ty>>::finish(
                        $field, stringify!($field),
                    )?, )*
                    extra,
                })
            }

            fn write_fields<M: serde::ser::SerializeMap>(
                &self,
                map: &mut M,
                tagged: bool,
            ) -> Result<(), M::Error> {
                use $crate::wire::Mode;
                $( if <$crate::wire::$mode as Mode<$ty>>::is_written(
                    &self.$field, stringify!($field), &self.extra,
                ) {
                    map.serialize_entry(stringify!($field), &self.$field)?;
                } )*
                for (key, value) in &self.extra {
                    let written = match key.as_str() {
                        $( stringify!($field) => {
                            <$crate::wire::$mode as Mode<$ty>>::is_written(
                                &self.$field, stringify!($field), &self.extra,
                            )
                        } )*
                        "kind" => tagged,
                        _ => false,
                    };
                    if !written {
                        map.serialize_entry(key, value)?;
                    }
                }
                Ok(())
            }
        }

        impl $crate::wire::Floats for $name {
            fn holds_float(&self) -> bool {
                $( $crate::wire::Floats::holds_float(&self.$field) || )*
                $crate::wire::Floats::holds_float(&self.extra)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $crate::wire::Fields::write_fields(self, &mut map, false)?;
                serde::ser::SerializeMap::end(map)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_map($crate::wire::FieldsVisitor::new())
            }
        }
    };
}

/// Defines an enum of wire structs told apart by `kind`, with an `Unknown` variant for kinds that
/// this version does not know, and what that [holds](Holder).
macro_rules! tagged_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident ($what:literal, $unknown:ty) {
            $( $(#[$variant_meta:meta])* $kind:literal => $variant:ident($body:ty), )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$variant_meta])* $variant($body), )*
            /// One whose `kind` is missing or not known to this version, as it was read.
            Unknown($unknown),
        }

        impl $name {
            /// The `kind` on the wire; empty if there is none, or none that is a string.
            pub fn kind(&self) -> &str {
                match self {
                    $( Self::$variant(_) => $kind, )*
                    Self::Unknown(unknown) => $crate::wire::Holder::kind_of(unknown),
                }
            }
        }

        impl $crate::wire::Floats for $name {
            fn holds_float(&self) -> bool {
                match self {
                    $( Self::$variant(body) => $crate::wire::Floats::holds_float(body), )*
                    Self::Unknown(unknown) => $crate::wire::Floats::holds_float(unknown),
                }
            }
        }

        impl $crate::wire::Tagged for $name {
            const EXPECTING: &'static str = $what;

            fn from_unknown(value: serde_json::Value) -> Self {
                Self::Unknown(value.into())
            }

            fn knows(kind: &str) -> bool {
                matches!(kind, $($kind)|*)
            }

            fn read_kind<'de, A: serde::de::MapAccess<'de>>(
                kind: &str,
                map: A,
            ) -> Result<Self, A::Error> {
                match kind {
                    $( $kind => {
                        $crate::wire::Fields::read_fields(map, Some($kind)).map(Self::$variant)
                    } )*
                    _ => $crate::wire::unknown(kind, map),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                match self {
                    $( Self::$variant(body) => {
                        let mut map = serializer.serialize_map(None)?;
                        map.serialize_entry("kind", $kind)?;
                        $crate::wire::Fields::write_fields(body, &mut map, true)?;
                        map.end()
                    } )*
                    Self::Unknown(unknown) => {
                        $crate::wire::Holder::check::<Self>(unknown)
                            .map_err(serde::ser::Error::custom)?;
                        unknown.serialize(serializer)
                    }
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_map($crate::wire::TaggedVisitor::new())
            }
        }
    };
}

/// Defines an enum of words on the wire, with `Other` for those that this version does not know.
macro_rules! open_words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $word:literal => $variant:ident, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )*
            /// A word that this version does not know.
            Other(String),
        }

        impl $name {
            /// The word on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $word, )*
                    Self::Other(word) => word,
                }
            }

            fn known(word: &str) -> Option<Self> {
                match word {
                    $( $word => Some(Self::$variant), )*
                    _ => None,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                Self::known(word).unwrap_or_else(|| Self::Other(word.to_owned()))
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                Self::known(&word).unwrap_or(Self::Other(word))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::wire::Floats for $name {
            fn holds_float(&self) -> bool {
                false
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let $crate::wire::Key(word) = serde::Deserialize::deserialize(deserializer)?;
                Ok(match word {
                    std::borrow::Cow::Borrowed(word) => word.into(),
                    std::borrow::Cow::Owned(word) => word.into(),
                })
            }
        }
    };
}

pub(crate) use {open_words, tagged_enum, wire_struct};
