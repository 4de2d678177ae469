//! What is kept of a log beside its entries: the note `session/{session}/sdk/{segment}`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sessiondb::{SegmentId, Snapshot};

use crate::error::SdkError;
use crate::named::{Named, Seen, parsed};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Made anew with the log and whenever entries are taken out of it, so that what is only as long as it was
    /// is not taken for what it was.
    pub(crate) born: SegmentId,
    /// The SDK's name of a log beside the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Of a main log whose SDK folds summaries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) summary: Option<Summary>,
}

/// What an SDK's fold made of the first entries of a log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) entries: u64,
    pub(crate) data: Box<RawValue>,
}

impl Kept {
    pub(crate) fn new(name: Option<&str>) -> Self {
        Self {
            born: sessiondb::new_segment_id(),
            name: name.map(ToOwned::to_owned),
            summary: None,
        }
    }

    /// The note of a log, which must be of that name.
    pub(crate) fn seen(
        now: &Snapshot,
        named: &Named,
        segment: SegmentId,
        name: Option<&str>,
    ) -> Result<(Seen, Option<Self>), SdkError> {
        let key = named.segment_key(segment);
        let seen: Seen = now.read_note(&key)?;
        let Some(note) = &seen else {
            return Ok((None, None));
        };
        let kept: Self = parsed(&key, note)?;
        if kept.name.as_deref() != name {
            return Err(SdkError::Collision {
                session: segment,
                wanted: format!("the log {:?}", name.unwrap_or_default()),
                found: format!("the log {:?}", kept.name.unwrap_or_default()),
            });
        }
        Ok((seen, Some(kept)))
    }
}
