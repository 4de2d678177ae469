//! How the shapes on the wire are read and written without loss: one macro for objects, one for
//! enums tagged by `kind`, one for open sets of words. Nothing here names a concrete shape.
//!
//! Serde's own `flatten` and internal tags copy every field into a buffer before they look at it.
//! Here each field is read straight into its place while the tag comes first, as it does on
//! every line that a runtime writes.

mod exact;
mod field;
mod nullable;
mod tagged;

pub(crate) use self::exact::{Floats, numbers_are_exact};
pub(crate) use self::field::{
    AnyJson, Fields, FieldsVisitor, Id, List, Mode, Nulled, Optional, Required, in_field,
};
pub use self::nullable::{Extra, Nullable};
pub(crate) use self::tagged::{
    Holder, Key, Known, Scalar, Tagged, TaggedVisitor, expect_same_kind, unknown,
};

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
            pub extra: $crate::entry::wire::Extra,
        }

        impl $crate::entry::wire::Fields for $name {
            fn read_fields<'de, A: serde::de::MapAccess<'de>>(
                mut map: A,
                kind: Option<&str>,
            ) -> Result<Self, A::Error> {
                use $crate::entry::wire::Mode;
                $( let mut $field = <$crate::entry::wire::$mode as Mode<$ty>>::Slot::default(); )*
                let mut extra = $crate::entry::wire::Extra::new();
                while let Some($crate::entry::wire::Key(key)) = map.next_key()? {
                    match (&*key, kind) {
                        $( (stringify!($field), _) => <$crate::entry::wire::$mode as Mode<$ty>>::read(
                            &mut $field, stringify!($field), &mut map, &mut extra,
                        )?, )*
                        ("kind", Some(kind)) => {
                            $crate::entry::wire::expect_same_kind(kind, &mut map)?;
                        }
                        _ => {
                            extra.insert(key.into_owned(), map.next_value()?);
                        }
                    }
                }
                Ok(Self {
                    $( $field: <$crate::entry::wire::$mode as Mode<$ty>>::finish(
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
                use $crate::entry::wire::Mode;
                $( if <$crate::entry::wire::$mode as Mode<$ty>>::is_written(
                    &self.$field, stringify!($field), &self.extra,
                ) {
                    map.serialize_entry(stringify!($field), &self.$field)?;
                } )*
                for (key, value) in &self.extra {
                    let written = match key.as_str() {
                        $( stringify!($field) => {
                            <$crate::entry::wire::$mode as Mode<$ty>>::is_written(
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

        impl $crate::entry::wire::Floats for $name {
            fn holds_float(&self) -> bool {
                $( $crate::entry::wire::Floats::holds_float(&self.$field) || )*
                $crate::entry::wire::Floats::holds_float(&self.extra)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $crate::entry::wire::Fields::write_fields(self, &mut map, false)?;
                serde::ser::SerializeMap::end(map)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_map($crate::entry::wire::FieldsVisitor::new())
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
                    Self::Unknown(unknown) => $crate::entry::wire::Holder::kind_of(unknown),
                }
            }
        }

        impl $crate::entry::wire::Floats for $name {
            fn holds_float(&self) -> bool {
                match self {
                    $( Self::$variant(body) => $crate::entry::wire::Floats::holds_float(body), )*
                    Self::Unknown(unknown) => $crate::entry::wire::Floats::holds_float(unknown),
                }
            }
        }

        impl $crate::entry::wire::Tagged for $name {
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
                        $crate::entry::wire::Fields::read_fields(map, Some($kind)).map(Self::$variant)
                    } )*
                    _ => $crate::entry::wire::unknown(kind, map),
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
                        $crate::entry::wire::Fields::write_fields(body, &mut map, true)?;
                        map.end()
                    } )*
                    Self::Unknown(unknown) => {
                        $crate::entry::wire::Holder::check::<Self>(unknown)
                            .map_err(serde::ser::Error::custom)?;
                        $crate::entry::wire::Holder::write(unknown, serializer)
                    }
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_map($crate::entry::wire::TaggedVisitor::new())
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

        impl $crate::entry::wire::Floats for $name {
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
                let $crate::entry::wire::Key(word) = serde::Deserialize::deserialize(deserializer)?;
                Ok(match word {
                    std::borrow::Cow::Borrowed(word) => word.into(),
                    std::borrow::Cow::Owned(word) => word.into(),
                })
            }
        }
    };
}

pub(crate) use {open_words, tagged_enum, wire_struct};
