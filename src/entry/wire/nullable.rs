//! Fields that are not known, and fields that may be `null`.

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
/// use sessiondb::entry::Nullable;
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
