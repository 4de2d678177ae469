//! Names of agents ("pods") and what they point to.

use std::fmt;
use std::ops::Deref;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::ids::{SegmentId, SessionId};
use crate::store::StoreError;
use crate::wire::{Extra, Floats, wire_struct};

wire_struct! {
    /// What a name points to, with free-form JSON metadata beside it in `extra`.
    ///
    /// ```
    /// use sessiondb::{PodName, PodRecord};
    ///
    /// let record: PodRecord = serde_json::from_str(r#"{"pod_name":"worker-a","port":7}"#)?;
    /// assert_eq!(&*record.pod_name, "worker-a");
    /// assert_eq!(record.extra["port"], 7);
    /// assert_eq!(PodRecord::new(PodName::new("worker-a")?).active, None);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    pub struct PodRecord {
        /// The name.
        pod_name: PodName => Required,
        /// The session, and once known the segment, that the agent works in.
        active: Option<Active> => Optional,
    }
}

impl PodRecord {
    /// A record that points to nothing yet.
    pub fn new(pod_name: PodName) -> Self {
        Self {
            pod_name,
            active: None,
            extra: Extra::new(),
        }
    }
}

wire_struct! {
    /// The session, and once known the segment, that an agent works in.
    ///
    /// ```
    /// use sessiondb::{Active, Extra, new_session_id};
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
/// use sessiondb::{PodName, StoreError};
///
/// assert_eq!(PodName::new("worker-a")?.to_string(), "worker-a");
/// assert!(matches!(PodName::new("a/b"), Err(StoreError::InvalidPodName(_))));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodName(String);

impl PodName {
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

impl Floats for PodName {
    fn holds_float(&self) -> bool {
        false
    }
}

impl Deref for PodName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for PodName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for PodName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PodName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).map_err(de::Error::custom)
    }
}
