//! What an entry can be made of.

use serde::Serialize;

use super::entry::Entry;
use crate::error::StoreError;
use crate::raw_json::RawJson;

/// What an entry can be made of: any value that serde turns into JSON, or JSON that is there
/// already, as [`RawJson`] or as an [`Entry`] that was read. The latter two are stored byte for
/// byte.
///
/// ```
/// use sessiondb::{Archive, RawJson, new_segment_id, new_session_id};
///
/// let log = Archive::in_memory()?.log(new_session_id(), new_segment_id());
/// log.append(&serde_json::json!({"text": "a value"}))?;
/// log.append(&RawJson::new(r#"{"n": 1e400 }"#)?)?;
/// let entries: Vec<_> = log.read(..)?.collect::<Result<_, _>>()?;
/// assert_eq!(entries[1].as_str(), r#"{"n": 1e400 }"#);
/// log.append_many(&entries)?;
/// assert_eq!(log.len()?, 4);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
pub trait ToEntry: json::WriteJson {}

impl<T: json::WriteJson + ?Sized> ToEntry for T {}

/// Keeps others from making entries of what is no JSON.
mod json {
    use super::{Entry, RawJson, Serialize, StoreError};

    pub trait WriteJson {
        fn write_json(&self, out: &mut Vec<u8>) -> Result<(), StoreError>;
    }

    impl<T: Serialize + ?Sized> WriteJson for T {
        fn write_json(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
            Ok(serde_json::to_writer(out, self)?)
        }
    }

    impl WriteJson for RawJson {
        fn write_json(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
            out.extend_from_slice(self.as_str().as_bytes());
            Ok(())
        }
    }

    impl WriteJson for Entry {
        fn write_json(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
            out.extend_from_slice(self);
            Ok(())
        }
    }

    impl WriteJson for &RawJson {
        fn write_json(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
            (**self).write_json(out)
        }
    }

    impl WriteJson for &Entry {
        fn write_json(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
            (**self).write_json(out)
        }
    }
}
