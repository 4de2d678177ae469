//! The entries of the trace beside a segment, kept for debugging.
//!
//! On the wire `kind` comes after the common fields, so these are read in one pass over the
//! fields of all kinds, and told apart at the end.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::ser::{self, Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::entry::wire::{Extra, Key, Scalar, in_field, wire_struct};

/// One entry of a trace.
///
/// Lossless like [`LogEntry`](crate::LogEntry).
///
/// ```
/// use sessiondb::TraceEntry;
///
/// let line = r#"{"ts":1,"turn":0,"kind":"lifecycle","label":"request_start"}"#;
/// let entry: TraceEntry = serde_json::from_str(line)?;
/// assert_eq!((entry.kind(), entry.ts()), ("lifecycle", Some(1)));
/// assert_eq!(serde_json::to_string(&entry)?, line);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceEntry {
    /// A step in the life of a request.
    Lifecycle(TraceLifecycle),
    /// An event of the provider's stream.
    StreamEvent(TraceStreamEvent),
    /// An object whose `kind` is missing or not known to this version, as it was read.
    Unknown(Value),
}

wire_struct! {
    /// A step in the life of a request.
    ///
    /// ```
    /// use sessiondb::TraceEntry;
    /// use sessiondb::entry::{Extra, TraceLifecycle};
    ///
    /// let step = TraceEntry::Lifecycle(TraceLifecycle {
    ///     ts: 1,
    ///     turn: 0,
    ///     llm_call: Some(0),
    ///     label: "request_start".into(),
    ///     data: None,
    ///     extra: Extra::new(),
    /// });
    /// assert_eq!(step.kind(), "lifecycle");
    /// ```
    pub struct TraceLifecycle {
        /// When, in milliseconds since the Unix epoch.
        ts: u64 => Required,
        /// The turn, counted from 0.
        turn: u64 => Required,
        /// The request within the turn, counted from 0.
        llm_call: Option<u64> => Optional,
        /// The step.
        label: String => Required,
        /// More about it: any JSON.
        data: Option<Value> => AnyJson,
    }
}

wire_struct! {
    /// An event of the provider's stream.
    ///
    /// ```
    /// use sessiondb::TraceEntry;
    /// use sessiondb::entry::{Extra, TraceStreamEvent};
    ///
    /// let event = TraceEntry::StreamEvent(TraceStreamEvent {
    ///     ts: 1,
    ///     turn: 0,
    ///     llm_call: Some(0),
    ///     event: serde_json::json!({"Ping": {"timestamp": null}}),
    ///     extra: Extra::new(),
    /// });
    /// assert_eq!(event.kind(), "stream_event");
    /// ```
    pub struct TraceStreamEvent {
        /// When, in milliseconds since the Unix epoch.
        ts: u64 => Required,
        /// The turn, counted from 0.
        turn: u64 => Required,
        /// The request within the turn, counted from 0.
        llm_call: Option<u64> => Optional,
        /// The event: any JSON.
        event: Value => Required,
    }
}

impl TraceEntry {
    /// The `kind` on the wire; empty if there is none, or none that is a string.
    pub fn kind(&self) -> &str {
        match self {
            Self::Lifecycle(_) => "lifecycle",
            Self::StreamEvent(_) => "stream_event",
            Self::Unknown(value) => value.get("kind").and_then(Value::as_str).unwrap_or(""),
        }
    }

    /// When the entry was made, in milliseconds since the Unix epoch; `None` only for an unknown
    /// kind without a time.
    pub fn ts(&self) -> Option<u64> {
        match self {
            Self::Lifecycle(entry) => Some(entry.ts),
            Self::StreamEvent(entry) => Some(entry.ts),
            Self::Unknown(value) => value.get("ts").and_then(Value::as_u64),
        }
    }
}

impl Serialize for TraceEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (llm_call, extra) = match self {
            Self::Lifecycle(entry) => (entry.llm_call, &entry.extra),
            Self::StreamEvent(entry) => (entry.llm_call, &entry.extra),
            // Written, either of these could not be read back.
            Self::Unknown(value) if !value.is_object() => {
                return Err(ser::Error::custom("a trace entry is an object"));
            }
            Self::Unknown(_) if matches!(self.kind(), "lifecycle" | "stream_event") => {
                return Err(ser::Error::custom(format_args!(
                    "a trace entry of the known kind `{}` is not `Unknown`",
                    self.kind()
                )));
            }
            Self::Unknown(value) => return value.serialize(serializer),
        };
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Lifecycle(entry) => {
                write_common(&mut map, entry.ts, entry.turn, llm_call, self.kind())?;
                map.serialize_entry("label", &entry.label)?;
                if let Some(data) = &entry.data {
                    map.serialize_entry("data", data)?;
                }
            }
            Self::StreamEvent(entry) => {
                write_common(&mut map, entry.ts, entry.turn, llm_call, self.kind())?;
                map.serialize_entry("event", &entry.event)?;
            }
            Self::Unknown(_) => {}
        }
        for (key, value) in extra {
            let written = match (key.as_str(), self) {
                ("kind" | "ts" | "turn", _)
                | ("label", Self::Lifecycle(_))
                | ("event", Self::StreamEvent(_)) => true,
                ("llm_call", _) => llm_call.is_some(),
                ("data", Self::Lifecycle(entry)) => entry.data.is_some(),
                _ => false,
            };
            if !written {
                map.serialize_entry(key, value)?;
            }
        }
        map.end()
    }
}

