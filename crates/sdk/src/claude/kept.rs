//! What is kept of a log beside its entries: the note `session/{session}/sdk/{segment}`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sessiondb::{SegmentId, Snapshot};

use crate::error::SdkError;
use crate::named::{Named, Seen, parsed};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Made anew with the log, so that one that was deleted and written again is not taken for the one before.
    pub(super) born: SegmentId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subpath: Option<String>,
    /// Of the main log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<Summary>,
}

/// What the SDK's fold made of the first entries of a log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) entries: u64,
    pub(super) data: Box<RawValue>,
}

impl Kept {
    pub(super) fn new(subpath: Option<&str>) -> Self {
        Self {
            born: sessiondb::new_segment_id(),
            subpath: subpath.map(ToOwned::to_owned),
            summary: None,
        }
    }

    /// The note of a log, which must be of that subpath.
    pub(super) fn seen(
        now: &Snapshot,
        named: &Named,
        segment: SegmentId,
        subpath: Option<&str>,
    ) -> Result<(Seen, Option<Self>), SdkError> {
        let key = named.segment_key(segment);
        let seen: Seen = now.read_note(&key)?;
        let Some(note) = &seen else {
            return Ok((None, None));
        };
        let kept: Self = parsed(&key, note)?;
        if kept.subpath.as_deref() != subpath {
            return Err(SdkError::Collision {
                session: segment,
                wanted: format!("subpath {:?}", subpath.unwrap_or_default()),
                found: format!("subpath {:?}", kept.subpath.unwrap_or_default()),
            });
        }
        Ok((seen, Some(kept)))
    }
}
