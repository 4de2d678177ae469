//! Names of workers, which older writers called pods, and what they point to.

use std::fmt;
use std::ops::Deref;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use crate::entry::wire::{Extra, Floats, wire_struct};
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};
use crate::raw_json::{self, RawJson};

/// What a name points to, with free-form JSON metadata beside it in `extra`.
///
/// Older writers called `worker_name` `pod_name`. Such a record is read as well, and written with
/// `worker_name`.
///
/// ```
/// use sessiondb::entry::{WorkerName, WorkerRecord};
///
/// let record: WorkerRecord = serde_json::from_str(r#"{"worker_name":"worker-a","port":7}"#)?;
/// assert_eq!(&*record.worker_name, "worker-a");
/// assert_eq!(record.extra["port"], 7);
/// assert_eq!(WorkerRecord::new(WorkerName::new("worker-a")?).active, None);
/// let older: WorkerRecord = serde_json::from_str(r#"{"pod_name":"worker-a","port":7}"#)?;
/// assert_eq!(older, record);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRecord {
    /// The name.
    pub worker_name: WorkerName,
    /// The session, and once known the segment, that the agent works in.
    pub active: Option<Active>,
    /// The fields that this version of the crate does not know.
    pub extra: Extra,
}

/// The keys of a record's own name, the one of today first.
const NAME_KEYS: [&str; 2] = ["worker_name", "pod_name"];

impl WorkerRecord {
    /// A record that points to nothing yet.
    pub fn new(worker_name: WorkerName) -> Self {
        Self {
            worker_name,
            active: None,
            extra: Extra::new(),
        }
    }

    /// The record that is stored under the name, which it need not tell itself.
    pub(crate) fn of(name: WorkerName, record: Extra) -> Result<Self, serde_json::Error> {
        let mut fields: WorkerFields = serde_json::from_value(Value::Object(record))?;
        if fields.worker_name.take().is_some() {
            fields.keep_older_name();
        }
        Ok(fields.named(name))
    }
}

wire_struct! {
    /// A record as it is on the wire.
    #[expect(unreachable_pub, reason = "the macro makes public structs")]
    pub struct WorkerFields {
        /// The name.
        worker_name: Option<WorkerName> => Optional,
        /// The name as older writers called it: any JSON, where it is not the name.
        pod_name: Option<Value> => AnyJson,
        /// What it points to.
        active: Option<Active> => Optional,
    }
}

impl WorkerFields {
    /// Beside a `worker_name`, a `pod_name` is a field like any other.
    fn keep_older_name(&mut self) {
        if let Some(older) = self.pod_name.take() {
            self.extra.insert("pod_name".to_owned(), older);
        }
    }

    fn named(self, worker_name: WorkerName) -> WorkerRecord {
        WorkerRecord {
            worker_name,
            active: self.active,
            extra: self.extra,
        }
    }
}

impl Serialize for WorkerRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = WorkerFields {
            worker_name: Some(self.worker_name.clone()),
            pod_name: None,
            active: self.active.clone(),
            extra: self.extra.clone(),
        };
        fields.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for WorkerRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = WorkerFields::deserialize(deserializer)?;
        let name = match (fields.worker_name.take(), fields.pod_name.take()) {
            (Some(name), older) => {
                fields.pod_name = older;
                fields.keep_older_name();
                name
            }
            (None, Some(older)) => WorkerName::deserialize(older)
                .map_err(|err| de::Error::custom(format_args!("field `pod_name`: {err}")))?,
            (None, None) => return Err(de::Error::missing_field("worker_name")),
        };
        Ok(fields.named(name))
    }
}

/// A record of whatever type as it was written, and the name that it is of.
#[derive(Debug, Clone)]
pub(crate) struct NameRecord {
    pub(crate) name: String,
    pub(crate) json: RawJson,
    fields: Extra,
}

impl NameRecord {
    pub(crate) fn new(name: String, json: RawJson) -> Result<Self, serde_json::Error> {
        let fields = raw_json::fields(&json)?;
        Ok(Self { name, json, fields })
    }

    /// A record that tells its own name; `None` if it does not.
    pub(crate) fn telling(json: RawJson) -> Result<Option<Self>, serde_json::Error> {
        let fields = raw_json::fields(&json)?;
        let name = NAME_KEYS.iter().find_map(|key| fields.get(*key)?.as_str());
        let name = name.map(str::to_owned);
        Ok(name.map(|name| Self { name, json, fields }))
    }

    /// Whether the record tells its name.
    pub(crate) fn tells_name(&self) -> bool {
        let told = NAME_KEYS.iter().find_map(|key| self.fields.get(*key));
        told.and_then(Value::as_str) == Some(&self.name)
    }

    /// The session that it points to.
    pub(crate) fn session(&self) -> Option<SessionId> {
        let session = self.fields.get("active")?.get("session_id")?;
        SessionId::try_parse(session.as_str()?).ok()
    }

    /// Whether the two say the same of one name, in the words of today or older ones.
    pub(crate) fn says(&self, json: &RawJson) -> bool {
        let Ok(other) = raw_json::fields(json) else {
            return self.json == *json;
        };
        let typed = |record: &Extra| {
            let name = WorkerName::new(&self.name).ok()?;
            WorkerRecord::of(name, record.clone()).ok()
        };
        self.fields == other || typed(&self.fields).is_some_and(|own| Some(own) == typed(&other))
    }
}

wire_struct! {
    /// The session, and once known the segment, that an agent works in.
    ///
    /// ```
    /// use sessiondb::new_session_id;
    /// use sessiondb::entry::{Active, Extra};
    ///
    /// let active = Active { session_id: new_session_id(), segment_id: None, extra: Extra::new() };
    /// assert_eq!(serde_json::to_value(&active)?.as_object().map(|fields| fields.len()), Some(1));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Active {
        /// The session.
        session_id: SessionId => Id,
        /// The segment.
        segment_id: Option<SegmentId> => Id,
    }
}

/// The name of an agent: not empty, not `.` or `..`, and without `/` or NUL, so that it can
/// always be a file name.
///
/// ```
/// use sessiondb::StoreError;
/// use sessiondb::entry::WorkerName;
///
/// assert_eq!(WorkerName::new("worker-a")?.to_string(), "worker-a");
/// assert!(matches!(WorkerName::new("a/b"), Err(StoreError::InvalidPodName(_))));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerName(String);

impl WorkerName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidPodName`] if it is empty, `.` or `..`, or contains `/` or NUL.
    pub fn new(name: &str) -> Result<Self, StoreError> {
        if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
            return Err(StoreError::InvalidPodName(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }
}

impl Floats for WorkerName {
    fn holds_float(&self) -> bool {
        false
    }
}

impl Deref for WorkerName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for WorkerName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for WorkerName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for WorkerName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).map_err(de::Error::custom)
    }
}
