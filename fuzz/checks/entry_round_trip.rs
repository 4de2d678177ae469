//! Whatever decodes into a typed value encodes to the same JSON.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sessiondb::entry::WorkerRecord;
use sessiondb::{LogEntry, RawJson, TraceEntry};

pub(crate) fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && RawJson::new(text).is_ok()
    {
        any_json_is_an_entry(text);
    }
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        round_trip::<LogEntry>(data, &value);
        round_trip::<TraceEntry>(data, &value);
        round_trip::<WorkerRecord>(data, &with_todays_name(value));
    }
}

/// Older records are written with the key of today.
fn with_todays_name(mut value: Value) -> Value {
    if let Value::Object(record) = &mut value
        && !matches!(record.get("worker_name"), Some(name) if !name.is_null())
        && let Some(name) = record.remove("pod_name")
    {
        record.insert("worker_name".to_owned(), name);
    }
    value
}

/// What a store takes, it can read.
fn any_json_is_an_entry(text: &str) {
    let entry = LogEntry::from_json(text).expect("what is one JSON value is an entry");
    match &entry {
        LogEntry::Unknown(json) => assert_eq!(json.as_str(), text),
        known => {
            let written = serde_json::to_string(known).expect("what was read can be written");
            let again = LogEntry::from_json(&written).expect("what was written is JSON");
            assert_eq!(again, entry, "{written}");
        }
    }
}

fn round_trip<T: Serialize + DeserializeOwned + Debug>(data: &[u8], value: &Value) {
    if let Ok(typed) = serde_json::from_slice::<T>(data) {
        let back = serde_json::to_value(&typed).expect("what was read can be written");
        assert_eq!(&back, value, "{typed:?}");
    }
}
