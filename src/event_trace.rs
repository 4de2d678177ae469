//! The entries of the trace beside a segment, kept for debugging.
//!
//! On the wire `kind` comes after the common fields, so these are read in one pass over the
//! fields of all kinds, and told apart at the end.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::ser::{self, Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::wire::{Extra, Key, in_field, wire_struct};

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
    /// use sessiondb::{Extra, TraceEntry, TraceLifecycle};
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
    /// use sessiondb::{Extra, TraceEntry, TraceStreamEvent};
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
        let extra = match self {
            Self::Lifecycle(entry) => &entry.extra,
            Self::StreamEvent(entry) => &entry.extra,
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
        let mut written = vec!["kind", "ts", "turn"];
        match self {
            Self::Lifecycle(entry) => {
                write_common(&mut map, entry.ts, entry.turn, entry.llm_call, self.kind())?;
                map.serialize_entry("label", &entry.label)?;
                written.push("label");
                if let Some(data) = &entry.data {
                    map.serialize_entry("data", data)?;
                    written.push("data");
                }
                written.extend(entry.llm_call.map(|_| "llm_call"));
            }
            Self::StreamEvent(entry) => {
                write_common(&mut map, entry.ts, entry.turn, entry.llm_call, self.kind())?;
                map.serialize_entry("event", &entry.event)?;
                written.push("event");
                written.extend(entry.llm_call.map(|_| "llm_call"));
            }
            Self::Unknown(_) => {}
        }
        for (key, value) in extra {
            if !written.contains(&key.as_str()) {
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
            let value = map.next_value()?;
            match fields.slot(&key) {
                Some(slot) => *slot = Some(value),
                None => {
                    fields.extra.insert(key.into_owned(), value);
                }
            }
        }
        match fields.kind.as_ref().and_then(Value::as_str) {
            Some("lifecycle") => fields.lifecycle().map(TraceEntry::Lifecycle),
            Some("stream_event") => fields.stream_event().map(TraceEntry::StreamEvent),
            _ => Ok(TraceEntry::Unknown(fields.into_object())),
        }
    }
}

/// The fields of all kinds. They may hold anything until the kind is known.
#[derive(Default)]
struct TraceFields {
    ts: Option<Value>,
    turn: Option<Value>,
    llm_call: Option<Value>,
    kind: Option<Value>,
    label: Option<Value>,
    data: Option<Value>,
    event: Option<Value>,
    extra: Extra,
}

impl TraceFields {
    fn slot(&mut self, key: &str) -> Option<&mut Option<Value>> {
        Some(match key {
            "ts" => &mut self.ts,
            "turn" => &mut self.turn,
            "llm_call" => &mut self.llm_call,
            "kind" => &mut self.kind,
            "label" => &mut self.label,
            "data" => &mut self.data,
            "event" => &mut self.event,
            _ => return None,
        })
    }

    fn lifecycle<E: de::Error>(mut self) -> Result<TraceLifecycle, E> {
        self.extra.extend(named("event", self.event.take()));
        Ok(TraceLifecycle {
            ts: required("ts", self.ts.take())?,
            turn: required("turn", self.turn.take())?,
            llm_call: self.llm_call()?,
            label: required("label", self.label.take())?,
            data: self.data,
            extra: self.extra,
        })
    }

    fn stream_event<E: de::Error>(mut self) -> Result<TraceStreamEvent, E> {
        self.extra.extend(named("label", self.label.take()));
        self.extra.extend(named("data", self.data.take()));
        Ok(TraceStreamEvent {
            ts: required("ts", self.ts.take())?,
            turn: required("turn", self.turn.take())?,
            llm_call: self.llm_call()?,
            event: required("event", self.event.take())?,
            extra: self.extra,
        })
    }

    fn into_object(self) -> Value {
        let mut object = self.extra;
        let fields = [
            ("ts", self.ts),
            ("turn", self.turn),
            ("llm_call", self.llm_call),
            ("kind", self.kind),
            ("label", self.label),
            ("data", self.data),
            ("event", self.event),
        ];
        for (name, value) in fields {
            object.extend(named(name, value));
        }
        Value::Object(object)
    }

    /// A call's number; an explicit `null` is kept in `extra`.
    fn llm_call<E: de::Error>(&mut self) -> Result<Option<u64>, E> {
        match self.llm_call.take() {
            None => Ok(None),
            Some(Value::Null) => {
                self.extra.insert("llm_call".to_owned(), Value::Null);
                Ok(None)
            }
            some => required("llm_call", some).map(Some),
        }
    }
}

fn named(name: &str, value: Option<Value>) -> Option<(String, Value)> {
    value.map(|value| (name.to_owned(), value))
}

fn required<T: DeserializeOwned, E: de::Error>(
    name: &'static str,
    value: Option<Value>,
) -> Result<T, E> {
    let value = value.ok_or_else(|| E::missing_field(name))?;
    serde_json::from_value(value).map_err(|cause| in_field(name, &cause))
}