fn write_common<M: SerializeMap>(
    map: &mut M,
    ts: u64,
    turn: u64,
    llm_call: Option<u64>,
    kind: &str,
) -> Result<(), M::Error> {
    map.serialize_entry("ts", &ts)?;
    map.serialize_entry("turn", &turn)?;
    if let Some(llm_call) = llm_call {
        map.serialize_entry("llm_call", &llm_call)?;
    }
    map.serialize_entry("kind", kind)
}

impl<'de> Deserialize<'de> for TraceEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TraceVisitor)
    }
}

struct TraceVisitor;

impl<'de> Visitor<'de> for TraceVisitor {
    type Value = TraceEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a trace entry (an object)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TraceEntry, A::Error> {
        let mut fields = TraceFields::default();
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "ts" => map.next_value_seed(&mut fields.ts)?,
                "turn" => map.next_value_seed(&mut fields.turn)?,
                "llm_call" => map.next_value_seed(&mut fields.llm_call)?,
                "kind" => map.next_value_seed(&mut fields.kind)?,
                "label" => map.next_value_seed(&mut fields.label)?,
                "data" => fields.data = Some(map.next_value()?),
                "event" => fields.event = Some(map.next_value()?),
                _ => {
                    fields.extra.insert(key.into_owned(), map.next_value()?);
                }
            }
        }
        match &fields.kind {
            Scalar::Word(kind) if kind == "lifecycle" => {
                fields.lifecycle().map(TraceEntry::Lifecycle)
            }
            Scalar::Word(kind) if kind == "stream_event" => {
                fields.stream_event().map(TraceEntry::StreamEvent)
            }
            _ => Ok(TraceEntry::Unknown(fields.into_object())),
        }
    }
}

/// The fields of all kinds. They may hold anything until the kind is known.
#[derive(Default)]
struct TraceFields<'de> {
    ts: Scalar<'de>,
    turn: Scalar<'de>,
    llm_call: Scalar<'de>,
    kind: Scalar<'de>,
    label: Scalar<'de>,
    data: Option<Value>,
    event: Option<Value>,
    extra: Extra,
}

impl TraceFields<'_> {
    fn lifecycle<E: de::Error>(mut self) -> Result<TraceLifecycle, E> {
        self.extra.extend(named("event", self.event));
        Ok(TraceLifecycle {
            ts: number("ts", self.ts)?,
            turn: number("turn", self.turn)?,
            llm_call: llm_call(self.llm_call, &mut self.extra)?,
            label: word("label", self.label)?,
            data: self.data,
            extra: self.extra,
        })
    }

    fn stream_event<E: de::Error>(mut self) -> Result<TraceStreamEvent, E> {
        self.extra.extend(named("label", self.label.into_value()));
        self.extra.extend(named("data", self.data));
        Ok(TraceStreamEvent {
            ts: number("ts", self.ts)?,
            turn: number("turn", self.turn)?,
            llm_call: llm_call(self.llm_call, &mut self.extra)?,
            event: self.event.ok_or_else(|| E::missing_field("event"))?,
            extra: self.extra,
        })
    }

    fn into_object(self) -> Value {
        let mut object = self.extra;
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                object.insert(name.to_owned(), value);
            }
        };
        put("ts", self.ts.into_value());
        put("turn", self.turn.into_value());
        put("llm_call", self.llm_call.into_value());
        put("kind", self.kind.into_value());
        put("label", self.label.into_value());
        put("data", self.data);
        put("event", self.event);
        Value::Object(object)
    }
}

fn named(name: &str, value: Option<Value>) -> Option<(String, Value)> {
    value.map(|value| (name.to_owned(), value))
}

/// A call's number; an explicit `null` is kept in `extra`.
fn llm_call<E: de::Error>(call: Scalar<'_>, extra: &mut Extra) -> Result<Option<u64>, E> {
    match call {
        Scalar::Absent => Ok(None),
        Scalar::Other(Value::Null) => {
            extra.insert("llm_call".to_owned(), Value::Null);
            Ok(None)
        }
        call => number("llm_call", call).map(Some),
    }
}

fn number<E: de::Error>(name: &'static str, value: Scalar<'_>) -> Result<u64, E> {
    match value {
        Scalar::Number(number) => Ok(number),
        other => typed(name, other),
    }
}

fn word<E: de::Error>(name: &'static str, value: Scalar<'_>) -> Result<String, E> {
    match value {
        Scalar::Word(word) => Ok(word.into_owned()),
        other => typed(name, other),
    }
}

/// Reads any other value, or says why it cannot be read.
#[cold]
fn typed<T: DeserializeOwned, E: de::Error>(name: &'static str, value: Scalar<'_>) -> Result<T, E> {
    let value = value.into_value().ok_or_else(|| E::missing_field(name))?;
    serde_json::from_value(value).map_err(|cause| in_field(name, &cause))
}
